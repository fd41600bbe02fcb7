"""Regularization, which keeps an estimate from fitting noise: total variation, or gradient consensus."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Literal, cast, get_args

import numpy as np

from rlcore.algorithm import consensus, total_variation
from rlcore.algorithm.boundary import Geometry
from rlcore.backend import Backend, Volume
from rlcore.backend.boxes import Box
from rlcore.errors import InputError

Regularization = Literal["none", "tv", "consensus"]
REGULARIZATIONS: tuple[str, ...] = get_args(Regularization)


def reach_of(name: Regularization) -> int:
    """Voxels on each side of a voxel that its step reads besides those that its light comes from."""
    return total_variation.REACH if name == "tv" else 0


_AT_ONE_PHOTON, _POWER, _LARGEST_WEIGHT = 0.45, 0.75, 0.002
"""Weight at one photon in the volume of the PSF, the power of these photons that divides it, and its limit: at very low
light larger weights helped with some PSFs and did harm with others. Measured by docs/measure_regularization.py."""


def tv_weight_for(photons: float, psf: Volume) -> float:
    """Weight of total variation that follows the light, so that it costs little where noise is small.

    It is ``0.45 / n^0.75``, at most 0.002, for n photons of the object in the volume of the PSF: those in a voxel over
    the sum of the PSF's squares. The numbers were found by measurement. Photons do not depend on the unit of counts, so
    the weight does not depend on the scale of the image.

    Parameters
    ----------
    photons : float
        Photons of the object in a voxel, as `rlcore.algorithm.photon_noise.object_photons` gives them.
    psf : ndarray
        PSF of sum 1.

    Raises
    ------
    InputError
        If `photons` is not above 0.
    """
    if not 0 < photons < np.inf:
        raise InputError(f"image has {photons:g} photons of an object in a voxel, by which tv_weight cannot be chosen")
    in_psf = photons / float(np.square(psf, dtype=np.float64).sum())
    return min(_LARGEST_WEIGHT, float(_AT_ONE_PHOTON / in_psf**_POWER))


Split = Callable[[Any], tuple[Any, Any]]
"""Takes the counts of a block and returns twice one half of them, and twice the other half."""


@dataclass(frozen=True, slots=True)
class Prior:
    """The caller's choice of regularization."""

    name: Regularization = "none"
    weight: float | Literal["auto"] = total_variation.DEFAULT_WEIGHT
    """Weight of total variation; "auto" until `with_weight_for` or `with_default` has settled it."""
    seed: int = 0
    """Seed of the random splits of counts, and of the photons that are held out."""

    @property
    def waits(self) -> bool:
        """True if the weight of total variation is to be chosen by the light of the image."""
        return self.name == "tv" and self.weight == "auto"

    @property
    def chosen_weight(self) -> float | None:
        """The weight of total variation once it is settled; None without it."""
        return None if self.name != "tv" or self.weight == "auto" else self.weight

    def with_default(self) -> Prior:
        """The prior with a weight that suits little light, if it was to be chosen."""
        return replace(self, weight=total_variation.DEFAULT_WEIGHT) if self.waits else self

    def with_weight_for(self, photons: float, psf: Volume) -> Prior:
        """The prior with the weight of total variation that `tv_weight_for` chooses, if it is to be chosen."""
        if not self.waits:
            return self
        return replace(self, weight=tv_weight_for(photons, psf))

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


def prior_of(name: str, tv_weight: float | Literal["auto"] | None, seed: int) -> Prior:
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
    weight = _weight_of(tv_weight) if name == "tv" else total_variation.DEFAULT_WEIGHT
    try:
        return Prior(cast("Regularization", name), weight, int(seed))
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"seed {seed!r} is not a whole number") from error


def _weight_of(given: float | Literal["auto"] | None) -> float | Literal["auto"]:
    return (
        "auto" if given is None or (isinstance(given, str) and given == "auto") else total_variation.check_weight(given)
    )


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
        if weight == "auto":
            raise InputError("tv_weight 'auto' needs an image whose photons are known; give gain, or a number")
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
