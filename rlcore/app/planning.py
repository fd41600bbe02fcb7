"""The command `rlcore plan`: the plan of a run, with its memory and predicted time, without running it."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rlcore.api.make_plan import make_plan
from rlcore.app import speed
from rlcore.app.camera.plan import cameras_unseen, plan_of
from rlcore.app.channel_psfs import report_computed, to_one_extent
from rlcore.app.file_request import FileRequest
from rlcore.app.files.decoding import decode_nothing
from rlcore.app.files.layout import Place
from rlcore.app.files.remote.url import Location
from rlcore.app.whole_numbers import whole_numbers
from rlcore.backend.boxes import Shape
from rlcore.errors import InputError
from rlcore.planner import Plan

LONGEST_AXIS = 1 << 24
"""Longest axis that is planned, in voxels."""


@dataclass(frozen=True, slots=True)
class Forecast:
    """A plan and the predicted time of its iterations."""

    plan: Plan
    seconds: float | None
    """Predicted seconds for all volumes; None if the backend has not been measured on this machine."""
    volumes: int = 1
    """Number of volumes, each restored by the plan."""
    is_most: bool = False
    """True if the run finds the number of iterations, which are as many as the plan has at most."""

    def lines(self) -> list[str]:
        """Returns the forecast as lines of text."""
        plan = (
            str(self.plan) if self.volumes == 1 else f"{self.volumes} volumes, one after the other. Each: {self.plan}"
        )
        if self.seconds is None:
            measure = f"rlcore bench --backend {self.plan.backend}"
            return [plan, f"Time unknown: {self.plan.backend} has not been measured here; try: {measure}"]
        about = "At most about" if self.is_most else "About"
        return [plan, f"{about} {speed.duration(self.seconds)}, by what {self.plan.backend} has taken here."]

    def to_dict(self) -> dict[str, Any]:
        """Returns the forecast in types that JSON has."""
        return {**self.plan.to_dict(), "seconds": self.seconds, "volumes": self.volumes}


def plan_request(
    image: Location | None,
    psf: Location | None,
    shapes: tuple[str, str] | None,
    options: dict[str, Any],
    say: Callable[[str], None],
) -> Forecast:
    """Plans a run for two files, or for two shapes.

    Parameters
    ----------
    image, psf : Path, Url or None
        Files; both None if `shapes` are given.
    shapes : tuple of str or None
        Shapes of image and PSF, as ``64x1024x1024``.
    options : dict
        Other fields of `FileRequest`.
    say : callable
        Receives lines of text to print.

    Raises
    ------
    InputError
        If neither two files nor two shapes are given.
    """
    if shapes is not None and image is None:
        return plan_shapes(FileRequest(image=Path(), **options), *shapes)
    if image is None or not (psf or options.get("psfs")) or shapes is not None:
        raise InputError("plan needs two files, IMAGE and PSF, or else two shapes: --shape 64x1024x1024 31x31x31")
    return plan_files(FileRequest(image=image, psf=psf, **options), say)


def plan_files(request: FileRequest, say: Callable[[str], None]) -> Forecast:
    """Plans what `rlcore deconvolve` would run for these files, without reading the image's voxels."""
    request.settings()  # options that contradict each other are refused before files are opened
    image = request.open_image(decode_nothing)
    psfs = request.open_psfs(image)
    report_computed(psfs, say)
    backend = request.choose().backend
    # channels are padded to one extent and share one plan, so any of their PSFs will do
    psf = to_one_extent(request.prepare(image, psfs))[0]
    plan = plan_of(request, image, Place(), cameras_unseen(request, image), psf, backend)
    seconds, volumes = speed.predict(backend, plan), len(image.layout.places)
    return Forecast(plan, None if seconds is None else seconds * volumes, volumes, isinstance(request.iterations, str))


def plan_shapes(request: FileRequest, image_shape: str, psf_shape: str) -> Forecast:
    """Plans a run for an image and a PSF of these shapes, written as ``64x1024x1024``."""
    settings, backend = request.settings(), request.choose().backend
    plan = make_plan(
        _shape("image shape", image_shape),
        _shape("psf shape", psf_shape),
        iterations=settings.iterations,
        acceleration=settings.acceleration,
        regularization=settings.prior.name,
        stop=settings.stop,
        backend=backend,
        boundary=settings.boundary,
        memory=settings.memory,
        exchange=settings.exchange,
        tolerance=settings.tolerance,
    )
    return Forecast(plan, speed.predict(backend, plan), is_most=isinstance(request.iterations, str))


def _shape(what: str, text: str) -> Shape:
    sizes = whole_numbers(text.lower().replace(",", "x").split("x"))
    if sizes is None:
        raise InputError(f"{what} {text!r} is not a shape; write it like 64x1024x1024")
    # planners look for lengths that transforms are fast at, one after the other
    if max(sizes) > LONGEST_AXIS:
        raise InputError(f"{what} {text!r} has an axis of more than {LONGEST_AXIS} voxels; give a shorter one")
    return sizes
