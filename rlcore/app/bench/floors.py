"""Bare transforms: what four of them take on a shape is the floor under an iteration."""

from __future__ import annotations

import contextlib
import itertools
import statistics
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from rlcore.backend import Backend, SupportsResidence, SupportsStreams
from rlcore.backend.boxes import Shape

Floor = Callable[[], float]
"""Seconds that four transforms take now."""

_LEAST = 0.05
"""Seconds that a measurement should last."""

_MOST_PLANNING = 60.0
"""Seconds for each plan of a whole volume."""


def timed(once: Callable[[], object]) -> Floor:
    """Seconds of one call, over as many as make a measurement long enough."""
    took = _seconds(once)
    if took < 20 * _LEAST:  # else a second look would only say the same
        took = _seconds(once)
    count = max(1, round(_LEAST / max(1e-6, took)))

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
    """The floor of a backend: its own transforms, or for FFTW, which it drives in passes, plans of whole volumes, made
    in about so many seconds."""
    if backend.name == "pyfftw":
        wisdom = cache / "bare-fftw-wisdom"
        return bare_fftw(shape, backend.threads, wisdom, seconds)  # type: ignore[attr-defined]
    real = backend.upload(np.ones(shape, np.float32))
    spectrum = backend.fft(real)

    def four() -> None:
        lane = backend.lane() if isinstance(backend, SupportsStreams) else contextlib.nullcontext()
        with lane:
            for _ in range(2):
                backend.fft(real, out=spectrum)
                backend.ifft(spectrum, shape, out=real)
        _wait(backend, real)

    return timed(four)


def _wait(backend: Backend[Any], array: Any) -> None:
    """Until a device that works beside the host has finished."""
    if isinstance(backend, SupportsResidence):
        first = (0,) * len(array.shape)
        backend.download(backend.cut(array, first, (1,) * len(first)))
    else:
        wait_on_host(backend)


def wait_on_host(backend: Backend[Any]) -> None:
    """Until everything asked for before has finished, where arrays lie in the host's memory: OpenCL queues work there
    too, and returns at once."""
    backend.download(backend.upload(np.zeros((1, 1, 1), np.float32)))


def bare_fftw(shape: Shape, threads: int, wisdom: Path, seconds: float) -> Floor:
    """Plans of whole volumes, measured: in place or not, on all threads or one, whichever is fastest."""
    import pyfftw

    if wisdom.exists():
        pyfftw.import_wisdom((b"", wisdom.read_bytes(), b""))
    ways = list(itertools.product(sorted({1, threads}), (True, False)))
    most = min(_MOST_PLANNING, seconds / (3 * len(ways)))  # two plans each, and their first transforms
    found = [timed(_fftw_pair(shape, count, most, in_place=in_place)) for count, in_place in ways]
    wisdom.write_bytes(pyfftw.export_wisdom()[1])
    return min(found, key=lambda floor: statistics.median(floor() for _ in range(3)))


def _fftw_pair(shape: Shape, threads: int, most: float, *, in_place: bool) -> Callable[[], None]:
    """Four transforms in float32 by plans of FFTW_MEASURE."""
    import pyfftw

    spectrum = pyfftw.zeros_aligned((*shape[:-1], shape[-1] // 2 + 1), "complex64", n=64)
    real = spectrum.view(np.float32)[..., : shape[-1]] if in_place else pyfftw.zeros_aligned(shape, "float32", n=64)
    axes = tuple(range(len(shape)))
    flags = "FFTW_MEASURE", "FFTW_DESTROY_INPUT"
    options = {"axes": axes, "flags": flags, "threads": threads, "planning_timelimit": most}
    forward = pyfftw.FFTW(real, spectrum, **options)
    backward = pyfftw.FFTW(spectrum, real, direction="FFTW_BACKWARD", **options)
    real[...] = 0  # zeros stay zeros, however often they are transformed without scaling

    def four() -> None:
        for _ in range(2):
            forward.execute()
            backward.execute()

    return four


def scipy_floor(shape: Shape) -> Floor:
    """SciPy's transforms on one thread, as the programs built on them call them."""
    import scipy.fft

    real = np.ones(shape, np.float32)

    def four() -> None:
        for _ in range(2):
            scipy.fft.irfftn(scipy.fft.rfftn(real), shape)

    return timed(four)


def cupy_floor(shape: Shape) -> Floor:
    """CuPy's transforms on the current device."""
    import cupy

    real = cupy.ones(shape, cupy.float32)

    def four() -> None:
        for _ in range(2):
            cupy.fft.irfftn(cupy.fft.rfftn(real), shape)
        cupy.cuda.Device().synchronize()

    return timed(four)
