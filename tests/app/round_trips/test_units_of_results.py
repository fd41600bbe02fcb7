"""Units that formats have different names for, or none."""

import numpy as np
import pytest
import tifffile
from fixtures.round_trips.running import restore
from fixtures.round_trips.stated import STACK
from fixtures.round_trips.tiff_images import ome_metadata
from fixtures.round_trips.tiff_readers import by_ome_types
from fixtures.round_trips.zarr_readers import by_ome_zarr

from rlcore.app.files.opening import open_file

zarr = pytest.importorskip("zarr", reason="zarr is not installed")
pytest.importorskip("yaozarrs", reason="yaozarrs is not installed")
pytest.importorskip("ome_zarr", reason="ome-zarr is not installed")

# 2.5 of these, and the position in time of 30 s, in the unit of the time step
STEPS = {"ms": 2.5e-3, "s": 2.5, "min": 150.0, "h": 9000.0}


@pytest.mark.parametrize("unit", STEPS)
def test_times_of_planes_are_converted_to_the_unit_of_the_time_step(tmp_path, unit):
    metadata = {**ome_metadata(), "TimeIncrementUnit": unit}
    tifffile.imwrite(tmp_path / "image.ome.tif", STACK, ome=True, photometric="minisblack", metadata=metadata)
    path = restore(tmp_path / "image.ome.tif", tmp_path / "result.ome.zarr")
    found = by_ome_zarr(path)
    assert (found.scale["T"], found.at["T"]) == pytest.approx((STEPS[unit], 30.0), rel=1e-6)
    back = by_ome_types(restore(path, tmp_path / "back.ome.tif"))
    assert (back.scale["T"], back.at["T"]) == pytest.approx((STEPS[unit], 30.0), rel=1e-6)


NAMED = {"pixel": None, "reference frame": None, "thou": "micrometer", "Å": "angstrom", "mm": "millimeter"}


@pytest.mark.parametrize("unit", NAMED)
def test_units_in_ome_zarr_are_those_that_it_has(tmp_path, unit):
    metadata = {**ome_metadata(), "PhysicalSizeXUnit": unit, "PhysicalSizeX": 0.01}
    tifffile.imwrite(tmp_path / "image.ome.tif", STACK, ome=True, photometric="minisblack", metadata=metadata)
    path = restore(tmp_path / "image.ome.tif", tmp_path / "result.ome.zarr")
    [multiscale] = zarr.open_group(path, mode="r").attrs["ome"]["multiscales"]
    assert multiscale["axes"][-1].get("unit") == NAMED[unit]
    assert multiscale["datasets"][0]["coordinateTransformations"][0]["scale"][-1] == pytest.approx(
        0.254 if unit == "thou" else 0.01
    )


@pytest.mark.parametrize("sizes", [(0.3, 0.2, 0.1), (40.0, 15.0, 15.0), (0.3, 0.1037, 0.1037)])
@pytest.mark.parametrize("depth", [True, False])
def test_a_plain_tiff_is_believed_what_the_user_has_given(tmp_path, sizes, depth):
    """Tags count in centimetres, in which programs of printers write too."""
    stack = STACK[0, 0] if depth else STACK[0, 0, 0]
    sizes = sizes if depth else sizes[1:]
    np.save(tmp_path / "image.npy", stack)
    given = ",".join(map(str, sizes))
    path = restore(tmp_path / "image.npy", tmp_path / "result.tif", "--voxel", given, depth=depth)
    found = open_file(path, "image").about.voxel.micrometres("ZYX"[-stack.ndim :])
    assert found == pytest.approx(sizes, rel=1e-6)
