"""The camera of an image, estimated from the image's own noise; 0 and no gain if the noise does not show one."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any

import numpy as np

from rlcore.algorithm.camera.model import Camera, Kind
from rlcore.algorithm.camera.photon_transfer import SMALLEST, Groups, Line, Squares, fit_line, group, squares
from rlcore.algorithm.camera.sample import ToHost, take_sample
from rlcore.algorithm.camera.saturation import find_saturation
from rlcore.backend import Volume

_CERTAIN = 3.0
"""Standard errors that an offset must be above 0; smaller ones, and those below 0, count as 0."""

_WORTH = 0.1
"""Share of the darkest brightness that an offset must be: a smaller one does not change a result."""

_WHITE = 2.0
"""Whiteness above which noise is smooth."""

_SMOOTHED = 0.5
"""Share of the darkest brightness that an offset must be where noise is smooth."""

_STRAIGHT = 0.25
"""Misfit above which a variance is no line over brightness."""

_MOST_PHOTONS = 1e9
"""Photons in a voxel above which an image has no photon noise that could be measured."""

_READ_NOISE = 1.5
"""Read noise in photons that is assumed at most: sCMOS and EMCCD cameras have less, and an image's noise does not tell
it from light that is present everywhere."""

_DARK = 5.0
"""Percentile of the brightness of 5 x 5 voxels that is taken for a place without light of the object."""


def estimate_camera(
    image: Any, to_host: ToHost, *, offset: float | None = None, gain: float | None = None, dtype: Any = np.float32
) -> Camera:
    """Estimate offset, gain, read noise and background of an image's camera from a sample of the image.

    Parameters
    ----------
    image : array_like
        Image on 2 or 3 axes, given by slicing along the first one.
    to_host : callable
        Brings a slice of the image to the host.
    offset, gain : float, optional
        What is known of the camera already; the rest is estimated.
    dtype : dtype
        Data type that the image was recorded in, whose maximum is saturated.

    Returns
    -------
    Camera
        With offset 0, no gain and the reason as `kind` if the image's noise does not show a camera. It never raises for
        an image that shows none.
    """
    if min(map(int, image.shape[-2:])) < SMALLEST:
        return Camera(offset or 0.0, gain, kind="too small")
    with np.errstate(all="ignore"):  # values that are not finite are left out, and said elsewhere
        sample = take_sample(image, to_host)
        found, level = _squares_without_full(sample, dtype)
        if not found.noise.size:
            return Camera(offset or 0.0, gain, kind="no noise")
        whole = bool(np.all(sample == np.rint(sample)))
        transfer = _transfer(found, level, gain, whole=whole)
    dark = level + float(np.percentile((16 * found.around + 9 * found.brightness) / 25, _DARK))
    if offset is None:
        return _with_offset(transfer, dark, gain)
    read_noise = math.sqrt(transfer.gain * max(0.0, offset - transfer.zero)) if transfer.gain else 0.0
    error = None if gain is not None else transfer.gain_error
    return Camera(offset, transfer.gain, read_noise, max(0.0, dark - offset), transfer.kind, None, error)


def _squares_without_full(sample: Volume, dtype: Any) -> tuple[Squares, float]:
    """Squares of the sample without saturated voxels, less a level that keeps float32 exact; and that level."""
    full = find_saturation(sample, dtype)
    if full is not None:
        sample = np.where(sample >= full, np.nan, sample).astype(np.float32)
    level = float(np.nanmin(np.where(np.isfinite(sample), sample, np.nan))) if np.isfinite(sample).any() else 0.0
    return squares(sample - np.float32(level)), level


@dataclass(frozen=True, slots=True)
class _Transfer:
    """What the photon transfer shows: the gain, and where its line meets zero; both None if it shows no camera."""

    kind: Kind
    gain: float | None = None
    zero: float = -math.inf
    gain_error: float | None = None
    zero_error: float = math.inf


def _transfer(found: Squares, level: float, gain: float | None, *, whole: bool) -> _Transfer:
    """The photon transfer, and whether it is a camera's. A gain that is given stays.

    Voxels are grouped by their neighbours' brightness, or by their own if their neighbours differ too little.
    """
    for by in (found.around, found.brightness):
        groups = group(found, by)
        line = fit_line(groups)
        if line is None or line.significant:
            break
    kind = _kind(line, groups, float(found.brightness.max()))
    if line is None or kind not in ("counts", "smoothed"):
        return _Transfer(kind, gain)
    if kind == "smoothed":  # a smoothing scales the variance and leaves the brightness at which it is 0
        return _Transfer(kind, gain, line.zero + level, None, line.zero_error)
    if gain is None and whole and abs(line.slope - 1) < _CERTAIN * line.slope_error + 0.03:
        counts = fit_line(groups, 1.0)
        if counts is not None and abs(counts.zero + level) < _CERTAIN * counts.zero_error:
            return _Transfer(kind, 1.0, 0.0, line.slope_error, counts.zero_error)
    if gain is not None:
        line = fit_line(groups, gain) or line
    return _Transfer(kind, line.slope, line.zero + level, line.slope_error or None, line.zero_error)


def _kind(line: Line | None, groups: Groups, brightest: float) -> Kind:
    if line is None:
        return "no noise"
    if not line.significant:
        return "constant noise"
    if line.misfit > _STRAIGHT:
        return "not linear"
    if brightest - line.zero > _MOST_PHOTONS * line.slope:
        return "no noise"
    return "smoothed" if groups.whiteness > _WHITE else "counts"


def _with_offset(transfer: _Transfer, dark: float, gain: float | None) -> Camera:
    """The camera with its offset, which is not below the line's zero and not above the darkest brightness.

    The noise does not tell read noise from light that is present everywhere, and a result does not depend on which it
    is called: as much is called read noise as cameras have.
    """
    zero, error = min(transfer.zero, dark), transfer.zero_error
    least = _SMOOTHED if transfer.kind == "smoothed" else _WORTH
    shown = zero > max(_CERTAIN * error, least * dark)
    gain_error = None if gain is not None else transfer.gain_error
    if transfer.kind == "smoothed" or transfer.gain is None or not math.isfinite(zero):
        offset = zero if shown else 0.0
        return Camera(offset, gain, 0.0, max(0.0, dark - offset), transfer.kind, error if shown else None)
    if not shown:
        pedestal = -zero if zero < -_CERTAIN * error else 0.0
        read_noise = math.sqrt(transfer.gain * pedestal)
        return Camera(0.0, transfer.gain, read_noise, max(0.0, dark), transfer.kind, None, gain_error)
    pedestal = min(dark - zero, _READ_NOISE**2 * transfer.gain)
    offset, read_noise = zero + pedestal, math.sqrt(transfer.gain * pedestal)
    background = max(0.0, dark - offset)
    return Camera(offset, transfer.gain, read_noise, background, transfer.kind, math.hypot(error, pedestal), gain_error)
