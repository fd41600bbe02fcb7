"""Images of fewer axes: a plane, a stack, series without depth, and orders of axes that not every format has."""

import itertools

import numpy as np
import pytest
import tifffile
from fixtures.round_trips.running import restore
from fixtures.round_trips.stated import NAMES, SCALE, STACK, Stated, check
from fixtures.round_trips.tiff_readers import by_ome_types, by_tifffile
from fixtures.round_trips.zarr_images import write_zarr
from fixtures.round_trips.zarr_readers import by_ome_zarr, lay

pytest.importorskip("zarr", reason="zarr is not installed")
pytest.importorskip("yaozarrs", reason="yaozarrs is not installed")


def write_ome(path, stack, axes):
    sizes = {f"PhysicalSize{axis}": SCALE[axis] for axis in "ZYX" if axis in axes}
    names = {"Channel": {"Name": list(NAMES)}} if "C" in axes else {}
    step = {"TimeIncrement": 150.0} if "T" in axes else {}
    tifffile.imwrite(path, stack, ome=True, photometric="minisblack", metadata={"axes": axes, **sizes, **names, **step})


def write_imagej(path, stack, axes):
    stack = stack.transpose([axes.index(letter) for letter in "TZCYX" if letter in axes])
    said = {"unit": "um", **({"spacing": 0.3} if "Z" in axes else {}), **({"finterval": 150.0} if "T" in axes else {})}
    said |= {"Labels": [NAMES[n % 2] for n in range(int(np.prod(stack.shape[:-2])))]} if "C" in axes else {}
    axes = "".join(letter for letter in "TZCYX" if letter in axes)
    tifffile.imwrite(path, stack, imagej=True, resolution=(10, 5), metadata={"axes": axes, **said})


def write_zarr_of(path, stack, axes):
    write_zarr(path, axes=axes.lower(), stack=stack, places=dict.fromkeys("tczyx", 0.0))


IMAGES = {"image.ome.tif": write_ome, "image.tif": write_imagej, "image.ome.zarr": write_zarr_of}
AXES = ["YX", "ZYX", "TYX", "CYX", "TCYX", "CZYX", "TZYX"]
OTHERS = [("image.ome.tif", "CTZYX"), ("image.ome.tif", "ZCYX"), ("image.ome.tif", "ZTYX"), ("image.ome.tif", "CTYX")]
CASES = [*itertools.product(IMAGES, AXES), *OTHERS]


RESULTS = {"same.tif": by_tifffile, "result.ome.tif": by_ome_types, "result.ome.zarr": by_ome_zarr}


@pytest.mark.parametrize(("image", "axes"), CASES)
def test_images_of_fewer_axes_are_read_as_what_they_are(tmp_path, image, axes):
    picked = tuple(slice(None) if letter in axes else 0 for letter in "TCZYX")
    ordered = "".join(letter for letter in "TCZYX" if letter in axes)
    stack = STACK[picked].transpose([ordered.index(letter) for letter in axes])
    IMAGES[image](tmp_path / image, stack, axes)
    names = NAMES if "C" in axes else None
    expected = Stated(lay(stack, axes), {axis: SCALE[axis] for axis in axes if axis != "C"}, names, at={})
    for result, reader in RESULTS.items():
        check(reader(restore(tmp_path / image, tmp_path / result, depth="Z" in axes)), expected)
