"""A plan shown without running it: how a volume would be cut, what that needs, and how long it takes."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rlcore.app import speed
from rlcore.app.channel_psfs import open_psfs, tell, to_one_extent
from rlcore.app.files.layout import Place
from rlcore.app.files.opening import not_at_all, open_file
from rlcore.app.order import Order
from rlcore.blocks import Shape
from rlcore.errors import InputError
from rlcore.planner import Plan
from rlcore.planning import make_plan


@dataclass(frozen=True, slots=True)
class Forecast:
    """A plan, and the seconds that its iterations will take; None where the backend has not been measured here."""

    plan: Plan
    seconds: float | None
    """Of all volumes."""
    volumes: int = 1
    """How many there are, each restored by the plan."""

    def lines(self) -> list[str]:
        """What people read."""
        plan = (
            str(self.plan) if self.volumes == 1 else f"{self.volumes} volumes, one after the other. Each: {self.plan}"
        )
        if self.seconds is None:
            measure = f"rlcore bench --backend {self.plan.backend}"
            return [plan, f"Time unknown: {self.plan.backend} has not been measured here; try: {measure}"]
        return [plan, f"About {speed.duration(self.seconds)}, by what {self.plan.backend} has taken here."]

    def to_dict(self) -> dict[str, Any]:
        """The same in types that JSON has."""
        return {**self.plan.to_dict(), "seconds": self.seconds, "volumes": self.volumes}


def plan_order(
    image: Path | None,
    psf: Path | None,
    shapes: tuple[str, str] | None,
    options: dict[str, Any],
    say: Callable[[str], None],
) -> Forecast:
    """The plan for two files or for two shapes; `options` are the fields of `Order` besides."""
    if shapes is not None and image is None:
        return plan_shapes(Order(image=Path(), **options), *shapes)
    if image is None or not (psf or options.get("psfs")) or shapes is not None:
        raise InputError("plan needs two files, IMAGE and PSF, or else two shapes: --shape 64x1024x1024 31x31x31")
    return plan_files(Order(image=image, psf=psf, **options), say)


def plan_files(order: Order, say: Callable[[str], None]) -> Forecast:
    """The plan of `rlcore deconvolve` for these files; their voxels are not read."""
    order.settings()
    image = open_file(order.image, "image", pick=order.pick, decode=not_at_all)
    psfs = open_psfs(order.psf, order.psfs, image, order.psf_model)
    tell(psfs, say)
    backend = order.choose().backend
    plan = order.plan(image.volume(Place()), to_one_extent(order.prepare(image, psfs))[0], backend)
    seconds, volumes = speed.predict(backend, plan), len(image.layout.places)
    return Forecast(plan, None if seconds is None else seconds * volumes, volumes)


def plan_shapes(order: Order, image_shape: str, psf_shape: str) -> Forecast:
    """The plan for an image and a PSF of these shapes, as in ``64x1024x1024``."""
    settings, backend = order.settings(), order.choose().backend
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
    return Forecast(plan, speed.predict(backend, plan))


def _shape(what: str, text: str) -> Shape:
    parts = text.lower().replace(",", "x").split("x")
    if not all(part.strip().isdigit() for part in parts):
        raise InputError(f"{what} {text!r} is not a shape; write it like 64x1024x1024")
    return tuple(map(int, parts))
