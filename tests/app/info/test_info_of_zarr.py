"""`rlcore info` of OME-Zarr: its images, chunks, composed scale and position, and slips of its metadata."""

import pytest
from app.info.test_info_command import info, odd, said
from app.test_several_images_in_zarr import FIRST, collection, plate, write_image

zarr = pytest.importorskip("zarr", reason="zarr is not installed")


def composed(path, finest, everything):
    """Writes an image with transformations of its finest level, and of all levels."""
    group = zarr.open_group(path, mode="w")
    write_image(group, FIRST)
    ome = dict(group.attrs["ome"])
    [scales] = ome["multiscales"]
    scales["datasets"][0]["coordinateTransformations"] = finest
    scales["coordinateTransformations"] = everything
    group.attrs["ome"] = ome


def scale(*by):
    return {"type": "scale", "scale": by}


def translation(*by):
    return {"type": "translation", "translation": by}


@pytest.mark.parametrize(
    ("finest", "everything"),
    [
        ([scale(0.3, 0.1, 0.1)], [scale(1.0, 1.0, 1.0), translation(3.0, 10.0, 20.0)]),
        ([scale(3.0, 1.0, 1.0), translation(30.0, 100.0, 200.0)], [scale(0.1, 0.1, 0.1)]),
        ([scale(0.3, 0.1, 0.1), translation(3.0, 10.0, 20.0)], [scale(1.0, 1.0, 1.0)]),
    ],
)
def test_scale_and_position_are_those_of_all_transformations_together(tmp_path, finest, everything):
    composed(tmp_path / "a.zarr", finest, everything)
    assert said(tmp_path / "a.zarr", "scale") == "z 0.3 µm, y 0.1 µm, x 0.1 µm"
    assert said(tmp_path / "a.zarr", "position") == "z 3 µm, y 10 µm, x 20 µm"
    assert said(tmp_path / "a.zarr", "chunks") == "4 x 16 x 16"
    assert odd(tmp_path / "a.zarr") == []


@pytest.mark.parametrize(
    ("slip", "text"),
    [
        ({"omero": {"channels": [{"label": "DAPI"}]}}, "has faulty OME-Zarr metadata, and its voxels are read: omero"),
        ({"omero": "none"}, "has faulty OME-Zarr metadata"),
        ({"version": "0.9"}, "has faulty OME-Zarr metadata"),
    ],
)
def test_slips_of_metadata_are_odd(tmp_path, slip, text):
    group = zarr.open_group(tmp_path / "a.zarr", mode="w")
    write_image(group, FIRST)
    group.attrs["ome"] = {**group.attrs["ome"], **slip}
    assert any(text in line for line in odd(tmp_path / "a.zarr"))


def test_images_of_plates_and_collections_are_listed(tmp_path):
    plate(tmp_path / "a.zarr")
    assert "3 'A/2/1', z 10, y 24, x 26, uint16\n" in info(tmp_path / "a.zarr")
    assert "3 'A/2/1', z 10, y 24, x 26, uint16, taken\n" in info(tmp_path / "a.zarr", "--image", "A/2/1")
    collection(tmp_path / "b.zarr")
    assert "images        0 'a & b', z 10, y 24, x 26, uint16, taken\n" in info(tmp_path / "b.zarr")


def test_an_image_that_cannot_be_opened_is_listed_beside_those_that_can(tmp_path):
    group = plate(tmp_path / "a.zarr")
    del group["A/1/0"].attrs["ome"]
    assert "has no OME-Zarr metadata" in info(tmp_path / "a.zarr").splitlines()[-1]
    assert "1 'A/1/1', z 10, y 24, x 26, uint16\n" in info(tmp_path / "a.zarr")
