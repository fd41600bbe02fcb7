"""Values of an image, from the middle plane of each volume, or of some of many: a file is never decoded whole."""

from __future__ import annotations

import math
from dataclasses import dataclass, replace
from typing import Any

import numpy as np

from rlcore.app.files.decoding import Encoded, decode_nothing
from rlcore.app.files.layout import Place
from rlcore.app.files.opening import Opened
from rlcore.backend import Volume

_VOLUMES = 64
"""Most volumes of which a plane is read."""
_BYTES, _LONGEST_SIDE = 1 << 28, 2048
"""Bytes that are read of all planes together, at least one plane, and voxels along a side of a plane."""
_LARGEST_PAGE = 1 << 29
"""Bytes of the largest compressed plane that is decoded."""
_UNLIKE, _SHARE = 6.0, 0.15
"""Distance from the median of all, in median absolute deviations and as a share, of a volume unlike the rest."""
_SATURATED = 1e-3
"""Share of voxels at the largest number of their type that cannot be by chance."""


@dataclass(frozen=True, slots=True)
class PlaneValues:
    """Values of one plane."""

    time: int
    channel: int
    """Time point and channel, counted as in the file."""
    minimum: float
    mean: float
    maximum: float
    bad: int
    """Number of voxels that are NaN or infinite."""
    at_limit: float
    """Share of voxels that are the largest number of their type."""
    peak: tuple[int, ...]
    """Distance of the brightest voxel from the middle, along y and x."""
    border: float
    """Mean of the outermost voxels."""

    def __str__(self) -> str:
        return f"time {self.time}, channel {self.channel}"


@dataclass(frozen=True, slots=True)
class Sample:
    """Values of the sampled planes."""

    planes: tuple[PlaneValues, ...]
    volumes: int
    """Number of all volumes."""

    @property
    def whole(self) -> tuple[PlaneValues, ...]:
        """Planes without voxels that are no numbers."""
        return tuple(plane for plane in self.planes if not plane.bad)

    def __str__(self) -> str:
        of = "the middle plane" if self.volumes == 1 else f"the middle planes of {len(self.planes)} of {self.volumes}"
        where = of if self.volumes == 1 else f"{of} volumes"
        if not self.whole:
            return f"none in {where} that is a number"
        low, high = min(plane.minimum for plane in self.whole), max(plane.maximum for plane in self.whole)
        return f"{low:g} to {high:g}, mean {np.mean([plane.mean for plane in self.whole]):.6g}, in {where}"


def middle_plane(volume: Encoded) -> Volume:
    """Decodes the middle plane of a volume alone; nothing of one whose planes cannot be decoded alone."""
    plane = volume.shape[-2:]
    if not volume.planes.by_page or math.prod(plane) * volume.dtype.itemsize > _LARGEST_PAGE:
        return decode_nothing(volume)
    if len(volume.shape) == 2:
        return volume.decode(np.empty(plane, volume.dtype))
    middle, first = volume.shape[0] // 2, next(n for n, at in enumerate(volume.index) if isinstance(at, slice))
    index = (*volume.index[:first], slice(middle, middle + 1), *volume.index[first + 1 :])
    return replace(volume, index=index).decode(np.empty((1, *plane), volume.dtype))


def sample_values(image: Opened) -> Sample | None:
    """Returns values of planes of an image; None if none can be read by itself."""
    places, shape = image.layout.places, image.layout.volume_shape
    bytes_of_plane = math.prod(min(size, _LONGEST_SIDE) for size in shape[-2:]) * image.dtype.itemsize
    count = max(1, min(len(places), _VOLUMES, _BYTES // bytes_of_plane))
    chosen = [places[number] for number in np.linspace(0, len(places) - 1, count).round().astype(int)]
    planes = []
    for place in chosen:
        volume = image.volume(place)
        if not any(getattr(volume, "strides", (1,))):  # the zeros that stand for voxels that were not decoded
            return None
        planes.append(_values(_plane(volume, len(shape)), image, place))
    return Sample(tuple(planes), len(places))


def _plane(volume: Any, ndim: int) -> Volume:
    """Returns the middle plane of a volume, cut to its middle where it is very large."""
    sides = []
    for size in volume.shape[-2:]:
        start = max(0, (size - _LONGEST_SIDE) // 2)
        sides.append(slice(start, start + min(size, _LONGEST_SIDE)))
    middle = [slice(volume.shape[0] // 2, volume.shape[0] // 2 + 1)] if ndim == 3 else []
    plane: Volume = np.asarray(volume[(*middle, *sides)]).reshape([side.stop - side.start for side in sides])
    return plane


def _values(plane: Volume, image: Opened, place: Place) -> PlaneValues:
    finite = np.isfinite(plane) if plane.dtype.kind == "f" else np.ones(plane.shape, bool)
    sound = np.where(finite, plane, 0).astype(np.float64)
    largest = np.iinfo(plane.dtype).max if plane.dtype.kind in "iu" else math.inf
    brightest = np.unravel_index(int(sound.argmax()), sound.shape)
    edge = np.concatenate([sound[0], sound[-1], sound[:, 0], sound[:, -1]])
    return PlaneValues(
        image.layout.times[place.time],
        image.layout.channels[place.channel],
        float(sound.min()),
        float(sound.mean()),
        float(sound.max()),
        int((~finite).sum()),
        float((plane == largest).mean()),
        tuple(abs(int(at) - size // 2) for at, size in zip(brightest, sound.shape, strict=True)),
        float(edge.mean()),
    )


def unreadable(sample: Sample) -> list[str]:
    """Returns a sentence about volumes with voxels that no run can restore."""
    bad = [plane for plane in sample.planes if plane.bad]
    if not bad:
        return []
    if sample.volumes == 1:
        return [f"has {bad[0].bad} voxels in its middle plane that are NaN or infinite; replace them"]
    named = "; ".join(map(str, bad[:4])) + (f"; and {len(bad) - 4} more" if len(bad) > 4 else "")
    return [f"has voxels that are NaN or infinite at {named}; --keep-going leaves such volumes empty"]


def odd_values(image: Opened, sample: Sample) -> list[str]:
    """Returns sentences about values that are no usual ones of a microscope."""
    planes = sample.whole
    if not planes:
        return []
    said = []
    low, high = min(plane.minimum for plane in planes), max(plane.maximum for plane in planes)
    if low == high:
        said.append(f"has the value {low:g} in all voxels that were sampled")
    if low < 0:
        said.append(f"has negative values, down to {low:g}, which count as 0")
    if full := [plane for plane in planes if plane.at_limit > _SATURATED and plane.maximum > plane.minimum]:
        share = f"{full[0].at_limit:.1%} of the voxels at {full[0]}"
        said.append(f"is saturated: {share} have the largest value of their type")
    said += _unlike(planes)
    if sample.volumes == 1 and _is_like_a_psf(image, planes[0]):
        shape = image.layout.volume_shape
        if axes := [axis for axis, size in zip("zyx"[-len(shape) :], shape, strict=True) if not size % 2]:
            said.append(
                f"looks like a psf with an even number of voxels along {', '.join(axes)}, whose middle lies between "
                "voxels; `rlcore psf inspect` says where its centre is"
            )
    return said


def _unlike(planes: tuple[PlaneValues, ...]) -> list[str]:
    """Returns a sentence about volumes that are much darker or brighter than others of their channel."""
    found = []
    for channel in dict.fromkeys(plane.channel for plane in planes):
        own = [plane for plane in planes if plane.channel == channel]
        means = np.array([plane.mean for plane in own])
        middle = float(np.median(means))
        away = np.abs(means - middle)
        # two volumes are equally far from their median, and neither is unlike the other
        limit = max(_UNLIKE * float(np.median(away)), _SHARE * abs(middle))
        found += [plane for plane, far in zip(own, away, strict=True) if far > limit]
    if not found:
        return []
    named = "; ".join(f"{plane}: mean {plane.mean:g}" for plane in found[:4])
    return [f"has volumes unlike the others ({named}{'; and more' if len(found) > 4 else ''})"]


def _is_like_a_psf(image: Opened, plane: PlaneValues) -> bool:
    """Returns whether a small volume is brightest in its middle and dark at its borders."""
    small = math.prod(image.layout.volume_shape) <= 1 << 20
    return image.dtype.kind == "f" and small and max(plane.peak) <= 1 and plane.border < 0.1 * plane.maximum
