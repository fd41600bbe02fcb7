"""Backends of rlcore as implementations under test."""

from __future__ import annotations

import time
from dataclasses import asdict, replace
from importlib.metadata import version
from pathlib import Path
from typing import Any, cast

import rlcore
from rlcore.algorithm.boundary import Boundary
from rlcore.app.bench.floors import Floor, floor_of, wait_on_host
from rlcore.app.bench.implementation import Facts
from rlcore.app.speed import Stopwatch
from rlcore.backend import Streams, Volume
from rlcore.backend.discovery.registry import installed
from rlcore.backend.numpy_backend import NumPyBackend
from rlcore.execution.progress import Progress

REFERENCE = "float64"
"""Name of NumPy in double precision, the reference for errors."""


class OwnBackend:
    """A backend of rlcore, run through the public functions as users run it."""

    def __init__(self, name: str, device: int | None, boundary: str, cache: Path) -> None:
        reference = name == REFERENCE
        self._backend = NumPyBackend(dtype="float64") if reference else rlcore.load_backend(name, device)
        self._boundary = cast("Boundary", boundary)
        self._cache = cache
        self._plan: Any = None
        self._times_iterations = self._backend.facts.on_host or isinstance(self._backend, Streams)
        """True if an iteration has finished, or can be waited for, when the callback is called."""

    def prepare(self, image: Volume, psf: Volume, iterations: int) -> Facts:
        backend = self._backend
        self._plan = plan = rlcore.make_plan(
            image.shape,
            psf.shape,
            iterations=iterations,
            acceleration="none",  # other programs have none, so times per iteration compare
            backend=backend,
            boundary=self._boundary,
        )
        return Facts(
            device=backend.device,
            version=_version(backend.name),
            boundary=self._boundary,
            padded=plan.block_shape,
            blocks=len(plan.tiling()),
            on_device=not backend.facts.on_host,
            plan_bytes=plan.memory_bytes,
            plan=asdict(plan),
            planning=getattr(backend, "planning_seconds", None) is not None,
        )

    def call(self, image: Volume, psf: Volume, iterations: int) -> tuple[Volume, float | None]:
        watch, began = Stopwatch(), time.perf_counter()

        def finished(progress: Progress) -> None:
            if self._backend.facts.on_host:
                # OpenCL on a CPU queues work and returns at once; the time counts once the queue is empty
                wait_on_host(self._backend)
                progress = replace(progress, elapsed=time.perf_counter() - began)
            watch(progress)

        result = rlcore.deconvolve(
            image,
            psf,
            iterations=iterations,
            acceleration="none",
            offset=0,
            background=0,
            hot_pixels="keep",
            backend=self._backend,
            boundary=self._boundary,
            callback=finished,
        )
        whole = watch.seconds_per_run if self._times_iterations else None
        return result, whole / iterations if whole else None

    def planning_seconds(self) -> float:
        return float(getattr(self._backend, "planning_seconds", 0.0))

    def floor(self, seconds: float) -> Floor | None:
        """Returns the floor if one block holds the whole volume; with blocks it would be that of another shape."""
        plan = self._plan
        return floor_of(self._backend, plan.block_shape, self._cache, seconds) if plan.is_whole else None


def _version(name: str) -> str:
    owners = [entry.dist for entry in installed() if entry.name == name and entry.dist is not None]
    return f"{owners[0].name} {owners[0].version}" if owners else f"rlcore {version('rlcore')}"
