"""Tags of a page of a TIFF: their types, their counts, and the segments (strips or tiles) of voxels that they state.

tifffile leaves out a tag that it cannot read, and goes on with a default in its place.
"""

from __future__ import annotations

import math
import mmap
import struct
from dataclasses import dataclass

import numpy as np

from rlcore.errors import InputError

_SIZES = {1: 1, 2: 1, 3: 2, 4: 4, 5: 8, 6: 1, 7: 1, 8: 2, 9: 4, 10: 8, 11: 4, 12: 8, 13: 4, 16: 8, 17: 8, 18: 8}
"""Bytes of a value by the number of its type."""

_INTEGERS = {3: "u2", 4: "u4", 13: "u4", 16: "u8", 18: "u8"}
_TEXTS = {1, 2, 7, 129}
_SUBFILE, _WIDTH, _LENGTH, _BITS, _COMPRESSION, _PHOTOMETRIC, _TEXT = 254, 256, 257, 258, 259, 262, 270
_SAMPLES, _ROWS, _PLANAR, _PREDICTOR, _TILE_WIDTH, _TILE_LENGTH, _SAMPLE_FORMAT = 277, 278, 284, 317, 322, 323, 339
_LSM = 34412
"""Zeiss LSM, whose counts of strips and of bytes are not those of the standard."""
_DEPTH, _TILE_DEPTH = 32997, 32998
_DATA = {273: 279, 324: 325}
"""Tags with offsets of strips and tiles, and the tags with their lengths."""
_ONE_VALUE = {
    _SUBFILE, _WIDTH, _LENGTH, _COMPRESSION, _PHOTOMETRIC, _SAMPLES, _ROWS, _PLANAR, _PREDICTOR, _TILE_WIDTH,
    _TILE_LENGTH, _DEPTH, _TILE_DEPTH,
}  # fmt: skip
_FILL_ORDER, _EXTRA_SAMPLES = 266, 338
_KIND = (
    _BITS, _COMPRESSION, _PHOTOMETRIC, _FILL_ORDER, _SAMPLES, _ROWS, _PLANAR, _PREDICTOR, _TILE_WIDTH, _TILE_LENGTH,
    _EXTRA_SAMPLES, _SAMPLE_FORMAT, _TILE_DEPTH,
)  # fmt: skip
"""Tags by which tifffile tells pages of one stack from others, of which it leaves out all but the first."""
_DEFAULTS = {_BITS: (1,), _COMPRESSION: (1,), _SAMPLES: (1,), _PLANAR: (1,), _PREDICTOR: (1,), _SAMPLE_FORMAT: (1,)}

_RATIOS = {1: 1, 5: 3000, 8: 1100, 32946: 1100, 32773: 130}
"""Most that uncompressed data, LZW, Deflate and PackBits can expand to; other codecs are far below `_MOST`."""
_MOST = 100_000

_READ = {*_ONE_VALUE, *_KIND, *_DATA, *_DATA.values()}
"""Tags whose values are read."""

Extents = tuple[np.ndarray, np.ndarray]
"""First bytes of segments, and the bytes behind their last."""


class BeyondEnd(InputError):
    """A part of a page lies beyond the end of the file."""


@dataclass(frozen=True, slots=True)
class Format:
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


@dataclass(frozen=True, slots=True)
class PageKind:
    """Properties that all pages of a stack share."""

    width: int
    length: int
    voxels: tuple[tuple[int, ...], ...]
    """Values of tags that say how a voxel is stored."""
    reduced: bool
    """True for thumbnails, coarser levels and masks."""


def check_page(view: mmap.mmap, form: Format, offset: int, page: str) -> tuple[PageKind, Extents]:
    """Checks that a page's tags can be read and go together, and that its voxels lie within the file.

    Parameters
    ----------
    view : mmap
    form : Format
    offset : int
        Offset of the page's directory.
    page : str
        Beginning of messages: the file and the page.

    Returns
    -------
    tuple
        The page's kind, and the extents of its segments and of the beginning of its description.

    Raises
    ------
    InputError
        If they do not.
    """
    values, text = _values(view, form, offset, page)
    offsets = next((code for code in _DATA if code in values), None)
    for code in (_WIDTH, _LENGTH, offsets or 273, _DATA[offsets or 273]):
        if code not in values:
            raise InputError(f"{page} lacks tag {code}; get it again")
    said = {code: tuple(map(int, values[code])) for code in values.keys() - _DATA.keys() - set(_DATA.values())}
    width, length = said[_WIDTH][0], said[_LENGTH][0]
    voxels = tuple(said.get(code, _DEFAULTS.get(code, ())) for code in _KIND)
    kind = PageKind(width, length, voxels, reduced=said.get(_SUBFILE, (0,)) > (0,))
    starts, ends = _segments(view, said, values[offsets or 273], values[_DATA[offsets or 273]], page)
    # no more than its first byte: some writers count a byte behind their text that is not there
    return kind, (np.append(starts, text), np.append(ends, np.add(text, 1)))


def _values(view: mmap.mmap, form: Format, offset: int, page: str) -> tuple[dict[int, np.ndarray], list[float]]:
    """Returns the values of the tags in `_READ`, and where the description begins if that lies apart.

    Raises
    ------
    InputError
        If a tag cannot be read.
    """
    inline = struct.calcsize("=" + form.word)
    begin = offset + struct.calcsize("=" + form.count)
    end = begin + form.read(view, form.count, offset) * form.tag_bytes
    values: dict[int, np.ndarray] = {}
    text: list[float] = []
    # all tags of a page at once: files have ten thousands of pages
    for code, kind, count, content in struct.iter_unpack(f"{form.order}HH{form.word}{inline}s", view[begin:end]):
        size = count * _SIZES.get(kind, 0)
        if code == _TEXT and kind not in _TEXTS:
            raise InputError(f"{page} has a description that is no text; get it again")
        if size > inline:
            start = int(struct.unpack(form.order + form.word, content)[0])
            if start + size > len(view):
                raise InputError(f"{page} has tag {code} beyond the end of its {len(view)} bytes; get it again")
            content = view[start : start + size] if code in _READ else b""
            if code == _TEXT:
                text.append(float(start))
        if code not in _READ:
            continue
        if kind not in _INTEGERS or not count or (code in _ONE_VALUE and count != 1) or code in values:
            raise InputError(f"{page} has tag {code} twice, or with a type or count that it cannot have; get it again")
        values[code] = np.frombuffer(content, form.order + _INTEGERS[kind], count)
    return values, text


def _segments(
    view: mmap.mmap, said: dict[int, tuple[int, ...]], starts: np.ndarray, sizes: np.ndarray, page: str
) -> Extents:
    """Returns the extents of strips or tiles; raises InputError unless they lie within the file and hold the page."""
    samples, bits = said.get(_SAMPLES, (1,))[0], said.get(_BITS, (1,))[0]
    codec = said.get(_COMPRESSION, (1,))[0]
    shape = said.get(_DEPTH, (1,))[0], said[_LENGTH][0], said[_WIDTH][0]
    stated = math.prod(shape) * samples * bits // 8
    if len(starts) != len(sizes):
        raise InputError(f"{page} has {len(starts)} offsets and {len(sizes)} lengths of segments; get it again")
    # floating point does not overflow, and is exact for all lengths that files have
    first, total = starts.astype(float), float(sizes.sum(dtype=float))
    if float((first + sizes).max()) > len(view):
        raise BeyondEnd(f"{page} has voxels beyond the end of its {len(view)} bytes; get it again")
    # a strip of no bytes is one that was not written, and stands for zeros
    if stated > total * _RATIOS.get(codec, _MOST) and sizes.all():
        raise InputError(f"{page} states {stated} bytes of voxels, more than the file holds for it; get it again")
    if _LSM in said:
        return first[:0], first[:0]
    segment = (
        said.get(_TILE_DEPTH, (1,))[0],
        said.get(_TILE_LENGTH, said.get(_ROWS, shape[1:2]))[0],
        said.get(_TILE_WIDTH, shape[2:])[0],
    )
    across = [math.ceil(n / min(step, n)) if step else 1 for n, step in zip(shape, segment, strict=True) if n]
    several = samples if said.get(_PLANAR, (1,))[0] == 2 else 1
    expected = math.prod(across) * several
    # some writers state rows of a strip, and write all as one
    if len(starts) != expected and not (codec == 1 and len(starts) == 1 and total >= stated):
        raise InputError(f"{page} has {len(starts)} segments of voxels where {expected} are stated; get it again")
    # lengths of uncompressed segments may be stated too large
    held = math.prod(segment) * samples // several * bits / 8 if codec == 1 and len(starts) == expected > 1 else stated
    ends = first + (np.minimum(sizes, math.ceil(held)) if codec == 1 else sizes)
    return first[ends > first], ends[ends > first]
