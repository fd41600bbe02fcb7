"""Coarser levels of results: in the SubIFDs of OME-TIFF, plane by plane, and in OME-Zarr."""

import errno
import itertools

import numpy as np
import pytest
import tifffile
from fixtures.commands import flip
from fixtures.round_trips.running import restore
from fixtures.round_trips.tiff_readers import TIFF_READERS

from rlcore.app.files.opening import open_file
from rlcore.app.series_run import SeriesRun

IMAGE = np.random.default_rng(0).poisson(50, (2, 2, 3, 300, 521)).astype(np.uint16) + 1
"""t, c, z, y, x."""


def halved(planes):
    """Means of neighbours along y and x; an odd last voxel is its own mean."""
    odd = [(0, 0)] * (planes.ndim - 2) + [(0, n % 2) for n in planes.shape[-2:]]
    even = np.pad(planes, odd, mode="edge")
    *lead, y, x = even.shape
    return even.reshape(*lead, y // 2, 2, x // 2, 2).mean((-3, -1))


def levels(path):
    with tifffile.TiffFile(path) as tif:
        return [level.asarray() for level in tif.series[0].levels]


@pytest.fixture
def image(tmp_path):
    tifffile.imwrite(tmp_path / "image.tif", IMAGE, photometric="minisblack", metadata={"axes": "TCZYX"})
    return tmp_path / "image.tif"


@pytest.mark.parametrize("dtype", ["float32", "uint16"])
def test_planes_of_ome_tiff_have_coarser_ones(image, tmp_path, dtype):
    path = restore(image, tmp_path / "result.ome.tif", "--dtype", dtype)
    found = levels(path)
    assert [level.shape for level in found] == [(2, 2, 3, 300, 521), (2, 2, 3, 150, 261), (2, 2, 3, 75, 131)]
    tolerance = {"rtol": 1e-5} if dtype == "float32" else {"atol": 0.51, "rtol": 0}
    for fine, coarse in itertools.pairwise(found):
        assert coarse.dtype == dtype
        np.testing.assert_allclose(coarse, halved(fine.astype(float)), **tolerance)


@pytest.mark.parametrize("reader", ["tifffile", "ome-types", "bioio", "napari"])
def test_the_finest_level_is_what_readers_take(image, tmp_path, reader):
    path = restore(image, tmp_path / "result.ome.tif")
    np.testing.assert_allclose(TIFF_READERS[reader](path).voxels, IMAGE, rtol=1e-5)


def test_a_result_with_levels_is_an_image_again(image, tmp_path):
    first = restore(image, tmp_path / "result.ome.tif")
    assert open_file(first, "image").layout.shape == IMAGE.shape
    again = restore(first, tmp_path / "again.tif", "--time", "1", "--channel", "0")
    assert [level.shape for level in levels(again)] == [(3, 300, 521), (3, 150, 261), (3, 75, 131)]
    np.testing.assert_allclose(levels(again)[0], IMAGE[1, 0], rtol=1e-5)


@pytest.mark.parametrize("result", ["result.tif", "result.npy"])
def test_other_files_have_no_levels(image, tmp_path, result):
    path = restore(image, tmp_path / result)
    if result.endswith(".tif"):
        assert len(levels(path)) == 1
    else:
        assert path.stat().st_size - IMAGE.size * 4 == 128


@pytest.mark.parametrize(
    ("unit", "sizes", "depth"), [("µm", (0.1, 0.1), 2), ("nm", (100.0, 0.1), 2), ("mm", (0.0003, 0.1), 3)]
)
def test_depth_of_an_ome_zarr_is_halved_by_lengths_in_one_unit(tmp_path, unit, sizes, depth):
    zarr = pytest.importorskip("zarr", reason="zarr is not installed")
    pytest.importorskip("yaozarrs", reason="yaozarrs is not installed")
    metadata = {"axes": "ZYX", "PhysicalSizeZ": sizes[0], "PhysicalSizeZUnit": unit}
    metadata |= {f"PhysicalSize{axis}": sizes[1] for axis in "YX"}
    tifffile.imwrite(tmp_path / "image.ome.tif", IMAGE[0, 0], ome=True, photometric="minisblack", metadata=metadata)
    group = zarr.open_group(restore(tmp_path / "image.ome.tif", tmp_path / "result.zarr"), mode="r")
    assert group["1"].shape == (depth, 150, 261)


class TestResumedRuns:
    """A run over two time points stops before the second, and its work is damaged or not before it is resumed."""

    @pytest.fixture
    def stopped(self, image, tmp_path, monkeypatch):
        """Options of the run, the file that it has left, and the number of volumes that are restored from then on."""
        restored, one = [], SeriesRun._restore
        options = ("--channel", "0", "--checkpoint", tmp_path / "state")

        def full(run, number, *rest):
            if number == 1:
                raise OSError(errno.ENOSPC, "full")
            one(run, number, *rest)

        def counted(run, number, *rest):
            restored.append(number)
            one(run, number, *rest)

        monkeypatch.setattr(SeriesRun, "_restore", full)
        with pytest.raises(AssertionError, match="resume"):
            restore(image, tmp_path / "result.ome.tif", *options)
        monkeypatch.setattr(SeriesRun, "_restore", counted)
        [work] = tmp_path.glob(".rlcore-work-*")
        return options, work / "result", restored

    @pytest.mark.parametrize(("level", "again"), [(None, [1]), (0, [0, 1]), (1, [0, 1]), (2, [0, 1])])
    def test_a_damaged_level_is_made_again(self, image, tmp_path, stopped, level, again):
        options, path, restored = stopped
        if level is not None:
            with tifffile.TiffFile(path) as tif:
                at = tif.series[0].levels[level].dataoffset
            flip(path, at + 8)
        found = levels(restore(image, tmp_path / "result.ome.tif", *options))
        assert restored == again
        np.testing.assert_allclose(found[0], IMAGE[:, 0], rtol=1e-5)
        for fine, coarse in itertools.pairwise(found):
            np.testing.assert_allclose(coarse, halved(fine.astype(float)), rtol=1e-5)

    def test_metadata_between_levels_are_verified(self, image, tmp_path, stopped):
        options, path, _ = stopped
        with tifffile.TiffFile(path) as tif:
            at = tif.series[0].levels[1].dataoffset
        flip(path, at - 4)
        with pytest.raises(AssertionError, match="damaged"):
            restore(image, tmp_path / "result.ome.tif", *options)
