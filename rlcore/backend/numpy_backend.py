"""The backend that is always there: NumPy, on one thread of the CPU."""

from __future__ import annotations

import math

import array_api_compat.numpy
import numpy as np

from rlcore.backend import Box, Fit, Footprint, InnerProducts, Shape, Volume
from rlcore.backend.array_api import ArrayAPIBackend
from rlcore.backend.formulas.consensus import halve
from rlcore.backend.formulas.fit import fit
from rlcore.backend.formulas.inner_products import inner_products
from rlcore.errors import BackendUnavailable


class NumPyBackend(ArrayAPIBackend):
    """NumPy with its ``out=`` used, so that it holds no more arrays than it has to.

    Parameters
    ----------
    device : str or int, optional
        There is only "cpu".
    dtype : {"float32", "float64"}, default "float32"
        Of real arrays. float64 is for references.

    Raises
    ------
    BackendUnavailable
        For any other device.
    """

    def __init__(self, device: str | int | None = None, *, dtype: str = "float32") -> None:
        if device not in (None, 0, "0", "cpu", "CPU"):
            raise BackendUnavailable(f"backend 'numpy' has no device {device!r}; it runs on the CPU")
        super().__init__(array_api_compat.numpy, name="numpy", dtype=dtype)

    def footprint(self, shape: Shape) -> Footprint:
        real = math.prod(shape) * self.dtype.itemsize
        spectrum = math.prod(_half(shape)) * 2 * self.dtype.itemsize
        return Footprint(real, spectrum, scratch=spectrum)

    def upload(self, volume: Volume) -> Volume:
        return np.array(volume, dtype=self.dtype, order="C")

    def fft(self, array: Volume, *, out: Volume | None = None) -> Volume:
        if out is None:
            out = np.empty(_half(array.shape), np.result_type(self.dtype, 1j))
        np.fft.rfftn(array, norm="forward", out=out)  # the other norms make NumPy work in double precision
        out *= array.size
        return out

    def ifft(self, spectrum: Volume, shape: Shape, *, out: Volume | None = None) -> Volume:
        work = np.fft.ifft(spectrum, axis=0)
        for axis in range(1, len(shape) - 1):
            np.fft.ifft(work, axis=axis, out=work)
        return np.asarray(np.fft.irfft(work, n=shape[-1], out=out))

    def multiply(self, a: Volume, b: Volume, *, out: Volume | None = None) -> Volume:
        return np.multiply(a, b, out=out)

    def add(self, a: Volume, b: Volume | float, *, out: Volume | None = None) -> Volume:
        return np.add(a, b, out=out)

    def divide(self, a: Volume, b: Volume, *, floor: float, out: Volume | None = None) -> Volume:
        divisor = np.maximum(b, b.dtype.type(floor), out=None if out is a else out)
        quotient: Volume = np.divide(a, divisor, out=divisor if out is None else out)
        return quotient

    def clamp(self, array: Volume, floor: float, *, out: Volume | None = None) -> Volume:
        clamped: Volume = np.maximum(array, array.dtype.type(floor), out=out)
        return clamped

    def predict(
        self, estimate: Volume, previous: Volume, momentum: float, *, share: float, out: Volume | None = None
    ) -> Volume:
        point: Volume = np.subtract(estimate, previous, out=out)
        point *= point.dtype.type(momentum)
        point += estimate
        np.maximum(point, estimate * estimate.dtype.type(share), out=point)
        return point

    def halve(self, image: Volume, key: int, start: Shape, shape: Shape, *, second: bool) -> Volume:
        return halve(image, key, start, shape, second=second)

    def inner_products(
        self, estimate: Volume, point: Volume, previous: Volume, before: Volume, *, inside: Box
    ) -> InnerProducts:
        return inner_products(estimate, point, previous, before, inside=inside)

    def fit(self, image: Volume, blurred: Volume, *, background: float, floor: float, inside: Box) -> Fit:
        part = inside.slices((0,) * image.ndim)
        return fit(image[part], blurred[part], background=background, floor=floor)

    def read(
        self, volume: Volume, start: Shape, shape: Shape, *, wrap: bool = False, out: Volume | None = None
    ) -> Volume:
        if out is None and all(
            at >= 0 and at + n <= size for at, n, size in zip(start, shape, volume.shape, strict=True)
        ):
            return self.upload(volume[tuple(slice(at, at + n) for at, n in zip(start, shape, strict=True))])
        block: Volume = self.cut(volume, start, shape, wrap=wrap, out=out)
        return block

    def write(self, block: Volume, source: Shape, volume: Volume, target: Shape, shape: Shape) -> None:
        self.paste(block, source, volume, target, shape)


def _half(shape: Shape) -> Shape:
    return (*shape[:-1], shape[-1] // 2 + 1)
