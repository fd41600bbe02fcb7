"""RedLionfish's function for files: what it writes, with which scale, and what it refuses before the run."""

import numpy as np
import pytest
import tifffile
from fixtures.scenes import cell

import rlcore
import rlcore.compat.redlionfish as rl
from rlcore.app.files.metadata.voxel import Voxel
from rlcore.app.files.writing import destination

SCENE = cell((10, 24, 26), (5, 6, 6))


@pytest.fixture(autouse=True)
def on_the_cpu(monkeypatch, tmp_path):
    monkeypatch.setenv("RLCORE_BACKEND", "numpy")
    monkeypatch.chdir(tmp_path)
    tifffile.imwrite("psf.tif", SCENE.psf.astype(np.float32))


def write_ome(**scale):
    metadata = {"axes": "ZYX", **{f"PhysicalSize{name}": value for name, value in scale.items()}}
    tifffile.imwrite("image.ome.tif", SCENE.image.astype(np.uint16), metadata=metadata)


def scale_in_imagej(path):
    """Sizes along z, y and x in the one unit of an ImageJ TIFF, and this unit."""
    with tifffile.TiffFile(path) as tif:
        tags, metadata = tif.pages.first.tags, tif.imagej_metadata
        plane = [tags[f"{axis}Resolution"].value for axis in "YX"]
    return [metadata.get("spacing"), *(below / above for above, below in plane)], metadata.get("unit")


def test_files_in_a_file_out_with_its_scale(tmp_path):
    metadata = {"axes": "ZYX", "spacing": 0.3, "unit": "um"}
    image = SCENE.image.astype(np.uint16)
    tifffile.imwrite("image.tif", image, imagej=True, resolution=(10, 10), metadata=metadata)
    result = rl.doRLDeconvolutionFromFiles(tmp_path / "image.tif", str(tmp_path / "psf.tif"), 4, tmp_path / "out.tif")
    np.testing.assert_array_equal(tifffile.imread("out.tif"), result)
    sizes, unit = scale_in_imagej("out.tif")
    assert (sizes, unit) == (pytest.approx([0.3, 0.1, 0.1]), "micron")
    assert {path.name for path in tmp_path.iterdir()} == {"image.tif", "psf.tif", "out.tif"}


def test_no_iterations_save_the_image():
    tifffile.imwrite("image.tif", SCENE.image.astype(np.float32))
    result = rl.doRLDeconvolutionFromFiles("image.tif", "psf.tif", 0, "out.tif")
    np.testing.assert_array_equal(result, rl.helperfunctions.convertToUint8AndFullRange(SCENE.image))
    np.testing.assert_array_equal(tifffile.imread("out.tif"), result)


@pytest.mark.parametrize(
    ("scale", "sizes", "unit"),
    [
        ({"X": 0.1, "XUnit": "µm", "Y": 110, "YUnit": "nm", "Z": 0.0003, "ZUnit": "mm"}, [0.3, 0.11, 0.1], "micron"),
        ({"X": 100, "XUnit": "nm", "Y": 0.11, "YUnit": "µm", "Z": 0.3, "ZUnit": "µm"}, [300, 110, 100], "nm"),
        ({"X": 0.1, "XUnit": "µm", "Y": 0.1, "YUnit": "µm", "Z": 4, "ZUnit": "pixel"}, [None, 0.1, 0.1], "micron"),
    ],
)
def test_lengths_in_several_units_are_written_in_the_one_that_imagej_has(scale, sizes, unit):
    write_ome(**scale)
    rl.doRLDeconvolutionFromFiles("image.ome.tif", "psf.tif", 1, "out.tif")
    found, named = scale_in_imagej("out.tif")
    assert named == unit
    assert [size and pytest.approx(size, rel=1e-6) for size in sizes] == found


def test_sizes_are_converted_to_the_unit_of_x():
    voxel = Voxel({"Z": 1e-4, "Y": 200, "X": 0.1, "T": 2}, {"Z": "inch", "Y": "nm", "X": "µm", "T": "s"})
    same = voxel.in_unit_of_x()
    assert same.sizes == pytest.approx({"Z": 2.54, "Y": 0.2, "X": 0.1, "T": 2})
    assert same.units == {"Z": "µm", "Y": "µm", "X": "µm", "T": "s"}
    assert same.in_unit_of_x() == same
    assert Voxel({"Z": 1, "X": 1}, {"Z": "furlong", "X": "µm"}).in_unit_of_x().sizes == {"X": 1}


@pytest.mark.parametrize("limit", [None, 1])
def test_a_name_in_ome_tif_or_a_result_too_large_for_imagej_is_ome(monkeypatch, limit):
    write_ome(X=0.1, Y=0.1, Z=300, ZUnit="nm")
    if limit:
        monkeypatch.setattr(destination, "CLASSIC_LIMIT", limit)
    name = "out.tif" if limit else "out.ome.tif"
    result = rl.doRLDeconvolutionFromFiles("image.ome.tif", "psf.tif", 1, name)
    with tifffile.TiffFile(name) as tif:
        assert tif.is_ome
        np.testing.assert_array_equal(tif.asarray(), result)
        assert 'PhysicalSizeZ="300.0" PhysicalSizeZUnit="nm"' in tif.ome_metadata


@pytest.mark.parametrize(
    ("savepath", "reason"),
    [
        ("image.tif", "is one of the inputs"),
        ("./psf.tif", "is one of the inputs"),
        ("nowhere/out.tif", "does not exist"),
        ("folder.tif", "is a folder"),
        ("out.npy", "does not end in .tif or .tiff"),
        ("out", "does not end in .tif or .tiff"),
    ],
)
def test_what_cannot_be_saved_is_refused_before_the_run(monkeypatch, tmp_path, savepath, reason):
    (tmp_path / "folder.tif").mkdir()
    tifffile.imwrite("image.tif", SCENE.image.astype(np.float32))
    before = (tmp_path / "image.tif").read_bytes()
    monkeypatch.setattr(rl.RLDeconvolve, "doRLDeconvolutionFromNpArrays", lambda *_, **__: pytest.fail("it ran"))
    with pytest.raises(rlcore.InputError, match=reason):
        rl.doRLDeconvolutionFromFiles("image.tif", "psf.tif", 1, savepath)
    assert (tmp_path / "image.tif").read_bytes() == before


def test_an_existing_result_is_replaced():
    tifffile.imwrite("image.tif", SCENE.image.astype(np.float32))
    tifffile.imwrite("out.tif", np.zeros((2, 2)))
    result = rl.doRLDeconvolutionFromFiles("image.tif", "psf.tif", 1, "out.tif")
    np.testing.assert_array_equal(tifffile.imread("out.tif"), result)
