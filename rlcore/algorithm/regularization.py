"""Regularization, which keeps an estimate from fitting noise: total variation, or gradient consensus."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any, Literal, cast, get_args

from rlcore.algorithm import consensus, total_variation
from rlcore.algorithm.boundary import Geometry
from rlcore.backend import Backend
from rlcore.backend.boxes import Box
from rlcore.errors import InputError

Regularization = Literal["none", "tv", "consensus"]
REGULARIZATIONS: tuple[str, ...] = get_args(Regularization)


def reach_of(name: Regularization) -> int:
    """Voxels on each side of a voxel that its step reads besides those that its light comes from."""
    return total_variation.REACH if name == "tv" else 0


Split = Callable[[Any], tuple[Any, Any]]
"""Takes the counts of a block and returns twice one half of them, and twice the other half."""


@dataclass(frozen=True, slots=True)
class Prior:
    """The caller's choice of regularization."""

    name: Regularization = "none"
    weight: float = total_variation.DEFAULT_WEIGHT
    """Weight of total variation."""
    seed: int = 0
    """Seed of the random splits of counts, and of the photons that are held out."""

    def check(self, maximum: float) -> None:
        """Refuse an image that cannot be in photons, if photons are to be split; `maximum` is the image's."""
        if self.name == "consensus" and maximum > _MOST_PHOTONS:
            raise InputError(
                f"image has a maximum of {maximum:g}, so it is not in photons, which regularization 'consensus' "
                "splits; divide it by the units of one photon"
            )
        if self.name == "consensus" and 0 < maximum < 1:
            raise InputError(
                f"image has no voxel above {maximum:g}, so it is not in photons, which regularization 'consensus' "
                "splits; multiply it by the photons of one unit"
            )


_MOST_PHOTONS = 2.0**40
"""Photons in a voxel beyond which their noise is smaller than the rounding of single precision."""

NO_PRIOR = Prior()


def prior_of(name: str, tv_weight: float | None, seed: int) -> Prior:
    """The choice, checked.

    Raises
    ------
    InputError
        If the name is unknown, or the weight does not go with it.
    """
    if name not in REGULARIZATIONS:
        raise InputError(f"regularization {name!r} is unknown; choose from {', '.join(map(repr, REGULARIZATIONS))}")
    if tv_weight is not None and name != "tv":
        raise InputError(f"tv_weight {tv_weight!r} is for total variation; give regularization='tv' with it")
    weight = total_variation.DEFAULT_WEIGHT if tv_weight is None else total_variation.check_weight(tv_weight)
    try:
        return Prior(cast("Regularization", name), weight, int(seed))
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"seed {seed!r} is not a whole number") from error


class Regularizer:
    """The effect of a prior on the blocks of one run."""

    def __init__(self, prior: Prior, backend: Backend[Any], geometry: Geometry, start: float) -> None:
        self._prior, self._backend, self._geometry = prior, backend, geometry
        self._epsilon = total_variation.EPSILON_SHARE * start or 1.0

    def smooth(self, box: Box) -> Callable[[Any, Any], Any] | None:
        """Gives the function that smooths a block's step in place, given the point that it started from."""
        if self._prior.name != "tv":
            return None
        weight = self._prior.weight
        options: dict[str, Any] = {"weight": weight, "slack": total_variation.SLACK * weight, "epsilon": self._epsilon}
        inside = None if self._geometry.wraps else box.intersect(self._geometry.domain).seen_from(box)
        return lambda step, point: self._backend.smooth(step, point, **options, inside=inside, out=step)

    def split(self, iteration: int, box: Box) -> Split | None:
        """Gives the function that splits the counts of a block in an iteration."""
        if self._prior.name != "consensus":
            return None
        halve, key = self._backend.halve, consensus.key_of(self._prior.seed, iteration)
        place = box.start, self._geometry.image_shape
        return lambda image: (halve(image, key, *place, second=False), halve(image, key, *place, second=True))

    def agree(self) -> Callable[..., Any] | None:
        """Gives the function that makes one correction of those of both halves."""
        return self._backend.agree if self._prior.name == "consensus" else None
