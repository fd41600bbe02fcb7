"""Errors of an estimate against the truth, and the divergence of counts from a model."""

from __future__ import annotations

import numpy as np

from rlcore.backend import Volume


def nrmse(estimate: Volume, truth: Volume) -> float:
    """Root mean square error, after the gain that minimises it, over the root mean square of the truth.

    It is ``|g e - t| / |t|`` with ``g = <e, t> / <e, e>``: 0 is perfect, 1 is no better than an empty estimate. Arrays
    may have any shape, the same for both; ValueError if they differ.
    """
    e, t = _doubles(estimate, truth)
    energy = e @ e
    gain = (e @ t) / energy if energy else 0.0
    return float(np.linalg.norm(gain * e - t) / np.linalg.norm(t))


def pearson(estimate: Volume, truth: Volume) -> float:
    """Pearson's correlation of the voxels of two arrays of one shape; 0 if either is constant."""
    e, t = (values - values.mean() for values in _doubles(estimate, truth))
    norms = np.linalg.norm(e) * np.linalg.norm(t)
    return float(e @ t / norms) if norms else 0.0


def i_divergence(data: Volume, model: Volume) -> float:
    """I-divergence of counts from a model per voxel, the mean of ``d ln(d/m) - d + m``; ``0 ln 0`` is 0.

    Csiszár, Ann. Stat. 19, 2032 (1991). Poisson counts of more than a few photons lie 0.5 per voxel from their own
    expectation; a smaller divergence is a fit to the noise. It is infinite where the model has no light but the data
    have. Arrays may have any shape, the same for both; ValueError if they differ.
    """
    d, m = _doubles(data, model)
    lit = d > 0
    if np.any(m[lit] <= 0):
        return float("inf")
    return float((d[lit] @ np.log(d[lit] / m[lit]) + (m - d).sum()) / d.size)


def _doubles(*arrays: Volume) -> list[Volume]:
    if len({array.shape for array in arrays}) > 1:
        raise ValueError(f"arrays of shapes {[array.shape for array in arrays]!r} differ; give them the same shape")
    return [np.asarray(array, dtype=np.float64).ravel() for array in arrays]
