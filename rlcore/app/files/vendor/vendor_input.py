"""Reader for files of microscope vendors, by way of BioIO: one volume is read at a time."""

from __future__ import annotations

from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from rlcore.app.files.images import ImageEntry, choose_image, may_be_aside, tell_thumbnails
from rlcore.app.files.layout import Layout, Pick, lay_out
from rlcore.app.files.metadata.description import Description
from rlcore.app.files.vendor.contained import contained
from rlcore.app.files.vendor.description import Asked, describe
from rlcore.app.files.vendor.formats import Format, folder_beside
from rlcore.app.files.vendor.planes import VendorPlanes
from rlcore.app.files.vendor.readers import open_reader
from rlcore.errors import InputError, caution
from rlcore.execution.volumes.image import ImageWarning


@dataclass(frozen=True, slots=True, eq=False)
class VendorImage:
    """An image in a vendor's file."""

    about: Description
    layout: Layout
    dtype: np.dtype[Any]
    planes: VendorPlanes
    images: tuple[ImageEntry, ...]
    """All images of the file."""
    taken: ImageEntry


def read_vendor(path: Path, file: str, format_: Format, pick: Pick) -> VendorImage:
    """Opens a file, and reads the metadata of one of its images.

    Parameters
    ----------
    path : Path
    file : str
        The file's role and name in messages.
    format_ : Format
        Its format, by its name.
    pick : Pick
        The user's selection; a scene is an image.

    Raises
    ------
    InputError
        If nothing that is installed can read the file, or there is no such image.
    """
    if not path.stat().st_size:
        raise InputError(f"{file} cannot be read: it is empty; get it again from where it came")
    reader = open_reader(path, file, format_)
    images = _images_of(reader)
    taken = choose_image(file, images, pick)
    with contained():
        reader.set_scene(taken.number)
        axes, array = _voxels(reader)
    _check_samples(axes, array.shape, file, pick)
    lengths = dict(zip(axes, map(int, array.shape), strict=True))
    sizes = {letter: lengths.get(letter, 1) for letter in "TCZ"}
    sizes["C"] = max(sizes["C"], lengths.get("S", 1))  # samples of a pixel are restored as channels
    folder = folder_beside(path)
    about = replace(describe(Asked(reader), taken.number, sizes, file), beside=(folder.name,) if folder else ())
    layout = lay_out(file, axes, array.shape, pick, about.channels)
    return VendorImage(about, layout, np.dtype(array.dtype), VendorPlanes(file, array), images, taken)


def list_vendor(path: Path, file: str, format_: Format) -> tuple[ImageEntry, ...]:
    """Returns the images of a file; raises InputError if nothing that is installed can read it."""
    return _images_of(open_reader(path, file, format_))


def _images_of(reader: Any) -> tuple[ImageEntry, ...]:
    """Returns the scenes of a file; their sizes too where a name may be a thumbnail's, as looking them up is slow."""
    entries = [ImageEntry(number, str(name)) for number, name in enumerate(reader.scenes)]
    if any(may_be_aside(entry.name) for entry in entries):
        for entry in entries:
            with contained():
                reader.set_scene(entry.number)
                axes, array = _voxels(reader)
            shape = tuple(map(int, array.shape))
            entries[entry.number] = replace(entry, shape=shape, axes=axes, dtype=str(array.dtype))
    return tell_thumbnails(entries)


def _voxels(reader: Any) -> tuple[str, Any]:
    """Returns the axes of a scene, and its voxels as an array of dask; tiles are put together if the reader can."""
    found = reader.xarray_dask_data
    if "M" in found.dims:
        # without, tiles are along an axis of their own, and are refused unless there is one
        with suppress(NotImplementedError):
            found = reader.mosaic_xarray_dask_data
    return "".join(dim if len(dim) == 1 else "?" for dim in map(str, found.dims)), found.data


def _check_samples(axes: str, shape: tuple[int, ...], file: str, pick: Pick) -> None:
    """Warns of red, green and blue; raises InputError if there is opacity beside them that is not left out."""
    samples = shape[axes.index("S")] if "S" in axes else 1
    if samples == 4 and pick.channel is None:
        raise InputError(f"{file} has opacity beside red, green and blue; leave it out by --channel 0:3")
    if samples > 1:
        caution(f"{file} has red, green and blue, which are restored as channels", ImageWarning)
