"""Photon noise: the divergence that it leaves between an image and its own expectation, and the light of an object."""

from __future__ import annotations

from functools import cache

import numpy as np

from rlcore.backend import Volume

_FEW, _MANY = 1e-4, 60.0
"""Expected counts of a voxel between which the divergence is taken from a table."""


def expected_divergence(photons: Volume) -> Volume:
    """I-divergence that Poisson counts have from their expectation on average.

    ``E[n ln(n / m) - n + m] = E[n ln n] - m ln m`` for counts n of expectation m: 0.5 for many photons, 0.58 at its
    largest near 1.5, and ``-m ln m`` for few. It is the level of the discrepancy principle for Poisson data (Bertero et
    al. 2010, Inverse Problems 26, 105004).

    Parameters
    ----------
    photons : ndarray
        Expected photons of each voxel, 0 or more.

    Returns
    -------
    ndarray
        float64, of the same shape.
    """
    means = np.asarray(photons, np.float64)
    places, values = _table()
    inside = np.interp(np.log(np.clip(means, _FEW, _MANY)), places, values)
    few = -means * np.log(np.maximum(means, 1e-300))
    many = 0.5 + 1 / (12 * np.maximum(means, _MANY))
    return np.where(means < _FEW, few, np.where(means > _MANY, many, inside))


@cache
def _table() -> tuple[Volume, Volume]:
    """Logarithms of expectations, and the divergence of each, summed over all counts that occur."""
    places = np.linspace(np.log(_FEW), np.log(_MANY), 400)
    means = np.exp(places)
    counts = np.arange(1, int(_MANY + 12 * np.sqrt(_MANY)))
    logarithms = np.log(counts)
    factorials = np.cumsum(logarithms)
    chance = np.exp(counts * places[:, None] - means[:, None] - factorials)
    return places, chance @ (counts * logarithms) - means * places


def noise_level(sample: Volume, gain: float, *, pedestal: float = 0.0) -> float:
    """I-divergence per voxel, in the image's units, that photon noise leaves between an image and a perfect model.

    Parameters
    ----------
    sample : ndarray
        Planes of the image on its last two axes, in the image's units.
    gain : float
        Image units per photon.
    pedestal : float
        Part of every voxel that is no light and has no noise: an offset of the camera that the model counts as light.
        0 if the offset was subtracted from the image.

    Returns
    -------
    float
        ``gain * 0.5`` for many photons in every voxel and no pedestal.
    """
    values = np.asarray(sample, np.float64)
    level = expected_divergence(np.maximum(_blurred(values) - pedestal, 0) / gain)
    if pedestal:
        # noise has the variance of the light alone, and the divergence divides it by light and pedestal together
        level *= np.divide(values - pedestal, values, out=np.zeros_like(values), where=values > 0)
    return gain * max(0.0, float(level.mean()))


def _blurred(planes: Volume) -> Volume:
    """The mean of about 5 x 5 voxels, an estimate of their expectation: one voxel of few photons alone has none."""
    for axis in (planes.ndim - 2, planes.ndim - 1) * 2:
        line = np.moveaxis(planes, axis, 0)
        before, after = np.concatenate([line[:1], line[:-1]]), np.concatenate([line[1:], line[-1:]])
        planes = np.moveaxis((before + line + after) / 3, 0, axis)
    return planes


def object_photons(sample: Volume, gain: float, *, offset: float = 0.0, background: float = 0.0) -> float:
    """Photons of the object in a voxel, averaged over the object's light: ``sum(m^2) / sum(m)`` of expectations m.

    Empty voxels around the object do not change it, nor does noise, whose variance is subtracted from the squares.

    Parameters
    ----------
    sample : ndarray
        Voxels of the image, in the image's units.
    gain : float
        Image units per photon.
    offset : float
        Image units of the camera that are no light.
    background : float
        Light that is not the object's, in the image's units above the offset.

    Returns
    -------
    float
        0 for an image without light of an object.
    """
    photons = (np.asarray(sample, np.float64) - offset) / gain
    light = photons - background / gain
    total = float(light.sum())
    squares = float(np.square(light).sum()) - float(photons.sum())
    return squares / total if total > 0 and squares > 0 else 0.0
