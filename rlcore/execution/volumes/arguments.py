"""The caller's arrays: made plain, refused where they cannot be used, and compared for memory that they share."""

from __future__ import annotations

import os
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

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


def share_memory(a: Any, b: Any) -> bool | None:
    """True if writing to one array changes the other: in memory, in one file, or in one store.

    None where that cannot be known without looking at every voxel.
    """
    if a is b:
        return True
    ours, theirs = _memory(a), _memory(b)
    one, other = _place(a, ours), _place(b, theirs)
    if ours is not None and theirs is not None:
        if np.may_share_memory(ours, theirs):
            return True
        if _OWN in (one, other):
            return False
    return None if one is None or other is None else one.meets(other)


@dataclass(frozen=True, slots=True)
class _Place:
    """Where voxels are kept."""

    kind: Literal["memory", "device", "file", "store"]
    """Memory that nothing but arrays of this process refers to, a device's, a mapped file, or a store of chunks."""
    name: object = None
    """Of a file its device and inode; of a store its folder's real path, or an object and a name in it."""
    path: str = ""
    """Real path of a file."""
    begin: int = 0
    end: int = 0
    """Bytes of a file from the first to beyond the last."""

    def meets(self, other: _Place) -> bool:
        """True if something is kept in both places; arrays in memory have been compared by their addresses."""
        if self.kind == other.kind == "file":
            return self.name == other.name and self.begin < other.end and other.begin < self.end
        if self.kind == other.kind == "store":
            return self.name == other.name
        if {self.kind, other.kind} == {"file", "store"}:
            file, store = (self, other) if self.kind == "file" else (other, self)
            return isinstance(store.name, str) and Path(file.path).is_relative_to(store.name)
        return False


_OWN = _Place("memory")


def _memory(array: Any) -> Volume | None:
    """The host memory of an array, as an array of NumPy; None if it has none that is known."""
    if isinstance(array, np.ndarray):
        return array
    if array_api_compat.is_torch_array(array):
        return array.detach().numpy() if array.device.type == "cpu" else None
    if isinstance(held := getattr(array, "data", None), np.ndarray):  # of xarray
        return held
    if array_api_compat.is_jax_array(array):  # which may be a view of an array of NumPy
        return np.asarray(array)
    return np.asarray(array) if hasattr(array, "__array_interface__") else None


def _place(array: Any, memory: Volume | None) -> _Place | None:
    """Where the voxels of an array are kept; None if that is not known."""
    if memory is not None:
        return _place_of_memory(memory)
    if array_api_compat.is_cupy_array(array) or array_api_compat.is_torch_array(array):
        return _Place("device")
    return _store(array)


def _place_of_memory(array: Volume) -> _Place | None:
    held: Any = array
    while isinstance(held.base, np.ndarray):
        held = held.base
    if held.base is None or isinstance(held.base, bytes | bytearray):
        return _OWN
    # any other owner of memory may share it, with another process or with itself
    if not isinstance(held, np.memmap) or held.filename is None:
        return None
    try:
        file = Path(held.filename).stat()
    except OSError:
        return None  # a file without a name, that other arrays may map all the same
    begin = np.lib.array_utils.byte_bounds(held)[0] - int(held.offset)
    first, last = np.lib.array_utils.byte_bounds(array)
    return _Place("file", (file.st_dev, file.st_ino), os.path.realpath(held.filename), first - begin, last - begin)


def _store(array: Any) -> _Place | None:
    """The store of a chunked array, and the name in it; the path of one that is read from a file."""
    store, name = getattr(array, "store", None), getattr(array, "path", None)
    if store is None:
        store, name = getattr(getattr(array, "file", None), "filename", None), getattr(array, "name", None)
    file = getattr(array, "filename", None)
    if store is None and isinstance(file, (str, os.PathLike)):
        return _Place("store", os.path.realpath(file))
    if store is None or not isinstance(name, str):
        return None
    folder = next(
        (each for each in (store, getattr(store, "root", None), getattr(store, "path", None)) if _is_path(each)), None
    )
    if folder is None:
        return _Place("store", (store, name))
    return _Place("store", os.path.realpath(os.path.join(folder, name.strip("/"))))  # noqa: PTH118 - a string or a path


def _is_path(value: object) -> bool:
    return isinstance(value, (str, os.PathLike))
