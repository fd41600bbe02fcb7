"""Backends to test the kit with: a plain class with the required members, and one that overrides everything."""

import contextlib
from dataclasses import replace

import numpy as np

from rlcore.backend import Device, Summary
from rlcore.backend.numpy_backend import NumPyBackend
from rlcore.errors import BackendUnavailable, OutOfMemory

LIMIT = 3 << 20
"""Bytes of an array that `Full` can make at once."""


def check_device(name, device):
    if device not in (None, 0, "0", "CPU"):
        raise BackendUnavailable(f"backend {name!r} has no device {device!r}; it runs on the CPU")


class Bare:
    """A plain class, which inherits from nothing and has the required members alone."""

    name, device, on_host = "bare", "a bare CPU", True

    def __init__(self, device=None):
        check_device(self.name, device)
        inner = NumPyBackend()
        for member in ("free_bytes", "footprint", "fast_shape", "cost", "upload", "download", "fft", "ifft"):
            setattr(self, member, getattr(inner, member))
        for member in ("multiply", "add", "divide", "clamp", "flip"):
            setattr(self, member, getattr(inner, member))


class Foreign:
    """An array of a library that is not NumPy, in whose memory `Full` works."""

    def __init__(self, values):
        self.values = values


class Full(NumPyBackend):
    """NumPy with every operation overridden, and with both options."""

    def __init__(self, device=None):
        check_device("full", device)
        super().__init__()
        self.name = "full"
        self.facts = replace(self.facts, buffer_limit=LIMIT)

    @classmethod
    def devices(cls):
        return (Device(0, "CPU", buffer_limit=LIMIT),)

    def upload(self, volume):
        if isinstance(volume, Foreign):
            return volume.values
        if np.size(volume) * self.dtype.itemsize > LIMIT:
            raise OutOfMemory(f"array of {np.size(volume)} voxels is larger than {LIMIT} bytes")
        return super().upload(volume)

    def footprint(self, shape):
        plain = super().footprint(shape)
        return replace(plain, scratch=4 * plain.spectrum)

    def convolve(self, array, otf, *, out=None):
        product = self.fft(array)
        return self.ifft(self.multiply(product, otf, out=product), array.shape, out=out)

    def correlate(self, array, otf, *, out=None):
        product = self.fft(array)
        return self.ifft(self.multiply(product, np.conj(otf), out=product), array.shape, out=out)

    def ratio(self, image, blurred, *, background, floor, inside=None, out=None):
        divisor = np.maximum(blurred + np.float32(background), np.float32(floor))
        ratio = np.divide(image, divisor, out=out)
        ratio -= 1
        if inside is not None:
            part = inside.slices((0,) * ratio.ndim)
            kept = ratio[part].copy()
            ratio[...] = 0
            ratio[part] = kept
        return ratio

    def update(self, estimate, correction, weight, *, out=None):
        factor = correction + 1 if weight is None else correction * weight + 1
        return np.multiply(estimate, np.maximum(factor, 0, out=factor), out=out)

    def expand(self, table, index):
        return table.astype(self.dtype)[np.ix_(*index)]

    def summary(self, array):
        return Summary(float(array.min()), float(array.max()), float(array.sum(dtype=np.float64)))

    def pinned(self, shape, dtype):
        return np.empty(shape, dtype)

    def stream(self):
        return contextlib.nullcontext()

    def takes(self, array):
        return isinstance(array, Foreign)

    def result(self, shape):
        array = np.zeros(shape, self.dtype)
        return array, Foreign(array)
