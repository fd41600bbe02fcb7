"""Floor of an iteration: the time of the four transforms that it cannot do without."""

from __future__ import annotations

import contextlib
import itertools
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from rlcore.backend import Backend, Streams, overrides
from rlcore.backend.boxes import Shape

Floor = Callable[[], float]
"""Measures the seconds that four transforms take now."""

_MINIMUM = 0.05
"""Seconds that a measurement lasts at least; shorter ones would be dominated by the timer and the scheduler."""

_MAXIMUM_PLANNING = 60.0
"""Time limit in seconds for each plan of a whole volume."""


def timed(once: Callable[[], object]) -> Floor:
    """Returns a timer of one call, averaged over enough calls for a measurement of sufficient length."""
    took = _seconds(once)
    # the first call includes one-time work; a long call is hardly changed by it, and not repeated
    if took < 20 * _MINIMUM:
        took = _seconds(once)
    count = max(1, round(_MINIMUM / max(1e-6, took)))

    def measure() -> float:
        began = time.perf_counter()
        for _ in range(count):
            once()
        return (time.perf_counter() - began) / count

    return measure


def _seconds(once: Callable[[], object]) -> float:
    began = time.perf_counter()
    once()
    return time.perf_counter() - began


def floor_of(backend: Backend[Any], shape: Shape, cache: Path, seconds: float) -> Floor:
    """Returns the floor of a backend for a shape.

    Parameters
    ----------
    backend : Backend
    shape : tuple of int
        Shape of the transforms.
    cache : Path
        Folder for FFTW's wisdom.
    seconds : float
        Approximate time available for planning.
    """
    # the pyfftw backend transforms in passes of its own, so its floor is FFTW's plan for the whole volume
    if backend.name == "pyfftw":
        wisdom = cache / "bare-fftw-wisdom"
        return bare_fftw(shape, backend.threads, wisdom, seconds)  # type: ignore[attr-defined]
    real = backend.upload(np.ones(shape, np.float32))
    spectrum = backend.fft(real)

    def four() -> None:
        with backend.stream() if isinstance(backend, Streams) else contextlib.nullcontext():
            for _ in range(2):
                backend.fft(real, out=spectrum)
                backend.ifft(spectrum, shape, out=real)
        _wait(backend, real)

    return timed(four)


def _wait(backend: Backend[Any], array: Any) -> None:
    """Waits until an asynchronous device has finished its work on an array."""
    # downloading a single voxel waits without the time of a whole transfer
    if overrides(backend, "cut"):
        first = (0,) * len(array.shape)
        backend.download(backend.cut(array, first, (1,) * len(first)))
    else:
        wait_on_host(backend)


def wait_on_host(backend: Backend[Any]) -> None:
    """Waits until all queued work of a backend in host memory has finished; OpenCL is asynchronous on CPUs too."""
    backend.download(backend.upload(np.zeros((1, 1, 1), np.float32)))


def bare_fftw(shape: Shape, threads: int, wisdom: Path, seconds: float) -> Floor:
    """Returns FFTW's floor: the fastest measured plan, in place or not, on all threads or one."""
    import pyfftw

    if wisdom.exists():
        pyfftw.import_wisdom((b"", wisdom.read_bytes(), b""))
    # small transforms are faster on one thread
    variants = list(itertools.product(sorted({1, threads}), (True, False)))
    limit = min(_MAXIMUM_PLANNING, seconds / (3 * len(variants)))  # two plans each, and their first transforms
    found = [timed(_fftw_pair(shape, count, limit, in_place=in_place)) for count, in_place in variants]
    # later rounds run in new processes, which would plan again
    wisdom.write_bytes(pyfftw.export_wisdom()[1])
    return min(found, key=lambda floor: statistics.median(floor() for _ in range(3)))


def _fftw_pair(shape: Shape, threads: int, limit: float, *, in_place: bool) -> Callable[[], None]:
    """Returns a function that runs four float32 transforms with plans of FFTW_MEASURE."""
    import pyfftw

    spectrum = pyfftw.zeros_aligned((*shape[:-1], shape[-1] // 2 + 1), "complex64", n=64)
    real = spectrum.view(np.float32)[..., : shape[-1]] if in_place else pyfftw.zeros_aligned(shape, "float32", n=64)
    axes = tuple(range(len(shape)))
    flags = "FFTW_MEASURE", "FFTW_DESTROY_INPUT"
    options = {"axes": axes, "flags": flags, "threads": threads, "planning_timelimit": limit}
    forward = pyfftw.FFTW(real, spectrum, **options)
    backward = pyfftw.FFTW(spectrum, real, direction="FFTW_BACKWARD", **options)
    real[...] = 0  # zeros stay zeros, however often they are transformed without scaling

    def four() -> None:
        for _ in range(2):
            forward.execute()
            backward.execute()

    return four


def scipy_floor(shape: Shape) -> Floor:
    """Returns the floor of SciPy on one thread, as the programs built on it use it."""
    import scipy.fft

    real = np.ones(shape, np.float32)

    def four() -> None:
        for _ in range(2):
            scipy.fft.irfftn(scipy.fft.rfftn(real), shape)

    return timed(four)


def cupy_floor(shape: Shape) -> Floor:
    """Returns the floor of CuPy on the current device."""
    import cupy

    real = cupy.ones(shape, cupy.float32)

    def four() -> None:
        for _ in range(2):
            cupy.fft.irfftn(cupy.fft.rfftn(real), shape)
        cupy.cuda.Device().synchronize()

    return timed(four)
