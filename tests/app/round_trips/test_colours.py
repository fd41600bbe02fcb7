"""Colours of channels, from every format that has them to every other."""

import numpy as np
import pytest
import tifffile
from fixtures.round_trips.running import restore
from fixtures.round_trips.stated import COLOURS, STACK
from fixtures.round_trips.tiff_images import ome_metadata, write_imagej, write_ome, write_shaped
from fixtures.round_trips.tiff_readers import by_ome_types
from fixtures.round_trips.zarr_images import write_zarr
from fixtures.round_trips.zarr_readers import by_ome_zarr

pytest.importorskip("zarr", reason="zarr is not installed")
pytest.importorskip("yaozarrs", reason="yaozarrs is not installed")
pytest.importorskip("ome_zarr", reason="ome-zarr is not installed")

IMAGES = {"image.tif": write_imagej, "image.ome.tif": write_ome, "image.ome.zarr": write_zarr}
RAMP = np.tile(np.arange(256, dtype=np.uint8), (3, 1))
CONTRASTING = ("FFFFFF", "00FF00")
"""Colours that a result has in OME-Zarr, which needs some, where its image states none."""


@pytest.mark.parametrize("image", IMAGES)
@pytest.mark.parametrize("result", ["result.ome.tif", "result.ome.zarr"])
@pytest.mark.parametrize(("picked", "expected"), [("1", COLOURS[1:]), ("1,0", COLOURS[::-1])])
def test_colours_go_with_the_channels_that_are_picked(tmp_path, image, result, picked, expected):
    IMAGES[image](tmp_path / image)
    path = restore(tmp_path / image, tmp_path / result, "--channel", picked, "--time", "0")
    assert (by_ome_zarr if result.endswith("zarr") else by_ome_types)(path).colours == expected


TABLES = {
    "a ramp that is rounded down": (np.floor(np.outer([30, 144, 255], np.arange(256) / 255)), "1E90FF"),
    "grey": (RAMP, "FFFFFF"),
    "grey from white to black": (RAMP[:, ::-1], None),
    "several colours": (np.stack([RAMP[0], np.roll(RAMP[0], 9), RAMP[0]]), None),
    "black": (RAMP * 0, None),
    "a ramp that bends": (np.rint(255 * (RAMP / 255) ** 1.3), None),
    "a ramp that ends before the end": (np.clip(RAMP.astype(int) * 2, 0, 255), None),
}


@pytest.mark.parametrize("case", TABLES)
def test_tables_of_imagej_are_colours_if_they_are_ramps_of_one(tmp_path, case):
    table, colour = TABLES[case]
    second = np.stack([RAMP[0], RAMP[0] * 0, RAMP[0] * 0])
    write_imagej(tmp_path / "image.tif", LUTs=[table.astype(np.uint8), second])
    found = by_ome_types(restore(tmp_path / "image.tif", tmp_path / "result.ome.tif")).colours
    assert found == ((colour, "FF0000") if colour else ("FF0000",))
    shown = by_ome_zarr(restore(tmp_path / "image.tif", tmp_path / "result.ome.zarr")).colours
    assert shown == (colour or CONTRASTING[0], "FF0000")


NUMBERS = {-1: "FFFFFF", 65535: "0000FF", -16776961: "FF0000", 0x00FF0000: "00FF00", 0: None, 255: None}
"""Of OME-XML: red, green, blue and opacity, of which the last is not used; black stands for no colour."""


@pytest.mark.parametrize("number", NUMBERS)
def test_numbers_of_ome_xml_are_colours(tmp_path, number):
    metadata = ome_metadata()
    metadata["Channel"]["Color"] = [number, 65535]
    tifffile.imwrite(tmp_path / "image.ome.tif", STACK, ome=True, photometric="minisblack", metadata=metadata)
    shown = by_ome_zarr(restore(tmp_path / "image.ome.tif", tmp_path / "result.ome.zarr")).colours
    assert shown == (NUMBERS[number] or CONTRASTING[0], "0000FF")


def test_images_without_colours_get_none_in_ome_xml(tmp_path):
    write_shaped(tmp_path / "image.tif")
    assert by_ome_types(restore(tmp_path / "image.tif", tmp_path / "result.ome.tif")).colours == ()
