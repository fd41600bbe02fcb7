"""Files of a camera: dark frames, gain maps, data weights and maps of hot pixels, opened like any other image."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from rlcore.api.camera_options import CameraOptions
from rlcore.app.camera.said import FIND, FINITE, KEEP, CameraTexts, Said
from rlcore.app.files.layout import Pick, Place, counted
from rlcore.app.files.likely_axes import open_stack
from rlcore.app.files.opening import Opened
from rlcore.app.files.remote.url import Location, Url, location
from rlcore.errors import InputError
from rlcore.execution.volumes.data_weights import check_weights


@dataclass(frozen=True, slots=True, eq=False)
class Map:
    """A file, and its voxels: one for each pixel of the camera, or one for each voxel of a volume."""

    opened: Opened
    values: Any


@dataclass(frozen=True, slots=True, eq=False)
class ChannelMaps:
    """Files that were given for a channel; None where there is none."""

    dark: Map | None = None
    gain: Map | None = None
    weights: Map | None = None
    hot: Map | None = None
    finite: bool = False
    """True if voxels that are NaN or infinite are no data."""

    @property
    def files(self) -> dict[str, Map]:
        """The files by their roles."""
        found = {"dark frame": self.dark, "gain map": self.gain, "weights": self.weights, "hot pixels": self.hot}
        return {role: each for role, each in found.items() if each is not None}


def open_maps(texts: CameraTexts, said: Sequence[Said], image: Opened) -> list[ChannelMaps]:
    """Opens the files of all channels; one that several channels name is opened once.

    Raises
    ------
    InputError
        If a file cannot be read, has another shape than the image's volumes and their planes, or values of no use.
    """
    known: dict[tuple[str, Location], Map] = {}

    def opened(role: str, path: Location) -> Map:
        if (role, path) not in known:
            known[role, path] = _open(role, path, image)
        return known[role, path]

    def of(role: str, given: Any) -> Map | None:
        return opened(role, given) if isinstance(given, (Path, Url)) else None

    weights = None if texts.weights in (None, FINITE) else location(str(texts.weights))
    hot = None if texts.hot_pixels in (FIND, KEEP) else location(texts.hot_pixels)
    finite = texts.weights == FINITE
    return [
        ChannelMaps(
            of("dark frame", each.offset), of("gain map", each.gain), of("weights", weights),
            of("map of hot pixels", hot), finite,
        )
        for each in said
    ]  # fmt: skip


def _open(role: str, path: Location, image: Opened) -> Map:
    name, shape = f"{role} {str(path)!r}", image.layout.volume_shape
    opened = open_stack(path, role, Pick())
    layout, depth = opened.layout, shape[0] if len(shape) == 3 else 1
    for letter in "CT":
        # as many as the image has planes, and of no other use
        if layout.size_in_file("Z") == 1 and layout.size_in_file(letter) == depth > 1:
            opened = replace(opened, layout=layout.with_depth(letter))
    if len(opened.layout.places) > 1:
        raise InputError(f"{name} has {counted(opened.layout)}; save the one you want as a file")
    volume = opened.volume(Place())
    if tuple(volume.shape) not in (shape, shape[-2:]):
        raise InputError(
            f"{name} has shape {tuple(volume.shape)}; it must have that of the image's planes, {shape[-2:]}"
            f"{f', or of its volumes, {shape}' if len(shape) == 3 else ''}"
        )
    try:
        return Map(opened, _values(role, volume, shape))
    except InputError as error:
        raise InputError(f"{name} cannot be used: {error}") from error


def _values(role: str, volume: Any, shape: tuple[int, ...]) -> Any:
    """Returns the voxels of a file, checked; weights stay where they are, since they may be as many as the image's."""
    if role == "weights":
        return check_weights(volume, shape)
    values = np.asarray(volume[(slice(None),) * len(volume.shape)])
    if role == "dark frame":
        return CameraOptions.of(shape, offset=values).offset
    if role == "gain map":
        return CameraOptions.of(shape, gain=values).gain
    return CameraOptions.of(shape, hot_pixels=values).hot_pixels
