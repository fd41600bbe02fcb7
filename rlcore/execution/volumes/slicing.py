"""Slicing of arrays that are computed as they are read."""

from __future__ import annotations

from typing import Any

import numpy as np

from rlcore.backend import Shape


def box_of(index: Any, shape: Shape) -> tuple[slice, ...]:
    """The box that an index of slices means, with a start and a stop along every axis of an array of this shape."""
    given = index if isinstance(index, tuple) else (index,)
    every = (*given, *[slice(None)] * (len(shape) - len(given)))
    return tuple(slice(*part.indices(n)[:2]) for part, n in zip(every, shape, strict=True))


def of_planes(array: Any, box: tuple[slice, ...]) -> Any:
    """The box of an array of the image's shape, or of its last two axes, for all planes alike; a number as it is."""
    if np.ndim(array) == 0:
        return array
    part: Any = np.asarray(array[box[-len(array.shape) :]])
    return part[(np.newaxis,) * (len(box) - part.ndim)]
