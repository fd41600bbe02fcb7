"""The part of the backend that its operations build on: where they run, and how they find operands and targets."""

from __future__ import annotations

import functools
from collections.abc import Callable
from typing import Concatenate, ParamSpec, TypeVar

from rlcore.backend import Backend, Shape
from rlcore.errors import BackendError
from rlcore_cupy import elementwise
from rlcore_cupy.arrays import Array, Padded
from rlcore_cupy.streams import DeviceContext
from rlcore_cupy.transfers import Transfers
from rlcore_cupy.transforms import Transforms

P = ParamSpec("P")
R = TypeVar("R")
B = TypeVar("B", bound="DeviceBackend")


def on_device(method: Callable[Concatenate[B, P], R]) -> Callable[Concatenate[B, P], R]:
    """Makes a method of a backend run on its device."""

    @functools.wraps(method)
    def run(self: B, /, *args: P.args, **options: P.kwargs) -> R:
        with self._context.active():
            return method(self, *args, **options)

    return run


class DeviceBackend(Backend[Array]):
    """Operands and targets of operations on one device."""

    _context: DeviceContext
    _transforms: Transforms
    _transfers: Transfers

    def _dense(self, array: Array) -> Padded:
        """The array in full; its step may be pending."""
        if isinstance(array, Padded):
            return array
        return elementwise.run("spread", Padded(array.shape), also=array.arguments)

    def _voxels(self, array: Array) -> Padded:
        """The array with its voxels in memory, no step pending."""
        return self._transforms.flush(self._dense(array))

    def _target(self, out: Array | None, shape: Shape) -> Padded:
        """`out`, on which a step may be pending, or a new array."""
        if out is None:
            return Padded(shape)
        if not isinstance(out, Padded) or out.shape != tuple(shape):
            raise BackendError(f"out of shape {out.shape} cannot take a result of shape {tuple(shape)}")
        return out

    def _free_target(self, out: Array | None, shape: Shape) -> Padded:
        """`out`, free to be written to, or a new array."""
        target = self._target(out, shape)
        self._transforms.before_writing(target)
        return target

    def _real_target(self, out: Array | None, shape: Shape) -> Padded:
        """`out`, free to be filled with voxels, or a new array."""
        return self._free_target(out, shape).become("real")
