"""SciPy's transforms as a backend of rlcore."""

import math

import numpy as np
import scipy.fft

from rlcore.backend import Backend, Facts, Footprint
from rlcore.backend.host.memory import host_free, processors
from rlcore.errors import BackendUnavailable


class SampleBackend(Backend):
    """Richardson-Lucy through scipy.fft: float32 arrays in host memory, half spectra."""

    name = "sample"
    facts = Facts(on_host=True)

    def __init__(self, device=None):
        if device not in (None, 0, "0", "cpu"):
            raise BackendUnavailable(f"backend 'sample' has no device {device!r}; it runs on the CPU")
        self.device = "CPU"
        self._threads = processors()

    def free_bytes(self):
        return host_free()[0]

    def footprint(self, shape):
        real, spectrum = 4 * math.prod(shape), 8 * math.prod(shape[:-1]) * (shape[-1] // 2 + 1)
        return Footprint(real, spectrum, scratch=2 * spectrum + real)

    def fast_shape(self, shape):
        return tuple(scipy.fft.next_fast_len(n, real=True) for n in shape)

    def cost(self, shape):
        return math.prod(shape) * (1 + math.log2(math.prod(shape)))

    def upload(self, volume):
        return np.array(volume, dtype=np.float32, order="C")

    def download(self, array, *, out=None):
        return _into(out, array) if out is not None else array.copy()

    def fft(self, array, *, out=None):
        return _into(out, scipy.fft.rfftn(array, workers=self._threads))

    def ifft(self, spectrum, shape, *, out=None):
        return _into(out, scipy.fft.irfftn(spectrum, s=shape, workers=self._threads))

    def multiply(self, a, b, *, out=None):
        return np.multiply(a, b, out=out)

    def add(self, a, b, *, out=None):
        return np.add(a, b, out=out)

    def divide(self, a, b, *, floor, out=None):
        return np.divide(a, np.maximum(b, np.float32(floor)), out=out)

    def clamp(self, array, floor, *, out=None):
        return np.maximum(array, np.float32(floor), out=out)

    def flip(self, array):
        return np.roll(np.flip(array), (1,) * array.ndim, axis=tuple(range(array.ndim)))


def _into(out, result):
    if out is None:
        return result
    out[...] = result
    return out
