"""Complex transforms by reikna, along one axis at a time, with work areas that are allocated only while they run."""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Iterable
from types import SimpleNamespace
from typing import Any

import numpy as np
import pyopencl as cl
from reikna.cluda import ocl_api
from reikna.cluda.tempalloc import TemporaryManager
from reikna.core import Type
from reikna.fft import FFT

from rlcore.backend import Shape
from rlcore_reikna.memory import Memory
from rlcore_reikna.program import quiet_compiler
from rlcore_reikna.shapes import power_of_two

_KEPT = 64
"""Number of compiled transforms that are kept."""

_COLUMN = 128
"""Longest axis that reikna transforms in one pass over the volume, if its elements lie apart."""
_LINE = 1 << 14
"""Longest last axis, whose elements lie side by side, that it transforms in one pass."""

_OclThread = ocl_api().Thread


class ReiknaFFT:
    """Complex transforms along one axis of any shape, in place or out of place; the inverse is scaled."""

    def __init__(self, queue: cl.CommandQueue, memory: Memory) -> None:
        self._queue, self._memory = queue, memory
        # a plan for each axis, since reikna's plan for several axes holds the work areas of all of them
        self._plans: OrderedDict[tuple[Shape, int], _AxisPlan] = OrderedDict()

    def run(self, target: Any, source: Any, shape: Shape, axis: int, *, inverse: bool) -> None:
        """Transform the complex volume in buffer `source` into `target`, which may be the same."""
        if (shape, axis) not in self._plans:
            with quiet_compiler():
                self.load(shape, axis)
        self._plans.move_to_end((shape, axis))
        self._plans[shape, axis].run(target, source, inverse=inverse)

    def load(self, shape: Shape, axis: int) -> None:
        """Compile a transform. Inside `quiet_compiler`; in any thread, but in one at a time."""
        while len(self._plans) >= _KEPT:
            self._plans.popitem(last=False)
        self._plans[shape, axis] = _AxisPlan(self._queue, self._memory, shape, axis)

    def forget(self) -> None:
        """Drop all compiled transforms."""
        self._plans.clear()


def passes(shape: Shape, axis: int) -> float:
    """Number of times that a transform along an axis of a complex shape reads and writes the volume.

    A length that is no power of two is padded to twice the next one, and transformed there and back (Bluestein).
    """
    n, padded, count = _along(shape, axis)
    return 2 * count * padded / n if padded > n else count


def scratch_bytes(shape: Shape, axis: int) -> int:
    """Bytes of the work areas of an axis; a chain of passes alternates between two at most."""
    n, padded, count = _along(shape, axis)
    length = 2 * count if padded > n else count
    return math.ceil(8 * math.prod(shape) * padded / n) * min(2, length - 1)


def _along(shape: Shape, axis: int) -> tuple[int, int, int]:
    """Length of an axis, the power of two at which it is transformed, and the passes that one such transform takes."""
    n = shape[axis]
    power = power_of_two(n)
    padded = n if power == n else 2 * power
    side_by_side = math.prod(shape[axis + 1 :]) == 1 and padded <= _LINE
    return n, padded, 1 if side_by_side else max(1, math.ceil(math.log2(padded) / math.log2(_COLUMN)))


class _AxisPlan:
    """A transform by reikna along one axis."""

    def __init__(self, queue: cl.CommandQueue, memory: Memory, shape: Shape, axis: int) -> None:
        self._thread = _OclThread(queue, temp_alloc={"cls": _Temporary})
        self._thread.temp_alloc.memory = memory
        outer, inner = math.prod(shape[:axis]), math.prod(shape[axis + 1 :])
        # a last axis of length 1 is left out, since reikna drops it half-way
        self._shape = (outer, shape[axis], inner)[: 2 + (inner > 1)]
        self._none = cl.Buffer(queue.context, cl.mem_flags.READ_WRITE, 8)
        self._target, self._source = self._view(), self._view()
        self._transform = FFT(Type(np.complex64, self._shape), axes=(1,)).compile(self._thread)
        self._transform.signature = _PositionalOnly(self._transform.signature)

    def run(self, target: Any, source: Any, *, inverse: bool) -> None:
        self._target.base_data, self._source.base_data = target, source
        with self._thread.temp_alloc:
            self._transform(self._target, self._source, int(inverse))
        self._target.base_data = self._source.base_data = self._none

    def _view(self) -> Any:
        """An array without memory, given a buffer for each run: making one takes longer than starting a kernel."""
        return self._thread.array(self._shape, np.complex64, data=self._none)


class _PositionalOnly:
    """Binds arguments by their order: reikna's own signature takes longer to do so than a kernel to start."""

    def __init__(self, signature: Any) -> None:
        self._names = tuple(signature.parameters)

    def bind_with_defaults(self, args: tuple[Any, ...], _: Any, *, cast: bool) -> Any:
        *arrays, inverse = args
        return SimpleNamespace(arguments=dict(zip(self._names, (*arrays, np.int32(inverse)), strict=True)))


class _Temporary(TemporaryManager):  # type: ignore[misc]
    """Temporary arrays for reikna, with memory only inside ``with``; arrays that are never in use together share it."""

    memory: Memory

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self._shared: list[dict[int, int]] = []
        self._buffers: list[Any] = []

    def __enter__(self) -> None:
        if self._shared:
            self._buffers = [self.memory.allocate(max(sizes.values())) for sizes in self._shared]
            self.update_all()

    def __exit__(self, *_: object) -> None:
        # work may still be queued on these buffers; whoever gets them next is queued after it
        if self._shared:
            self._buffers = []
            self.update_all()

    def _allocate(self, key: int, size: int, dependencies: Iterable[int], pack: bool) -> None:
        conflicting = set(dependencies)
        free = next((sizes for sizes in self._shared if conflicting.isdisjoint(sizes)), None)
        if free is None:
            free = {}
            self._shared.append(free)
        free[key] = size

    def _get_buffer(self, key: int) -> Any:
        slot = next(slot for slot, sizes in enumerate(self._shared) if key in sizes)
        return self._buffers[slot] if self._buffers else None

    def _free(self, key: int, pack: bool) -> None:
        for sizes in self._shared:
            sizes.pop(key, None)
        self._shared = [sizes for sizes in self._shared if sizes]
