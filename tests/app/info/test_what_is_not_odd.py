"""`rlcore info` says nothing of what is usual, and each thing once, so that what it says is worth reading."""

import numpy as np
import pytest
import tifffile
from app.info.test_info_command import BAD, FULL, LACKING, UNKNOWN, imagej, info, odd, said, sound, told
from fixtures.commands import IMAGE


def test_three_planes_of_colour_may_be_channels(tmp_path):
    imagej(tmp_path / "a.tif", IMAGE[:3], metadata={"axes": "CYX"})
    assert not any("no axis z" in line for line in odd(tmp_path / "a.tif"))
    imagej(tmp_path / "b.tif", IMAGE[:4], metadata={"axes": "CYX"})
    assert any("has 4 channels without names and no axis z" in line for line in odd(tmp_path / "b.tif"))


def test_a_scale_in_doubt_is_shown_as_such_and_warned_of_once(tmp_path):
    sound(tmp_path / "a.tif", PhysicalSizeX=1, PhysicalSizeY=1, PhysicalSizeZ=1)
    assert said(tmp_path / "a.tif", "scale") == "z 1 µm, y 1 µm, x 1 µm, not believed"
    # of x alone, so that the others are unknown besides
    tifffile.imwrite(tmp_path / "b.tif", IMAGE, ome=True, metadata={"axes": "ZYX", "PhysicalSizeX": 5000})
    lines = odd(tmp_path / "b.tif")
    assert any("which no microscope has" in line for line in lines)
    assert not any(UNKNOWN in line for line in lines)


def test_axes_that_the_user_names_stand_before_those_of_the_file(tmp_path):
    imagej(tmp_path / "a.tif", IMAGE)
    assert said(tmp_path / "a.tif", "axes") == "c 10, y 24, x 26"
    assert said(tmp_path / "a.tif", "axes", "--axes", "ZYX") == "z 10, y 24, x 26 (the file says CYX)"


def test_two_volumes_that_differ_are_not_unlike_the_others(tmp_path):
    imagej(tmp_path / "a.tif", np.stack([BAD[0], 3 * BAD[0]]), metadata={"axes": "TZYX"})
    assert not any("unlike the others" in line for line in odd(tmp_path / "a.tif"))
    imagej(tmp_path / "b.tif", np.stack([BAD[0], BAD[0], 3 * BAD[0]]), metadata={"axes": "TZYX"})
    assert any("unlike the others (time 2, channel 0" in line for line in odd(tmp_path / "b.tif"))


def test_a_constant_image_is_not_saturated(tmp_path):
    imagej(tmp_path / "a.tif", np.full_like(IMAGE, 65535), metadata={"axes": "ZYX"})
    lines = odd(tmp_path / "a.tif")
    assert any("has the value 65535 in all voxels" in line for line in lines)
    assert not any("saturated" in line for line in lines)
    imagej(tmp_path / "b.tif", FULL, metadata={"axes": "ZYX"})
    assert any("saturated" in line for line in odd(tmp_path / "b.tif"))


@pytest.mark.parametrize(("how", "sampled"), [({"tile": (16, 16)}, True), ({"tile": (16, 16, 16)}, False)])
def test_values_are_sampled_only_where_a_plane_can_be_decoded_alone(tmp_path, how, sampled):
    tifffile.imwrite(
        tmp_path / "a.tif", IMAGE, compression="zlib", photometric="minisblack", metadata={"axes": "ZYX"}, **how
    )
    assert said(tmp_path / "a.tif", "a run takes") == "1 volume of 10 x 24 x 26, 24.4 KiB as float32"
    assert ("  values" in info(tmp_path / "a.tif")) == sampled


def test_an_image_that_lacks_planes_is_described_with_the_values_of_the_others(tmp_path):
    told(tmp_path / "a.ome.tif", IMAGE[:5], LACKING)
    assert said(tmp_path / "a.ome.tif", "axes") == "z 10, y 24, x 26"
    assert "a run would refuse it: " in info(tmp_path / "a.ome.tif")
