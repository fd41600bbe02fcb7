"""Planes that were appended one by one are one image, unless something tells them apart."""

import numpy as np
import pytest
import tifffile
from fixtures.commands import IMAGE
from fixtures.round_trips.tiff_images import write_pyramid

from rlcore.app.files.opening import list_images, open_file


def append(path, planes, **how):
    for plane in planes:
        tifffile.imwrite(path, plane, append=True, photometric="minisblack", **how)


@pytest.mark.parametrize(
    ("axes", "found"), [("YX", "IYX"), ("ZYX", "ZYX"), ("TYX", "TYX"), ("CYX", "CYX"), ("TZYX", "IYX")]
)
def test_they_follow_each_other_along_the_axis_that_they_were_written_with(tmp_path, axes, found):
    lead = (1,) * (len(axes) - 2)
    append(tmp_path / "a.tif", [plane.reshape(*lead, *plane.shape) for plane in IMAGE[:4]], metadata={"axes": axes})
    [entry] = list_images(tmp_path / "a.tif")
    assert (entry.axes, entry.shape) == (found, (4, 24, 26))


@pytest.mark.parametrize(
    "others",
    [[IMAGE[1].astype(np.float32)], [IMAGE[1].astype(np.int16)], [IMAGE[1, 1:]], [IMAGE[1:3]]],
    ids=["type", "sign", "shape", "stack"],
)
def test_planes_of_another_kind_are_other_images(tmp_path, others):
    append(tmp_path / "a.tif", [IMAGE[0], *others])
    assert len(list_images(tmp_path / "a.tif")) == 2


def test_planes_that_are_marked_as_reduced_are_not_joined(tmp_path):
    append(tmp_path / "a.tif", IMAGE[:3], subfiletype=1)
    assert len(list_images(tmp_path / "a.tif")) == 3


def test_coarser_levels_are_no_images_and_are_said(tmp_path):
    write_pyramid(tmp_path / "a.ome.tif")
    assert len(list_images(tmp_path / "a.ome.tif")) == 1
    assert open_file(tmp_path / "a.ome.tif", "image").stored["levels"] == "2, of which the finest is read"
