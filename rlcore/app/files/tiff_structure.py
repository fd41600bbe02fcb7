"""Structure of a TIFF, checked against the size of the file before any page is read.

tifffile leaves out pages and tags that it cannot read, so that a file which is cut short looks like a smaller one.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from rlcore.errors import InputError

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
"""Bytes of a value by the number of its type."""

_INTEGERS = {1: "u1", 3: "u2", 4: "u4", 13: "u4", 16: "u8", 18: "u8"}
_WIDTH, _LENGTH, _BITS, _COMPRESSION, _SAMPLES = 256, 257, 258, 259, 277
_DATA = {273: 279, 324: 325}
"""Tags with offsets of strips and tiles, and the tags with their lengths."""

_RATIOS = {1: 1, 5: 3000, 8: 1100, 32946: 1100, 32773: 130}
"""Most that uncompressed data, LZW, Deflate and PackBits can expand to; other codecs are far below `_MOST`."""
_MOST = 100_000


@dataclass(frozen=True, slots=True)
class _Format:
    """Numbers of classic TIFF or BigTIFF, in a byte order."""

    order: str
    count: str
    """Code of the number of tags in a directory."""
    word: str
    """Code of an offset."""

    def read(self, view: mmap.mmap, code: str, at: int) -> int:
        return int(struct.unpack_from(self.order + code, view, at)[0])

    @property
    def tag_bytes(self) -> int:
        return 4 + 2 * struct.calcsize("=" + self.word)


def check_structure(path: Path, file: str) -> None:
    """Checks that directories, values of tags and voxels of all pages lie within the file.

    Parameters
    ----------
    path : Path
    file : str
        The file's role and name in messages.

    Raises
    ------
    InputError
        If something lies beyond the end, directories form a circle, or a page cannot hold as much as it states.
    """
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as view:
        found = _format(view)
        if found is None:
            return  # not TIFF, or a variant of it: tifffile says so
        for number, offset in enumerate(_directories(view, found[0], found[1], file)):
            _check_page(view, found[0], offset, f"{file} is cut short or damaged: page {number}")


def _format(view: mmap.mmap) -> tuple[_Format, int] | None:
    """Returns the format, and the offset of the first directory."""
    order = {b"II": "<", b"MM": ">"}.get(view[:2])
    if order is None or len(view) < 8:
        return None
    version = struct.unpack_from(order + "H", view, 2)[0]
    if version == 42:
        return (form := _Format(order, "H", "I")), form.read(view, "I", 4)
    if version == 43 and len(view) >= 16:
        return (form := _Format(order, "Q", "Q")), form.read(view, "Q", 8)
    return None


def _directories(view: mmap.mmap, form: _Format, offset: int, file: str) -> Iterator[int]:
    """Yields the offset of every page's directory."""
    before: set[int] = set()
    step = struct.calcsize("=" + form.count)
    while offset:
        if offset in before:
            raise InputError(f"{file} is damaged: page {len(before)} leads back to an earlier one; get it again")
        before.add(offset)
        tags = form.read(view, form.count, offset) if offset + step <= len(view) else 0
        end = offset + step + tags * form.tag_bytes
        if not tags or end + struct.calcsize("=" + form.word) > len(view):
            raise InputError(
                f"{file} is cut short: page {len(before) - 1} lies beyond the end of its {len(view)} bytes; "
                "get it again from where it came"
            )
        yield offset
        offset = form.read(view, form.word, end)


def _check_page(view: mmap.mmap, form: _Format, offset: int, page: str) -> None:
    """Raises InputError unless the values of tags, and the voxels, lie within the file."""
    step = struct.calcsize("=" + form.count)
    inline = struct.calcsize("=" + form.word)
    values: dict[int, np.ndarray] = {}
    for number in range(form.read(view, form.count, offset)):
        at = offset + step + number * form.tag_bytes
        code, kind = struct.unpack_from(form.order + "HH", view, at)
        count = form.read(view, form.word, at + 4)
        size = count * _SIZES.get(kind, 0)
        start = at + 4 + inline if size <= inline else form.read(view, form.word, at + 4 + inline)
        if start + size > len(view):
            raise InputError(f"{page} has tag {code} beyond the end of its {len(view)} bytes; get it again")
        if kind in _INTEGERS and code in {_WIDTH, _LENGTH, _BITS, _COMPRESSION, _SAMPLES, *_DATA, *_DATA.values()}:
            values[code] = np.frombuffer(view, form.order + _INTEGERS[kind], count, start).copy()
    for offsets, lengths in _DATA.items():
        if offsets in values and lengths in values and len(values[offsets]) == len(values[lengths]):
            _check_voxels(view, values, offsets, page)


def _check_voxels(view: mmap.mmap, values: dict[int, np.ndarray], offsets: int, page: str) -> None:
    """Raises InputError if strips or tiles lie beyond the end, or cannot hold as many voxels as the page has."""
    starts, sizes = values[offsets].astype(float), values[_DATA[offsets]].astype(float)
    if (starts + sizes).max(initial=0) > len(view):
        raise InputError(f"{page} has voxels beyond the end of its {len(view)} bytes; get it again")
    bits = values.get(_BITS, np.ones(1, int))
    samples = int(values[_SAMPLES][0]) if len(values.get(_SAMPLES, ())) else 1
    if not len(bits) or not all(len(values.get(code, ())) for code in (_WIDTH, _LENGTH)):
        return
    stated = int(values[_WIDTH][0]) * int(values[_LENGTH][0]) * samples * int(bits[0]) // 8
    codec = int(values[_COMPRESSION][0]) if len(values.get(_COMPRESSION, ())) else 1
    # a strip of no bytes is one that was not written, and stands for zeros
    if stated > sizes.sum() * _RATIOS.get(codec, _MOST) and sizes.all():
        raise InputError(f"{page} states {stated} bytes of voxels, more than the file holds for it; get it again")
