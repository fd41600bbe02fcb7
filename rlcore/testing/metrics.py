"""How far an estimate is from the truth, and how well a model explains counts."""

from __future__ import annotations

import numpy as np

from rlcore.backend import Volume


def nrmse(estimate: Volume, truth: Volume) -> float:
    """Root mean square error over the truth's root mean square, after the gain that makes it least.

    ``|g e - t| / |t|`` with ``g = <e, t> / <e, e>``: 0 is perfect, and 1 is no better than an empty estimate.
    """
    e, t = _doubles(estimate, truth)
    energy = e @ e
    gain = (e @ t) / energy if energy else 0.0
    return float(np.linalg.norm(gain * e - t) / np.linalg.norm(t))


def pearson(estimate: Volume, truth: Volume) -> float:
    """Pearson's correlation of the voxels; 0 if the estimate is constant."""
    e, t = (values - values.mean() for values in _doubles(estimate, truth))
    norms = np.linalg.norm(e) * np.linalg.norm(t)
    return float(e @ t / norms) if norms else 0.0


def i_divergence(data: Volume, model: Volume) -> float:
    """Csiszar's I-divergence per voxel, the mean of ``d ln(d/m) - d + m``; ``0 ln 0`` is 0.

    Poisson counts of more than a few photons lie 0.5 per voxel from their own expectation; less is fitting noise.
    Infinite where the model has no light but the data have.
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
