"""Backends that behave like NumPy's but for one thing that a test wants to see."""

import weakref

import numpy as np

from rlcore.backend import Footprint
from rlcore.errors import OutOfMemory
from rlcore.numpy_backend import NumPyBackend


class Counted:
    """An array on the device of a `CountingBackend`: known as long as anybody holds it."""

    __slots__ = ("__weakref__", "kind", "values")

    def __init__(self, values, kind):
        self.values, self.kind = values, kind


class CountingBackend:
    """Holds arrays as a device would, and knows how many of each kind were ever alive at once."""

    name, device, on_host = "counting", "an abacus", False

    def __init__(self):
        self._alive = {"real": weakref.WeakSet(), "spectrum": weakref.WeakSet()}
        self.most = {"real": 0, "spectrum": 0}
        self._numpy = NumPyBackend()

    def free_bytes(self):
        return 1 << 40

    def footprint(self, shape):
        real = int(np.prod(shape)) * 4
        return Footprint(real, 2 * real, 0)

    def fast_shape(self, shape):
        return tuple(shape)

    def cost(self, shape):
        return float(np.prod(shape))

    def upload(self, volume):
        return self._new(np.array(volume, np.float32), "real")

    def download(self, array, *, out=None):
        return self._numpy.download(array.values, out=out)

    def fft(self, array, *, out=None):
        return self._keep(np.fft.rfftn(array.values), "spectrum", out)

    def ifft(self, spectrum, shape, *, out=None):
        return self._keep(np.fft.irfftn(spectrum.values, shape, range(len(shape))).astype(np.float32), "real", out)

    def multiply(self, a, b, *, out=None):
        return self._keep(a.values * b.values, a.kind, out)

    def add(self, a, b, *, out=None):
        return self._keep(a.values + (b.values if isinstance(b, Counted) else b), "real", out)

    def divide(self, a, b, *, floor, out=None):
        return self._keep(a.values / np.maximum(b.values, np.float32(floor)), "real", out)

    def clamp(self, array, floor, *, out=None):
        return self._keep(np.maximum(array.values, np.float32(floor)), "real", out)

    def flip(self, array):
        return self._new(self._numpy.flip(array.values), "real")

    def _keep(self, values, kind, out):
        if out is None:
            return self._new(values, kind)
        assert out.kind == kind
        out.values = values
        return out

    def _new(self, values, kind):
        array = Counted(values, kind)
        self._alive[kind].add(array)
        self.most[kind] = max(self.most[kind], len(self._alive[kind]))
        return array


class FusedCountingBackend(CountingBackend):
    """The same with fused steps, which keep their work areas to themselves."""

    def convolve(self, array, transfer, *, out=None):
        return self._filter(array, transfer.values, out)

    def correlate(self, array, transfer, *, out=None):
        return self._filter(array, transfer.values.conj(), out)

    def ratio(self, image, blurred, *, background, floor, inside=None, out=None):
        values = image.values / np.maximum(blurred.values + np.float32(background), np.float32(floor)) - 1
        if inside is not None:
            kept = np.zeros_like(values)
            part = inside.slices((0,) * values.ndim)
            kept[part] = values[part]
            values = kept
        return self._keep(values, "real", out)

    def update(self, estimate, correction, weight, *, out=None):
        factor = correction.values if weight is None else correction.values * weight.values
        return self._keep(estimate.values * np.maximum(1 + factor, 0), "real", out)

    def _filter(self, array, factor, out):
        values = np.fft.irfftn(np.fft.rfftn(array.values) * factor, array.values.shape, range(array.values.ndim))
        return self._keep(values.astype(np.float32), "real", out)


class PredictingCountingBackend(FusedCountingBackend):
    """The same with its own prediction."""

    def predict(self, estimate, previous, factor, *, least, out=None):
        values = estimate.values + factor * (estimate.values - previous.values)
        return self._keep(np.maximum(values, least * estimate.values).astype(np.float32), "real", out)


class RefusingBackend(NumPyBackend):
    """Has no room for arrays of so many voxels as `refuses` says, in this operation from its `after`-th call on."""

    def __init__(self, refuses, operation="fft", after=0):
        super().__init__()
        self.refuses, self.operation, self.after = refuses, operation, after
        self.sizes = {"fft": [], "read": []}
        """Voxels of every array that went through."""

    def fft(self, array, *, out=None):
        self._look("fft", array.size)
        return super().fft(array, out=out)

    def read(self, volume, start, shape, *, wrap=False, out=None):
        self._look("read", int(np.prod(shape)))
        return super().read(volume, start, shape, wrap=wrap, out=out)

    def _look(self, operation, size):
        sizes = self.sizes[operation]
        if operation == self.operation and self.refuses(size) and len(sizes) >= self.after:
            raise OutOfMemory(f"no room for {size} voxels")
        sizes.append(size)


class LimitedBackend(NumPyBackend):
    """A device on which no single allocation may be larger than `limit` bytes."""

    def __init__(self, limit):
        super().__init__()
        self.limit, self.on_host = limit, False

    def free_bytes(self):
        return 1 << 40

    def buffer_limit(self):
        return self.limit


class PowersOfTwo(NumPyBackend):
    """A backend that takes ten times as long along axes that are no power of two."""

    def fast_shape(self, shape):
        return tuple(1 << (n - 1).bit_length() for n in shape)

    def cost(self, shape):
        return super().cost(shape) * 10 ** sum(bool(n & (n - 1)) for n in shape)
