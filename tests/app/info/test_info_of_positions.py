"""`rlcore info` states the position of the first voxel, in whichever form the format has it."""

import json

import pytest
from app.info.test_info_command import info, said, sound
from fixtures.round_trips.images import WRITE
from fixtures.round_trips.stated import AT, micro


@pytest.mark.parametrize(
    ("name", "line"),
    [
        ("classic.ome.tif", "z 7000 nm, y -0.04 mm, x 1500 µm"),
        ("imagej.tif", "z 0.007 mm, y -40000 nm, x 1500 µm"),
        ("v04.ome.zarr", "z 7000 nm, y -0.04 mm, x 1500 µm"),
        ("v05.ome.zarr", "z 7000 nm, y -0.04 mm, x 1500 µm"),
    ],
)
def test_the_position_is_stated_in_the_units_of_the_voxel(tmp_path, name, line):
    WRITE[name](tmp_path / name)
    assert said(tmp_path / name, "position") == line
    found = json.loads(info(tmp_path / name, "--json"))["position"]
    lengths = {axis.upper(): micro(each["at"], each["unit"]) for axis, each in found.items()}
    assert lengths == pytest.approx({axis: AT[axis] for axis in "ZYX"})


def test_a_file_without_a_position_has_no_line_of_it(tmp_path):
    sound(tmp_path / "a.ome.tif")
    assert "  position" not in info(tmp_path / "a.ome.tif")
    assert json.loads(info(tmp_path / "a.ome.tif", "--json"))["position"] == {}
