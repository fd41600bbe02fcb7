"""Writer for OME-Zarr 0.5: every volume with its coarser levels, in whole chunks."""

from __future__ import annotations

import json
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from rlcore.app.files.layout import Place
from rlcore.app.files.writing.durable import sync_names, sync_tree, write_whole
from rlcore.app.files.writing.pyramid import Factors, coarsen, level_shape
from rlcore.app.files.writing.stamps import files_in, metadata_frame, sum_of_files
from rlcore.app.files.zarr.input import libraries
from rlcore.app.files.zarr.metadata import image_metadata
from rlcore.app.files.zarr.volume_in_array import VolumeInArray
from rlcore.backend import Shape
from rlcore.planner import Plan

if TYPE_CHECKING:
    from rlcore.app.files.writing.output import Target

_CHUNK = (16, 256, 256)
"""Voxels of a chunk: 4 MiB of float32."""

_BARE = json.dumps({"zarr_format": 3, "node_type": "group", "attributes": {}})
"""Metadata of a group that is not complete."""


class ZarrOutput:
    """An output Zarr group. Chunks are no larger than the core of a block, so that blocks write whole chunks."""

    def __init__(self, path: Path, target: Target, group: Any) -> None:
        self._path, self._target, self._group = path, target, group
        self._axes = "".join(letter for letter in "TCZYX" if letter in target.layout.axes)
        self._factors = target.levels

    @classmethod
    def create(cls, path: Path, target: Target) -> ZarrOutput:
        """Creates a group with an empty array for each level."""
        zarr, _ = libraries()
        output = cls(path, target, zarr.open_group(path, mode="w", zarr_format=3))
        chunk = _chunk(target.plan, target.layout.volume_shape)
        for number, factors in enumerate(output._factors):
            output._group.create_array(
                str(number),
                shape=output._whole(level_shape(target.layout.volume_shape, factors), output._sizes),
                chunks=output._whole(chunk, {}),
                dtype=target.dtype,
                dimension_names=list(output._axes.lower()),
            )
        return output

    @classmethod
    def reopen(cls, path: Path, target: Target) -> ZarrOutput:
        """Reopens a group that an earlier run has created."""
        zarr, _ = libraries()
        # as it was before it got its attributes, in case that the run was killed then, or the file was damaged
        write_whole(path / "zarr.json", _BARE)
        return cls(path, target, zarr.open_group(path, mode="r+"))

    @property
    def _sizes(self) -> dict[str, int]:
        return {letter: self._target.layout.size(letter) for letter in "TC"}

    def volume(self, place: Place) -> VolumeInArray:
        return self._level(0, place)

    def finish(self, place: Place) -> None:
        for number in range(1, len(self._factors)):
            steps = tuple(b // a for a, b in zip(self._factors[number - 1], self._factors[number], strict=True))
            coarsen(self._level(number - 1, place), self._level(number, place), steps)
        for chunks in self._folders(place):
            # not the whole group: with every volume that would be more
            sync_tree(chunks)
            for folder in chunks.parents[: len(chunks.relative_to(self._path).parts)]:
                sync_names(folder)

    def checksum(self, place: Place) -> int:
        """Returns the checksum of a volume's chunks, which are not decoded."""
        return sum_of_files((path for each in self._folders(place) for path in files_in(each)), self._path)

    def frame(self) -> list[int]:
        return metadata_frame(self._path)

    def close(self, target: Target) -> None:
        """Writes the metadata last, so that an incomplete group is not taken for an image."""
        ceilings = [self._ceiling(channel) for channel in range(len(self._target.layout.channels))]
        self._group.attrs.update(image_metadata(target, self._axes, self._padded_factors(), ceilings))

    def _folders(self, place: Place) -> list[Path]:
        """Returns the folders of a volume's chunks; zarr writes no chunks of zeros, so there may be none."""
        at = [index for index in self._target.layout.in_result(place, self._axes) if not isinstance(index, slice)]
        folders = [self._path.joinpath(str(n), "c", *map(str, at)) for n in range(len(self._factors))]
        return [folder for folder in folders if folder.is_dir()]

    def _level(self, number: int, place: Place) -> VolumeInArray:
        index = self._target.layout.in_result(place, self._axes)
        return VolumeInArray(self._group[str(number)], index, str(self._path))

    def _ceiling(self, channel: int) -> float:
        """Returns the largest value of a channel's coarsest level, which a viewer shows as white."""
        # the finest level would have to be read again, and its single brightest voxel would darken the display
        layout = self._target.layout
        places = [place for place in layout.places if place.channel == channel]
        top = [self._level(len(self._factors) - 1, place) for place in places]
        return max(float(volume[(slice(None),)].max()) for volume in top)

    def _whole(self, volume: Shape, others: dict[str, int]) -> Shape:
        """Extends the shape of a volume by the axes that it lacks; of length 1 unless given in `others`."""
        sizes = {**others, **dict(zip("ZYX"[-len(volume) :], volume, strict=True))}
        return tuple(sizes.get(letter, 1) for letter in self._axes)

    def _padded_factors(self) -> list[Factors]:
        return [self._whole(factors, {}) for factors in self._factors]


def _chunk(plan: Plan, shape: Shape) -> Shape:
    """Returns the shape of a chunk: convenient to view, but no larger than a block's core along divided axes."""
    wanted = _CHUNK if len(shape) == 3 else (4 * _CHUNK[1], 4 * _CHUNK[2])
    domain = plan.geometry.domain.shape
    # along an axis that is not divided, the core may be larger than the volume
    cores = [k if k < d else n for k, d, n in zip(plan.core_shape, domain, shape, strict=True)]
    return tuple(int(np.clip(c, 1, min(k, n))) for c, k, n in zip(wanted, cores, shape, strict=True))
