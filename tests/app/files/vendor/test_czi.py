"""Files of Zeiss, written by Zeiss' own library."""

import json
import re

import numpy as np
import pytest
import tifffile
from click.testing import CliRunner
from fixtures.commands import NO_CAMERA, PSF, deconvolved, refused, voxels
from fixtures.scenes import cell

from rlcore.app.files.layout import Pick
from rlcore.app.files.opening import open_file
from rlcore.app.main import main
from rlcore.app.psf.metadata import read_metadata

pytest.importorskip("bioio_czi", reason="bioio-czi is not installed")
czi_files = pytest.importorskip("fixtures.czi_files", reason="pylibCZIrw is not installed")

VOXEL = (0.3, 0.1, 0.12)
CONFOCAL = "LaserScanningConfocalMicroscopy"


def scene(seed):
    cells = [cell((6, 24, 26), (5, 6, 6), seed=seed + number).image for number in range(6)]
    return np.reshape(cells, (3, 2, 6, 24, 26)).astype("u2")


LEFT, RIGHT = scene(0), scene(10)


def write(path, scenes=(LEFT,), **said):
    czi_files.write_czi(path, scenes, **{"voxel": VOXEL, "names": ("DAPI", "GFP"), **said})
    return path


def opened(path, **pick):
    return open_file(path, "image", pick=Pick(**pick))


def all_volumes(image):
    return np.stack([np.array(image.volume(place)) for place in image.layout.places])


def test_every_volume_is_that_which_was_written(tmp_path):
    image = opened(write(tmp_path / "cells.czi"))
    assert (image.layout.axes, image.layout.shape, image.dtype) == ("TCZYX", LEFT.shape, "u2")
    np.testing.assert_array_equal(all_volumes(image), LEFT.reshape(-1, *LEFT.shape[2:]))
    assert image.channel_names == ("DAPI", "GFP")
    assert image.about.voxel.micrometres("ZYX") == pytest.approx(VOXEL)


@pytest.mark.parametrize(
    ("pick", "expected"),
    [
        ({"time": 2, "channel": "GFP"}, LEFT[2:, 1]),
        ({"time": "1:3", "channel": 0}, LEFT[1:, 0]),
        ({"channel": "1,0", "time": 0}, LEFT[0, [1, 0]]),
    ],
)
def test_time_points_and_channels_are_picked(tmp_path, pick, expected):
    np.testing.assert_array_equal(all_volumes(opened(write(tmp_path / "cells.czi"), **pick)), expected)


@pytest.mark.parametrize(("pick", "expected"), [("0", LEFT), (1, RIGHT), ("right", RIGHT), ("left", LEFT)])
def test_a_scene_is_an_image_that_is_picked_by_number_or_name(tmp_path, pick, expected):
    path = write(tmp_path / "cells.czi", (LEFT, RIGHT), named=("left", "right"))
    np.testing.assert_array_equal(all_volumes(opened(path, image=pick)), expected.reshape(-1, *expected.shape[2:]))


def test_of_several_scenes_the_first_is_taken_and_said_so(tmp_path):
    path = write(tmp_path / "cells.czi", (LEFT, RIGHT), named=("left", "right"))
    with pytest.warns(UserWarning, match=r"holds 2 images \(0 'left', 1 'right'\); 0 'left' is taken") as said:
        image = opened(path)
    assert len(said) == 1
    np.testing.assert_array_equal(all_volumes(image), LEFT.reshape(-1, *LEFT.shape[2:]))


@pytest.mark.parametrize("pick", ["middle", "2", "-1"])
def test_a_scene_that_is_not_there_is_refused_with_the_names_of_those_that_are(tmp_path, pick):
    path = write(tmp_path / "cells.czi", (LEFT, RIGHT), named=("left", "right"))
    with pytest.raises(ValueError, match=re.escape(f"(0 'left', 1 'right'), and none is {pick!r}")):
        opened(path, image=pick)


@pytest.mark.filterwarnings("ignore:.*holds 2 images")
@pytest.mark.parametrize("lost", ["SizeS", "SizeT"])
def test_more_than_is_found_by_what_the_file_states_is_said(tmp_path, lost):
    path = write(tmp_path / "cells.czi", (LEFT, RIGHT), named=("left", "right"))
    czi_files.rewrite(path, lambda root: setattr(root.find(f".//Image/{lost}"), "text", "4"))
    word = {"SizeS": "images 4", "SizeT": "time points 4"}[lost]
    with pytest.warns(UserWarning, match=f"states more than its reader finds: {word}"):
        opened(path)


@pytest.mark.parametrize(
    ("said", "figures"),
    [
        ({}, {"na": 1.2, "immersion": 1.33, "emission": 520}),
        ({"index": 1.34}, {"na": 1.2, "immersion": 1.34, "emission": 520}),
        ({"mode": CONFOCAL}, {"na": 1.2, "immersion": 1.33, "emission": 520, "technique": "confocal"}),
        ({"lens": '<Objective Id="Objective:1"><LensNA>none</LensNA></Objective>'}, {"emission": 520}),
        (
            {"lens": '<Objective Id="Objective:1"/><Objective Id="O:2"><LensNA>1</LensNA></Objective>'},
            {"emission": 520},
        ),
        ({"emission": ("", "about 500")}, {"na": 1.2, "immersion": 1.33}),
    ],
)
def test_optics_are_those_that_the_metadata_state(tmp_path, said, figures):
    image = opened(write(tmp_path / "cells.czi", **{"emission": (461, 520), **said}))
    assert {name: each.value for name, each in read_metadata(image, 1).figures.items()} == pytest.approx(figures)


def test_a_file_without_optics_is_read_without_a_warning(tmp_path):
    assert read_metadata(opened(write(tmp_path / "cells.czi")), 0).figures == {}


def test_of_several_objectives_the_one_that_the_image_refers_to_counts(tmp_path):
    other = '<Objective Id="Objective:0" Name="Plan"><LensNA>0.5</LensNA><Immersion>Air</Immersion></Objective>'
    image = opened(write(tmp_path / "cells.czi", lens=other + czi_files.LENS))
    assert read_metadata(image, 0).figures["na"].value == 1.2
    unknown = czi_files.LENS.replace("Objective:1", "Objective:2")
    image = opened(write(tmp_path / "cells.czi", lens=other + unknown))
    assert "na" not in read_metadata(image, 0).figures


def run(folder, *options, output="out.ome.tif"):
    command = [
        "deconvolve",
        str(folder / "cells.czi"),
        "-o",
        str(folder / output),
        "-n",
        "3",
        "--backend",
        "numpy",
        *NO_CAMERA,
    ]
    return CliRunner().invoke(main, [*command, *map(str, options)])


@pytest.mark.parametrize("output", ["out.ome.tif", "out.tif", "out.ome.zarr"])
def test_a_result_keeps_axes_scale_channels_and_objective(tmp_path, output):
    write(tmp_path / "cells.czi", emission=(461, 520), index=1.34)
    np.save(tmp_path / "psf.npy", PSF)
    result = run(tmp_path, "--psf", tmp_path / "psf.npy", "--time", "1:3", output=output)
    assert result.exit_code == 0, result.output
    expected = deconvolved(LEFT[2, 1], PSF, iterations=3, backend="numpy")
    np.testing.assert_allclose(voxels(tmp_path / output)[1, 1], expected, rtol=1e-5, atol=1e-3)
    image = opened(tmp_path / output)
    assert (image.layout.axes, image.layout.shape) == ("TCZYX", LEFT[1:].shape)
    assert image.channel_names == ("DAPI", "GFP")
    assert image.about.voxel.micrometres("ZYX") == pytest.approx(VOXEL)
    if output.endswith("tif"):
        assert {"na", "immersion", "emission"} <= read_metadata(image, 1).figures.keys()


def test_a_psf_is_computed_from_its_optics(tmp_path):
    write(tmp_path / "cells.czi", emission=(461, 520), index=1.34)
    result = run(tmp_path, "--psf", "auto", "--time", "0", "--channel", "GFP", "--json")
    assert result.exit_code == 0, result.output
    said = (
        "NA 1.2 (objective), emission 520 nm (channel), immersion 1.34 (objective settings), voxels 0.3 x 0.1 x 0.12 µm"
    )
    assert said in result.stderr
    assert json.loads(result.stdout)["warnings"] == []  # nothing that the reader prints is among the result


def test_a_plan_reads_no_voxels(tmp_path, monkeypatch):
    write(tmp_path / "cells.czi")
    tifffile.imwrite(tmp_path / "psf.tif", PSF)
    monkeypatch.setattr("rlcore.app.files.vendor.planes.VendorPlanes.decode", lambda *_: pytest.fail("voxels are read"))
    result = CliRunner().invoke(main, ["plan", str(tmp_path / "cells.czi"), str(tmp_path / "psf.tif")])
    assert result.exit_code == 0, result.output


@pytest.mark.parametrize("keep", [0, 100, 3000, -1000])
def test_a_file_that_is_cut_short_is_refused_in_one_sentence(tmp_path, keep):
    path = write(tmp_path / "cells.czi")
    path.write_bytes(path.read_bytes()[:keep])
    np.save(tmp_path / "psf.npy", PSF)
    refused(run(tmp_path, "--psf", tmp_path / "psf.npy"), "cells.czi", "get it again")
    assert not (tmp_path / "out.ome.tif").exists()
