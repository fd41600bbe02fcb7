"""The caller's arrays: made plain, refused where they cannot be used, and compared for memory that they share."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any

import array_api_compat
import numpy as np

from rlcore.backend import Volume
from rlcore.errors import InputError


def plain(given: Any, noun: str) -> Any:
    """The array without what a run has no use for: subclasses of NumPy's, gradients, the list that it is.

    Memory maps stay what they are, since their pages are released as a run goes on.

    Raises
    ------
    InputError
        If it is a masked array with masked voxels, or no array at all.
    """
    if isinstance(given, np.ma.MaskedArray):
        refuse_masked(given, noun)
        return np.asarray(given.data)
    if isinstance(given, np.ndarray):
        return given if type(given) in (np.ndarray, np.memmap) else np.asarray(given)
    if array_api_compat.is_torch_array(given) and given.requires_grad:
        return given.detach()
    if hasattr(given, "shape") and hasattr(given, "dtype"):
        return given
    try:
        return np.asarray(given)
    except (TypeError, ValueError, OverflowError) as error:
        raise InputError(f"{noun} of type {type(given).__name__!r} is not an array of numbers: {error}") from error


def refuse_masked(given: Any, noun: str) -> None:
    """Refuse masked voxels, whose values would be used as if they were not masked."""
    if isinstance(given, np.ma.MaskedArray) and (count := int(np.ma.getmaskarray(given).sum())):
        raise InputError(
            f"{noun} has {count} masked voxels, which a restoration cannot leave out; fill them first, by "
            f"{noun}.filled(0) say"
        )


def is_foreign(array: Any) -> bool:
    """True for an array of another array-API library that can be computed with where it lies.

    Arrays that cannot be written to (jax) or are not computed yet (dask) are read piece by piece instead.
    """
    if isinstance(array, np.ndarray) or not array_api_compat.is_array_api_obj(array):
        return False
    return not (array_api_compat.is_jax_array(array) or array_api_compat.is_dask_array(array))


def check_out(out: Any, shape: tuple[int, ...]) -> None:
    """Refuse an array that cannot take the result.

    Raises
    ------
    InputError
        If it has another shape or dtype, a mask, or cannot be written to.
    """
    if out is None:
        return
    if tuple(getattr(out, "shape", ())) != shape:
        raise InputError(f"out has shape {tuple(getattr(out, 'shape', ()))}; it must have the image's, {shape}")
    if isinstance(out, np.ma.MaskedArray):
        raise InputError("out is a masked array, whose mask would stay as it is; give its values, out.data")
    if not isinstance(out, np.ndarray) and array_api_compat.is_array_api_obj(out):
        library = type(out).__module__.partition(".")[0]
        raise InputError(f"out is an array of {library}; give one of NumPy, or leave it out for a result of {library}")
    try:
        dtype = np.dtype(out.dtype)
    except (AttributeError, TypeError):
        dtype = np.dtype(object)
    if dtype.kind != "f" or dtype.itemsize < 4:
        raise InputError(f"out is of dtype {str(getattr(out, 'dtype', None))!r}; it must be float32 or float64")
    read_only = not out.flags.writeable if isinstance(out, np.ndarray) else getattr(out, "read_only", False) is True
    if read_only or not hasattr(out, "__setitem__"):
        raise InputError("out is read-only; give an array that can be written to")


def share_memory(a: Any, b: Any) -> bool:
    """True if writing to one array may change the other: in memory, in one file, or in one store.

    Where that cannot be known without looking at every voxel, the answer is true.
    """
    if a is b:
        return True
    ours, theirs = _memory(a), _memory(b)
    if ours is not None and theirs is not None:
        return np.may_share_memory(ours, theirs) or _share_file(ours, theirs)
    if array_api_compat.is_dask_array(a) or array_api_compat.is_dask_array(b):
        return True  # computed from arrays that nobody can ask it for
    place = _place(a)
    return place is not None and place == _place(b)


def _memory(array: Any) -> Volume | None:
    """The host memory of an array, as an array of NumPy; None if it has none that is known."""
    if isinstance(array, np.ndarray):
        return array
    if array_api_compat.is_torch_array(array):
        return array.detach().numpy() if array.device.type == "cpu" else None
    if isinstance(held := getattr(array, "data", None), np.ndarray):  # of xarray
        return held
    return np.asarray(array) if hasattr(array, "__array_interface__") else None


def _share_file(a: Volume, b: Volume) -> bool:
    """True if both are memory maps of one file, under whatever names, whose parts overlap."""
    ours, theirs = _part_of_file(a), _part_of_file(b)
    if ours is None or theirs is None or ours[0] != theirs[0]:
        return False
    return ours[1] < theirs[2] and theirs[1] < ours[2]


def _part_of_file(array: Volume) -> tuple[tuple[int, int], int, int] | None:
    """Device and inode of the file that an array maps, and the bytes of it from the first to beyond the last."""
    mapped: Any = array
    while isinstance(mapped.base, np.ndarray):
        mapped = mapped.base
    if not isinstance(mapped, np.memmap) or mapped.filename is None:
        return None
    try:
        file = Path(mapped.filename).stat()
    except OSError:
        return None  # a file without a name, which nothing else can have opened by one
    begin = np.lib.array_utils.byte_bounds(mapped)[0] - int(mapped.offset)
    first, last = np.lib.array_utils.byte_bounds(array)
    return (file.st_dev, file.st_ino), first - begin, last - begin


def _place(array: Any) -> tuple[object, str] | None:
    """The store of a chunked array, and the name in it; None if it has none that is known."""
    store, name = getattr(array, "store", None), getattr(array, "path", None)
    if store is None:
        store, name = getattr(getattr(array, "file", None), "filename", None), getattr(array, "name", None)
    if store is None or not isinstance(name, str):
        return None
    folder = next(
        (each for each in (store, getattr(store, "root", None), getattr(store, "path", None)) if _is_path(each)), None
    )
    if folder is None:
        return store, name
    return os.path.realpath(os.path.join(folder, name.strip("/"))), ""  # noqa: PTH118 - of a string or a path


def _is_path(value: object) -> bool:
    return isinstance(value, (str, os.PathLike))
