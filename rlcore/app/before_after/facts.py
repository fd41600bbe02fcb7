"""What a report says of a run, in words."""

from __future__ import annotations

from importlib.metadata import version

from rlcore.app import speed
from rlcore.app.files.layout import Place
from rlcore.app.files.opening import Opened
from rlcore.app.order import Order
from rlcore.app.report import Report


def facts(order: Order, done: Report, image: Opened) -> dict[str, str]:
    """By name, each a text."""
    size = " x ".join(map(str, done.shape))
    scale = f", voxels of {done.voxel}" if str(done.voxel) else ""
    rate = f", {speed.duration(done.seconds_per_iteration)} per iteration" if done.seconds_per_iteration else ""
    said = {
        "image": f"{order.image.name}, {size} voxels{scale}",
        "shown": _shown(image),
        "psf": _psf(done),
        "result": f"{order.output.name}, {done.dtype}",
        "run": f"{done.iterations} iterations, acceleration {done.plan.acceleration}, boundary {order.boundary}, "
        f"background {order.background:g}",
        "backend": f"{done.plan.backend} on {done.plan.device}",
        "plan": str(done.plan),
        "time": f"{speed.duration(done.seconds)}{rate}",
        "contrast": "light above the background, in the image's units, on one square-root scale for all planes",
    }
    if not any(value is not None for value in divergence(done)):
        said["fit"] = f"I-divergence is not known: {_untold(done)}"
    return {name: text for name, text in said.items() if text} | {"by": f"rlcore {version('rlcore')}"}


def _psf(done: Report) -> str:
    """Files, and what was done to them; of those that were computed, what from."""
    files = [used.file for used in done.provenance.psf if not any("for channel" in note for note in used.notes)]
    return "; ".join(dict.fromkeys([*files, *done.psf_notes]))


def shown() -> Place:
    """Which of several volumes a report shows."""
    return Place()


def divergence(done: Report) -> tuple[float | None, ...]:
    """I-divergence by iteration of the volume that is shown; empty where it is not known."""
    return done.info[0].divergence if len(done.info) == done.volumes else ()


def _shown(image: Opened) -> str:
    """Which of several; empty for the only one."""
    layout, place = image.layout, shown()
    count = len(layout.places)
    if count == 1:
        return ""
    parts = []
    if layout.size_in_file("T") > 1:
        parts.append(f"time point {layout.times[place.time]}")
    if layout.size_in_file("C") > 1:
        name = image.channel_names[place.channel] if image.channel_names else ""
        parts.append(f"channel {layout.channels[place.channel]}" + (f" ({name})" if name else ""))
    return f"{', '.join(parts)}, the first of {count} volumes; the others are restored alike, and not shown"


def _untold(done: Report) -> str:
    if len(done.info) != done.volumes:
        return "the volume was restored by an earlier run"
    return f"{done.plan.backend} does not tell it"
