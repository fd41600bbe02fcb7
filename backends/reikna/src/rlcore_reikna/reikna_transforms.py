"""Transforms of the backend `reikna`: real volumes, by complex transforms of half the length.

Reikna is fast for powers of two, most of all along the last axis. Our own kernels transform columns of any length
without large prime factors in one pass, where reikna takes two. So reikna transforms the last axis, and columns that
are too long for local memory.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from functools import lru_cache, partial
from typing import Any

from rlcore.backend import Shape
from rlcore.backend.kit.fft_lengths import smooth_length
from rlcore_reikna.column_transforms import Columns, ColumnTransforms
from rlcore_reikna.program import at_once
from rlcore_reikna.reikna_fft import ReiknaFFT, passes, scratch_bytes
from rlcore_reikna.runtime import Runtime
from rlcore_reikna.shapes import cubic, power_of_two
from rlcore_reikna.transforms import LAUNCH_COST

_COUNTED = 1 << 33
"""Voxels, two to a complex number, that the 32-bit indices of a filter in one pass can count."""


class PackedTransforms:
    """Transforms of real volumes to packed spectra.

    A volume with lines of even length is transformed as it lies, read as complex numbers: its spectrum takes no more
    bytes than the volume, and packed.cl separates its parts. For odd lines, the spectrum is that of a full complex
    volume.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._memory, self._program = runtime.memory, runtime.program
        self._fft = ReiknaFFT(runtime.queue, runtime.memory)
        self._columns = ColumnTransforms(runtime)
        self._long = lru_cache(maxsize=4096)(lambda length: not self._columns.fit(length))
        self._loaded: set[Shape] = set()
        runtime.before_exit(self._fft.forget)

    def spectrum_bytes(self, shape: Shape) -> int:
        return 8 * math.prod(_complex(shape))

    def scratch_bytes(self, shape: Shape) -> int:
        full = 0 if _is_packed(shape) else self.spectrum_bytes(shape)
        lengths = _complex(shape)
        return full + max((scratch_bytes(lengths, axis) for axis in self._for_reikna(lengths)), default=0)

    def fast_shape(self, shape: Shape) -> Shape:
        """Small factors along columns, powers of two along lines: reikna pads any other length to twice the next power,
        and transforms that twice."""
        columns = (smooth_length(n) for n in shape[:-1])
        return (*(power_of_two(n) if self._long(n) and n > 1 else n for n in columns), max(2, power_of_two(shape[-1])))

    def cost(self, shape: Shape) -> float:
        lengths = _complex(shape)
        reals = math.prod(lengths) if _is_packed(shape) else 2 * math.prod(lengths) + math.prod(shape)
        theirs = self._for_reikna(lengths)
        return 2 * reals * (len(self._for_us(lengths)) + sum(passes(lengths, axis) for axis in theirs)) + LAUNCH_COST

    def forward(self, spectrum: Any, real: Any, shape: Shape) -> None:
        with self._program.lock:
            self._load(shape)
            source, lengths = real, _complex(shape)
            if not _is_packed(shape):
                self._program.each("widen", math.prod(shape), spectrum, real)
                source = spectrum
            self._lines(spectrum, source, lengths, inverse=False)
            self._columns_along(spectrum, lengths, range(len(lengths) - 1), inverse=False)

    def inverse(self, real: Any, spectrum: Any, shape: Shape, *, keep: bool) -> None:
        with self._program.lock:
            lengths, packed = _complex(shape), _is_packed(shape)
            target = real if packed else self._memory.allocate(self.spectrum_bytes(shape)) if keep else spectrum
            self._lines(target, spectrum, lengths, inverse=True)
            self._columns_along(target, lengths, range(len(lengths) - 1), inverse=True)
            if not packed:
                self._program.each("narrow", math.prod(shape), real, target)

    def multiply(self, out: Any, a: Any, b: Any, shape: Shape, *, mirrored: bool = False) -> None:
        if _is_packed(shape):
            nz, ny, nx = cubic(_complex(shape))
            half = (nz, ny, nx // 2 + 1)
            self._program.over("product_packed", half, out, a, b, int(mirrored), nz, ny, nx)
        else:
            self._program.each("product_full", math.prod(shape), out, a, b, int(mirrored))

    def filter(self, out: Any, real: Any, otf: Any, shape: Shape, *, mirrored: bool) -> None:
        with self._program.lock:
            if self._is_one_pass(shape):
                self._filter_packed(out, real, otf, _complex(shape), mirrored=mirrored)
                return
            spectrum = out if _is_packed(shape) else self._memory.allocate(self.spectrum_bytes(shape))
            self.forward(spectrum, real, shape)
            self.multiply(spectrum, spectrum, otf, shape, mirrored=mirrored)
            self.inverse(out, spectrum, shape, keep=False)

    def _filter_packed(self, out: Any, real: Any, otf: Any, lengths: Shape, *, mirrored: bool) -> None:
        """Filter in place after the first pass; along the first axis one kernel transforms, multiplies and returns."""
        others = range(1, len(lengths) - 1)
        self._lines(out, real, lengths, inverse=False)
        self._columns_along(out, lengths, others, inverse=False)
        plane = lengths[0], math.prod(lengths[1:-1]), lengths[-1]
        self._columns.filter_packed(out, otf, plane, mirrored=mirrored)
        self._columns_along(out, lengths, others, inverse=True)
        self._lines(out, out, lengths, inverse=True)

    def _is_one_pass(self, shape: Shape) -> bool:
        """True if a filter reads and writes the volume once along its first axis."""
        return _is_packed(shape) and len(shape) > 1 and not self._long(shape[0]) and math.prod(shape) < _COUNTED

    def _load(self, shape: Shape) -> None:
        """Compile all kernels that a filter of this shape needs. Done for its OTF, so that iterations never wait."""
        if shape in self._loaded:
            return
        self._loaded.add(shape)
        lengths, packed = _complex(shape), self._is_one_pass(shape)

        # in one task, since reikna compiles in one thread at a time
        def load_reikna() -> None:
            for axis in self._for_reikna(lengths):
                self._fft.load(lengths, axis)

        tasks: list[Callable[[], None]] = [self._program.load, load_reikna]
        columns = {lengths[axis] for axis in self._for_us(lengths)}
        tasks += [partial(self._columns.load, length, "transform") for length in sorted(columns)]
        if packed:
            tasks.append(partial(self._columns.load, lengths[0], "packed filter"))
        at_once(tasks)

    def _lines(self, target: Any, source: Any, lengths: Shape, *, inverse: bool) -> None:
        """Transform along the last axis; copy the source if that axis has one element."""
        if lengths[-1] > 1:
            self._fft.run(target, source, lengths, len(lengths) - 1, inverse=inverse)
        elif target is not source:
            self._program.each("copy", 2 * math.prod(lengths), target, source)

    def _columns_along(self, array: Any, lengths: Shape, axes: range, *, inverse: bool) -> None:
        """Transform in place along these axes."""
        for axis in axes:
            if lengths[axis] > 1 and self._long(lengths[axis]):
                self._fft.run(array, array, lengths, axis, inverse=inverse)
            elif lengths[axis] > 1:
                self._columns.transform(array, Columns.along(axis, lengths), inverse=inverse)

    def _for_reikna(self, lengths: Shape) -> list[int]:
        """Axes that are transformed by reikna."""
        last = len(lengths) - 1
        return [axis for axis, n in enumerate(lengths) if n > 1 and (axis == last or self._long(n))]

    def _for_us(self, lengths: Shape) -> list[int]:
        """Axes that are transformed by our own kernels."""
        theirs = self._for_reikna(lengths)
        return [axis for axis, n in enumerate(lengths) if n > 1 and axis not in theirs]


def _is_packed(shape: Shape) -> bool:
    return shape[-1] % 2 == 0


def _complex(shape: Shape) -> Shape:
    """Shape of the complex transform behind the spectrum of a real volume."""
    return (*shape[:-1], shape[-1] // 2) if _is_packed(shape) else shape
