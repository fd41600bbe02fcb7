"""Optional operations done by NumPy on the host: defaults of `rlcore.backend.Backend` for what is not composed."""

from __future__ import annotations

import itertools
from typing import Any

import numpy as np

from rlcore.backend.boxes import Box, Shape, runs
from rlcore.backend.facts import Fit, InnerProducts, Summary, Volume
from rlcore.backend.formulas import consensus, total_variation
from rlcore.backend.formulas import fit as divergence
from rlcore.backend.formulas import inner_products as products

halve = consensus.halve


def upload(backend: Any, volume: Volume, out: Any) -> Any:
    """The volume on the device: a new array, or its values in `out`."""
    array = backend.upload(volume)
    return array if out is None else backend.add(array, 0.0, out=out)


def box(start: Shape, shape: Shape) -> tuple[slice, ...]:
    """Index of a box in an array."""
    return tuple(slice(at, at + size) for at, size in zip(start, shape, strict=True))


def cut(volume: Volume, start: Shape, shape: Shape, wrap: bool, dtype: np.dtype[Any]) -> Volume:
    """A box of a volume, 0 outside it or repeated."""
    axes = [list(runs(at, at + n, size, wrap=wrap)) for at, n, size in zip(start, shape, volume.shape, strict=True)]
    block = np.zeros(shape, dtype)
    for choice in itertools.product(*axes):
        block[tuple(run[1] for run in choice)] = volume[tuple(run[0] for run in choice)]
    return block


def summary(array: Volume) -> Summary:
    """Minimum, maximum and sum."""
    with np.errstate(invalid="ignore", over="ignore"):
        return Summary(float(array.min()), float(array.max()), float(array.sum(dtype=np.float64)))


def fit(image: Volume, blurred: Volume, background: float, floor: float, inside: Box) -> Fit:
    """Agreement of the image with the model in a box."""
    part = inside.slices((0,) * image.ndim)
    return divergence.fit(image[part], blurred[part], background=background, floor=floor)


def inner_products(*arrays: Volume, inside: Box) -> InnerProducts:
    """Inner products of two steps in a box."""
    return products.inner_products(*arrays, inside=inside)


def smooth(array: Volume, estimate: Volume, weight: float, slack: float, epsilon: float, inside: Box | None) -> Volume:
    """The step of total variation, in a copy of the array."""
    smoothed: Volume = total_variation.smooth(
        np, array, estimate, weight=weight, slack=slack, epsilon=epsilon, inside=inside
    )
    return smoothed


def agree(first: Volume, second: Volume) -> Volume:
    """Consensus of two corrections."""
    agreed: Volume = consensus.agree(np, first, second)
    return agreed
