"""Results beyond what offsets of 32 bits can reach are BigTIFF; the limit is lowered, so that small ones are beyond."""

from dataclasses import replace

import pytest
import tifffile
from fixtures.round_trips.images import ALL, STATED, WRITE
from fixtures.round_trips.running import restore
from fixtures.round_trips.stated import STACK, check
from fixtures.round_trips.tiff_readers import TIFF_READERS

from rlcore.app.files.writing import destination

IMAGES = {"imagej.tif": True, "shaped.tif": False, "classic.ome.tif": True}
"""Images, and whether a result of theirs beyond the limit is OME-TIFF."""


CASES = [(image, reader) for image in IMAGES for reader in TIFF_READERS if IMAGES[image] or reader != "ome-types"]


@pytest.mark.parametrize(("image", "reader"), CASES)
def test_a_result_beyond_the_limit_is_big(tmp_path, monkeypatch, image, reader):
    WRITE[image](tmp_path / image)
    monkeypatch.setattr(destination, "CLASSIC_LIMIT", STACK.size)
    path = restore(tmp_path / image, tmp_path / "result.tif")
    with tifffile.TiffFile(path) as tif:
        assert (tif.is_bigtiff, tif.is_ome) == (True, IMAGES[image])
    stated = STATED[image]
    check(TIFF_READERS[reader](path), replace(stated, times=None) if stated is not ALL else stated)


@pytest.mark.parametrize("image", IMAGES)
def test_a_result_within_the_limit_is_not(tmp_path, image):
    WRITE[image](tmp_path / image)
    with tifffile.TiffFile(restore(tmp_path / image, tmp_path / "result.tif")) as tif:
        assert not tif.is_bigtiff
