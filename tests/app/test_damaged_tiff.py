"""Numbers of a TIFF that a few wrong bits turn into others: the file is refused, and never read as another image."""

import struct

import numpy as np
import pytest
import tifffile
from fixtures.commands import IMAGE, refused, run

STACK = np.random.default_rng(0).poisson(30, (2, 2, 4, 16, 18)).astype(np.uint16)

WAYS = {
    "bare": {"metadata": None},
    "compressed": {"metadata": {"axes": "ZYX"}, "compression": "zlib"},
    "rows": {"metadata": None, "rowsperstrip": 5, "compression": "zlib"},
    "tiled": {"metadata": None, "tile": (16, 16), "compression": "zlib"},
}


def change(path, page, tag, *, code=None, kind=None, count=None, value=None):
    """Overwrites parts of the entry of a tag in the directory of a page."""
    with tifffile.TiffFile(path) as tif:
        at = tif.pages[page].tags[tag].offset
    content = bytearray(path.read_bytes())
    for offset, form, new in ((at, "<H", code), (at + 2, "<H", kind), (at + 4, "<I", count), (at + 8, "<I", value)):
        if new is not None:
            struct.pack_into(form, content, offset, new)
    path.write_bytes(content)


@pytest.mark.parametrize("way", WAYS)
@pytest.mark.parametrize("page", [0, 3])
@pytest.mark.parametrize(
    ("tag", "changes", "text"),
    [
        ("ImageWidth", {"code": 264}, "lacks tag 256"),
        ("BitsPerSample", {"code": 770}, "page"),
        ("Compression", {"code": 771, "value": 5}, "page"),
        ("Compression", {"value": 129}, "page"),
        ("PhotometricInterpretation", {"kind": 11}, "has tag 262 twice, or with a type or count"),
        ("PhotometricInterpretation", {"code": 774}, "page"),
        ("PhotometricInterpretation", {"value": 32769}, "page"),
        ("RowsPerStrip", {"value": 255}, "page"),
        ("SamplesPerPixel", {"count": 17}, "has tag 277 twice, or with a type or count"),
    ],
)
def test_a_page_whose_tags_differ_from_the_others_is_refused(files, way, page, tag, changes, text):
    if way == "bare" and tag == "Compression" and "code" in changes:
        pytest.skip("without its tag, a page that is not compressed is read as before")
    if way == "tiled" and tag == "RowsPerStrip":
        pytest.skip("tiles have no rows of strips")
    tifffile.imwrite(files / "image.tif", IMAGE, photometric="minisblack", **WAYS[way])
    change(files / "image.tif", page, tag, **changes)
    refused(run(files), text)


@pytest.mark.parametrize("way", ["compressed", "rows", "tiled"])
def test_segments_are_as_many_as_the_shape_asks_for(files, way):
    path = files / "image.tif"
    tag = "TileLength" if way == "tiled" else "RowsPerStrip"
    tifffile.imwrite(path, IMAGE, photometric="minisblack", **WAYS[way])
    change(path, 2, tag, value=32 if way == "tiled" else 1)
    refused(run(files), "segments of voxels where")
    tifffile.imwrite(path, IMAGE, photometric="minisblack", **WAYS[way])
    change(path, 0, "PhotometricInterpretation", code=278, value=3)
    refused(run(files), "page")


def test_one_strip_may_hold_more_rows_than_stated_and_be_stated_too_long(files):
    tifffile.imwrite(files / "image.tif", IMAGE, photometric="minisblack", metadata=None)
    truth = run(files, "--force")
    assert truth.exit_code == 0, truth.output
    expected = tifffile.imread(files / "out.tif")
    for page in range(len(IMAGE)):
        change(files / "image.tif", page, "RowsPerStrip", value=4)
        change(files / "image.tif", page, "StripByteCounts", value=IMAGE[0].nbytes + (100 if page < 5 else 0))
    assert run(files, "--force").exit_code == 0
    assert np.array_equal(tifffile.imread(files / "out.tif"), expected)


@pytest.mark.parametrize("onto", ["voxels", "directory"])
def test_segments_that_lie_over_others_are_refused(files, onto):
    path = files / "image.tif"
    tifffile.imwrite(path, IMAGE, photometric="minisblack", metadata=None)
    with tifffile.TiffFile(path) as tif:
        at = tif.pages[5].dataoffsets[0] + 2 if onto == "voxels" else tif.pages[1].offset - 4
    change(path, 4, "StripOffsets", value=at)
    refused(run(files), "is damaged: two parts of it lie over each other")


def test_pages_may_share_a_segment(files):
    path = files / "image.tif"
    tifffile.imwrite(path, np.repeat(IMAGE[:1], 4, 0), photometric="minisblack", metadata=None)
    with tifffile.TiffFile(path) as tif:
        first = tif.pages.first.dataoffsets[0]
    change(path, 2, "StripOffsets", value=first)
    assert run(files).exit_code == 0


@pytest.mark.parametrize("kind", ["imagej", "ome", "shaped"])
@pytest.mark.parametrize(
    "changes", [{"kind": 130}, {"kind": 3}, {"code": 268}, {"shift": 2}, {"shift": 7}, {"count": 25}, {"count": 33}]
)
def test_a_stack_whose_description_is_damaged_is_not_taken_for_planes(files, kind, changes):
    path, options = files / "image.tif", {"ome": {"ome": True}, "imagej": {"imagej": True}, "shaped": {}}[kind]
    image = STACK.transpose(0, 2, 1, 3, 4) if kind == "imagej" else STACK
    axes = "TZCYX" if kind == "imagej" else "TCZYX"
    tifffile.imwrite(path, image, photometric="minisblack", metadata={"axes": axes}, **options)
    if shift := dict(changes).pop("shift", 0):
        with tifffile.TiffFile(path) as tif:
            changes = {"value": tif.pages.first.tags["ImageDescription"].valueoffset + shift}
    change(path, 0, "ImageDescription", **changes)
    refused(run(files), str(path))


@pytest.mark.parametrize("kind", ["imagej", "ome", "shaped"])
@pytest.mark.parametrize("page", [0, 1, 3])
def test_a_description_that_begins_in_a_directory_or_in_voxels_is_refused(files, kind, page):
    path, options = files / "image.tif", {"ome": {"ome": True}, "imagej": {"imagej": True}, "shaped": {}}[kind]
    image = STACK.transpose(0, 2, 1, 3, 4) if kind == "imagej" else STACK
    axes, codec = ("TZCYX", None) if kind == "imagej" else ("TCZYX", "zlib")
    tifffile.imwrite(path, image, photometric="minisblack", compression=codec, metadata={"axes": axes}, **options)
    with tifffile.TiffFile(path) as tif:
        at = tif.pages[page].offset + 2, tif.pages[page].dataoffsets[0] + 1
    before = path.read_bytes()
    for value in at:
        path.write_bytes(before)
        change(path, 0, "ImageDescription", value=value)
        refused(run(files), "two parts of it lie over each other")


@pytest.mark.parametrize("text", [b"channels=2", b"slices=4", b"frames=2", b"images=16"])
def test_numbers_of_imagej_go_with_the_pages(files, text):
    path = files / "image.tif"
    tifffile.imwrite(path, STACK.transpose(0, 2, 1, 3, 4), imagej=True, metadata={"axes": "TZCYX"})
    content = path.read_bytes()
    assert text in content
    path.write_bytes(content.replace(text, text[:-1] + b"1", 1))
    refused(run(files), "does not hold the planes that its metadata state")
