"""Stacks of beads whose places and PSF are known."""

from dataclasses import dataclass

import numpy as np

from rlcore.optics.sampling import shift
from rlcore.testing.optics import wide_field_psf

REACH = (41, 61, 61)
"""Of the light of one bead: its PSF's shape."""


@dataclass(frozen=True, slots=True, eq=False)
class BeadField:
    stack: np.ndarray
    places: np.ndarray
    psf: np.ndarray


def bead_field(
    count=60, shape=(48, 420, 420), *, apart=None, photons=600.0, background=100.0, seed=0, clump=0, psf=None
):
    """Beads anywhere between voxels, some near others or the border unless held `apart`, with photon noise."""
    rng = np.random.default_rng(seed)
    model = wide_field_psf(REACH, na=1.2, wavelength=0.6, index=1.33) if psf is None else psf
    middle = np.array(model.shape) // 2
    places = _places(rng, count, shape, apart)
    wide = np.zeros(tuple(n + p for n, p in zip(shape, model.shape, strict=True)))
    unit = model / model.max()
    for index, place in enumerate(places):
        whole = np.floor(place).astype(int)
        light = photons * rng.uniform(0.6, 1.4) * shift(unit, (place - whole).tolist())
        if index < clump:  # two beads that touch
            light = light + 0.9 * shift(light, (0, 2.6, 1.5))
        box = tuple(slice(w, w + p) for w, p in zip(whole, model.shape, strict=True))
        wide[box] += light
    frame = wide[tuple(slice(m, m + n) for m, n in zip(middle, shape, strict=True))]
    stack = rng.poisson(np.maximum(frame, 0) + background).astype(np.uint16)
    return BeadField(stack, places, model)


def _places(rng, count, shape, apart):
    if apart is None:
        return rng.uniform(0, 1, (count, 3)) * (np.array(shape) - 1)
    places = []
    low, high = np.array(apart) / 2 + 2, np.array(shape) - np.array(apart) / 2 - 3
    while len(places) < count:
        place = rng.uniform(low, np.maximum(high, low + 1))
        if all(np.any(np.abs(place - other) > apart) for other in places):
            places.append(place)
    return np.array(places)
