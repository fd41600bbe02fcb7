"""The camera of an image, estimated from the image's own noise; 0 and no gain if the noise does not show one."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from rlcore.algorithm.camera.model import Camera, Kind
from rlcore.algorithm.camera.photon_transfer import (
    CERTAIN,
    SMALLEST,
    SMOOTH,
    Groups,
    Line,
    Squares,
    fit_line,
    group,
    squares,
)
from rlcore.algorithm.camera.sample import ToHost, take_sample
from rlcore.algorithm.camera.saturation import find_saturation
from rlcore.backend import Volume

_WORTH = 0.1
"""Share of the darkest brightness that an offset must be: a smaller one does not change a result."""

_PHOTONS = 0.5
"""Photons that an offset must be worth, for the same reason."""

_SMOOTHED = 0.5
"""Share of the darkest brightness that an offset must be where noise is smooth."""

_STRAIGHT = 0.15
"""Misfit above which a variance is no line over brightness."""

_NEAR_ONE = 0.03
"""Distance from 1 at which the gain of whole numbers is taken for 1, beside what chance makes."""

_LEAST_GAIN = 0.1
"""Smallest gain of cameras that write whole numbers, in units per photon."""

_ROUNDING = 0.2
"""Variance of whole numbers below which most of it is of their rounding, 1/12."""

_ROUNDED = 0.02
"""Gain of whole numbers below which their noise is that of rounding."""

_MOST_PHOTONS = 1e9
"""Photons in a voxel above which an image has no photon noise that could be measured."""

_READ_NOISE = 1.5
"""Read noise in photons that is assumed at most: sCMOS and EMCCD cameras have less, and an image's noise does not tell
it from light that is present everywhere."""

_DARK = 1e-3
"""Share of the places, those with the darkest neighbours, that are taken for places without light of the object."""

_PLACES = 50
"""Places that it takes at least."""


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
        found, level, full = _prepare(sample, dtype)
        if not found.noise.size:
            return Camera(offset or 0.0, gain, kind="no noise")
        whole = bool(np.all(sample == np.rint(sample)))
        transfer = _transfer(found, level, full, gain, whole=whole)
    dark = level + _mean_of_darkest(found.around, found.brightness)
    if offset is None:
        return _with_offset(transfer, level, dark, whole=whole)
    excess = 0.0 if transfer.line is None else offset - (transfer.line.zero + level)
    read_noise = math.sqrt(transfer.gain * max(0.0, excess)) if transfer.gain else 0.0
    return Camera(offset, transfer.gain, read_noise, max(0.0, dark - offset), transfer.kind, None, transfer.gain_error)


def _mean_of_darkest(around: Volume, brightness: Volume) -> float:
    """Mean brightness of the places with the darkest neighbours, whose noise is independent of that of the places.

    A low percentile of the brightness itself would be that of the noise, and too dark.
    """
    count = min(around.size, max(_PLACES, int(_DARK * around.size)))
    return float(brightness[np.argpartition(around, count - 1)[:count]].mean(dtype=np.float64))


def _prepare(sample: Volume, dtype: Any) -> tuple[Squares, float, float]:
    """Squares of the sample less a level that keeps float32 exact, that level, and the saturated value less the level.

    Borders that were filled in with a value below all others are left out.
    """
    full = find_saturation(sample, dtype)
    finite = sample[np.isfinite(sample)]
    if not finite.size:
        return squares(sample), 0.0, math.inf
    level = float(finite.min())
    rest = finite[finite > level]
    if finite.size - rest.size >= _PLACES and rest.size:
        least = float(rest.min())
        if least - level > 2 * (float(np.median(rest[:: 1 + rest.size // 40000])) - least) > 0:
            sample, level = np.where(sample > level, sample, np.float32(np.nan)), least
    return squares(sample - np.float32(level)), level, math.inf if full is None else full - level


@dataclass(frozen=True, slots=True)
class _Transfer:
    """What the photon transfer shows; no gain or no line if it shows no camera's."""

    kind: Kind
    gain: float | None = None
    line: Line | None = None
    gain_error: float | None = None


def _transfer(found: Squares, level: float, full: float, gain: float | None, *, whole: bool) -> _Transfer:
    """The photon transfer, and whether it is a camera's. A gain that is given stays.

    Voxels are grouped by their neighbours' brightness, or by their own if their neighbours differ too little.
    """
    groups = group(found, found.around, full)
    line = first = fit_line(groups)
    if line is not None and not line.significant:
        groups = group(found, found.brightness, full)
        line = fit_line(groups)
    smooth = groups.whiteness > SMOOTH[found.planes]
    kind = _kind(line, groups, float(found.brightness.max()), whole=whole, smooth=smooth)
    if first is not None and line is not None and gain is None and whole and line.zero_least + level <= 0:
        steep = _steepest(groups, level, first) if kind in ("counts", "constant noise") and not smooth else None
        kind, line = ("counts", steep) if steep else (kind, line)
    if line is None or kind not in ("counts", "smoothed"):
        return _Transfer(kind, gain)
    if kind == "smoothed":  # a smoothing scales the variance and leaves the brightness at which it is 0
        return _Transfer(kind, gain, line)
    if gain is not None:
        return _Transfer(kind, gain, fit_line(groups, gain))
    return _Transfer(kind, line.slope, line, line.slope_error)


def _steepest(groups: Groups, level: float, line: Line) -> Line | None:
    """The steepest line that the noise allows, where it is too faint to show one but cannot be that of light alone.

    Without an offset all brightness were light, and its variance over it the gain. Cameras that write whole numbers
    have no gain as small as this where there is little light and an offset.
    """
    brightness = float(np.average(groups.brightness, weights=groups.number)) + level
    variance = float(np.average(groups.variance, weights=groups.number))
    slope = line.slope + line.slope_error
    if not (_ROUNDING < variance < _LEAST_GAIN * brightness and _LEAST_GAIN < slope < math.inf):
        return None
    steep = fit_line(groups, slope)
    return steep and replace(steep, slope_error=line.slope_error, zero_error=variance / slope)


def _kind(line: Line | None, groups: Groups, brightest: float, *, whole: bool, smooth: bool) -> Kind:
    if line is None:
        return "no noise" if groups.number.size and not groups.variance.any() else "too small"
    if not line.significant:
        return "constant noise"
    if line.misfit > _STRAIGHT:
        return "not linear"
    if brightest - line.zero > _MOST_PHOTONS * line.slope or (whole and line.slope < _ROUNDED):
        return "no noise"
    return "smoothed" if smooth else "counts"


def _with_offset(transfer: _Transfer, level: float, dark: float, *, whole: bool) -> Camera:
    """The camera with its offset: 0 unless the line's zero is certain to be above it, and by enough to matter.

    The noise does not tell read noise from light that is present everywhere, and a result does not depend on which it
    is called: as much is called read noise as cameras have. `level` is what was subtracted from the line's brightness.
    """
    kind, gain, line, gain_error = transfer.kind, transfer.gain, transfer.line, transfer.gain_error
    if line is None:
        return Camera(0.0, gain, 0.0, max(0.0, dark), kind)
    zero, error = line.zero + level, line.zero_error
    worth = _SMOOTHED * dark if kind == "smoothed" else max(_WORTH * dark, _PHOTONS * line.slope)
    shown = line.zero_least + level > 0 and zero > worth
    if kind == "smoothed" or gain is None:
        offset = min(zero, dark) if shown else 0.0
        return Camera(offset, gain, 0.0, max(0.0, dark - offset), kind, error if shown else None)
    if shown:
        pedestal = max(0.0, min(dark - zero, _READ_NOISE**2 * gain))
        offset = min(zero, dark) + pedestal
        error = math.hypot(error, pedestal)
        return Camera(offset, gain, math.sqrt(gain * pedestal), max(0.0, dark - offset), kind, error, gain_error)
    if whole and gain_error is not None and abs(gain - 1) < CERTAIN * gain_error + _NEAR_ONE:
        gain, gain_error = 1.0, None
    pedestal = -zero if zero < -CERTAIN * error else 0.0
    return Camera(0.0, gain, math.sqrt(gain * pedestal), max(0.0, dark), kind, None, gain_error)
