"""Reader for .npy: mapped to memory, after its header is checked against the size of the file."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import numpy as np

from rlcore.backend import Volume
from rlcore.errors import InputError

_VERSIONS = {(1, 0), (2, 0), (3, 0)}


def map_npy(path: Path, file: str) -> Volume:
    """Maps an array.

    Raises
    ------
    InputError
        If the file is not as long as its header says, or holds objects.
    """
    with path.open("rb") as stream:
        version = np.lib.format.read_magic(stream)
        if version not in _VERSIONS:
            raise InputError(f"{file} has version {version[0]}.{version[1]} of NumPy's format, which is not known")
        read: Any = np.lib.format.read_array_header_1_0 if version == (1, 0) else np.lib.format.read_array_header_2_0
        shape, fortran, dtype = read(stream)
        offset = stream.tell()
    if dtype.hasobject:
        raise InputError(f"{file} holds Python objects; save it as an array of numbers")
    if any(size < 1 for size in shape):
        raise InputError(f"{file} has shape {shape!r}, which holds no voxels")
    # Python's integers do not overflow, NumPy's do
    stated, held = math.prod(shape) * dtype.itemsize, path.stat().st_size - offset
    if stated > held:
        raise InputError(f"{file} is cut short: it states {stated} bytes of voxels and holds {held}; get it again")
    if stated < held:
        raise InputError(f"{file} is damaged: it states {stated} bytes of voxels and holds {held}; save it again")
    return np.memmap(path, dtype, "r", offset, shape, "F" if fortran else "C")
