"""Transforms of the backend `vkfft`: real volumes of any shape, to half spectra.

A filter transforms along the first axis, multiplies by the OTF and transforms back. Kernels of our own do that in one
pass, if they can transform the length: a filter of a volume then passes through memory five times, not seven.
"""

from __future__ import annotations

import math
from collections import OrderedDict
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

import numpy as np
import pyopencl.array as cla
from pyvkfft.opencl import VkFFTApp

from rlcore.backend import Shape
from rlcore.backend.kit.fft_lengths import smooth_length
from rlcore_reikna.column_transforms import Columns, ColumnTransforms, Kernel
from rlcore_reikna.program import at_once, quiet_compiler
from rlcore_reikna.runtime import Runtime
from rlcore_reikna.transforms import LAUNCH_COST

_KEPT = 64
"""Number of shapes whose compiled transforms are kept."""

_PASSES = {2: 0.0, 3: 0.02, 5: 0.05, 7: 0.1, 11: 0.1, 13: 0.2}
"""Time that a prime factor of a length adds, relative to reading and writing the volume once."""

_PRIMES = tuple(_PASSES)

_ONE_PASS = 1 << 11
"""Lengths beyond which VkFFT may need a second pass, and then a work area."""

_BLUESTEIN = 4.0
"""Relative time for lengths with other prime factors."""


class HalfTransforms:
    """Transforms of real volumes to half spectra, out of place. VkFFT destroys the spectrum on the way back."""

    def __init__(self, runtime: Runtime) -> None:
        self._queue, self._memory, self._program = runtime.queue, runtime.memory, runtime.program
        self._columns = ColumnTransforms(runtime)
        self._plans: OrderedDict[Shape, VkFFTApp] = OrderedDict()
        runtime.before_exit(self.forget)

    def forget(self) -> None:
        """Drop all transforms that VkFFT has compiled."""
        self._plans.clear()

    def spectrum_bytes(self, shape: Shape) -> int:
        return 8 * math.prod(_half(shape))

    def scratch_bytes(self, shape: Shape) -> int:
        areas = 1 + (max(shape) > _ONE_PASS or not all(map(_is_smooth, shape)))
        return areas * self.spectrum_bytes(shape)

    def fast_shape(self, shape: Shape) -> Shape:
        return (*map(_fast, shape[:-1]), max(2, _fast(shape[-1], multiple=2)))

    def cost(self, shape: Shape) -> float:
        return 2 * math.prod(_half(shape)) * sum(map(_passes, shape)) + LAUNCH_COST

    def forward(self, spectrum: Any, real: Any, shape: Shape) -> None:
        with self._program.lock:
            if math.prod(shape) == 1:  # no axis is left that VkFFT could transform
                self._program.each("widen", 1, spectrum, real)
                return
            self._load(shape)
            self._plan(shape).fft(self._real(real, shape), self._spectrum(spectrum, shape))
            if first := self._first(shape):
                self._columns.transform(spectrum, first, inverse=False)

    def inverse(self, real: Any, spectrum: Any, shape: Shape, *, keep: bool) -> None:
        with self._program.lock:
            if keep:
                kept, spectrum = spectrum, self._memory.allocate(self.spectrum_bytes(shape))
                self._program.each("copy", self.spectrum_bytes(shape) // 4, spectrum, kept)
            if math.prod(shape) == 1:
                self._program.each("narrow", 1, real, spectrum)
                return
            if first := self._first(shape):
                self._columns.transform(spectrum, first, inverse=True)
            self._plan(shape).ifft(self._spectrum(spectrum, shape), self._real(real, shape))

    def multiply(self, out: Any, a: Any, b: Any, shape: Shape, *, mirrored: bool = False) -> None:
        self._program.each("product_full", math.prod(_half(shape)), out, a, b, int(mirrored))

    def filter(self, out: Any, real: Any, otf: Any, shape: Shape, *, mirrored: bool) -> None:
        with self._program.lock:
            spectrum = self._memory.allocate(self.spectrum_bytes(shape))
            if first := self._first(shape):
                plan, real, out = self._plan(shape), self._real(real, shape), self._real(out, shape)
                plan.fft(real, self._spectrum(spectrum, shape))
                self._columns.filter(spectrum, otf, first, mirrored=mirrored)
                plan.ifft(self._spectrum(spectrum, shape), out)
                return
            self.forward(spectrum, real, shape)
            self.multiply(spectrum, spectrum, otf, shape, mirrored=mirrored)
            self.inverse(out, spectrum, shape, keep=False)

    def _first(self, shape: Shape) -> Columns | None:
        """Columns along the first axis, if our own kernels transform them."""
        half = _half(shape)
        return Columns.along(0, half) if len(half) > 1 and self._columns.fit(half[0]) else None

    def _real(self, buffer: Any, shape: Shape) -> Any:
        return cla.Array(self._queue, _long(shape), np.float32, data=buffer)

    def _spectrum(self, buffer: Any, shape: Shape) -> Any:
        return cla.Array(self._queue, _half(shape), np.complex64, data=buffer)

    def _load(self, shape: Shape) -> None:
        """Compile all kernels that a filter of this shape needs. Done for its OTF, so that iterations never wait."""
        if _long(shape) in self._plans:
            return
        tasks: list[Callable[[], None]] = [self._program.load, lambda: self._make_plan(shape)]
        if first := self._first(shape):
            names: tuple[Kernel, ...] = ("transform", "filter")
            tasks += [partial(self._columns.load, first.length, name) for name in names]
        at_once(tasks)

    def _plan(self, shape: Shape) -> VkFFTApp:
        shape = _long(shape)
        if shape not in self._plans:
            with quiet_compiler():
                self._make_plan(shape)
        self._plans.move_to_end(shape)
        return self._plans[shape]

    def _make_plan(self, shape: Shape) -> None:
        shape = _long(shape)
        while len(self._plans) >= _KEPT:
            self._plans.popitem(last=False)
        axes = len(shape) - (self._first(shape) is not None)
        options: Any = {"ndim": axes, "inplace": False, "norm": 1, "r2c": True, "use_lut": 1}
        self._plans[shape] = VkFFTApp(shape, np.float32, self._queue, **options)


def _long(shape: Shape) -> Shape:
    """The axes of more than one element."""
    return tuple(n for n in shape if n > 1)


def _half(shape: Shape) -> Shape:
    """Shape of the half spectrum; the spectrum of one voxel is one number."""
    shape = _long(shape) or (1,)
    return (*shape[:-1], shape[-1] // 2 + 1)


@lru_cache(maxsize=4096)
def _fast(length: int, multiple: int = 1) -> int:
    """The length that takes the least time, equal or not much greater."""
    candidates = [smooth_length(length, _PRIMES, multiple)]
    while candidates[-1] < 1.06 * length:
        candidates.append(smooth_length(candidates[-1] + 1, _PRIMES, multiple))
    best = min(candidates, key=lambda n: n * (2 + _passes(n)))
    # repeated until it stays, so that a fast shape is its own fast shape
    return best if best == length else _fast(best, multiple)


@lru_cache(maxsize=4096)
def _passes(n: int) -> float:
    if n == 1:
        return 0.0
    if not _is_smooth(n):
        return _BLUESTEIN
    time, rest = 1.0 if n <= _ONE_PASS else 2.0, n
    for prime, extra in _PASSES.items():
        while rest % prime == 0:
            time, rest = time + extra, rest // prime
    return time


def _is_smooth(n: int) -> bool:
    return smooth_length(n, _PRIMES) == n
