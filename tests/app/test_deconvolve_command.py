"""`rlcore deconvolve`: files in, a file out, and what is said about it."""

import json

import numpy as np
import pytest
import tifffile
from fixtures.commands import IMAGE, PSF, deconvolved, run
from fixtures.scenes import error, gaussian

import rlcore


@pytest.fixture(scope="module")
def truth():
    return deconvolved(IMAGE, PSF, iterations=5, backend="numpy")


# --- what is kept


def written(folder, image, **description):
    tifffile.imwrite(folder / "image.tif", image, **description)


@pytest.mark.parametrize("shape", ["volume", "plane"])
@pytest.mark.parametrize("memory", ["1 GiB", "17 MiB"])
def test_a_plain_tiff_stays_one_with_its_resolution(files, shape, memory):
    image, psf = (IMAGE, PSF) if shape == "volume" else (IMAGE[4], gaussian((6, 7)))
    written(files, image, photometric="minisblack", resolution=(2000, 1000), resolutionunit="CENTIMETER")
    tifffile.imwrite(files / "psf.tif", psf)
    result = run(files, "--memory", memory)
    assert result.exit_code == 0, result.output
    with tifffile.TiffFile(files / "out.tif") as tif:
        assert not tif.is_imagej
        assert not tif.is_ome
        assert tif.series[0].shape == image.shape
        assert tif.series[0].dtype == np.float32
        tags = tif.pages.first.tags
        assert tags["ResolutionUnit"].value == 3
        assert [tags[f"{a}Resolution"].value for a in "XY"] == [(2000, 1), (1000, 1)]
        assert "Richardson-Lucy deconvolution by rlcore" in tags["ImageDescription"].value
        expected = deconvolved(image, psf, iterations=5, backend="numpy")
        assert error(tif.asarray(), expected) <= 1e-5


def test_an_imagej_tiff_stays_one_with_its_scale(files, truth):
    metadata = {"axes": "ZYX", "spacing": 0.3, "unit": "um"}
    written(files, IMAGE, imagej=True, resolution=(10, 5), metadata=metadata)
    assert run(files).exit_code == 0
    with tifffile.TiffFile(files / "out.tif") as tif:
        assert tif.is_imagej
        assert tif.series[0].axes == "ZYX"
        assert tif.imagej_metadata["spacing"] == pytest.approx(0.3)
        assert tif.imagej_metadata["unit"] == "micron"
        assert [tif.pages.first.tags[f"{a}Resolution"].value for a in "XY"] == [(10, 1), (5, 1)]
        assert error(tif.asarray(), truth) <= 1e-5


def test_an_ome_tiff_stays_one_with_its_scale(files, truth):
    sizes = {"PhysicalSizeX": 0.1, "PhysicalSizeY": 0.11, "PhysicalSizeZ": 250.0}
    units = {"PhysicalSizeXUnit": "µm", "PhysicalSizeYUnit": "µm", "PhysicalSizeZUnit": "nm"}
    written(files, IMAGE, ome=True, metadata={"axes": "ZYX", **sizes, **units})
    assert run(files).exit_code == 0
    with tifffile.TiffFile(files / "out.tif") as tif:
        assert tif.is_ome
        assert tif.series[0].axes == "ZYX"
        pixels = tifffile.xml2dict(tif.ome_metadata)["OME"]["Image"]["Pixels"]
        assert {key: pixels[key] for key in (*sizes, *units)} == sizes | units
        assert pixels["Type"] == "float"
        assert error(tif.asarray(), truth) <= 1e-5


def test_a_scale_goes_from_one_dialect_to_another_where_the_name_asks(files):
    metadata = {"axes": "ZYX", "spacing": 0.3, "unit": "um"}
    written(files, IMAGE, imagej=True, resolution=(10, 5), metadata=metadata)
    assert run(files, output="out.ome.tif").exit_code == 0
    with tifffile.TiffFile(files / "out.ome.tif") as tif:
        pixels = tifffile.xml2dict(tif.ome_metadata)["OME"]["Image"]["Pixels"]
        assert [pixels[f"PhysicalSize{a}"] for a in "XYZ"] == pytest.approx([0.1, 0.2, 0.3])
        assert {pixels[f"PhysicalSize{a}Unit"] for a in "XYZ"} == {"µm"}


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_a_tiff_that_cannot_be_mapped_is_decoded_and_leaves_no_trace(files, truth, compression):
    written(files, IMAGE, tile=(16, 16), compression=compression)
    for memory in ("1 GiB", "17 MiB"):
        result = run(files, "--memory", memory, "--force")
        assert result.exit_code == 0, result.output
        assert error(tifffile.imread(files / "out.tif"), truth) <= 1e-5
    assert {path.name for path in files.iterdir()} == {"image.tif", "psf.tif", "out.tif"}


def test_npy_in_and_out(files, truth):
    np.save(files / "image.npy", IMAGE)
    np.save(files / "psf.npy", PSF)
    assert run(files, image="image.npy", psf="psf.npy", output="out.npy").exit_code == 0
    result = np.load(files / "out.npy")
    assert result.dtype == np.float32
    assert error(result, truth) <= 1e-5


def test_integers_are_scaled_to_their_largest_and_the_step_is_told(files, truth):
    result = run(files, "--dtype", "uint16", "--json")
    assert result.exit_code == 0, result.output
    step = json.loads(result.stdout)["step"]
    volume = tifffile.imread(files / "out.tif")
    assert volume.dtype == np.uint16
    assert volume.max() == 65535
    assert step == pytest.approx(truth.max() / 65535, rel=1e-5)
    np.testing.assert_allclose(volume * step, truth, atol=0.51 * step + 1e-5 * truth.max())
    assert f"one step is {step:.6g} of the image's units" in result.stderr
    with tifffile.TiffFile(files / "out.tif") as tif:
        assert f"in steps of {step:.9g}" in tif.pages.first.tags["ImageDescription"].value
    assert {path.name for path in files.iterdir()} == {"image.tif", "psf.tif", "out.tif"}


# --- what is said


def test_json_alone_is_on_stdout_and_says_everything(files):
    result = run(files, "--json", "--boundary", "zero")
    assert result.exit_code == 0, result.output
    told = json.loads(result.stdout)
    assert told["output"] == str(files / "out.tif")
    assert told["shape"] == [10, 24, 26]
    assert (told["axes"], told["dtype"], told["step"], told["iterations"]) == ("ZYX", "float32", None, 5)
    assert (told["backend"], told["device"], told["warnings"]) == ("numpy", "CPU", [])
    assert rlcore.Plan.from_dict(told["plan"]).geometry.boundary == "zero"
    assert len(told["info"]["divergence"]) == told["iterations"]
    assert None not in told["info"]["divergence"]
    assert str(files / "out.tif") in result.stderr


def test_without_json_stdout_is_empty_and_quiet_is_silent(files):
    assert run(files).stdout == ""
    result = run(files, "--force", "--quiet")
    assert (result.exit_code, result.output) == (0, "")


def test_warnings_are_lines_on_stderr_and_in_the_json(files):
    tifffile.imwrite(files / "psf.tif", PSF + np.float32(0.2 * PSF.max()))
    result = run(files, "--json")
    [warning] = json.loads(result.stdout)["warnings"]
    assert warning.startswith("psf 'psf.tif' stands on a pedestal of 16.7%")
    assert any(line.startswith("warning: psf 'psf.tif' stands on a pedestal") for line in result.stderr.splitlines())


def test_a_psf_of_another_scale_is_told(files):
    written(files, IMAGE, imagej=True, resolution=(10, 10), metadata={"axes": "ZYX", "spacing": 0.3, "unit": "um"})
    tifffile.imwrite(
        files / "psf.tif", PSF, imagej=True, resolution=(20, 20), metadata={"axes": "ZYX", "spacing": 0.3, "unit": "um"}
    )
    result = run(files)
    assert result.exit_code == 0
    assert "warning: psf has voxels of z 0.3 µm, y 0.05 µm, x 0.05 µm, the image of z 0.3 µm, y 0.1 µm" in result.stderr


# --- acceleration and regularization


def test_a_result_says_how_it_was_regularized(files):
    options = {"acceleration": "biggs", "regularization": "tv", "tv_weight": 0.01}
    result = run(files, "--acceleration", "biggs", "--regularization", "tv", "--tv-weight", "0.01", "--json")
    assert result.exit_code == 0, result.output
    assert error(tifffile.imread(files / "out.tif"), deconvolved(IMAGE, PSF, iterations=5, **options)) <= 1e-5
    with tifffile.TiffFile(files / "out.tif") as tif:
        assert "acceleration biggs, regularization tv of weight 0.01" in tif.pages.first.tags["ImageDescription"].value
    assert run(files, "--regularization", "consensus", "--seed", "3", "--force").exit_code == 0
    with tifffile.TiffFile(files / "out.tif") as tif:
        assert "regularization consensus of seed 3" in tif.pages.first.tags["ImageDescription"].value


def test_choices_that_do_not_go_together_are_refused(files):
    for options in (
        ["--tv-weight", "0.01"],
        ["--acceleration", "biggs", "--independent"],
        ["--regularization", "more"],
    ):
        result = run(files, *options)
        assert result.exit_code == 2
        assert not (files / "out.tif").exists()
