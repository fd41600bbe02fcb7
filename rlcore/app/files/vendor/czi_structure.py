"""Check of a CZI's directory, before a library reads it that would count to whatever number a damaged byte states."""

from __future__ import annotations

import struct
from collections.abc import Iterator
from pathlib import Path
from typing import BinaryIO

from rlcore.errors import InputError

_DIRECTORY_AT = 84
"""Place of the number that says where the directory is."""
_HEADER, _BEFORE_ENTRIES = 32, 128
"""Bytes of a segment before its content, and of a directory's content before its entries."""
_ENTRY, _DIMENSION = struct.Struct("<2siqii6xi"), struct.Struct("<4siifi")
_DIMENSIONS = b"XYCZTRSIHVBM"
_MOST_DIMENSIONS = 40
_SPARSE = 1000
"""Numbers along an axis for each entry: parts that were exported of a series may leave many out."""

Extents = dict[bytes, tuple[int, int]]
"""First number and the one after the last along each axis."""


def check_czi(path: Path, file: str) -> None:
    """Checks that planes lie within the file, and that no more of them are stated than there can be.

    Parameters
    ----------
    path : Path
    file : str
        The file's role and name in messages.

    Raises
    ------
    InputError
        If its directory is damaged. Files whose directory is in another form are left to their reader.
    """
    size = path.stat().st_size
    with path.open("rb") as stream:
        if stream.read(10) != b"ZISRAWFILE" or size < _DIRECTORY_AT + 8:
            raise InputError(f"{file} cannot be read: it does not begin as a CZI does; get it again from where it came")
        stream.seek(_DIRECTORY_AT)
        [at] = struct.unpack("<q", stream.read(8))
        if not 0 < at <= size - _HEADER - _BEFORE_ENTRIES:
            raise InputError(f"{file} is cut short or damaged: its directory is not within it; get it again")
        stream.seek(at + _HEADER)
        [count] = struct.unpack_from("<i", stream.read(_BEFORE_ENTRIES))
        if not 0 <= count <= (size - at) // _ENTRY.size:
            raise InputError(f"{file} is damaged: it states {count} planes, which it has no room for; get it again")
        extents: Extents = {}
        for number, (position, dimensions) in enumerate(_entries(stream, count)):
            if not 0 < position < size or not _widen(extents, dimensions):
                raise InputError(f"{file} is damaged: entry {number} of its directory is none of a plane; get it again")
    for letter, (first, stop) in extents.items():
        if letter not in b"XY" and stop - first > _SPARSE * count:
            said = f"{stop - first} along its axis {letter.decode()!r}, and has {count} planes"
            raise InputError(f"{file} is damaged: it states {said}; get it again from where it came")


def _entries(stream: BinaryIO, count: int) -> Iterator[tuple[int, list[tuple[bytes, int, int]]]]:
    """Yields for each entry the position of its plane, and the name, first number and length along each axis.

    Ends at an entry of another form.
    """
    for _ in range(count):
        head = stream.read(_ENTRY.size)
        if len(head) < _ENTRY.size or head[:2] != b"DV":
            return
        _, _, position, part, _, many = _ENTRY.unpack(head)
        if not 0 <= many <= _MOST_DIMENSIONS:
            yield -1, []
            return
        content = stream.read(_DIMENSION.size * many)
        parts = _DIMENSION.iter_unpack(content[: len(content) // _DIMENSION.size * _DIMENSION.size])
        # of files in several parts, those of the others lie elsewhere
        yield 1 if part else position, [(name.rstrip(b"\0"), start, length) for name, start, length, _, _ in parts]


def _widen(extents: Extents, dimensions: list[tuple[bytes, int, int]]) -> bool:
    """Widens extents by those of a plane; returns False if it has axes that no CZI has."""
    for letter, start, length in dimensions:
        if len(letter) != 1 or letter not in _DIMENSIONS or length < (letter in b"XY"):
            return False
        first, stop = extents.get(letter, (start, start))
        extents[letter] = min(first, start), max(stop, start + length)
    return {b"X", b"Y"} <= {letter for letter, _, _ in dimensions}
