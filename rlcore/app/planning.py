"""A plan shown without running it: how a volume would be cut, what that needs, and how long it takes."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from rlcore.app import speed
from rlcore.app.order import Order
from rlcore.app.reading import not_at_all, open_file
from rlcore.planner import Plan


@dataclass(frozen=True, slots=True)
class Forecast:
    """A plan, and the seconds that its iterations will take; None where the backend has not been measured here."""

    plan: Plan
    seconds: float | None

    def lines(self) -> list[str]:
        """What people read."""
        if self.seconds is None:
            measure = f"rlcore bench --backend {self.plan.backend}"
            return [str(self.plan), f"Time unknown: {self.plan.backend} has not been measured here; try: {measure}"]
        return [str(self.plan), f"About {speed.duration(self.seconds)}, by what {self.plan.backend} has taken here."]

    def to_dict(self) -> dict[str, Any]:
        """The same in types that JSON has."""
        return {**self.plan.to_dict(), "seconds": self.seconds}


def plan_files(order: Order) -> Forecast:
    """The plan of `rlcore deconvolve` for these files; their voxels are not read."""
    order.settings()
    image = open_file(order.image, "image", pick=order.pick, decode=not_at_all)
    psf_file = open_file(order.psf, "psf")
    backend = order.choose().backend
    plan = order.plan(image.array, order.prepare(image, psf_file), backend)
    return Forecast(plan, speed.predict(backend, plan))
