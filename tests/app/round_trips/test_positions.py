"""Positions and times of planes: as they are picked, in the direction they run, and only where they are one."""

import numpy as np
import pytest
import tifffile
from fixtures.round_trips.running import restore
from fixtures.round_trips.stated import STACK, TIMES
from fixtures.round_trips.tiff_images import ome_metadata, write_imagej, write_ome
from fixtures.round_trips.tiff_readers import by_ome_types, by_tifffile
from fixtures.round_trips.zarr_images import write_zarr
from fixtures.round_trips.zarr_readers import by_ome_zarr

pytest.importorskip("zarr", reason="zarr is not installed")
pytest.importorskip("yaozarrs", reason="yaozarrs is not installed")
pytest.importorskip("ome_zarr", reason="ome-zarr is not installed")


def write_planes(path, **entries):
    """Writes an OME-TIFF whose planes have other entries than usual; those of None are left out."""
    metadata = ome_metadata()
    planes = {**metadata["Plane"], **entries}
    metadata["Plane"] = {name: value for name, value in planes.items() if value is not None}
    tifffile.imwrite(path, STACK, ome=True, photometric="minisblack", metadata=metadata)


def positions(path, axis):
    """Positions of all planes along an axis, as OME-XML states them, t before c before z."""
    with tifffile.TiffFile(path) as tif:
        planes = tifffile.xml2dict(tif.ome_metadata)["OME"]["Image"]["Pixels"].get("Plane", [])
    key = lambda plane: (plane["TheT"], plane["TheC"], plane["TheZ"])  # noqa: E731
    return [plane.get(f"Position{axis}") for plane in sorted(planes, key=key)]


# the interval of a single time point is not known, and so no scale that a position could be counted in
@pytest.mark.parametrize(
    ("options", "seconds"),
    [
        ((), 30.0),
        (("--channel", "1"), 50.0),
        (("--channel", "1,0"), 50.0),
        (("--time", "0:1", "--channel", "GFP"), None),
    ],
)
def test_the_time_of_a_picked_plane_is_that_of_the_first_voxel(tmp_path, options, seconds):
    write_ome(tmp_path / "image.ome.tif")
    result = restore(tmp_path / "image.ome.tif", tmp_path / "result.ome.zarr", *options)
    assert by_ome_zarr(result).at.get("T") == (None if seconds is None else pytest.approx(seconds))
    planes = by_ome_types(restore(tmp_path / "image.ome.tif", tmp_path / "same.ome.tif", *options))
    assert planes.times[0, 0, 0] == pytest.approx(seconds or 50.0)


LONG = np.concatenate([STACK, STACK])


def write_long_ome(path):
    metadata = {name: value for name, value in ome_metadata().items() if name != "Plane"}
    tifffile.imwrite(path, LONG, ome=True, photometric="minisblack", metadata=metadata)


def write_long_imagej(path):
    metadata = {"axes": "TZCYX", "unit": "um", "spacing": 0.3, "finterval": 2.5, "tunit": "min"}
    tifffile.imwrite(path, LONG.swapaxes(1, 2), imagej=True, resolution=(10, 10), metadata=metadata)


def write_long_shaped(path):
    metadata = {"axes": "TCZYX", "unit": "um", "spacing": 0.3, "finterval": 150.0}
    tifffile.imwrite(path, LONG, photometric="minisblack", metadata=metadata)


@pytest.mark.parametrize("write", [write_long_ome, write_long_imagej, write_long_shaped])
@pytest.mark.parametrize(("times", "seconds"), [("1:3", 150.0), ("0:2", 0.0), ("2,3", 300.0), ("1,3", 150.0)])
def test_time_points_that_are_left_out_have_passed(tmp_path, write, times, seconds):
    write(tmp_path / "image.tif")
    found = by_ome_zarr(restore(tmp_path / "image.tif", tmp_path / "result.ome.zarr", "--time", times)).at
    assert found.get("T", 0.0) == pytest.approx(seconds)


DOWN = [7000.0 - 300 * z for _, _, z in TIMES]


def test_planes_that_follow_each_other_downwards_do_so_in_every_format(tmp_path):
    write_planes(tmp_path / "image.ome.tif", PositionZ=DOWN)
    zarr = restore(tmp_path / "image.ome.tif", tmp_path / "result.ome.zarr")
    found = by_ome_zarr(zarr)
    assert (found.scale["Z"], found.at["Z"]) == pytest.approx((-0.3, 7.0))
    back = restore(zarr, tmp_path / "back.ome.tif")
    assert positions(back, "Z") == pytest.approx(DOWN)
    assert by_ome_types(back).scale["Z"] == pytest.approx(0.3)


@pytest.mark.parametrize(("origin", "first"), [({"zorigin": 10.0}, 3.0), ({"zorigin": 0.0}, 0.0)])
def test_a_spacing_of_imagej_below_zero_is_a_direction(tmp_path, origin, first):
    write_imagej(tmp_path / "image.tif", zunit="micron", spacing=-0.3, **origin)
    with tifffile.TiffFile(restore(tmp_path / "image.tif", tmp_path / "same.tif")) as tif:
        assert tif.imagej_metadata["spacing"] == pytest.approx(-0.3)
    found = by_ome_zarr(restore(tmp_path / "image.tif", tmp_path / "result.ome.zarr"))
    assert (found.scale["Z"], found.at.get("Z", 0.0)) == pytest.approx((-0.3, first))
    planes = positions(restore(tmp_path / "image.tif", tmp_path / "result.ome.tif"), "Z")
    assert planes[:4] == pytest.approx([first - 0.3 * z for z in range(4)])


STEADY, MOVED = [1.5] * 16, [1.5] * 8 + [1.6] * 8
ELSEWHERE = {
    "a stage that moves": ({"PositionX": MOVED}, "X"),
    "planes farther apart than their distance": ({"PositionZ": [500.0 * z for _, _, z in TIMES]}, "Z"),
    "a unit that is no length": ({"PositionX": STEADY, "PositionXUnit": ["reference frame"] * 16}, "X"),
    "no unit, which stands for the same": ({"PositionX": STEADY, "PositionXUnit": None}, "X"),
    "none of the first plane": ({"PositionY": [None, *[-40.0] * 15], "PositionYUnit": [None, *["µm"] * 15]}, "Y"),
}


@pytest.mark.parametrize("case", ELSEWHERE)
def test_positions_that_are_none_of_the_image_are_not_stated(tmp_path, case):
    entries, axis = ELSEWHERE[case]
    write_planes(tmp_path / "image.ome.tif", **entries)
    found = by_ome_zarr(restore(tmp_path / "image.ome.tif", tmp_path / "result.ome.zarr")).at
    assert {name for name, at in found.items() if at} == set("TZYX") - {axis}


@pytest.mark.parametrize(
    ("entries", "axis", "first"),
    [
        ({"PositionX": [1.5 + 1e-5 * (n % 3) for n in range(16)]}, "X", 1500.0),
        ({"PositionZ": [7000.0] * 16}, "Z", 7.0),
        ({"PositionX": [1500.0] * 16, "PositionXUnit": ["µm"] * 16}, "X", 1500.0),
    ],
)
def test_positions_that_differ_by_less_than_half_a_voxel_are_one(tmp_path, entries, axis, first):
    write_planes(tmp_path / "image.ome.tif", **entries)
    found = by_ome_zarr(restore(tmp_path / "image.ome.tif", tmp_path / "result.ome.zarr"))
    assert found.at[axis] == pytest.approx(first, rel=1e-6)
    assert found.scale["Z"] == pytest.approx(0.3)


def test_positions_of_other_axes_than_the_files_are_not_stated(tmp_path):
    write_ome(tmp_path / "image.ome.tif")
    found = by_ome_zarr(restore(tmp_path / "image.ome.tif", tmp_path / "result.ome.zarr", "--axes", "CZTYX"))
    assert not any(found.at.values())


def test_an_image_at_the_origin_gets_no_planes(tmp_path):
    write_zarr(tmp_path / "image.ome.zarr", places=dict.fromkeys("tczyx", 0.0))
    assert not by_ome_types(restore(tmp_path / "image.ome.zarr", tmp_path / "result.ome.tif")).times


def test_the_origin_of_imagej_stays_where_it_was(tmp_path):
    write_imagej(tmp_path / "image.tif")
    found = by_tifffile(restore(tmp_path / "image.tif", tmp_path / "same.tif", "--channel", "1", "--time", "1"))
    assert found.at == pytest.approx({"Z": 7.0, "Y": -40.0, "X": 1500.0})
