"""What every format keeps of a picture with time points and channels, as other readers see it."""

import json

import numpy as np
import pytest
import tifffile
from fixtures.commands import IMAGE, PSF, deconvolved, run
from fixtures.scenes import error

zarr = pytest.importorskip("zarr", reason="zarr is not installed")
yaozarrs = pytest.importorskip("yaozarrs", reason="yaozarrs is not installed")

STACK = np.stack([[IMAGE, IMAGE // 2 + 3], [IMAGE // 3 + 1, IMAGE + 2]])
"""t, c, z, y, x."""
NAMES = ["DAPI", "GFP"]
COLOURS = {"DAPI": "0000FF", "GFP": "00FF00"}
OME = {
    "axes": "TCZYX",
    "Channel": {"Name": NAMES, "EmissionWavelength": [450.0, 520.0]},
    "PhysicalSizeX": 0.1,
    "PhysicalSizeY": 0.1,
    "PhysicalSizeZ": 300.0,
    "PhysicalSizeZUnit": "nm",
    "TimeIncrement": 2.5,
    "TimeIncrementUnit": "min",
}


@pytest.fixture(scope="module")
def truth():
    return np.stack([[deconvolved(v, PSF, iterations=5, backend="numpy") for v in row] for row in STACK])


def write_zarr(path, version="0.5", stack=STACK):
    group = zarr.open_group(path, mode="w", zarr_format=2 if version == "0.4" else 3)
    group.create_array("full", shape=stack.shape, dtype=stack.dtype, chunks=(1, 1, 4, 16, 16))[...] = stack
    kinds = {"t": "time", "c": "channel"}
    units = {"t": "second", "z": "micrometer", "y": "micrometer", "x": "micrometer"}
    axes = [{"name": n, "type": kinds.get(n, "space"), **({"unit": units[n]} if n in units else {})} for n in "tczyx"]
    transforms = [
        {"type": "scale", "scale": [4.0, 1.0, 0.3, 0.1, 0.1]},
        {"type": "translation", "translation": [0.0, 0.0, 7.0, 8.0, 9.0]},
    ]
    window = {"min": 0, "max": 255, "start": 0, "end": 200}
    said = {
        "version": version,
        "multiscales": [
            {"version": version, "name": "cells", "axes": axes}
            | {"datasets": [{"path": "full", "coordinateTransformations": transforms}]}
        ],
        "omero": {"channels": [{"label": n, "color": c, "window": window} for n, c in COLOURS.items()]},
    }
    group.attrs.update({"microscope": {"lens": "63x"}, **({"ome": said} if version == "0.5" else said)})


def ome_of(path):
    with tifffile.TiffFile(path) as tif:
        assert tif.is_ome
        return tif.asarray(), tif.series[0].axes, tifffile.xml2dict(tif.ome_metadata)["OME"]


def test_an_ome_tiff_keeps_times_channels_scale_and_all_else_it_says(files, truth):
    tifffile.imwrite(files / "image.tif", STACK, ome=True, metadata=OME | {"Description": "by hand", "Name": "cells"})
    assert run(files).exit_code == 0
    volume, axes, told = ome_of(files / "out.tif")
    assert axes == "TCZYX"
    assert error(volume, truth) <= 1e-5
    image = told["Image"]
    pixels = image["Pixels"]
    assert {key: pixels[key] for key in OME if key.startswith(("Phys", "Time"))} == {
        key: value for key, value in OME.items() if key.startswith(("Phys", "Time"))
    }
    assert [channel["Name"] for channel in pixels["Channel"]] == NAMES
    assert [channel["EmissionWavelength"] for channel in pixels["Channel"]] == [450.0, 520.0]
    assert (image["Name"], pixels["Type"]) == ("cells", "float")
    assert image["Description"].startswith("by hand\nRichardson-Lucy deconvolution by rlcore ")
    entries = {entry["K"]: entry["value"] for entry in told["StructuredAnnotations"]["MapAnnotation"]["Value"]["M"]}
    assert entries["backend"] == "numpy"
    assert len(json.loads(entries["psf"])[0]["sha256"]) == 64


def test_an_ome_tiff_of_which_a_channel_is_picked_says_so(files, truth):
    tifffile.imwrite(files / "image.tif", STACK, ome=True, metadata=OME)
    assert run(files, "--channel", "GFP", "--time", "1:2").exit_code == 0
    volume, _, told = ome_of(files / "out.tif")
    pixels = told["Image"]["Pixels"]
    assert (pixels["SizeT"], pixels["SizeC"], pixels["Channel"]["Name"]) == (1, 1, "GFP")
    assert error(volume, truth[1, 1]) <= 1e-5


def test_the_planes_that_are_picked_keep_what_is_said_of_them(files):
    planes = {"DeltaT": [float(n) for n in range(STACK[:, :, :, 0, 0].size)], "DeltaTUnit": ["s"] * 40}
    tifffile.imwrite(files / "image.tif", STACK, ome=True, metadata={**OME, "Plane": planes})
    assert run(files, "--channel", "1", "--time", "1").exit_code == 0
    _, _, told = ome_of(files / "out.tif")
    found = told["Image"]["Pixels"]["Plane"]
    assert [plane["DeltaT"] for plane in found] == [float(n) for n in range(30, 40)]
    assert {(plane["TheT"], plane["TheC"]) for plane in found} == {(0, 0)}
    assert [plane["TheZ"] for plane in found] == list(range(10))


def test_an_imagej_tiff_keeps_its_order_interval_labels_and_colours(files, truth):
    tables = [np.stack([np.arange(256, dtype=np.uint8) * (k == n) for k in range(3)]) for n in (0, 1)]
    entries = {"spacing": 0.3, "unit": "um", "finterval": 2.5, "Labels": NAMES * 20, "LUTs": tables, "Info": "by hand"}
    stack = STACK.swapaxes(1, 2)
    metadata = {"axes": "TZCYX", "mode": "composite", **entries}
    tifffile.imwrite(files / "image.tif", stack, imagej=True, resolution=(10, 5), metadata=metadata)
    assert run(files).exit_code == 0
    with tifffile.TiffFile(files / "out.tif") as tif:
        assert (tif.is_imagej, tif.series[0].axes) == (True, "TZCYX")
        assert error(tif.asarray(), truth.swapaxes(1, 2)) <= 1e-5
        told = tif.imagej_metadata
        assert (told["spacing"], told["unit"], told["finterval"]) == (0.3, "micron", 2.5)
        assert (told["mode"], told["Labels"]) == ("composite", NAMES * 20)
        np.testing.assert_array_equal(told["LUTs"], tables)
        said, sentence, provenance = told["Info"].splitlines()
        assert (said, sentence[:15]) == ("by hand", "Richardson-Lucy")
        assert json.loads(provenance.removeprefix("rlcore: "))["iterations"] == 5
        assert [tif.pages.first.tags[f"{a}Resolution"].value for a in "XY"] == [(10, 1), (5, 1)]


def test_a_plain_tiff_keeps_its_axes_and_its_own_entries(files, truth):
    tifffile.imwrite(files / "image.tif", STACK, photometric="minisblack", metadata={"axes": "TCZYX", "stain": "blue"})
    assert run(files).exit_code == 0
    with tifffile.TiffFile(files / "out.tif") as tif:
        assert tif.series[0].axes == "TCZYX"
        assert error(tif.asarray(), truth) <= 1e-5
        assert tif.shaped_metadata[0]["image_metadata"] == {"stain": "blue"}
        assert tif.shaped_metadata[0]["rlcore"]["backend"] == "numpy"


def test_npy_goes_by_the_axes_that_are_said(files, truth):
    np.save(files / "image.npy", STACK)
    result = run(files, image="image.npy", output="out.npy")
    assert "does not name all of its axes; say what they are by --axes, such as --axes TCZYX" in result.stderr
    assert run(files, "--axes", "TCZYX", image="image.npy", output="out.npy").exit_code == 0
    assert error(np.load(files / "out.npy"), truth) <= 1e-5


@pytest.mark.parametrize("version", ["0.4", "0.5"])
def test_ome_zarr_keeps_scale_channels_and_all_else_it_says(files, truth, version):
    write_zarr(files / "image.ome.zarr", version)
    result = run(files, image="image.ome.zarr", output="out.ome.zarr")
    assert result.exit_code == 0, result.output
    group = zarr.open_group(files / "out.ome.zarr", mode="r")
    assert group.metadata.zarr_format == 3
    yaozarrs.validate_zarr_store(str(files / "out.ome.zarr"))
    image = yaozarrs.validate_ome_object(group.attrs["ome"], yaozarrs.v05.Image)
    [scales] = image.multiscales
    assert (scales.name, "".join(axis.name for axis in scales.axes)) == ("cells", "tczyx")
    assert [getattr(axis, "unit", None) for axis in scales.axes] == ["second", None, *["micrometer"] * 3]
    scale, translation = scales.datasets[0].coordinateTransformations
    assert (scale.scale, translation.translation) == ([4.0, 1.0, 0.3, 0.1, 0.1], [0.0, 0.0, 7.0, 8.0, 9.0])
    assert [(channel.label, channel.color) for channel in image.omero.channels] == [
        ("DAPI", "0000FF"),
        ("GFP", "00FF00"),
    ]
    assert image.omero.channels[1].window.end == pytest.approx(truth[:, 1].max(), rel=1e-5)
    assert group.attrs["rlcore"]["image_metadata"] == {"microscope": {"lens": "63x"}}
    assert group.attrs["rlcore"]["psf"][1]["channel"] == "GFP"
    assert error(group["0"][...], truth) <= 1e-5


def test_ome_zarr_is_read_by_its_own_library(files, truth):
    reader = pytest.importorskip("ome_zarr.reader", reason="ome-zarr is not installed")
    from ome_zarr.io import parse_url

    write_zarr(files / "image.ome.zarr")
    assert run(files, image="image.ome.zarr", output="out.ome.zarr").exit_code == 0
    [node] = list(reader.Reader(parse_url(files / "out.ome.zarr"))())
    assert [axis["name"] for axis in node.metadata["axes"]] == list("tczyx")
    assert node.metadata["coordinateTransformations"][0][0]["scale"] == [4.0, 1.0, 0.3, 0.1, 0.1]
    assert error(np.asarray(node.data[0]), truth) <= 1e-5


def test_from_one_format_to_another_scale_and_names_go_along(files, truth):
    tifffile.imwrite(files / "image.tif", STACK, ome=True, metadata=OME)
    assert run(files, output="out.zarr").exit_code == 0
    group = zarr.open_group(files / "out.zarr", mode="r")
    [scales] = yaozarrs.validate_ome_object(group.attrs["ome"], yaozarrs.v05.Image).multiscales
    assert [getattr(axis, "unit", None) for axis in scales.axes] == ["minute", None, "nanometer", *["micrometer"] * 2]
    assert scales.datasets[0].coordinateTransformations[0].scale == [2.5, 1.0, 300.0, 0.1, 0.1]
    assert [channel["label"] for channel in group.attrs["ome"]["omero"]["channels"]] == NAMES
    assert "EmissionWavelength" in group.attrs["rlcore"]["image_metadata"]["xml"]
    assert run(files, image="out.zarr", output="back.tif").exit_code == 0
    _, axes, told = ome_of(files / "back.tif")
    pixels = told["Image"]["Pixels"]
    assert axes == "TCZYX"
    assert (pixels["PhysicalSizeZ"], pixels["PhysicalSizeZUnit"], pixels["TimeIncrement"]) == (300.0, "nm", 2.5)
    assert [channel["Name"] for channel in pixels["Channel"]] == NAMES


def test_coarser_levels_are_means_and_say_where_they_lie(files):
    image = np.random.default_rng(0).poisson(20, (6, 300, 301)).astype(np.uint16)
    metadata = {"axes": "ZYX", "spacing": 0.25, "unit": "um"}
    tifffile.imwrite(files / "image.tif", image, imagej=True, resolution=(10, 10), metadata=metadata)
    assert run(files, output="out.zarr").exit_code == 0
    group = zarr.open_group(files / "out.zarr", mode="r")
    fine, coarse = group["0"][...], group["1"][...]
    assert coarse.shape == (6, 150, 151)
    np.testing.assert_allclose(coarse[:, :, :150], fine[:, :, :300].reshape(6, 150, 2, 150, 2).mean((2, 4)), rtol=1e-5)
    scale, translation = group.attrs["ome"]["multiscales"][0]["datasets"][1]["coordinateTransformations"]
    assert scale["scale"] == pytest.approx([0.25, 0.2, 0.2])
    assert translation["translation"] == pytest.approx([0, 0.05, 0.05])


def test_red_green_and_blue_are_channels(files, truth):
    colours = np.stack([IMAGE[3], IMAGE[4], IMAGE[5]], axis=-1)
    psf = PSF[2] / PSF[2].sum()
    tifffile.imwrite(files / "image.tif", colours, photometric="rgb")
    tifffile.imwrite(files / "psf.tif", psf)
    assert run(files).exit_code == 0
    expected = [deconvolved(plane, psf, iterations=5, backend="numpy") for plane in IMAGE[3:6]]
    assert error(tifffile.imread(files / "out.tif"), np.stack(expected)) <= 1e-5


def test_what_is_no_image_is_refused(files):
    (files / "folder").mkdir()
    assert "is a folder; name a file" in run(files, image="folder").stderr
    group = zarr.open_group(files / "plate.zarr", mode="w")
    assert "has no OME-Zarr metadata" in run(files, image="plate.zarr").stderr
    group.attrs["ome"] = {"version": "0.5", "plate": {}}
    assert "is a plate without images; name a file with an image" in run(files, image="plate.zarr").stderr
    group.attrs["ome"] = {"version": "0.5", "multiscales": [{"axes": []}]}
    assert "has OME-Zarr metadata that are not valid" in run(files, image="plate.zarr").stderr
    (files / "out.zarr").mkdir()
    assert "exists and is no Zarr; name another" in run(files, "--force", output="out.zarr").stderr
