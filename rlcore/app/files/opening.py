"""Opens image and PSF files; volumes are mapped or read by slices, so that a huge file is never loaded whole."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from rlcore.app.files.boundary import check_kind, reading
from rlcore.app.files.decoding import Decoded, Decoder, in_memory
from rlcore.app.files.images import ImageEntry, choose_image
from rlcore.app.files.layout import ALL, Index, Layout, Pick, Place, counted, lay_out
from rlcore.app.files.metadata.description import Description
from rlcore.app.files.metadata.scale import doubted
from rlcore.app.files.metadata.voxel_values import CalibratedVolume
from rlcore.app.files.missing_planes import MissingPlanes
from rlcore.app.files.npy_input import map_npy
from rlcore.app.files.remote.url import Location, Url
from rlcore.app.files.tiff.input import list_tiff, read_tiff
from rlcore.app.files.tiff.planes import TiffPlanes
from rlcore.app.files.vendor.formats import format_of
from rlcore.app.files.vendor.vendor_input import list_vendor, read_vendor
from rlcore.app.files.zarr.signs import is_zarr
from rlcore.app.files.zarr.zip_archive import is_archive
from rlcore.backend import Volume
from rlcore.errors import InputError

_NUMBERS = "buif"
"""Kinds of types that a voxel may have: truth values, integers and floating point."""


@dataclass(frozen=True, slots=True, eq=False)
class Opened:
    """An open file: its volumes and its metadata."""

    path: Location
    about: Description
    layout: Layout
    dtype: np.dtype[Any]
    fetch: Callable[[Index], Any]
    """Function from an index of the file to the volume there."""
    missing: MissingPlanes | None = None
    """Selected planes that no file holds, which are read as zeros; None if all are there."""
    images: tuple[ImageEntry, ...] = (ImageEntry(0),)
    """All images of the file."""
    taken: ImageEntry = ImageEntry(0)  # noqa: RUF009  # immutable
    """The image that is open."""
    stored: Mapping[str, str] = field(default_factory=dict)
    """Storage of the voxels, in words by their topic."""
    notes: tuple[str, ...] = ()
    """Plain sentences about what was decided, or is odd."""

    def volume(self, place: Place) -> Any:
        """Returns one volume, (z, y, x) or (y, x): mapped, decoded, or an object that reads by slices."""
        return self.fetch(self.layout.in_file(place))

    def missing_planes(self, place: Place) -> tuple[int, ...]:
        """Returns the planes along z that no file holds of one volume, as far as that is known."""
        if self.missing is None:
            return ()
        layout = self.layout
        return self.missing.of_volume(layout.times[place.time], layout.channels[place.channel], layout.size("Z"))

    def only(self, what: str, option: str = "--axes") -> Any:
        """Returns the volume of a file that has exactly one; raises InputError, which names `option`, if several."""
        if len(self.layout.places) > 1:
            raise InputError(
                f"{what} {str(self.path)!r} has {counted(self.layout)}; save the one you want as a file, or say what "
                f"its axes are by {option}"
            )
        return self.volume(Place())

    @property
    def channel_names(self) -> tuple[str, ...]:
        """Names of the selected channels; empty if the file names none."""
        names = self.about.channels
        return tuple(names[c] for c in self.layout.channels if c < len(names))


def open_file(
    path: Location, what: str, *, pick: Pick = ALL, decode: Decoder | None = None, fill_missing: bool = False
) -> Opened:
    """Opens a file for reading.

    Parameters
    ----------
    path : Path or Url
        A TIFF (plain, ImageJ, OME, BigTIFF), an OME-Zarr folder or archive, a .npy file, a file of a vendor, or the URL
        of an OME-Zarr.
    what : str
        Name of the file's role in messages: "image" or "psf".
    pick : Pick, optional
        Selected image, channels and time points; the first image and all of it by default. A PSF has to be the only
        image of its file.
    decode : callable, optional
        Decoder for volumes that cannot be mapped; decodes into memory by default.
    fill_missing : bool, default False
        Read planes that no file holds as zeros, in place of an error; the caller has to say so.

    Raises
    ------
    InputError
        If the file cannot be read, or the selection does not exist.
    """
    file = f"{what} {str(path)!r}"
    with reading(file):
        opened = _open(path, file, replace(pick, sole=pick.sole or what == "psf"), decode or in_memory)
    if opened.missing is not None and not fill_missing:
        raise InputError(refusal_of(opened.missing, file, what))
    if opened.dtype.kind not in _NUMBERS:
        raise InputError(f"{file} has voxels of type {str(opened.dtype)!r}; save them as numbers that are not complex")
    voxel = doubted(opened.about.voxel)
    notes = (opened.layout.note,) if opened.layout.note else ()
    return replace(opened, about=replace(opened.about, voxel=voxel), notes=notes)


def list_images(path: Location) -> tuple[ImageEntry, ...]:
    """Returns the images of a file; raises InputError if it cannot be read.

    Axes that the file does not name do not matter, nor do planes that it lacks.
    """
    file = f"image {str(path)!r}"
    with reading(file):
        if _is_of_zarr(path, file):
            # imported late: zarr is an optional dependency
            from rlcore.app.files.zarr.input import list_zarr

            return list_zarr(path, file)
        assert isinstance(path, Path)
        check_kind(path, file)
        if path.suffix.lower() == ".npy":
            return (_npy_entry(map_npy(path, file)),)
        if (format_ := format_of(path)) is not None:
            return list_vendor(path, file, format_)
        return list_tiff(path, file)


def _npy_entry(array: Volume) -> ImageEntry:
    # NumPy's format names no axes; "?" has them named by --axes
    axes = "ZYX"[-array.ndim :] if array.ndim in (2, 3) else "?" * array.ndim
    return ImageEntry(0, "", array.shape, axes, str(array.dtype))


def refusal_of(missing: MissingPlanes, file: str, what: str) -> str:
    """Returns the sentence that names the planes that are missing, and what can be done."""
    cause = f"{missing.cause}, and " if missing.cause else " "
    # only the image has the option
    rest = ", or give --fill-missing to restore the rest without them" if what == "image" else ""
    return f"{file}{cause}{missing}; get them from where the others came{rest}"


def _is_of_zarr(path: Location, file: str) -> bool:
    """Returns whether a place is read as a Zarr: a URL, an archive or a folder, which has to be one."""
    if isinstance(path, Path) and path.is_dir() and not is_zarr(path):
        raise InputError(f"{file} is a folder; name a file")
    return isinstance(path, Url) or path.is_dir() or is_archive(path)


def _open(path: Location, file: str, pick: Pick, decode: Decoder) -> Opened:
    if _is_of_zarr(path, file):
        # imported late: zarr is an optional dependency
        from rlcore.app.files.zarr.input import read_zarr

        image = read_zarr(path, file, pick)
        return Opened(
            image.path, image.about, image.layout, image.dtype, image.fetch,
            images=image.images, taken=image.taken, stored=image.stored,
        )  # fmt: skip
    assert isinstance(path, Path)
    check_kind(path, file)
    if path.suffix.lower() == ".npy":
        return _open_npy(path, file, pick)
    if (format_ := format_of(path)) is not None:
        scene, stored = read_vendor(path, file, format_, pick), {"format": format_.name}
        decoded = Decoded(scene.planes, scene.layout.file_shape, scene.dtype, decode)
        return Opened(path, scene.about, scene.layout, scene.dtype, decoded, None, scene.images, scene.taken, stored)
    found = read_tiff(path, file, pick)
    layout, dtype, voxels = found.layout, found.dtype, found.voxels
    fetch: Callable[[Index], Any] = (
        Decoded(voxels, layout.file_shape, dtype, decode) if isinstance(voxels, TiffPlanes) else voxels.__getitem__
    )
    opened = Opened(path, found.about, layout, dtype, fetch, found.missing, found.images, found.taken, found.stored)
    if (line := found.line) is None:
        return opened
    calibrated: Callable[[Index], Any] = lambda index: CalibratedVolume(fetch(index), line)  # noqa: E731
    return replace(opened, dtype=line.dtype, fetch=calibrated)


def _open_npy(path: Path, file: str, pick: Pick) -> Opened:
    array = map_npy(path, file)
    if array.ndim < 2:
        raise InputError(f"{file} has {array.ndim} axes; it must have at least 2: (y, x) or (z, y, x)")
    entry = _npy_entry(array)
    choose_image(file, [entry], pick)
    # NumPy's format names no axes
    layout = lay_out(file, "?" * array.ndim, array.shape, pick)
    about, stored = Description(dialect="npy"), {"format": "NumPy"}
    return Opened(path, about, layout, array.dtype, array.__getitem__, None, (entry,), entry, stored)
