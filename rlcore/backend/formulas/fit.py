"""Csiszar's I-divergence of an image from a model, in NumPy."""

from __future__ import annotations

import math
from collections.abc import Iterable

import numpy as np

from rlcore.backend.facts import Fit, Volume
from rlcore.backend.formulas import EPSILON


def fit(counts: Volume, blurred: Volume, *, background: float, floor: float) -> Fit:
    """Agreement of counts with the model ``max(blurred + background, floor)``, plane by plane, which fit in a cache."""
    return total(_sums(*planes, background, floor) for planes in zip(counts, blurred, strict=True))


def total(fits: Iterable[Fit]) -> Fit:
    """Sum of several fits, independent of their order."""
    parts = list(fits)
    return Fit(*map(math.fsum, zip(*parts, strict=True))) if parts else Fit(0.0, 0.0, 0.0)


def _sums(counts: Volume, blurred: Volume, background: float, floor: float) -> Fit:
    """Sums of one plane: NumPy sums each row pairwise in single precision, and the rows in double precision."""
    model = np.add(blurred, blurred.dtype.type(background))
    np.maximum(model, model.dtype.type(floor), out=model)
    terms = np.divide(counts, model)
    np.maximum(terms, terms.dtype.type(EPSILON), out=terms)
    np.multiply(np.log(terms, out=terms), counts, out=terms)
    light = _total(model)
    np.subtract(model, counts, out=model)
    return Fit(_total(np.add(terms, model, out=terms)), light, _total(counts))


def _total(values: Volume) -> float:
    return float(values.sum(axis=-1).sum(dtype=np.float64))
