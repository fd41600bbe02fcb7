"""What holds an estimate back from fitting noise in one run: total variation, or gradient consensus."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

from rlcore import consensus, variation
from rlcore.backend import Backend
from rlcore.blocks import Box
from rlcore.boundary import Geometry
from rlcore.errors import InputError

Regularization = Literal["none", "tv", "consensus"]
REGULARIZATIONS: tuple[str, ...] = get_args(Regularization)


def reach_of(name: Regularization) -> int:
    """Voxels on each side of a voxel that its step reads besides those that light comes from."""
    return variation.REACH if name == "tv" else 0


Split = Callable[[Any], tuple[Any, Any]]
"""Makes of the counts of a block twice one half of them, and twice the other."""


@dataclass(frozen=True, slots=True)
class Prior:
    """The caller's choice."""

    name: Regularization = "none"
    weight: float = variation.USUAL_WEIGHT
    """Of total variation."""
    seed: int = 0
    """Of the coins that split counts, and of those that hold photons out."""

    def check(self, maximum: float) -> None:
        """Refuse to split what are no counts; `maximum` is the image's."""
        if self.name == "consensus" and 0 < maximum < 1:
            raise InputError(
                f"image has no voxel above {maximum:g}, so it is not in photons, which regularization 'consensus' "
                "splits; multiply it by the photons of one unit"
            )


NO_PRIOR = Prior()


def prior_of(name: str, tv_weight: float | None, seed: int) -> Prior:
    """The choice, if it is one; InputError naming the choices otherwise."""
    if name not in REGULARIZATIONS:
        raise InputError(f"regularization {name!r} is unknown; choose from {', '.join(map(repr, REGULARIZATIONS))}")
    if tv_weight is not None and name != "tv":
        raise InputError(f"tv_weight {tv_weight!r} is for total variation; give regularization='tv' with it")
    weight = variation.USUAL_WEIGHT if tv_weight is None else variation.check_weight(tv_weight)
    return Prior(cast("Regularization", name), weight, int(seed))


class Regularizer:
    """What a prior does to the blocks of one run."""

    def __init__(self, prior: Prior, backend: Backend[Any], geometry: Geometry, start: float) -> None:
        self._prior, self._backend, self._geometry = prior, backend, geometry
        self._least = variation.LEAST * start or 1.0

    def smooth(self, box: Box) -> Callable[[Any, Any], Any] | None:
        """What smooths a step of one block, in place, given the point that it started from."""
        if self._prior.name != "tv":
            return None
        smooth, share = variation.smoothing_of(self._backend), self._prior.weight
        options: dict[str, Any] = {"share": share, "slack": variation.SLACK * share, "least": self._least}
        inside = None if self._geometry.wraps else box.intersect(self._geometry.domain).seen_from(box)
        return lambda step, point: smooth(step, point, **options, inside=inside, out=step)

    def split(self, iteration: int, box: Box) -> Split | None:
        """What splits the counts of one block in an iteration."""
        if self._prior.name != "consensus":
            return None
        halve, key = consensus.halving_of(self._backend), consensus.key_of(self._prior.seed, iteration)
        place = box.start, self._geometry.image_shape
        return lambda image: (halve(image, key, *place, other=False), halve(image, key, *place, other=True))

    def agree(self) -> consensus.Agree | None:
        """What makes one correction of the two halves'."""
        return consensus.agreement_of(self._backend) if self._prior.name == "consensus" else None
