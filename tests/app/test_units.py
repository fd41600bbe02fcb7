"""Lengths in files: one table for reading, comparing and writing."""

from types import SimpleNamespace

import numpy as np
import pytest
import tifffile
from fixtures.commands import IMAGE, PSF, run
from fixtures.vendor_files import write_lsm, write_stk

from rlcore.app.files.metadata.units import canonical, in_ome_xml, in_zarr, metres
from rlcore.app.files.metadata.vendor_scale import of_vendor
from rlcore.app.files.metadata.voxel import Voxel
from rlcore.app.files.opening import open_file

SPELLINGS = {
    "µm": ["um", "μm", "micron", "Microns", "micrometers", "micrometre", "Micrometres", "\\u00B5m", "UM", "µm\0"],
    "nm": ["nanometre", "nanometers", "NM", "nano meter"],
    "mm": ["millimetre", "MM"],
    "Mm": ["megameter"],
    "Å": ["angstrom", "Ångström", "\u212b", "angstroms"],
    "inch": ["in", "inches", "Inch", '"'],
    "ft": ["feet", "foot"],
    "thou": ["mil", "mils"],
    "ly": ["light year", "lightyears"],
    "dam": ["decametre"],
    "pixel": ["pixels", "px"],
    "s": ["sec", "seconds"],
    "min": ["minutes"],
    "furlong": ["furlong"],
}


@pytest.mark.parametrize(("symbol", "spelling"), [(k, v) for k, vs in SPELLINGS.items() for v in vs])
def test_spellings_mean_one_unit(symbol, spelling):
    assert canonical(spelling) == symbol


def test_every_unit_of_the_ome_schema_is_known_and_keeps_its_symbol():
    units = pytest.importorskip("ome_types.model", reason="ome-types is not installed")
    for unit in units.UnitsLength:
        symbol = canonical(unit.value)
        assert in_ome_xml(symbol, "X") == unit.value
        assert (metres(symbol) is None) == (unit.value in ("pixel", "reference frame"))
        assert canonical(in_zarr(symbol)) == symbol
    for unit in units.UnitsTime:
        assert in_ome_xml(canonical(unit.value), "T") == unit.value


def micrometres(path):
    return open_file(path, "image").about.voxel.micrometres("ZYX")


def write_ome(path, **entries):
    tifffile.imwrite(path, IMAGE, ome=True, metadata={"axes": "ZYX", **entries})


@pytest.mark.parametrize(("unit", "size"), [("dm", 1e5), ("pm", 1e-6), ("Å", 1e-4), ("thou", 25.4), ("pt", 25400 / 72)])
def test_ome_lengths_in_any_unit_are_read(tmp_path, unit, size):
    lengths = {f"PhysicalSize{a}": v / size for a, v in zip("XYZ", (0.1, 0.2, 0.6), strict=True)}
    write_ome(tmp_path / "image.ome.tif", **lengths, **{f"PhysicalSize{a}Unit": unit for a in "XYZ"})
    assert micrometres(tmp_path / "image.ome.tif") == pytest.approx((0.6, 0.2, 0.1))


def test_every_axis_has_its_own_unit_in_ome_xml(tmp_path):
    lengths = {"PhysicalSizeX": 100.0, "PhysicalSizeY": 0.2, "PhysicalSizeZ": 0.0006}
    units = {"PhysicalSizeXUnit": "nm", "PhysicalSizeYUnit": "µm", "PhysicalSizeZUnit": "mm"}
    write_ome(tmp_path / "image.ome.tif", **lengths, **units)
    assert micrometres(tmp_path / "image.ome.tif") == pytest.approx((0.6, 0.2, 0.1))


def write_imagej(path, resolution, **metadata):
    tifffile.imwrite(path, IMAGE, imagej=True, resolution=resolution, metadata={"axes": "ZYX", **metadata})


@pytest.mark.parametrize(
    ("resolution", "entries"),
    [
        ((0.01, 0.01), {"unit": "nm", "zunit": "um", "spacing": 0.3}),
        ((10, 0.01), {"unit": "micron", "yunit": "nanometer", "spacing": 0.3}),
        ((10, 10000), {"unit": "um", "yunit": "millimetre", "zunit": "nm", "spacing": 300}),
        ((10, 10), {"unit": "Microns", "spacing": -0.3}),
    ],
)
def test_imagej_states_a_unit_for_each_axis(tmp_path, resolution, entries):
    write_imagej(tmp_path / "image.tif", resolution, **entries)
    assert micrometres(tmp_path / "image.tif") == pytest.approx((0.3, 0.1, 0.1))


@pytest.mark.parametrize("unit", ["nm", "pm", "dm", "Å"])
def test_lengths_in_different_units_are_written_to_imagej_in_one(files, unit):
    size = metres(unit) / 1e-6
    lengths = {"PhysicalSizeX": 0.1 / size, "PhysicalSizeY": 0.2, "PhysicalSizeZ": 0.0006}
    units = {"PhysicalSizeXUnit": unit, "PhysicalSizeYUnit": "µm", "PhysicalSizeZUnit": "mm"}
    write_ome(files / "image.tif", **lengths, **units)
    zarr = pytest.importorskip("zarr", reason="zarr is not installed")
    pytest.importorskip("yaozarrs", reason="yaozarrs is not installed")
    assert run(files, "-n", "1", output="out.zarr").exit_code == 0
    assert zarr.open_group(files / "out.zarr", mode="r").attrs["ome"]["multiscales"]
    assert run(files, "-n", "1", image="out.zarr", output="out.tif").exit_code == 0
    for path in ("out.zarr", "out.tif"):
        assert micrometres(files / path) == pytest.approx((0.6, 0.2, 0.1), rel=1e-6)


@pytest.mark.parametrize(
    ("unit", "written"), [("nm", "nm"), ("pm", "micron"), ("angstrom", "micron"), ("dm", "micron")]
)
def test_imagej_gets_units_that_it_can_write(files, unit, written):
    """Its text is ASCII, and its tags count in fractions of 32 bits."""
    size = metres(canonical(unit)) / 1e-6
    write_imagej(files / "image.tif", (size / 0.1, size / 0.2), unit=unit, spacing=0.6 / size)
    assert run(files, "-n", "1").exit_code == 0
    assert micrometres(files / "out.tif") == pytest.approx((0.6, 0.2, 0.1), rel=1e-6)
    with tifffile.TiffFile(files / "out.tif") as tif:
        assert tif.imagej_metadata["unit"] == written


def test_imagej_of_three_units_is_written_with_one(files):
    write_imagej(files / "image.tif", (0.01, 10), unit="nm", yunit="um", zunit="mm", spacing=0.0003)
    assert run(files, "-n", "1").exit_code == 0
    assert micrometres(files / "out.tif") == pytest.approx((0.3, 0.1, 0.1), rel=1e-6)
    with tifffile.TiffFile(files / "out.tif") as tif:
        assert not {"yunit", "zunit"} & tif.imagej_metadata.keys()


def test_a_resolution_without_a_unit_is_kept_and_not_taken_for_micrometres(files):
    write_imagej(files / "image.tif", (10, 5), spacing=0.5)
    assert open_file(files / "image.tif", "image").about.voxel.micrometres("YX") is None
    assert run(files, "-n", "1").exit_code == 0
    assert open_file(files / "out.tif", "image").about.voxel.sizes == pytest.approx({"Z": 0.5, "Y": 0.2, "X": 0.1})


def test_image_and_psf_are_compared_in_one_unit(files):
    write_imagej(files / "image.tif", (0.01, 0.01), unit="nm", zunit="um", spacing=0.3)
    lengths = {"PhysicalSizeX": 1000.0, "PhysicalSizeY": 0.1, "PhysicalSizeZ": 0.0003}
    units = {"PhysicalSizeXUnit": "Å", "PhysicalSizeYUnit": "micron", "PhysicalSizeZUnit": "mm"}
    units["PhysicalSizeYUnit"] = "µm"
    tifffile.imwrite(files / "psf.tif", PSF, ome=True, metadata={"axes": "ZYX", **lengths, **units})
    result = run(files, "-n", "1")
    assert (result.exit_code, "voxels of" in result.stderr) == (0, False)


def vendor(**entries):
    kinds = dict.fromkeys(("is_lsm", "is_stk", "is_micromanager"), False)
    return of_vendor(SimpleNamespace(**kinds | entries))


@pytest.mark.parametrize("output", ["out.tif", "out.ome.tif"])
def test_lsm_states_metres(files, output):
    write_lsm(files / "image.lsm", IMAGE, voxel=(6e-7, 2e-7, 1e-7))
    assert micrometres(files / "image.lsm") == pytest.approx((0.6, 0.2, 0.1))
    assert run(files, "-n", "1", image="image.lsm", output=output).exit_code == 0
    assert micrometres(files / output) == pytest.approx((0.6, 0.2, 0.1), rel=1e-6)


@pytest.mark.parametrize(("unit", "fraction"), [("um", (1, 10)), ("microns", (1, 10)), ("nanometre", (100, 1))])
def test_metamorph_states_its_calibration_and_distances_of_planes(files, unit, fraction):
    spacing = (fraction[0] * 6, fraction[1])
    write_stk(files / "image.stk", IMAGE, spacing=spacing, pixel=fraction, unit=unit)
    assert micrometres(files / "image.stk") == pytest.approx((0.6, 0.1, 0.1))
    assert run(files, "-n", "1", image="image.stk").exit_code == 0
    assert micrometres(files / "out.tif") == pytest.approx((0.6, 0.1, 0.1), rel=1e-6)


def test_a_metamorph_file_without_calibration_has_no_scale():
    about = {"SpatialCalibration": 0, "XCalibration": 1.0, "YCalibration": 1.0, "CalibrationUnits": "pixels"}
    assert vendor(is_stk=True, stk_metadata={**about, "ZDistance": np.zeros(3)}) == Voxel()


def test_micro_managers_tag_of_a_plane_is_read(tmp_path):
    tag = (51123, "s", 0, '{"PixelSizeUm": 0.1, "z-step_um": 0.6}', True)
    tifffile.imwrite(tmp_path / "image.tif", IMAGE, metadata={"axes": "ZYX"}, extratags=[tag])
    assert micrometres(tmp_path / "image.tif") == pytest.approx((0.6, 0.1, 0.1))


def test_a_plain_tiff_keeps_the_distance_of_planes_in_its_text(files):
    metadata = {"axes": "ZYX", "spacing": 0.3, "unit": "um"}
    tifffile.imwrite(files / "image.tif", IMAGE, resolution=(1e5, 1e5), resolutionunit="CENTIMETER", metadata=metadata)
    assert micrometres(files / "image.tif") == pytest.approx((0.3, 0.1, 0.1))
    assert run(files, "-n", "1").exit_code == 0
    assert micrometres(files / "out.tif") == pytest.approx((0.3, 0.1, 0.1), rel=1e-6)
