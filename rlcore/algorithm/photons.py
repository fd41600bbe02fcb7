"""Images as photons: the model of a camera, and a few photons held out from the rest.

An image is ``offset + gain * n`` with n photons in a voxel, of which each is held out with the same probability,
whatever the others do. So both parts are Poisson counts again, and neither knows of the other's noise (data thinning).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from rlcore.algorithm.sampled_planes import SampledPlanes
from rlcore.algorithm.stopping import HELD_OUT
from rlcore.backend import Volume
from rlcore.backend.host.memory import processors
from rlcore.errors import InputError

Gain = float | tuple[float, float] | None
"""Image units per photon, or these and the camera's offset; None to estimate both."""

MINIMUM_PHOTONS = 1000
"""Smallest number of photons in an image that suffices to find where to stop."""

_MAXIMUM_PHOTONS = 1e9
"""Photons in a voxel above which an image has no photon noise that could be measured."""

_MAXIMUM_COUNT = 2.0**53
"""Photons in a voxel beyond which floating-point numbers do not count one by one."""

_PIECE = 1 << 20
"""Voxels that a thread reads at a time, unless a single plane has more."""
_AT_ONCE = 1 << 16
"""Voxels split at a time: few, since their random numbers take many times their own memory."""

_BAND = 16
"""Rows that are looked at together for the gain: differences of their noise are taken along both axes."""

_DIFFERENCE = np.array([1.0, -4.0, 6.0, -4.0, 1.0]) / math.sqrt(70.0)
"""A filter that preserves the variance of noise and removes slow changes. For five Poisson counts of one expectation,
its mean square is their mean, given their sum."""


class NoPhotonsToHoldOut(InputError):
    """An image has too few photons to hold some of them out, or values that are no numbers of photons."""


@dataclass(frozen=True, slots=True)
class Photons:
    """The model of a camera: ``offset + gain * photons``."""

    gain: float
    offset: float

    def hold_out(self, counts: Volume, rng: np.random.Generator) -> npt.NDArray[np.int64]:
        """The number of photons of every voxel that are held out."""
        photons = np.maximum(np.rint((counts - self.offset) / self.gain), 0).astype(np.int64)
        return rng.binomial(photons, HELD_OUT)


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """An image split into two parts of independent photons."""

    fitted: Volume
    """The image without its offset and the photons that were held out: the same problem with less light, which is
    solved in as many iterations."""
    held_out: Volume
    """The image of the held-out photons in the sampled planes, scaled up to the number of fitted photons: its
    expectation is that of the fitted part."""

    @staticmethod
    def background(background: float) -> float:
        """The background of each part."""
        return (1 - HELD_OUT) * background


def check_photons(photons: Photons, maximum: float) -> None:
    """Refuse a gain by which an image of this maximum has more photons than can be counted one by one.

    Raises
    ------
    InputError
        If it has; the message says how many.
    """
    most = (maximum - photons.offset) / photons.gain
    if most > _MAXIMUM_COUNT:
        raise InputError(
            f"gain {photons.gain:g} makes {most:.3g} photons of the image's maximum, {maximum:g}; give image units per "
            "photon, or iterations a number"
        )


def split(image: Any, photons: Photons, fitted: Volume, to_host: Callable[[Any], Volume], seed: int = 0) -> Split:
    """Hold photons out; what is left goes to `fitted`.

    Every plane has random numbers of its own, so the split depends on nothing but image and seed.
    """
    shape = tuple(map(int, image.shape))
    sampled = SampledPlanes.over(shape)
    held_out = np.zeros((len(sampled.planes), *shape[1:]), np.float32)
    scale = photons.gain * (1 - HELD_OUT) / HELD_OUT

    def part(start: int, stop: int) -> int:
        counts, taken = to_host(image[start:stop]), 0
        for plane, values in zip(range(start, stop), counts, strict=True):
            rng = np.random.Generator(np.random.Philox(key=np.array([seed % (1 << 64), plane], np.uint64)))
            rows = max(1, _AT_ONCE // math.prod(values.shape[1:]))
            for at in range(0, len(values), rows):
                here = slice(at, at + rows)
                seen = values[here]
                out = photons.hold_out(seen, rng)
                taken += int(out.sum())
                fitted[plane, here] = np.maximum(seen - (photons.gain * out + photons.offset), 0)
                if plane in sampled.planes:
                    held_out[plane // sampled.step, here] = scale * out
        return taken

    together = max(1, _PIECE // math.prod(shape[1:]))
    with ThreadPoolExecutor(processors()) as pool:
        parts = [pool.submit(part, at, min(at + together, shape[0])) for at in range(0, shape[0], together)]
        taken = sum(each.result() for each in parts)
    if taken < HELD_OUT * MINIMUM_PHOTONS:
        raise NoPhotonsToHoldOut(
            f"image has only about {taken / HELD_OUT:.0f} photons at a gain of {photons.gain:g}, too few to hold some "
            "out"
        )
    return Split(fitted, held_out)
