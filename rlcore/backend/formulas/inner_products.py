"""Inner products of two steps, in NumPy."""

from __future__ import annotations

import math

import numpy as np

from rlcore.backend.boxes import Box
from rlcore.backend.facts import InnerProducts, Volume
from rlcore.backend.formulas import EPSILON


def inner_products(estimate: Volume, point: Volume, previous: Volume, before: Volume, *, inside: Box) -> InnerProducts:
    """As `rlcore.backend.Backend.inner_products`, plane by plane."""
    part = inside.slices((0,) * estimate.ndim)
    products, squares = [], []
    for planes in zip(estimate[part], point[part], previous[part], before[part], strict=True):
        newer, older = np.subtract(*planes[:2]), np.subtract(*planes[2:])
        share = older / np.maximum(planes[3], older.dtype.type(EPSILON))
        products.append(float(np.multiply(newer, share, out=newer).sum(axis=-1).sum(dtype=np.float64)))
        squares.append(float(np.multiply(older, share, out=older).sum(axis=-1).sum(dtype=np.float64)))
    return InnerProducts(math.fsum(products), math.fsum(squares))
