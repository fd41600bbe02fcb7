"""The value at which a camera's voxels are full."""

from __future__ import annotations

from typing import Any

import numpy as np
import numpy.typing as npt

from rlcore.backend import Volume

_FULL_SCALES = tuple(float(2**bits - 1) for bits in (8, 10, 11, 12, 14, 15, 16))
"""Largest values of common converters."""

_PILE = 10
"""Voxels at the maximum that are a pile rather than the brightest few, if values just below are as rare as this."""


def find_saturation(values: Volume, dtype: npt.DTypeLike, maximum: float | None = None) -> float | None:
    """The value from which on voxels are saturated; None if none is.

    Parameters
    ----------
    values : ndarray
        Voxels of the image, or a sample of them.
    dtype : dtype
        Data type that the image is stored in: the maximum of an integer type is saturated wherever it occurs.
    maximum : float, optional
        Maximum of the whole image, if it is known; that of `values` otherwise.

    Notes
    -----
    Otherwise a maximum is saturated if voxels pile up there: at least 3 at the largest value of a converter of 8 to 16
    bits, or 10 at any other, and twice as many as have the next value below, which must be near.
    """
    finite = values[np.isfinite(values)]
    if not finite.size:
        return None
    top = float(finite.max()) if maximum is None else float(maximum)
    kind: Any = np.dtype(dtype)
    if kind.kind in "iu" and top == np.iinfo(kind).max and kind.itemsize <= 2:
        return top
    below = finite[finite < top]
    pile = finite.size - below.size
    if not below.size or pile < (3 if top in _FULL_SCALES else _PILE):
        return None
    following = float(below.max())
    near = top - following < 0.1 * (top - float(below.min()))
    return top if near and pile > 2 * int((below == following).sum()) else None
