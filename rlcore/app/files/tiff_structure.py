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
_SUBFILE, _WIDTH, _LENGTH, _BITS, _COMPRESSION, _SAMPLES, _SAMPLE_FORMAT = 254, 256, 257, 258, 259, 277, 339
_DATA = {273: 279, 324: 325}
"""Tags with offsets of strips and tiles, and the tags with their lengths."""

_RATIOS = {1: 1, 5: 3000, 8: 1100, 32946: 1100, 32773: 130}
"""Most that uncompressed data, LZW, Deflate and PackBits can expand to; other codecs are far below `_MOST`."""
_MOST = 100_000

_EXTENTS = {*_DATA, *_DATA.values()}
_READ = {_SUBFILE, _WIDTH, _LENGTH, _BITS, _COMPRESSION, _SAMPLES, _SAMPLE_FORMAT, *_EXTENTS}
"""Tags whose values are read."""


@dataclass(frozen=True, slots=True)
class PageKind:
    """Properties that all pages of a stack share."""

    width: tuple[int, ...]
    length: tuple[int, ...]
    voxels: tuple[tuple[int, ...], ...]
    """Bits, number and format of the samples of a voxel."""
    reduced: bool
    """True for thumbnails, coarser levels and masks."""


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


def check_structure(path: Path, file: str) -> list[PageKind]:
    """Checks that directories, values of tags and voxels of all pages lie within the file.

    Returns the kind of every page; none for variants of TIFF that are not known here.

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
            return []  # not TIFF, or a variant of it: tifffile says so
        return [
            _check_page(view, found[0], offset, f"{file} is cut short or damaged: page {number}")
            for number, offset in enumerate(_directories(view, found[0], found[1], file))
        ]


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


def _check_page(view: mmap.mmap, form: _Format, offset: int, page: str) -> PageKind:
    """Returns the kind of a page; raises InputError unless the values of tags, and the voxels, lie within the file."""
    inline = struct.calcsize("=" + form.word)
    begin = offset + struct.calcsize("=" + form.count)
    end = begin + form.read(view, form.count, offset) * form.tag_bytes
    values: dict[int, np.ndarray] = {}
    # all tags of a page at once: files have ten thousands of pages
    for code, kind, count, content in struct.iter_unpack(f"{form.order}HH{form.word}{inline}s", view[begin:end]):
        size = count * _SIZES.get(kind, 0)
        if size > inline:
            start = int(struct.unpack(form.order + form.word, content)[0])
            if start + size > len(view):
                raise InputError(f"{page} has tag {code} beyond the end of its {len(view)} bytes; get it again")
            content = view[start : start + size] if code in _READ else b""
        if code in _READ and kind in _INTEGERS:
            values[code] = np.frombuffer(content, form.order + _INTEGERS[kind], count)
    for offsets, lengths in _DATA.items():
        if offsets in values and lengths in values and len(values[offsets]) == len(values[lengths]):
            _check_voxels(view, values, offsets, page)
    known = {code: tuple(map(int, value)) for code, value in values.items() if code not in _EXTENTS}
    return PageKind(
        known.get(_WIDTH, ()),
        known.get(_LENGTH, ()),
        (known.get(_BITS, ()), known.get(_SAMPLES, (1,)), known.get(_SAMPLE_FORMAT, (1,))),
        reduced=bool(known.get(_SUBFILE, (0,))[:1] > (0,)),
    )


def _check_voxels(view: mmap.mmap, values: dict[int, np.ndarray], offsets: int, page: str) -> None:
    """Raises InputError if strips or tiles lie beyond the end, or cannot hold as many voxels as the page has."""
    starts, sizes = values[offsets], values[_DATA[offsets]]
    # floating point does not overflow, and is exact for all lengths that files have
    if len(starts) and float((starts.astype(float) + sizes).max()) > len(view):
        raise InputError(f"{page} has voxels beyond the end of its {len(view)} bytes; get it again")
    bits = values.get(_BITS, np.ones(1, int))
    samples = int(values[_SAMPLES][0]) if len(values.get(_SAMPLES, ())) else 1
    if not len(bits) or not all(len(values.get(code, ())) for code in (_WIDTH, _LENGTH)):
        return
    stated = int(values[_WIDTH][0]) * int(values[_LENGTH][0]) * samples * int(bits[0]) // 8
    codec = int(values[_COMPRESSION][0]) if len(values.get(_COMPRESSION, ())) else 1
    # a strip of no bytes is one that was not written, and stands for zeros
    if stated > float(sizes.sum(dtype=float)) * _RATIOS.get(codec, _MOST) and sizes.all():
        raise InputError(f"{page} states {stated} bytes of voxels, more than the file holds for it; get it again")
