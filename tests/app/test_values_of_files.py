"""Stored numbers that are calibrated are read as what they stand for; those that are no intensities are refused."""

import numpy as np
import pytest
import tifffile
from fixtures.commands import IMAGE, PSF, refused, run

PLANE, PLANE_PSF = IMAGE[4].astype(np.uint8), PSF[2] / PSF[2].sum()


def restored(files, image, **options):
    """Restores an image, and returns the result with what was said."""
    tifffile.imwrite(files / "image.tif", image, **options)
    result = run(files, "--force")
    assert result.exit_code == 0, result.output
    return tifffile.imread(files / "out.tif"), result.stderr


def calibrated(entries):
    return {"imagej": True, "metadata": {"axes": "ZYX", **entries}}


@pytest.fixture
def truth(files):
    return restored(files, IMAGE, imagej=True, metadata={"axes": "ZYX"})[0]


@pytest.mark.parametrize("compression", [None, "zlib"])
@pytest.mark.parametrize(
    ("stored", "entries"),
    [
        (IMAGE.astype(np.uint16) + 32768, {"cf": 0, "c0": -32768.0, "c1": 1.0, "vunit": "gray value"}),
        (IMAGE * 4 + 100, {"cf": 0, "c0": -25, "c1": 0.25, "vunit": "photons"}),
        (1000 - IMAGE.astype(np.uint16), {"cf": 0, "c0": 1000, "c1": -1}),
        (IMAGE.astype(np.float32) / 8, {"cf": 0, "c0": 0, "c1": 8}),
        (IMAGE * 4, {"cf": 0, "c0": 0, "c1": "0,25"}),
        ((IMAGE * 2).astype(np.int16), {"cf": 0, "c0": -16384, "c1": 0.5}),
    ],
)
def test_a_linear_calibration_is_applied(files, truth, stored, entries, compression):
    if compression is None:
        options = calibrated(entries)
        if stored.dtype == np.int16:  # which ImageJ itself does not write
            lines = "".join(f"{key}={value}\n" for key, value in entries.items())
            options = {"description": f"ImageJ=1.53t\nimages=10\nslices=10\n{lines}", "metadata": None}
        found, said = restored(files, stored, **options)
    else:
        lines = "".join(f"{key}={value}\n" for key, value in entries.items())
        text = f"ImageJ=1.53t\nimages=10\nslices=10\n{lines}"
        found, said = restored(files, stored, description=text, metadata=None, compression=compression)
    np.testing.assert_allclose(found, truth, rtol=1e-4, atol=1e-3)
    assert said.count("warning") == 1
    assert "calibrated voxels, read as ImageJ shows them" in said
    with tifffile.TiffFile(files / "out.tif") as tif:
        assert not {"cf", "c0", "c1", "vunit"} & tif.imagej_metadata.keys()


@pytest.mark.parametrize(
    "entries", [{"cf": 20, "c0": 1, "c1": 2}, {"cf": 0, "c0": 7}, {"cf": 0, "c0": 0, "c1": 1}, {"c0": -32768, "c1": 1}]
)
def test_a_calibration_that_changes_nothing_is_passed_over(files, truth, entries):
    found, said = restored(files, IMAGE, **calibrated(entries))
    assert np.array_equal(found, truth)
    assert "warning" not in said


def test_signed_voxels_that_are_stored_as_such_are_not_shifted_twice(files, truth):
    text = "ImageJ=1.53t\nimages=10\nslices=10\ncf=0\nc0=-32768\nc1=1\n"
    found, said = restored(files, IMAGE.astype(np.int16), description=text, metadata=None)
    np.testing.assert_allclose(found, truth, rtol=1e-5)
    assert "warning" not in said


@pytest.mark.parametrize(
    "entries",
    [
        {"cf": 1, "c0": 0, "c1": 1, "c2": 1},
        {"cf": 21, "c0": 0, "c1": 1, "vunit": "Uncalibrated OD"},
        {"cf": 8, "c0": 0, "c1": 1, "c2": 2, "c3": 3},
        {"cf": 0, "c0": 5, "c1": 0},
        {"cf": 0, "c0": "none", "c1": 1},
        {"cf": "line", "c0": 0, "c1": 1},
    ],
)
def test_other_calibrations_are_refused(files, entries):
    tifffile.imwrite(files / "image.tif", IMAGE, **calibrated(entries))
    refused(run(files), "has voxels calibrated by", "Analyze > Calibrate")


def test_a_psf_is_calibrated_too(files, truth):
    tifffile.imwrite(files / "image.tif", IMAGE, imagej=True, metadata={"axes": "ZYX"})
    tifffile.imwrite(files / "psf.tif", PSF * 2 + 3, **calibrated({"cf": 0, "c0": -1.5, "c1": 0.5}))
    assert run(files, "--force").exit_code == 0
    np.testing.assert_allclose(tifffile.imread(files / "out.tif"), truth, rtol=1e-3, atol=0.01)


def table(*colour):
    return (np.linspace(0, 65535, 256)[None] * np.array(colour)[:, None]).astype(np.uint16)


RAINBOW = np.random.default_rng(0).permuted(table(1, 1, 1), axis=1)


@pytest.fixture
def plane(files):
    tifffile.imwrite(files / "psf.tif", PLANE_PSF)
    return restored(files, PLANE, photometric="minisblack")[0]


def test_voxels_with_a_table_that_becomes_brighter_are_intensities(files, plane):
    for colour in ((1, 1, 1), (0, 1, 0), (1, 0.5, 0)):
        found, said = restored(files, PLANE, photometric="palette", colormap=table(*colour))
        assert np.array_equal(found, plane)
        assert "has a table of colours" in said


def test_numbers_of_colours_are_refused(files, plane):
    for wrong in (RAINBOW, table(1, 1, 1)[:, ::-1], np.zeros_like(RAINBOW)):
        tifffile.imwrite(files / "image.tif", PLANE, photometric="palette", colormap=wrong)
        refused(run(files, "--force"), "holds numbers of colours in a table")


def test_imagej_shows_intensities_by_any_table_and_so_does_the_result(files, plane):
    found, said = restored(files, PLANE, imagej=True, colormap=RAINBOW)
    assert np.array_equal(found, plane)
    assert "warning" not in said
    with tifffile.TiffFile(files / "out.tif") as tif:
        np.testing.assert_array_equal(np.reshape(tif.imagej_metadata["LUTs"], (3, 256)), RAINBOW >> 8)


@pytest.mark.parametrize("dtype", [np.uint8, np.uint16])
@pytest.mark.parametrize("imagej", [True, False])
def test_an_image_whose_smallest_values_are_white_has_such_a_result(files, plane, imagej, dtype):
    found, said = restored(files, PLANE.astype(dtype), photometric="miniswhite", imagej=imagej)
    np.testing.assert_allclose(found, plane, rtol=1e-5)
    assert "shows its smallest values as white" in said
    with tifffile.TiffFile(files / "out.tif") as tif:
        assert tif.pages.first.photometric == tifffile.PHOTOMETRIC.MINISWHITE


def test_an_ome_zarr_of_such_an_image_is_shown_inverted(files, plane):
    zarr = pytest.importorskip("zarr", reason="zarr is not installed")
    pytest.importorskip("yaozarrs", reason="yaozarrs is not installed")
    tifffile.imwrite(files / "image.tif", PLANE, photometric="miniswhite")
    assert run(files, "-n", "1", output="out.zarr").exit_code == 0
    assert zarr.open_group(files / "out.zarr", mode="r").attrs["ome"]["omero"]["channels"][0]["inverted"] is True


def test_red_green_and_blue_are_said_and_opacity_is_left_out(files, plane):
    colours = np.stack([PLANE, PLANE // 2, PLANE // 3, np.full_like(PLANE, 255)], axis=-1)
    _, said = restored(files, colours[..., :3], photometric="rgb")
    assert "has red, green and blue, which are restored as channels" in said
    tifffile.imwrite(files / "image.tif", colours, photometric="rgb", extrasamples=["unassalpha"])
    refused(run(files, "--force"), "has opacity beside red, green and blue; leave it out by --channel 0:3")
    assert run(files, "--force", "--channel", "0:3").exit_code == 0
    assert len(tifffile.imread(files / "out.tif")) == 3


@pytest.mark.parametrize(
    ("photometric", "text"), [("cfa", "a mosaic of colours"), ("separated", "amounts of ink"), ("cielab", "L\\*a\\*b")]
)
def test_colours_of_other_kinds_are_refused(files, photometric, text):
    samples = 1 if photometric == "cfa" else 4 if photometric == "separated" else 3
    image = PLANE if samples == 1 else np.stack([PLANE] * samples, axis=-1)
    tifffile.imwrite(files / "image.tif", image, photometric="minisblack" if samples == 1 else photometric)
    if samples == 1:
        with tifffile.TiffFile(files / "image.tif", mode="r+") as tif:
            tif.pages.first.tags["PhotometricInterpretation"].overwrite(32803)
    refused(run(files), text.replace("\\", ""))


def test_complex_numbers_are_refused_and_half_precision_is_exact(files, plane):
    found, _ = restored(files, PLANE.astype(np.float16), photometric="minisblack")
    np.testing.assert_allclose(found, plane, rtol=1e-5)
    tifffile.imwrite(files / "image.tif", PLANE.astype(np.complex64), photometric="minisblack")
    refused(run(files, "--force"), "save them as numbers that are not complex")


def test_sums_of_half_precision_do_not_overflow(files):
    tifffile.imwrite(files / "psf.tif", PLANE_PSF)
    bright = np.full((64, 64), 40000, np.float16)
    found, _ = restored(files, bright, photometric="minisblack")
    np.testing.assert_allclose(found, bright.astype(np.float32), rtol=1e-2)
