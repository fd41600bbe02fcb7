"""Images of an OME-Zarr are listed in the order that it states, by name or by path."""

import pytest
from fixtures.commands import IMAGE
from fixtures.zarr_images import write_image

from rlcore.app.files.opening import list_images

zarr = pytest.importorskip("zarr", reason="zarr is not installed")
pytest.importorskip("yaozarrs", reason="yaozarrs is not installed")


def collection(path, folders, series=None):
    """Writes a collection as bioformats2raw does, whose images lie in these folders."""
    group = zarr.open_group(path, mode="w", zarr_format=3)
    group.attrs["ome"] = {"version": "0.5", "bioformats2raw.layout": 3}
    for folder in folders:
        write_image(path / folder)
    if series is not None:
        group.create_group("OME").attrs["ome"] = {"version": "0.5", "series": series}
    return path


def names(path):
    return [entry.name for entry in list_images(path)]


def test_a_collection_has_the_order_that_it_lists(tmp_path):
    assert names(collection(tmp_path / "a.zarr", ["0", "1", "2"], ["2", "0", "1"])) == ["2", "0", "1"]
    assert names(collection(tmp_path / "b.zarr", ["left", "right"], ["right", "left"])) == ["right", "left"]


@pytest.mark.parametrize("series", [None, [], "0"])
def test_a_collection_that_lists_nothing_is_ordered_by_number(tmp_path, series):
    folders = ["0", "1", "2", "10", "notes"]
    assert names(collection(tmp_path / "a.zarr", folders, series)) == ["0", "1", "2", "10"]


def test_a_folder_of_images_is_ordered_by_name(tmp_path):
    zarr.open_group(tmp_path / "a.zarr", mode="w", zarr_format=3)
    for name in ("right", "left", "middle"):
        write_image(tmp_path / "a.zarr" / name)
    assert names(tmp_path / "a.zarr") == ["left", "middle", "right"]


def test_a_single_image_has_its_name_too(tmp_path):
    write_image(tmp_path / "a.zarr")
    assert names(tmp_path / "a.zarr") == [""]
    group = zarr.open_group(tmp_path / "a.zarr", mode="r+")
    said = dict(group.attrs["ome"])
    said["multiscales"][0]["name"] = "cells"
    group.attrs["ome"] = said
    [entry] = list_images(tmp_path / "a.zarr")
    assert (entry.name, entry.axes, entry.shape) == ("cells", "ZYX", IMAGE.shape)
