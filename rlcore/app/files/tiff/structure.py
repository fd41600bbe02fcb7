"""Structure of a TIFF, checked against the size of the file before any page is read.

tifffile leaves out pages and tags that it cannot read, so that a file which is cut short looks like a smaller one.
"""

from __future__ import annotations

import mmap
import struct
from collections.abc import Iterator
from pathlib import Path

import numpy as np

from rlcore.app.files.tiff.page import BeyondEnd, Extents, Format, PageKind, check_page
from rlcore.errors import InputError


def check_structure(path: Path, file: str) -> tuple[list[PageKind], BeyondEnd | None]:
    """Checks that directories, values of tags and voxels of all pages lie within the file, and beside each other.

    Returns the kind of every page, none for variants of TIFF that are not known here; of a file that is cut short
    behind its first page the kinds of the pages before the cut, and what lies beyond the end.

    Parameters
    ----------
    path : Path
    file : str
        The file's role and name in messages.

    Raises
    ------
    InputError
        If something lies beyond the end or over something else, directories form a circle, or the tags of a page do
        not go together.
    """
    with path.open("rb") as stream, mmap.mmap(stream.fileno(), 0, access=mmap.ACCESS_READ) as view:
        found = _format(view)
        if found is None:
            return [], None  # not TIFF, or a variant of it: tifffile says so
        form, first = found
        kinds: list[PageKind] = []
        extents: list[Extents] = []
        cut = None
        try:
            for number, (offset, end) in enumerate(_directories(view, form, first, file)):
                kind, segments = check_page(view, form, offset, f"{file} is cut short or damaged: page {number}")
                kinds.append(kind)
                extents += [segments, (np.array([float(offset)]), np.array([float(end)]))]
        except BeyondEnd as error:
            if not kinds:
                raise
            cut = error
        _check_apart(extents, file)
    return kinds, cut


def _format(view: mmap.mmap) -> tuple[Format, int] | None:
    """Returns the format, and the offset of the first directory."""
    order = {b"II": "<", b"MM": ">"}.get(view[:2])
    if order is None or len(view) < 8:
        return None
    version = struct.unpack_from(order + "H", view, 2)[0]
    if version == 42:
        return (form := Format(order, "H", "I")), form.read(view, "I", 4)
    if version == 43 and len(view) >= 16:
        return (form := Format(order, "Q", "Q")), form.read(view, "Q", 8)
    return None


def _directories(view: mmap.mmap, form: Format, offset: int, file: str) -> Iterator[tuple[int, int]]:
    """Yields the offset of every page's directory, and the offset of its end."""
    before: set[int] = set()
    step, word = struct.calcsize("=" + form.count), struct.calcsize("=" + form.word)
    while offset:
        if offset in before:
            raise InputError(f"{file} is damaged: page {len(before)} leads back to an earlier one; get it again")
        before.add(offset)
        tags = form.read(view, form.count, offset) if offset + step <= len(view) else 0
        end = offset + step + tags * form.tag_bytes
        if not tags or end + word > len(view):
            raise BeyondEnd(
                f"{file} is cut short: page {len(before) - 1} lies beyond the end of its {len(view)} bytes; "
                "get it again from where it came"
            )
        yield offset, end + word
        offset = form.read(view, form.word, end)


def _check_apart(extents: list[Extents], file: str) -> None:
    """Raises InputError if segments of voxels lie over each other in part, or they or descriptions over directories.

    Several pages or tiles may have the same segment, and pages the same description: writers store equal ones once.
    """
    if not extents:
        return
    pairs = np.unique(np.concatenate([np.stack(pair, 1) for pair in extents]), axis=0)
    if (over := np.flatnonzero(pairs[1:, 0] < pairs[:-1, 1])).size:
        raise InputError(
            f"{file} is damaged: two parts of it lie over each other at byte {int(pairs[over[0] + 1, 0])}; get it again"
        )
