"""How many iterations: some photons are held out, and the run on the others shows when it begins to fit noise."""

from __future__ import annotations

import contextlib
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from rlcore.backend import Shape, Volume
from rlcore.caution import caution
from rlcore.execution.checkpoint import open_volume
from rlcore.execution.mapped import is_mapped
from rlcore.execution.record import Record
from rlcore.execution.scan import Scan
from rlcore.execution.working import check_disk
from rlcore.photons import Photons, check_gain, estimate, split
from rlcore.planner import Plan
from rlcore.request import Request
from rlcore.source import ImageWarning
from rlcore.stopping import HELD_OUT, MOST_ITERATIONS, best_of, lowest


@dataclass(frozen=True, slots=True)
class Found:
    """What the look has found."""

    iterations: int
    stopped: str
    """Why so many."""
    held_out: tuple[float, ...] = ()
    """Divergence of the held-out photons after 0, 1, 2 ... iterations."""
    photons: Photons | None = None


EARLIER = "as many iterations as an earlier part of this run found by held-out photons"


class Nowhere:
    """Takes a result that nobody wants."""

    def __init__(self, shape: Shape) -> None:
        self.shape, self.dtype = shape, np.dtype(np.float32)

    def __setitem__(self, index: Any, value: Any) -> None:
        pass


def look_for_iterations(
    request: Request, plan: Plan, seen: Scan, folder: Path, run: Callable[[Request, Plan, Record], None]
) -> Found:
    """Run on most of the photons, until those that were held out are explained no better.

    `seen` is the look at the image; `run` runs a request by a plan and tells the record. Files, if any, are made in
    `folder` and are gone afterwards.
    """
    photons = check_gain(request.settings.gain) or estimate(request.image, request.to_host)
    if photons.offset > 0.5 * seen.mean:
        caution(
            f"image has an offset of about {photons.offset:.3g} that is no light; take it off image and background, "
            "for a better result in fewer iterations",
            ImageWarning,
        )
    with _room(request, folder) as room:
        parts = split(request.image, photons, room, request.to_host, request.settings.prior.seed)
        background = parts.background(request.settings.background)
        thinned = replace(
            request,
            image=parts.fitted,
            native=False,
            out=Nowhere(request.geometry.image_shape),
            settings=replace(request.settings, background=background),
        )
        shape = request.geometry.image_shape
        record = Record(request.backend, shape, rule=lowest, held_out=parts.held_out)
        run(thinned, plan, record)
    scale = HELD_OUT / (1 - HELD_OUT) / photons.gain
    curve = [scale * each for each in record.divergences()]
    found = record.stop or best_of(curve)
    why = (
        f"held-out photons were explained best after {found} iterations"
        if record.stop
        else f"held-out photons were explained better for all of {MOST_ITERATIONS} iterations"
    )
    return Found(found, why, tuple(curve), photons)


@contextlib.contextmanager
def _room(request: Request, folder: Path) -> Iterator[Volume]:
    """A volume for the photons that are fitted: in memory if the image is, else in a file."""
    shape = request.geometry.image_shape
    if request.native or (isinstance(request.image, np.ndarray) and not is_mapped(request.image)):
        yield np.empty(shape, np.float32)
        return
    check_disk(folder, 4 * request.geometry.image.size)
    with tempfile.TemporaryDirectory(prefix=".rlcore-photons-", dir=folder) as name:
        yield open_volume(Path(name) / "fitted.npy", shape, np.dtype(np.float32))
