"""Images as photons: the model of a camera, and a few photons held out from the rest.

An image is ``offset + gain * n`` with n photons in a voxel, of which each is held out with the same probability,
whatever the others do. So both parts are Poisson counts again, and neither knows of the other's noise (data thinning).
"""

from __future__ import annotations

import math
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from rlcore.algorithm.ranges import LARGEST, in_range
from rlcore.algorithm.sampled_planes import SAMPLED_VOXELS, SampledPlanes
from rlcore.algorithm.stopping import HELD_OUT
from rlcore.backend import Volume
from rlcore.backend.host.memory import processors
from rlcore.errors import InputError

Gain = float | tuple[float, float] | None
"""Image units per photon, or these and the camera's offset; None to estimate both."""

MINIMUM_PHOTONS = 1000
"""Smallest number of photons in an image that suffices to find where to stop."""

_MAXIMUM_PHOTONS = 1e9
"""Photons in a voxel above which an image has no photon noise that could be measured."""

_MAXIMUM_COUNT = 2.0**53
"""Photons in a voxel beyond which floating-point numbers do not count one by one."""

_PIECE = 1 << 20
"""Voxels that a thread reads at a time, unless a single plane has more."""
_AT_ONCE = 1 << 16
"""Voxels split at a time: few, since their random numbers take many times their own memory."""

_BAND = 16
"""Rows that are looked at together for the gain: differences of their noise are taken along both axes."""

_DIFFERENCE = np.array([1.0, -4.0, 6.0, -4.0, 1.0]) / math.sqrt(70.0)
"""A filter that preserves the variance of noise and removes slow changes. For five Poisson counts of one expectation,
its mean square is their mean, given their sum."""


@dataclass(frozen=True, slots=True)
class Photons:
    """The model of a camera: ``offset + gain * photons``."""

    gain: float
    offset: float

    def hold_out(self, counts: Volume, rng: np.random.Generator) -> npt.NDArray[np.int64]:
        """The number of photons of every voxel that are held out."""
        photons = np.maximum(np.rint((counts - self.offset) / self.gain), 0).astype(np.int64)
        return rng.binomial(photons, HELD_OUT)


@dataclass(frozen=True, slots=True, eq=False)
class Split:
    """An image split into two parts of independent photons."""

    fitted: Volume
    """The image without the photons that were held out, and less of the offset in proportion: the same problem with
    less light, which is solved in as many iterations."""
    held_out: Volume
    """The image of the held-out photons in the sampled planes, scaled up to the number of fitted photons, with as much
    of the offset: its expectation is that of the fitted part."""

    @staticmethod
    def background(background: float) -> float:
        """The background of each part."""
        return (1 - HELD_OUT) * background


def check_gain(gain: Any) -> Photons | None:
    """The caller's gain and offset, checked; None if they are to be estimated.

    Raises
    ------
    InputError
        If they are not a positive gain and an offset of at least 0.
    """
    if gain is None:
        return None
    pair = gain if isinstance(gain, (tuple, list)) else (gain, 0.0)
    if len(pair) != 2 or not all(in_range(each, -LARGEST) for each in pair):
        raise InputError(f"gain {gain!r} is neither a number nor a pair of gain and offset")
    if not (float(pair[0]) > 0 and float(pair[1]) >= 0):
        raise InputError(f"gain {gain!r} is not positive, or its offset is negative; give image units per photon")
    return Photons(float(pair[0]), float(pair[1]))


def check_photons(photons: Photons, maximum: float) -> None:
    """Refuse a gain by which an image of this maximum has more photons than can be counted one by one.

    Raises
    ------
    InputError
        If it has; the message says how many.
    """
    most = (maximum - photons.offset) / photons.gain
    if most > _MAXIMUM_COUNT:
        raise InputError(
            f"gain {photons.gain:g} makes {most:.3g} photons of the image's maximum, {maximum:g}; give image units per "
            "photon, or iterations a number"
        )


def split(image: Any, photons: Photons, fitted: Volume, to_host: Callable[[Any], Volume], seed: int = 0) -> Split:
    """Hold photons out; what is left goes to `fitted`.

    Every plane has random numbers of its own, so the split depends on nothing but image and seed.
    """
    shape = tuple(map(int, image.shape))
    sampled = SampledPlanes.over(shape)
    held_out = np.zeros((len(sampled.planes), *shape[1:]), np.float32)
    scale = photons.gain * (1 - HELD_OUT) / HELD_OUT

    def part(start: int, stop: int) -> int:
        counts, taken = to_host(image[start:stop]), 0
        for plane, values in zip(range(start, stop), counts, strict=True):
            rng = np.random.Generator(np.random.Philox(key=np.array([seed % (1 << 64), plane], np.uint64)))
            rows = max(1, _AT_ONCE // math.prod(values.shape[1:]))
            for at in range(0, len(values), rows):
                here = slice(at, at + rows)
                seen = np.maximum(values[here], 0)
                out = photons.hold_out(seen, rng)
                taken += int(out.sum())
                less = photons.gain * out + HELD_OUT * photons.offset
                fitted[plane, here] = np.maximum(seen - less, 0)
                if plane in sampled.planes:
                    held_out[plane // sampled.step, here] = scale * out + (1 - HELD_OUT) * photons.offset
        return taken

    together = max(1, _PIECE // math.prod(shape[1:]))
    with ThreadPoolExecutor(processors()) as pool:
        parts = [pool.submit(part, at, min(at + together, shape[0])) for at in range(0, shape[0], together)]
        taken = sum(each.result() for each in parts)
    if taken < HELD_OUT * MINIMUM_PHOTONS:
        raise InputError(
            f"image has only about {taken / HELD_OUT:.0f} photons at a gain of {photons.gain:g}, too few to hold some "
            "out; give iterations a number"
        )
    return Split(fitted, held_out)


def estimate(image: Any, to_host: Callable[[Any], Volume]) -> Photons:
    """Gain and offset by the photon transfer: the noise's variance against the brightness, a line.

    The variance is that of fourth differences within planes, along the axis where it is less, since an object's own
    changes only add to it.
    """
    shape = tuple(map(int, image.shape))
    if min(shape[-2:]) < 8:
        raise _untold("it is too small")
    sample = _bands(image, shape, to_host)
    whole = bool(np.all(sample == np.rint(sample)))
    gain, offset = _line(*_transfer(sample))
    mean = float(sample.mean(dtype=np.float64))
    if whole and 0.8 < gain < 1.25:
        gain = 1.0
    offset = 0.0 if offset < 0.2 * mean else offset
    if float(sample.max()) - offset > _MAXIMUM_PHOTONS * gain:
        raise _untold("it has no photon noise")
    return Photons(gain, offset)


def _bands(image: Any, shape: tuple[int, ...], to_host: Callable[[Any], Volume]) -> Volume:
    """Bands of rows, evenly spaced: of the sampled planes, or of the only one; whole planes where they are small.

    They hold at most about `SAMPLED_VOXELS` voxels, unless that were less than a band for each plane, so the estimate
    takes no more memory than every plan has to spare.
    """
    planes = list(SampledPlanes.over(shape).planes) if len(shape) == 3 else [None]
    bands = max(1, SAMPLED_VOXELS // (len(planes) * _BAND * shape[-1]))
    if bands * _BAND >= shape[-2]:
        starts, rows = [0], shape[-2]
    else:
        starts, rows = [round((k + 0.5) * (shape[-2] - _BAND) / bands) for k in range(bands)], _BAND
    found = []
    for plane in planes:
        if plane is None:
            found += [to_host(image[at : at + rows]) for at in starts]
        else:
            whole = to_host(image[plane : plane + 1])[0]
            found += [whole[at : at + rows] for at in starts]
    return np.stack(found)


def _transfer(sample: Volume) -> tuple[Volume, Volume, Volume]:
    """Brightness, variance and number of voxels, for voxels of about the same brightness together."""
    found = [_means_and_squares(sample, axis) for axis in (0, 1)]
    edges = np.unique(np.quantile(found[0][0], np.linspace(0, 1, 33)))
    groups = [np.searchsorted(edges[1:-1], mean, side="right").astype(np.int8) for mean, _ in found]
    rows = []
    for group in range(max(1, len(edges) - 1)):
        picked = [(mean[g == group], square[g == group]) for (mean, square), g in zip(found, groups, strict=True)]
        if min(len(mean) for mean, _ in picked) >= 50:
            variances = [_without_edges(square) for _, square in picked]
            least = int(np.argmin(variances))
            rows.append((float(picked[least][0].mean()), variances[least], len(picked[least][0])))
    brightness, variance, number = np.array(rows, dtype=np.float64).reshape(-1, 3).T
    return brightness, variance, number


def _means_and_squares(sample: Volume, axis: int) -> tuple[Volume, Volume]:
    """Mean of five voxels in a row along an axis of a band, and the square of their fourth difference."""
    means, squares = [], []
    for band in sample:
        line = np.moveaxis(band.astype(np.float64), axis, -1)
        n = line.shape[-1] - 4
        parts = [line[..., i : i + n] for i in range(5)]
        difference = sum((c * p for c, p in zip(_DIFFERENCE[1:], parts[1:], strict=True)), _DIFFERENCE[0] * parts[0])
        means.append((sum(parts[1:], parts[0]) / 5).astype(np.float32).ravel())
        squares.append(np.square(difference).astype(np.float32).ravel())
    return np.concatenate(means), np.concatenate(squares)


def _without_edges(squares: Volume) -> float:
    """The mean of squares of normal numbers, without those of outliers."""
    mean = float(squares.mean())
    for _ in range(10):
        mean = float(squares[squares <= 9 * mean].mean() / 0.9733) if mean > 0 else 0.0
    return mean


def _line(brightness: Volume, variance: Volume, number: Volume) -> tuple[float, float]:
    """Slope, and where the line meets 0; variances of variances are in proportion to their squares."""
    lit = variance > 0
    if lit.sum() < 2:
        raise _untold("it has no noise")
    x, y, weight = brightness[lit], variance[lit], number[lit] / np.square(variance[lit])
    middle, level = np.average(x, weights=weight), np.average(y, weights=weight)
    spread = float(weight @ np.square(x - middle))
    slope = float(weight @ ((x - middle) * (y - level))) / spread if spread > 0 else 0.0
    if not slope > 5 * math.sqrt(2 / spread if spread > 0 else math.inf):
        raise _untold("its noise does not grow with its brightness")
    return slope, float(middle - level / slope)


def _untold(reason: str) -> InputError:
    return InputError(
        f"image does not tell how many photons it is of: {reason}; give gain= (1 if its values are counts), or "
        "iterations a number"
    )
