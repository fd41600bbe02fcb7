"""Damage to a CZI's directory, which the library that reads it would count by."""

import struct

import numpy as np
import pytest

from rlcore.app.files.vendor.czi_structure import check_czi

czi_files = pytest.importorskip("fixtures.czi_files", reason="pylibCZIrw is not installed")

VALUES = np.arange(2 * 1 * 3 * 20 * 22, dtype="u2").reshape(2, 1, 3, 20, 22)
AT = 84


@pytest.fixture
def path(tmp_path):
    czi_files.write_czi(tmp_path / "cells.czi", [VALUES])
    return tmp_path / "cells.czi"


def changed(path, offset, form, value, entry=None):
    """Writes a number into the directory, or into one of its entries."""
    raw = bytearray(path.read_bytes())
    [at] = struct.unpack_from("<q", raw, AT)
    if entry is not None:
        [dimensions] = struct.unpack_from("<i", raw, at + 160 + 28)
        at += 160 + entry * (32 + 20 * dimensions)
    struct.pack_into(form, raw, at + offset if offset is not None else AT, value)
    path.write_bytes(raw)


def of_axis(path, letter, entry=0):
    """Returns the offset of an axis in an entry."""
    raw = path.read_bytes()
    [at] = struct.unpack_from("<q", raw, AT)
    return raw.index(letter.ljust(4, b"\0"), at + 160) - at - 160


def test_a_sound_file_is_passed(path):
    check_czi(path, "image 'cells.czi'")


def test_planes_of_other_parts_lie_in_other_files(path):
    changed(path, 6, "<q", 1 << 40, 2)
    changed(path, 14, "<i", 1, 2)  # the number of the part that the plane is in
    check_czi(path, "image 'cells.czi'")


@pytest.mark.parametrize("axis", [b"Z", b"T", b"C"])
@pytest.mark.parametrize("number", [1 << 24, -(1 << 24), 1 << 30])
def test_more_planes_than_there_can_be_are_refused(path, axis, number):
    changed(path, of_axis(path, axis) + 4, "<i", number, entry=0)
    with pytest.raises(
        ValueError, match=rf"image 'cells.czi' is damaged: it states \d+ along its axis '{axis.decode()}'"
    ):
        check_czi(path, "image 'cells.czi'")


@pytest.mark.parametrize(
    ("offset", "form", "value", "entry", "said"),
    [
        (None, "<q", 0, None, "its directory is not within it"),
        (None, "<q", 1 << 40, None, "its directory is not within it"),
        (None, "<q", -5, None, "its directory is not within it"),
        (32, "<i", 1 << 28, None, "states 268435456 planes, which it has no room for"),
        (32, "<i", -1, None, "states -1 planes"),
        (6, "<q", 1 << 40, 2, "entry 2 of its directory is none of a plane"),
        (28, "<i", 1 << 20, 1, "entry 1 of its directory is none of a plane"),
        (32, "<c", b"q", 3, "entry 3 of its directory is none of a plane"),
    ],
)
def test_a_directory_that_leads_nowhere_is_refused(path, offset, form, value, entry, said):
    changed(path, offset, form, value, entry)
    with pytest.raises(ValueError, match=said):
        check_czi(path, "image 'cells.czi'")


def test_a_file_that_is_something_else_is_refused(tmp_path):
    (tmp_path / "cells.czi").write_bytes(b"II*\0" + bytes(500))
    with pytest.raises(ValueError, match="does not begin as a CZI does"):
        check_czi(tmp_path / "cells.czi", "image 'cells.czi'")
