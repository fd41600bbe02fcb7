"""Real volumes by complex transforms of half the length, and what those of reikna cost."""

from __future__ import annotations

import math
from typing import Any

from rlcore.backend import Shape
from rlcore_reikna.arrays import cubic
from rlcore_reikna.fft import ReiknaFFT, passes, scratch_bytes
from rlcore_reikna.runtime import Runtime

LAUNCH = 6e7
"""What starting the kernels of a block's half-step takes of the host's time, shared out among its two transforms: as
voxels that a large GPU reads and writes in that time (0.2 ms)."""


class PackedTransforms:
    """Transforms by reikna.

    A volume whose lines are of even length, read as complex numbers, is transformed as it lies: its spectrum takes the
    bytes of the volume, and `product_packed` in kernels.cl takes it apart. Where lines are odd the spectrum is that of
    a full complex volume.
    """

    def __init__(self, runtime: Runtime) -> None:
        self._memory, self._program = runtime.memory, runtime.program
        self._fft = ReiknaFFT(runtime.queue, runtime.memory)
        runtime.before_exit(self._fft.forget)

    def spectrum_bytes(self, shape: Shape) -> int:
        return 8 * math.prod(_complex(shape))

    def scratch_bytes(self, shape: Shape) -> int:
        full = 0 if _is_packed(shape) else self.spectrum_bytes(shape)
        return full + scratch_bytes(_complex(shape))

    def fast_shape(self, shape: Shape) -> Shape:
        """Powers of two: reikna pads every other length to twice the next one, and does that there and back."""
        powers = [1 << (n - 1).bit_length() for n in shape]
        return (*powers[:-1], max(2, powers[-1]))

    def cost(self, shape: Shape) -> float:
        lengths = _complex(shape)
        reals = math.prod(lengths) if _is_packed(shape) else 2 * math.prod(lengths) + math.prod(shape)
        return 2 * reals * passes(lengths) + LAUNCH

    def forward(self, spectrum: Any, real: Any, shape: Shape) -> None:
        with self._program.lock:
            if _is_packed(shape):
                self._fft.run(spectrum, real, _complex(shape), inverse=False)
                return
            self._program.each("widen", math.prod(shape), spectrum, real)
            self._fft.run(spectrum, spectrum, shape, inverse=False)

    def inverse(self, real: Any, spectrum: Any, shape: Shape, *, keep: bool) -> None:
        with self._program.lock:
            if _is_packed(shape):
                self._fft.run(real, spectrum, _complex(shape), inverse=True)
                return
            full = self._memory.allocate(self.spectrum_bytes(shape)) if keep else spectrum
            self._fft.run(full, spectrum, shape, inverse=True)
            self._program.each("narrow", math.prod(shape), real, full)

    def multiply(self, out: Any, a: Any, b: Any, shape: Shape, *, mirrored: bool = False) -> None:
        if _is_packed(shape):
            nz, ny, nx = cubic(_complex(shape))
            half = (nz, ny, nx // 2 + 1)
            self._program.over("product_packed", half, out, a, b, int(mirrored), nz, ny, nx)
        else:
            self._program.each("product_full", math.prod(shape), out, a, b, int(mirrored))

    def filter(self, out: Any, real: Any, transfer: Any, shape: Shape, *, mirrored: bool) -> None:
        with self._program.lock:
            spectrum = out if _is_packed(shape) else self._memory.allocate(self.spectrum_bytes(shape))
            self.forward(spectrum, real, shape)
            self.multiply(spectrum, spectrum, transfer, shape, mirrored=mirrored)
            self.inverse(out, spectrum, shape, keep=False)


def _is_packed(shape: Shape) -> bool:
    return shape[-1] % 2 == 0


def _complex(shape: Shape) -> Shape:
    """Shape of the complex transform behind the spectrum of a real volume."""
    return (*shape[:-1], shape[-1] // 2) if _is_packed(shape) else shape
