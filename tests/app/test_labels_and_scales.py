"""Of a channel that is picked, its own name is kept in every format; and a scale counts wherever OME-Zarr states it."""

import numpy as np
import pytest
import tifffile
from fixtures.commands import IMAGE, run

zarr = pytest.importorskip("zarr", reason="zarr is not installed")
pytest.importorskip("yaozarrs", reason="yaozarrs is not installed")

NAMES = ["DAPI", "GFP", "Cy5"]
COLOURS = {"DAPI": "0000FF", "GFP": "00FF00", "Cy5": "FF0000"}
STACK = np.stack([np.stack([IMAGE, IMAGE // 2 + 3, IMAGE // 3 + 1])] * 2)
"""t, c, z, y, x."""


def write_ome(folder):
    metadata = {"axes": "TCZYX", "Channel": {"Name": NAMES}}
    tifffile.imwrite(folder / "image.tif", STACK, ome=True, photometric="minisblack", metadata=metadata)
    return "image.tif"


def write_imagej(folder):
    """By labels that name the channels alone."""
    labels = NAMES * (STACK.shape[0] * STACK.shape[2])
    tables = [np.stack([np.arange(256, dtype=np.uint8) * (k == n) for k in range(3)]) for n in range(3)]
    metadata = {"axes": "TZCYX", "mode": "composite", "Labels": labels, "LUTs": tables}
    tifffile.imwrite(folder / "image.tif", STACK.swapaxes(1, 2), imagej=True, metadata=metadata)
    return "image.tif"


def write_plain(folder):
    metadata = {"axes": "TCZYX", "channel_names": NAMES}
    tifffile.imwrite(folder / "image.tif", STACK, photometric="minisblack", metadata=metadata)
    return "image.tif"


def write_zarr(folder, every=None, stack=STACK):
    """With a scale of the finest level, and one of all levels if `every` is given."""
    group = zarr.open_group(folder / "image.zarr", mode="w")
    group.create_array("0", shape=stack.shape, dtype=stack.dtype)[...] = stack
    kinds = ["time", "channel", *["space"] * 3]
    units = {"t": "second", "z": "micrometer", "y": "micrometer", "x": "micrometer"}
    axes = [
        {"name": name, "type": kind, **({"unit": units[name]} if name in units else {})}
        for name, kind in zip("tczyx", kinds, strict=True)
    ]
    level = {"path": "0", "coordinateTransformations": [{"type": "scale", "scale": [1.0, 1.0, 0.5, 0.2, 0.1]}]}
    scales = {"name": "cells", "axes": axes, "datasets": [level]}
    if every is not None:
        scales["coordinateTransformations"] = [{"type": "scale", "scale": every}]
    window = {"min": 0, "max": 255, "start": 0, "end": 200}
    shown = {"channels": [{"label": name, "color": COLOURS[name], "window": window} for name in NAMES]}
    group.attrs["ome"] = {"version": "0.5", "multiscales": [scales], "omero": shown}
    return "image.zarr"


def names_of_tiff(path):
    """What each plane's channel is called, by whatever kind of TIFF it is, without repetition."""
    with tifffile.TiffFile(path) as tif:
        if tif.is_ome:
            channels = tifffile.xml2dict(tif.ome_metadata)["OME"]["Image"]["Pixels"]["Channel"]
            return [channel["Name"] for channel in (channels if isinstance(channels, list) else [channels])]
        if tif.is_imagej:
            return list(dict.fromkeys(tif.imagej_metadata["Labels"]))
        return tif.shaped_metadata[0]["channel_names"]


def names_of_zarr(path):
    shown = zarr.open_group(path, mode="r").attrs["ome"]["omero"]["channels"]
    return [channel["label"] for channel in shown]


WRITE = {"ome": write_ome, "imagej": write_imagej, "plain": write_plain, "zarr": write_zarr}
OUTPUTS = ("out.tif", "out.ome.tif", "out.zarr")
PICKED = {"GFP": ["GFP"], "2": ["Cy5"], "1:3": ["GFP", "Cy5"], "2,0": ["Cy5", "DAPI"]}


@pytest.mark.parametrize("kind", WRITE)
@pytest.mark.parametrize("output", OUTPUTS)
@pytest.mark.parametrize("picked", PICKED)
def test_channels_that_are_picked_keep_their_names(files, kind, output, picked):
    result = run(files, "--channel", picked, "--time", "1", "-n", "1", image=WRITE[kind](files), output=output)
    assert result.exit_code == 0, result.output
    read = names_of_zarr if output.endswith("zarr") else names_of_tiff
    assert read(files / output) == PICKED[picked]


def test_planes_of_an_imagej_file_keep_their_own_labels_and_the_channel_its_colours(files):
    labels = [f"{name} t{t} z{z}" for t in range(2) for z in range(10) for name in NAMES]
    tables = [np.stack([np.arange(256, dtype=np.uint8) * (k == n) for k in range(3)]) for n in range(3)]
    metadata = {"axes": "TZCYX", "mode": "composite", "Labels": labels, "LUTs": tables}
    tifffile.imwrite(files / "image.tif", STACK.swapaxes(1, 2), imagej=True, metadata=metadata)
    assert run(files, "--channel", "1", "--time", "1", "-n", "1").exit_code == 0
    with tifffile.TiffFile(files / "out.tif") as tif:
        told = tif.imagej_metadata
    assert told["Labels"] == [f"GFP t1 z{z}" for z in range(10)]
    np.testing.assert_array_equal(np.reshape(told["LUTs"], (3, 256)), tables[1])


def test_an_imagej_file_with_one_label_a_channel_keeps_that_of_the_channel_that_is_picked(files):
    """Not one a plane, as ImageJ itself writes them."""
    metadata = {"axes": "TZCYX", "mode": "composite", "Labels": NAMES}
    tifffile.imwrite(files / "image.tif", STACK.swapaxes(1, 2), imagej=True, metadata=metadata)
    assert run(files, "--channel", "GFP", "-n", "1").exit_code == 0
    with tifffile.TiffFile(files / "out.tif") as tif:
        assert tif.imagej_metadata["Labels"] == ["GFP"] * 20


def test_colours_of_an_ome_zarr_go_with_the_channel(files):
    assert run(files, "--channel", "2", "-n", "1", image=write_zarr(files), output="out.zarr").exit_code == 0
    [shown] = zarr.open_group(files / "out.zarr", mode="r").attrs["ome"]["omero"]["channels"]
    assert (shown["label"], shown["color"]) == ("Cy5", COLOURS["Cy5"])


def test_channels_that_are_picked_in_another_order_lie_in_that_order(files):
    """Names and voxels go together."""
    assert run(files, "--channel", "2,0", "--time", "1", "-n", "1", image=write_plain(files)).exit_code == 0
    means = tifffile.imread(files / "out.tif").mean((1, 2, 3))
    np.testing.assert_allclose(means, [STACK[1, 2].mean(), STACK[1, 0].mean()], rtol=0.05)


@pytest.mark.parametrize("every", [[60.0, 1.0, 2.0, 3.0, 4.0], [0.5, 1.0, 1.0, 1.0, 1.0], None])
def test_the_scale_of_all_levels_of_an_ome_zarr_multiplies_that_of_the_finest(files, every):
    expected = np.array([1.0, 1.0, 0.5, 0.2, 0.1]) * (1.0 if every is None else every)
    image = write_zarr(files, every)
    assert run(files, "-n", "1", image=image, output="out.zarr").exit_code == 0
    [scales] = zarr.open_group(files / "out.zarr", mode="r").attrs["ome"]["multiscales"]
    found = np.ones(5)
    for transform in [
        *scales["datasets"][0]["coordinateTransformations"],
        *scales.get("coordinateTransformations", ()),
    ]:
        if transform["type"] == "scale":
            found *= transform["scale"]
    np.testing.assert_allclose(found, expected)
    assert run(files, "-n", "1", image=image, output="out.ome.tif").exit_code == 0
    with tifffile.TiffFile(files / "out.ome.tif") as tif:
        pixels = tifffile.xml2dict(tif.ome_metadata)["OME"]["Image"]["Pixels"]
    sizes = [pixels.get(key, 1.0) for key in ("TimeIncrement", "PhysicalSizeZ", "PhysicalSizeY", "PhysicalSizeX")]
    np.testing.assert_allclose(sizes, expected[[0, 2, 3, 4]])
