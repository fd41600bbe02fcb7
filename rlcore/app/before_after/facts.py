"""Text of a report: the facts of a run, by name."""

from __future__ import annotations

from importlib.metadata import version
from typing import Any

import numpy as np

from rlcore.algorithm.photon_noise import noise_level
from rlcore.algorithm.sampled_planes import SampledPlanes
from rlcore.app import speed
from rlcore.app.bad_volumes import list_bad
from rlcore.app.file_request import FileRequest
from rlcore.app.files.layout import Place
from rlcore.app.files.opening import Opened
from rlcore.app.run_summary import RunSummary
from rlcore.backend import Volume


def facts(request: FileRequest, summary: RunSummary, image: Opened) -> dict[str, str]:
    """Returns the facts of a run as texts by name; empty ones are left out."""
    size = " x ".join(map(str, summary.shape))
    scale = f", voxels of {summary.voxel}" if str(summary.voxel) else ""
    rate = f", {speed.duration(summary.seconds_per_iteration)} per iteration" if summary.seconds_per_iteration else ""
    said = {
        "image": f"{request.image.name}, {size} voxels{scale}",
        "shown": _shown(image, summary),
        "psf": _psf(summary),
        "result": f"{request.output.name}, {summary.dtype}",
        "run": f"{summary.iterations} iterations, acceleration {summary.plan.acceleration}, "
        f"boundary {request.boundary}, background {request.background:g}",
        "backend": f"{summary.plan.backend} on {summary.plan.device}",
        "plan": str(summary.plan),
        "time": f"{speed.duration(summary.seconds)}{rate}",
        "contrast": "light above the background, in the image's units, on one square-root scale for all planes",
    }
    if not any(value is not None for value in divergence(summary)):
        said["fit"] = f"I-divergence is not known: {_reason_unknown(summary)}"
    return {name: text for name, text in said.items() if text} | {"by": f"rlcore {version('rlcore')}"}


def _psf(summary: RunSummary) -> str:
    """Lists PSF files with the changes made to them, and the parameters of computed PSFs."""
    # a computed PSF has no file; its note "psf for channel ..." already says everything
    files = [used.file for used in summary.provenance.psf if not any("for channel" in note for note in used.notes)]
    return "; ".join(dict.fromkeys([*files, *summary.psf_notes]))


def shown(image: Opened, summary: RunSummary) -> Place:
    """Returns the volume that a report shows: the first that was restored."""
    bad = {volume.place for volume in summary.bad}
    return next(place for place in image.layout.places if place not in bad)


def divergence(summary: RunSummary) -> tuple[float | None, ...]:
    """Returns the I-divergence of the shown volume by iteration; empty if unknown."""
    # a resumed run has histories of its own volumes only, so the first may be of another volume
    return summary.info[0].divergence if _all_known(summary) else ()


def photon_noise(volume: Any, summary: RunSummary) -> float | None:
    """Returns the I-divergence that photon noise leaves of the shown volume; None if its gain is not known."""
    if not _all_known(summary) or (info := summary.info[0]).gain is None:
        return None
    planes = SampledPlanes.over(tuple(volume.shape)).planes if volume.ndim == 3 else [None]
    # the model of a run explains the offset as light, which has no noise
    return float(np.mean([noise_level(_plane(volume, z), info.gain, pedestal=info.offset or 0.0) for z in planes]))


def _plane(volume: Any, z: int | None) -> Volume:
    part = slice(None) if z is None else slice(z, z + 1)
    return np.asarray(volume[(part, *(slice(None),) * (volume.ndim - 1))], np.float64)


def _all_known(summary: RunSummary) -> bool:
    return len(summary.info) + len(summary.bad) == summary.volumes


def _shown(image: Opened, summary: RunSummary) -> str:
    """Names the shown volume among several; empty for a single one."""
    layout, place = image.layout, shown(image, summary)
    count = len(layout.places)
    if count == 1:
        return ""
    parts = []
    if layout.size_in_file("T") > 1:
        parts.append(f"time point {layout.times[place.time]}")
    if layout.size_in_file("C") > 1:
        name = image.channel_names[place.channel] if image.channel_names else ""
        parts.append(f"channel {layout.channels[place.channel]}" + (f" ({name})" if name else ""))
    empty = f"; {list_bad(summary.bad, count)}" if summary.bad else ""
    restored = count - len(summary.bad)
    return f"{', '.join(parts)}, the first of {restored} volumes; the others are restored alike, and not shown{empty}"


def _reason_unknown(summary: RunSummary) -> str:
    if not _all_known(summary):
        return "the volume was restored by an earlier run"
    return f"{summary.plan.backend} does not compute it"
