"""What napari sees of restored files: through its own reader of TIFF, and the plugin for OME-Zarr."""

import numpy as np
import pytest
import tifffile
from fixtures.commands import IMAGE, PSF, run

import rlcore

napari = pytest.importorskip("napari.components", reason="napari is not installed; nox -s napari runs these tests")
npe2 = pytest.importorskip("npe2", reason="npe2 is not installed; nox -s napari runs these tests")

STACK = np.stack([[IMAGE, IMAGE // 2 + 3], [IMAGE // 3 + 1, IMAGE + 2]]).astype(np.uint16)
"""t, c, z, y, x."""
SAID = {
    "axes": "TCZYX",
    "Channel": {"Name": ["DAPI", "GFP"]},
    "PhysicalSizeX": 0.1,
    "PhysicalSizeY": 0.1,
    "PhysicalSizeZ": 0.3,
}


@pytest.fixture(scope="module")
def truth():
    options = {"iterations": 5, "offset": 0, "background": 0, "hot_pixels": "keep", "backend": "numpy"}
    return np.stack([[rlcore.deconvolve(v, PSF, **options) for v in row] for row in STACK])


@pytest.fixture
def viewer():
    npe2.PluginManager.instance().discover()
    return napari.ViewerModel()


@pytest.fixture
def restored(tmp_path):
    def restore(ending):
        image, psf, out = tmp_path / "image.ome.tif", tmp_path / "psf.tif", tmp_path / f"out{ending}"
        tifffile.imwrite(image, STACK, metadata=SAID)
        tifffile.imwrite(psf, PSF.astype(np.float32))
        assert run(tmp_path, image=image.name, psf=psf.name, output=out.name).exit_code == 0
        return out

    return restore


def test_an_ome_zarr_comes_with_channels_scale_and_units(viewer, restored, truth):
    pytest.importorskip("napari_ome_zarr", reason="napari-ome-zarr is not installed; nox -s napari runs this test")
    viewer.open(restored(".ome.zarr"), plugin="napari-ome-zarr")
    assert [layer.name for layer in viewer.layers] == ["DAPI", "GFP"]
    for channel, layer in enumerate(viewer.layers):
        full = layer.data[0] if layer.multiscale else layer.data
        np.testing.assert_allclose(np.asarray(full), truth[:, channel], atol=1e-5 * truth.max())
        np.testing.assert_allclose(layer.scale[-3:], (0.3, 0.1, 0.1))
        assert [str(unit) for unit in layer.units][-3:] == ["micrometer"] * 3


def test_an_ome_tiff_comes_with_every_voxel(viewer, restored, truth):
    (layer,) = viewer.open(restored(".ome.tif"), plugin="napari")
    np.testing.assert_allclose(np.asarray(layer.data), truth, atol=1e-5 * truth.max())
