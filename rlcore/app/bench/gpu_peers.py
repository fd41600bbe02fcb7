"""Other programs on a graphics card, as implementations under test."""

from __future__ import annotations

import logging
from collections.abc import Iterator
from contextlib import contextmanager
from importlib.metadata import version

import numpy as np

from rlcore.app.bench.floors import Floor, cupy_floor
from rlcore.app.bench.implementation import Facts
from rlcore.app.bench.memory import Cards
from rlcore.app.bench.peers import Peer, need_3d, scipy_shape
from rlcore.backend import Volume


class CuCIM(Peer):
    """`cucim.skimage.restoration.richardson_lucy`: zero boundary, without a weight."""

    _volumes = 6.0

    def __init__(self) -> None:
        import cupy
        from cucim.skimage.restoration import richardson_lucy

        self._cupy, self._run = cupy, richardson_lucy
        cupy.cuda.Device().synchronize()  # creates the context, which belongs to opening the device

    def prepare(self, image: Volume, psf: Volume, iterations: int) -> Facts:
        self._padded = scipy_shape(image.shape, psf.shape)
        self.refuse_unfit(self._padded, Cards().free())
        properties = self._cupy.cuda.runtime.getDeviceProperties(self._cupy.cuda.Device().id)
        brand = f"cuCIM {version_of('cucim')}"
        return Facts(properties["name"].decode(), brand, "zero, unweighted", self._padded, on_device=True)

    def call(self, image: Volume, psf: Volume, iterations: int) -> tuple[Volume, float | None]:
        arrays = self._cupy.asarray(image), self._cupy.asarray(psf)
        return self._cupy.asnumpy(self._run(*arrays, num_iter=iterations, clip=False)), None

    def floor(self, seconds: float) -> Floor | None:
        return cupy_floor(self._padded) if self._padded else None


class Pyclesperanto(Peer):
    """`pyclesperanto.deconvolve`: periodic boundary, padded only to lengths that its FFT supports."""

    _volumes = 4.0

    def __init__(self) -> None:
        import pyclesperanto
        from pyclesperanto import _fft

        self._library, self._fft = pyclesperanto, _fft
        self._device = pyclesperanto.select_device("")

    def prepare(self, image: Volume, psf: Volume, iterations: int) -> Facts:
        self._padded = tuple(map(int, self._fft.smooth_shape(image.shape)))
        self.refuse_unfit(self._padded, Cards().free())
        name = str(getattr(self._device, "name", self._device))
        return Facts(name, f"pyclesperanto {version('pyclesperanto')}", "periodic", self._padded, on_device=True)

    def call(self, image: Volume, psf: Volume, iterations: int) -> tuple[Volume, float | None]:
        arrays = self._library.push(image), self._library.push(psf)
        return np.asarray(self._library.pull(self._fft.deconvolve(*arrays, iteration=iterations))), None


class RedLionfishGPU(Peer):
    """RedLionfish with reikna: periodic boundary, no padding, complex transforms."""

    _volumes = 8.0

    def __init__(self) -> None:
        import RedLionfishDeconv.RLDeconv3DReiknaOCL as on_gpu
        from RedLionfishDeconv import doRLDeconvolutionFromNpArrays

        if not on_gpu.isReiknaAvailable:
            raise RuntimeError("it finds no reikna with a device")
        self._run = doRLDeconvolutionFromNpArrays

    def prepare(self, image: Volume, psf: Volume, iterations: int) -> Facts:
        need_3d(image)
        self.refuse_unfit(image.shape, Cards().free())
        return Facts("GPU", f"RedLionfish {version('RedLionfish')}", "periodic", image.shape, on_device=True)

    def call(self, image: Volume, psf: Volume, iterations: int) -> tuple[Volume, float | None]:
        with _no_fallback():
            result = self._run(image, psf, niter=iterations, method="gpu")
        if result is None:
            raise RuntimeError("it returned nothing; its log has the reason")
        return result, None


class _Fallback(logging.Handler):
    """Logging handler that records when a program reports a fallback or a failure."""

    def __init__(self) -> None:
        super().__init__(logging.INFO)
        self.said = ""

    def emit(self, record: logging.LogRecord) -> None:
        message = record.getMessage()
        if "falling back" in message.lower() or "failed" in message.lower():
            self.said = self.said or message


@contextmanager
def _no_fallback() -> Iterator[None]:
    """Raises RuntimeError if the program falls back to another device or algorithm inside the context."""
    # the program returns a result all the same, whose time would be taken for the GPU's
    log, handler = logging.getLogger(), _Fallback()
    level = log.level
    log.addHandler(handler)
    log.setLevel(logging.INFO)
    try:
        yield
    finally:
        log.removeHandler(handler)
        log.setLevel(level)
    if handler.said:
        raise RuntimeError(f"it said: {handler.said}")


def version_of(library: str) -> str:
    """Returns the version of a library whose distribution is named after its CUDA version, as in cucim-cu12."""
    import importlib

    return str(getattr(importlib.import_module(library), "__version__", "of unknown version"))
