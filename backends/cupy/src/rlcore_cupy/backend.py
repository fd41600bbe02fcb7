"""The backend: CUDA through CuPy, in float32."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import numpy as np
import numpy.typing as npt

from rlcore.backend import Box, Device, Facts, Footprint, Shape, Volume
from rlcore.backend.kit.gpu_fft.columns import Kind
from rlcore.errors import BackendError
from rlcore_cupy import elementwise, library
from rlcore_cupy.arrays import Array, Momentum, Padded, Ratio, Spread, bytes_of
from rlcore_cupy.base import on_device
from rlcore_cupy.device_resources import RESOURCES
from rlcore_cupy.lengths import cost, fast_length
from rlcore_cupy.library import cupy
from rlcore_cupy.moving_boxes import MovingBoxes
from rlcore_cupy.regularization import Regularization
from rlcore_cupy.streams import DeviceContext
from rlcore_cupy.sums import Sums
from rlcore_cupy.transfers import pinned
from rlcore_cupy.transforms import work_area_of


class CuPyBackend(MovingBoxes, Sums, Regularization):
    """Richardson-Lucy on an NVIDIA GPU.

    Parameters
    ----------
    device : str or int, optional
        An index, or part of a name; the process's current CUDA device by default.

    Raises
    ------
    BackendUnavailable
        If there is no CuPy, no driver or no such device, or CuPy was built for another CUDA.
    """

    name = "cupy"
    facts = Facts(dtype=np.dtype(np.float32), on_host=False)

    def __init__(self, device: str | int | None = None) -> None:
        chosen = library.choose(device)
        self.device = chosen.name
        self._transforms, self._transfers, streams = RESOURCES.lend(chosen.index, self)
        streams.begin()
        self._context = DeviceContext(chosen, streams)

    @classmethod
    def devices(cls) -> tuple[Device, ...]:
        return library.devices()

    @on_device
    def release(self) -> None:
        """Give back the memory that is kept for later calls: kernels and plans, and CuPy's unused pool memory."""
        self._transforms.cache.clear()
        cupy.get_default_memory_pool().free_all_blocks()
        cupy.get_default_pinned_memory_pool().free_all_blocks()

    # --- questions of the planner

    @on_device
    def free_bytes(self) -> int:
        return int(cupy.cuda.runtime.memGetInfo()[0]) + int(cupy.get_default_memory_pool().free_bytes())

    def footprint(self, shape: Shape) -> Footprint:
        size = bytes_of(shape)
        return Footprint(size, size, scratch=work_area_of(shape) + min(2 * size, self._transfers.device_bytes))

    def fast_shape(self, shape: Shape) -> Shape:
        return tuple(fast_length(n) for n in shape[:-1]) + (fast_length(shape[-1], even=True),)

    def cost(self, shape: Shape) -> float:
        return cost(shape)

    # --- operations

    @on_device
    def upload(self, volume: Volume) -> Padded:
        if isinstance(volume, np.ndarray):
            array = Padded(volume.shape)
            self._transfers.to_device(volume, array.reals)
            return array
        ours = cupy.asarray(volume) if isinstance(volume, cupy.ndarray) else cupy.from_dlpack(volume)
        # such an array is used where it lies, and never written to
        if ours.dtype == self.facts.dtype and ours.flags.c_contiguous:
            return Padded.around(ours)
        array = Padded(tuple(ours.shape))
        array.reals[...] = ours
        return array

    @on_device
    def download(self, array: Array, *, out: Volume | None = None) -> Volume:
        target = pinned(array.shape, self.facts.dtype) if out is None else out
        self._transfers.to_host(self._voxels(array).reals, target)
        return target

    @on_device
    def fft(self, array: Array, *, out: Array | None = None) -> Padded:
        target = self._free_target(out, array.shape)
        self._transforms.forward(self._dense(array), target)
        return target

    @on_device
    def ifft(self, spectrum: Array, shape: Shape, *, out: Array | None = None) -> Padded:
        if not isinstance(spectrum, Padded) or spectrum.shape != tuple(shape):
            raise BackendError(f"spectrum of shape {spectrum.shape} cannot become an array of shape {tuple(shape)}")
        target = self._free_target(out, spectrum.shape)
        if target is not spectrum:
            target.buffer[...] = spectrum.buffer
        self._transforms.backward(target)
        return target

    @on_device
    def multiply(self, a: Array, b: Array, *, out: Array | None = None) -> Padded:
        if isinstance(a, Padded) and isinstance(b, Padded) and a.state == "spectrum":
            target = self._free_target(out, a.shape)
            # the target is overwritten with the first factor, so the second must be elsewhere
            if target is b:
                a, b = b, a
            if target is not a:
                target.buffer[...] = a.buffer
            elementwise.multiply(target, b, conjugate=False, scale=1.0)
            return target.become("spectrum")
        return self._apply(cupy.multiply, out, a, b)

    @on_device
    def add(self, a: Array, b: Array | float, *, out: Array | None = None) -> Padded:
        return self._apply(cupy.add, out, a, b)

    @on_device
    def divide(self, a: Array, b: Array, *, floor: float, out: Array | None = None) -> Padded:
        operands = self._voxels(a), self._voxels(b)
        return elementwise.run("quotient", self._real_target(out, a.shape), *operands, also=(np.float32(floor),))

    @on_device
    def clamp(self, array: Array, floor: float, *, out: Array | None = None) -> Padded:
        return self._apply(cupy.maximum, out, array, floor)

    def _apply(self, function: Any, out: Array | None, a: Array, b: Array | float) -> Padded:
        """A function of CuPy, applied to voxels."""
        operands = [self._voxels(one).reals if isinstance(one, Array) else np.float32(one) for one in (a, b)]
        target = self._real_target(out, a.shape)
        function(*operands, out=target.reals)
        return target

    # --- steps of an iteration

    def convolve(self, array: Array, otf: Array, *, out: Array | None = None) -> Padded:
        return self._filter(array, otf, out, "convolve")

    def correlate(self, array: Array, otf: Array, *, out: Array | None = None) -> Padded:
        return self._filter(array, otf, out, "correlate")

    @on_device
    def _filter(self, array: Array, otf: Array, out: Array | None, kind: Kind) -> Padded:
        assert isinstance(otf, Padded)
        target = self._target(out, array.shape)
        self._transforms.filter(self._dense(array), otf, target, kind)
        return target

    @on_device
    def ratio(
        self,
        image: Array,
        blurred: Array,
        *,
        background: float,
        floor: float,
        inside: Box | None = None,
        out: Array | None = None,
    ) -> Padded:
        step = Ratio(self._voxels(image), background, floor, inside)
        array, target = self._dense(blurred), self._free_target(out, image.shape)
        self._transforms.ratio(step, array, target)
        return target

    @on_device
    def update(self, estimate: Array, correction: Array, weight: Array | None, *, out: Array | None = None) -> Padded:
        target = self._target(out, estimate.shape)
        weights = self._voxels(weight) if isinstance(weight, Padded) else weight
        self._transforms.update(self._dense(estimate), self._dense(correction), weights, target)
        return target

    @on_device
    def predict(
        self, estimate: Array, previous: Array, momentum: float | Momentum, *, share: float, out: Array | None = None
    ) -> Padded:
        target = self._target(out, estimate.shape)
        self._transforms.predict(self._dense(estimate), self._dense(previous), momentum, share, target)
        return target

    @on_device
    def expand(self, table: Volume, index: tuple[npt.NDArray[np.intp], ...]) -> Spread:
        return Spread.of(table, index)

    # --- streams

    @on_device
    def pinned(self, shape: Shape, dtype: np.dtype[Any]) -> Volume:
        return pinned(tuple(shape), np.dtype(dtype))

    @contextmanager
    def stream(self) -> Iterator[None]:
        with self._context.stream():
            yield
            if not self._context.is_alone:
                self._transforms.flush_all()

    # --- arrays of other libraries

    def takes(self, array: Any) -> bool:
        try:
            kind, index = array.__dlpack_device__()
        except (AttributeError, TypeError):
            return False
        return int(kind) in (2, 13) and int(index) == self._context.index  # kDLCUDA, kDLCUDAManaged

    @on_device
    def result(self, shape: Shape) -> tuple[Padded, Any]:
        # frees the operands of pending steps, before the result takes memory
        self._transforms.flush_all()
        array = cupy.zeros(shape, cupy.float32)
        return Padded.around(array), array
