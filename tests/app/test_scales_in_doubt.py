"""Scales that no microscope has count as unknown, and are said; the user's own win over those of files."""

import json

import numpy as np
import pytest
import tifffile
from click.testing import CliRunner
from fixtures.commands import IMAGE, PSF, refused, run

from rlcore.app.files.opening import open_file
from rlcore.app.main import main

MICRON = {"axes": "ZYX", "unit": "micron", "spacing": 0.3}
UNITS = [f"PhysicalSize{axis}Unit" for axis in "XYZ"]


def imagej(path, values, resolution=(10, 10), **metadata):
    tifffile.imwrite(path, values, imagej=True, resolution=resolution, metadata={**MICRON, **metadata})


def ome(path, values, lengths, unit="µm", objective=None):
    """Writes lengths along x, y, z, and an aperture."""
    sizes = {f"PhysicalSize{axis}": length for axis, length in zip("XYZ", lengths, strict=False)}
    tifffile.imwrite(
        path, values, ome=True, metadata={"axes": "ZYX", **sizes, **dict.fromkeys(UNITS[: len(sizes)], unit)}
    )
    if objective is not None:
        text = tifffile.tiffcomment(path)
        whole = f'<Instrument ID="Instrument:0"><Objective ID="Objective:0" LensNA="{objective}"/></Instrument><Image'
        tifffile.tiffcomment(path, text.replace("<Image", whole, 1).encode())


def plain(path, values, resolution, unit):
    tifffile.imwrite(path, values, resolution=resolution, resolutionunit=unit, metadata={"axes": "ZYX"})


ODD = {
    "ImageJ, 96 dpi": lambda path, values: imagej(path, values, (96, 96), unit="inch", spacing=1.0),
    "ImageJ, 600 dpi": lambda path, values: imagej(path, values, (600, 600), unit="inches", spacing=0.0001),
    "tags, 72 dpi": lambda path, values: plain(path, values, (72, 72), "INCH"),
    "tags, 300 dpi": lambda path, values: plain(path, values, (300, 300), "INCH"),
    "tags, 300 dpi in cm": lambda path, values: plain(path, values, (118.11, 118.11), "CENTIMETER"),
    "1 x 1 x 1 µm": lambda path, values: imagej(path, values, (1, 1), spacing=1.0),
    "1 x 1 µm": lambda path, values: ome(path, values, (1.0, 1.0)),
    "1 x 1 x 1 nm": lambda path, values: ome(path, values, (1.0, 1.0, 1.0), "nm"),
    "metres for micrometres": lambda path, values: ome(path, values, (0.1, 0.1, 0.3), "m"),
    "millimetres for micrometres": lambda path, values: ome(path, values, (0.2, 0.2, 0.3), "mm"),
    "metres written as micrometres": lambda path, values: ome(path, values, (1e-7, 1e-7, 3e-7)),
    "planes at no distance": lambda path, values: imagej(path, values, spacing=1e-5),
}


@pytest.mark.parametrize("kind", ODD)
@pytest.mark.parametrize("role", ["image", "psf"])
def test_a_scale_that_no_microscope_has_is_said_and_not_used(files, role, kind):
    imagej(files / "image.tif", IMAGE)
    imagej(files / "psf.tif", PSF)
    expected = run(files, output="expected.npy")
    ODD[kind](files / f"{role}.tif", IMAGE if role == "image" else PSF)
    result = run(files, output="out.npy")
    assert result.exit_code == expected.exit_code == 0
    [warning] = [line for line in result.stderr.splitlines() if line.startswith("warning: ")]
    option = {"image": "--voxel", "psf": "--psf-voxel"}[role]
    assert f"{role} '{files / role}.tif' has voxels of " in warning
    assert warning.endswith(f"their size counts as unknown unless {option} gives it")
    np.testing.assert_array_equal(np.load(files / "out.npy"), np.load(files / "expected.npy"))


@pytest.mark.parametrize("resolution", [(10, 10), (1000 / 999, 1), (0.05, 0.05), (500, 500)])
def test_scales_of_microscopes_are_believed(files, resolution):
    imagej(files / "image.tif", IMAGE, resolution)
    imagej(files / "psf.tif", PSF, resolution)
    assert "warning" not in run(files, "-n", "1").stderr


@pytest.mark.parametrize(
    ("lengths", "aperture", "axis"),
    [((6.5, 6.5, 0.3), 1.4, "y"), ((0.1, 0.1, 90.0), 0.8, "z"), ((16.0, 16.0, 16.0), 0.5, "y"), ((6.5, 6.5), 0.9, "y")],
)
def test_voxels_ten_times_what_the_aperture_resolves_are_in_doubt(files, lengths, aperture, axis):
    ome(files / "image.tif", IMAGE, lengths, objective=aperture)
    imagej(files / "psf.tif", PSF)
    result = run(files, "-n", "1")
    assert result.exit_code == 0
    assert f"which along {axis} is more than 10 times what the aperture resolves" in result.stderr
    assert "resampled" not in result.stderr


def test_voxels_that_suit_the_aperture_are_believed(files):
    ome(files / "image.tif", IMAGE, (1.3, 1.3, 9.0), objective=0.5)
    assert "warning" not in run(files, "-n", "1").stderr


def test_the_users_voxels_win_over_those_of_both_files_and_it_is_said(files):
    imagej(files / "image.tif", IMAGE, (96, 96), unit="inch", spacing=1.0)
    imagej(files / "psf.tif", PSF, (20, 20))
    result = run(files, "--voxel", "0.3,0.1,0.1", "--psf-voxel", "0.3,0.1,0.1", "--json")
    assert result.exit_code == 0
    told = json.loads(result.stdout)
    assert len(told["warnings"]) == 2
    assert told["warnings"][0].endswith("by its metadata; --voxel 0.3,0.1,0.1 counts instead")
    assert told["warnings"][1].endswith("by its metadata; --psf-voxel 0.3,0.1,0.1 counts instead")
    scale = open_file(files / "out.tif", "image").about.voxel.micrometres("ZYX")
    assert scale == pytest.approx((0.3, 0.1, 0.1), rel=1e-6)


@pytest.mark.parametrize("suffix", ["tif", "ome.tif", "ome.zarr"])
@pytest.mark.parametrize("source", ["1 x 1 x 1 µm", "1 x 1 x 1 nm", "tags, 72 dpi"])
def test_the_users_voxels_are_those_of_the_result(files, source, suffix):
    if suffix.endswith("zarr"):
        pytest.importorskip("zarr", reason="zarr is not installed")
        pytest.importorskip("yaozarrs", reason="yaozarrs is not installed")
    ODD[source](files / "image.tif", IMAGE)
    assert run(files, "-n", "1", "--voxel", "0.4,0.2,0.1", output=f"out.{suffix}").exit_code == 0
    scale = open_file(files / f"out.{suffix}", "image").about.voxel.micrometres("ZYX")
    assert scale == pytest.approx((0.4, 0.2, 0.1), rel=1e-6)


def test_a_psf_without_scale_is_resampled_by_the_users_voxels(files):
    imagej(files / "image.tif", IMAGE)
    result = run(files, "-n", "1", "--psf-voxel", "0.3,0.05,0.05")
    assert "the psf is resampled to the image's" in result.stderr


@pytest.mark.parametrize("command", ["deconvolve", "plan"])
@pytest.mark.parametrize(
    ("image", "psf", "many"),
    [("0.3,20,20", "0.3,0.1,0.1", "few"), ("50,0.1,0.1", "0.2,0.1,0.1", "few"), ("0.3,0.1,0.1", "0.3,80,80", "many")],
)
def test_a_psf_of_no_voxels_or_of_far_too_many_is_refused_with_both_sizes(files, command, image, psf, many):
    arguments = [command, str(files / "image.tif"), str(files / "psf.tif"), "--voxel", image, "--psf-voxel", psf]
    output = ["-o", str(files / "out.tif")] if command == "deconvolve" else []
    result = CliRunner().invoke(main, [*arguments, "--backend", "numpy", *output])
    sizes = [" x ".join(text.split(",")) for text in (psf, image)]
    refused(
        result, f"psf with voxels of {sizes[0]} would have ", f"of {sizes[1]}: too {many}", "--voxel", "--psf-voxel"
    )
    assert not (files / "out.tif").exists()


@pytest.mark.parametrize("option", ["--voxel", "--psf-voxel"])
@pytest.mark.parametrize("text", ["0.1", "0.1,0.1", "0,0.1,0.1", "a,b,c", "nan,1,1", "1,1,1,1"])
def test_sizes_that_are_none_are_refused(files, option, text):
    refused(run(files, option, text), option)


@pytest.mark.parametrize("command", [["psf", "inspect"], ["psf", "mend"], ["backends", "--why"]])
def test_every_command_that_takes_a_psf_takes_its_voxels(files, command):
    tail = {"mend": ["-o", str(files / "out.tif")], "--why": []}.get(command[1], [])
    paths = [str(files / "image.tif")] * (command[0] == "backends") + [str(files / "psf.tif")]
    result = CliRunner().invoke(main, [*command, *paths, *tail, "--psf-voxel", "0.3,0.1,0.1"])
    assert result.exit_code == 0, result.output
    if command[0] == "psf":
        assert "µm)" in result.stdout


def test_a_psf_is_not_computed_from_voxels_in_doubt(files):
    ome(files / "image.tif", IMAGE, (6.5, 6.5, 0.3), objective=1.4)
    command = ["psf", "generate", str(files / "image.tif"), "-o", str(files / "psf2.tif"), "--emission", "520"]
    refused(CliRunner().invoke(main, command), "--voxel")
    result = CliRunner().invoke(main, [*command, "--voxel", "0.3,0.1,0.1", "--shape", "9x9x9"])
    assert result.exit_code == 0, result.output
