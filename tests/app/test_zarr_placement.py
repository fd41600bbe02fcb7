"""OME-Zarr: scales and positions of the finest level and of all levels, composed."""

import json

import numpy as np
import pytest
from fixtures.commands import IMAGE, run

from rlcore.app.files.opening import open_file
from rlcore.app.files.zarr.placement import placement

zarr = pytest.importorskip("zarr", reason="zarr is not installed")
pytest.importorskip("yaozarrs", reason="yaozarrs is not installed")


def scale(*factors):
    return {"type": "scale", "scale": list(factors)}


def translation(*by):
    return {"type": "translation", "translation": list(by)}


def write(folder, finest, every=(), *, version="0.5", unit="micrometer", values=IMAGE):
    """Of version 0.4 the metadata lie at the top of the attributes."""
    group = zarr.open_group(folder / "image.zarr", mode="w", zarr_format=3 if version == "0.5" else 2)
    group.create_array("0", shape=values.shape, dtype=values.dtype, chunks=values.shape)[...] = values
    axes = [{"name": name, "type": "space", **({"unit": unit} if unit else {})} for name in "zyx"]
    multiscale = {"axes": axes, "datasets": [{"path": "0", "coordinateTransformations": list(finest)}]}
    if every:
        multiscale["coordinateTransformations"] = list(every)
    if version == "0.5":
        group.attrs["ome"] = {"version": version, "multiscales": [multiscale]}
    else:
        group.attrs["multiscales"] = [{"version": version, **multiscale}]


def placed(path):
    """Scale and position along z, y, x of every level of a result."""
    [multiscale] = zarr.open_group(path, mode="r").attrs["ome"]["multiscales"]
    found = []
    for level in multiscale["datasets"]:
        one = placement({"axes": multiscale["axes"], "datasets": [level]})
        found.append(([one.scale[a] for a in "ZYX"], [one.translation[a] for a in "ZYX"]))
    return found


COMPOSED = {
    "of the level": ([scale(0.3, 0.2, 0.1), translation(3, 10, 20)], []),
    "position of all": ([scale(0.3, 0.2, 0.1)], [scale(1, 1, 1), translation(3, 10, 20)]),
    "scale of all": ([scale(3, 2, 1), translation(30, 100, 200)], [scale(0.1, 0.1, 0.1)]),
    "both of both": ([scale(3, 2, 1), translation(20, 40, 100)], [scale(0.1, 0.1, 0.1), translation(1, 6, 10)]),
    "mirrored twice": ([scale(-0.3, 0.2, 0.1), translation(-3, 10, 20)], [scale(-1, 1, 1)]),
}


@pytest.mark.parametrize("version", ["0.4", "0.5"])
@pytest.mark.parametrize("kind", COMPOSED)
def test_transformations_are_composed(files, kind, version):
    write(files, *COMPOSED[kind], version=version)
    assert open_file(files / "image.zarr", "image").about.voxel.micrometres("ZYX") == pytest.approx((0.3, 0.2, 0.1))
    assert run(files, "-n", "1", image="image.zarr", output="out.zarr").exit_code == 0
    np.testing.assert_allclose(placed(files / "out.zarr")[0], ([0.3, 0.2, 0.1], [3, 10, 20]), rtol=1e-9)


@pytest.mark.parametrize("every", [[], [scale(-1, -1, 1), translation(0, 1, 0)]])
def test_axes_keep_their_direction_and_voxels_their_size(files, every):
    write(files, [scale(-0.3, 0.2, -0.1), translation(3, 10, 20)], every)
    about = open_file(files / "image.zarr", "image").about
    assert about.voxel.micrometres("ZYX") == pytest.approx((0.3, 0.2, 0.1))
    result = run(files, "-n", "1", "--psf-voxel", "0.3,0.2,0.1", image="image.zarr", output="out.zarr")
    assert (result.exit_code, "resampled" in result.stderr) == (0, False)
    expected = ([0.3, -0.2, -0.1], [-3, -9, 20]) if every else ([-0.3, 0.2, -0.1], [3, 10, 20])
    np.testing.assert_allclose(placed(files / "out.zarr")[0], expected, rtol=1e-9)
    assert run(files, "-n", "1", image="image.zarr", output="out.tif").exit_code == 0
    assert open_file(files / "out.tif", "image").about.voxel.micrometres("ZYX") == pytest.approx((0.3, 0.2, 0.1))


def test_coarser_levels_lie_where_the_voxels_lie_that_they_average(files):
    values = np.resize(IMAGE, (3, 300, 280))
    write(files, [scale(0.3, 0.2, -0.1), translation(3, 10, 20)], [scale(1, 2, 1)], values=values)
    assert run(files, "-n", "1", image="image.zarr", output="out.zarr").exit_code == 0
    finest, coarser = placed(files / "out.zarr")
    np.testing.assert_allclose(finest, ([0.3, 0.4, -0.1], [3, 20, 20]))
    np.testing.assert_allclose(coarser, ([0.3, 0.8, -0.2], [3, 20.2, 19.95]))


def test_the_users_voxels_are_written_in_the_units_and_directions_of_the_image(files):
    write(files, [scale(3, -2, 1), translation(30, 100, 200)], unit="nanometer")
    assert run(files, "-n", "1", "--voxel", "0.3,0.2,0.1", image="image.zarr", output="out.zarr").exit_code == 0
    np.testing.assert_allclose(placed(files / "out.zarr")[0], ([300, -200, 100], [30, 100, 200]))


@pytest.mark.parametrize("factor", [0.0, float("nan"), float("inf")])
def test_a_scale_that_is_none_costs_the_scale_and_not_the_voxels(files, factor):
    write(files, [scale(factor, 0.2, 0.1)])
    result = run(files, "-n", "1", "--json", image="image.zarr", output="out.zarr")
    assert result.exit_code == 0, result.output
    assert placed(files / "out.zarr")[0][0] == [1.0, 0.2, 0.1]
    [warning] = json.loads(result.stdout)["warnings"]
    assert f"by its metadata, which say {factor:g} along z; their size counts as unknown unless --voxel" in warning


def test_transformations_of_other_axes_cost_the_scale_and_not_the_voxels(files):
    write(files, [scale(0.3, 0.2, 0.1)], [scale(1.0, 1.0)])
    done = run(files, "-n", "1", image="image.zarr", output="out.npy")
    assert done.exit_code == 0
    first, *_ = done.stderr.splitlines()
    assert "has faulty OME-Zarr metadata, and its voxels are read: multiscales.0" in first
    assert "The length of the transformation (2) does not match the number of axes (3)" in first
    assert "does not match the number of axes" in first


@pytest.mark.parametrize(("picked", "seconds"), [("1:3", 15.0), ("0:2", 10.0), ("2,3", 20.0)])
def test_the_first_time_point_that_is_picked_is_where_it_was(files, picked, seconds):
    group = zarr.open_group(files / "image.zarr", mode="w")
    group.create_array("0", shape=(4, *IMAGE.shape), dtype=IMAGE.dtype)[...] = np.stack([IMAGE] * 4)
    axes = [{"name": "t", "type": "time", "unit": "second"}]
    axes += [{"name": name, "type": "space", "unit": "micrometer"} for name in "zyx"]
    transforms = [scale(5.0, 0.3, 0.1, 0.1), translation(10.0, 0, 0, 0)]
    datasets = [{"path": "0", "coordinateTransformations": transforms}]
    group.attrs["ome"] = {"version": "0.5", "multiscales": [{"axes": axes, "datasets": datasets}]}
    assert run(files, "-n", "1", "--time", picked, image="image.zarr", output="out.zarr").exit_code == 0
    [multiscale] = zarr.open_group(files / "out.zarr", mode="r").attrs["ome"]["multiscales"]
    assert placement(multiscale).translation["T"] == seconds


def test_metadata_of_a_collection_that_cannot_be_read_cost_no_voxels(files):
    (files / "collection" / "OME").mkdir(parents=True)
    (files / "collection" / "OME" / "METADATA.ome.xml").write_bytes(b"<OME>\xff\xfe")
    write(files, [scale(0.3, 0.2, 0.1)])
    (files / "image.zarr").rename(files / "collection" / "0")
    result = run(files, "-n", "1", image="collection/0")
    assert result.exit_code == 0, result.output
