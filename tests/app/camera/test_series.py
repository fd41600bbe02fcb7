"""Channels with cameras of their own over several time points, through files of every format."""

import html
import json
import signal
import subprocess
import sys

import numpy as np
import pytest
import tifffile
from fixtures.cameras import GAIN, OFFSETS, PSF, camera_of, quietly, series
from fixtures.commands import SIGNALLED, refused, run, voxels
from fixtures.scenes import error
from fixtures.zarr_images import write_image

from rlcore.app.camera.look import _Look
from rlcore.app.files.writing.run_state import read_state
from rlcore.execution.progress import Reporter
from rlcore.execution.sealed import seal

STACK = series()
NAMES = {"tiff": "image.ome.tif", "zarr": "image.zarr", "npy": "image.npy"}
OUTPUTS = {"tiff": "out.ome.tif", "zarr": "out.zarr", "npy": "out.npy"}


@pytest.fixture
def stack(tmp_path):
    np.save(tmp_path / "psf.npy", PSF)
    np.save(tmp_path / "image.npy", STACK)
    tifffile.imwrite(tmp_path / "image.ome.tif", STACK, metadata={"axes": "TCZYX"}, ome=True)
    return tmp_path


def restore(folder, *options, image="image.npy", output="out.npy"):
    axes = ("--axes", "TCZYX") if image.endswith(".npy") else ()
    return run(folder, *axes, *options, image=image, psf="psf.npy", output=output, camera=())


def told(result):
    assert result.exit_code == 0, result.output
    return json.loads(result.stdout)


@pytest.mark.parametrize("kind", NAMES)
def test_every_channel_has_one_camera_for_all_its_time_points(stack, kind):
    if kind == "zarr":
        pytest.importorskip("zarr", reason="OME-Zarr needs the extra zarr")
        write_image(stack / "image.zarr", STACK, "tczyx", (1, 1, 0.3, 0.1, 0.1), chunks=(1, 1, 4, 16, 16))
    result = restore(stack, "--json", image=NAMES[kind], output=OUTPUTS[kind])
    said = told(result)
    made = voxels(stack / OUTPUTS[kind])
    for channel, (camera, offset) in enumerate(zip(said["cameras"], OFFSETS, strict=True)):
        _, info = quietly(STACK[0, channel], PSF, iterations=5, return_info=True)
        assert camera["taken_off"] == info.offset
        assert abs(camera["offset"] - offset) < 3 * camera["offset_error"]
        for time in range(3):
            expected = quietly(STACK[time, channel], PSF, iterations=5, offset=camera_of(camera), hot_pixels="keep")
            assert error(made[time, channel], expected) <= 1e-5
    assert said["provenance"]["cameras"] == [
        {k: each[k] for k in said["provenance"]["cameras"][0]} for each in said["cameras"]
    ]
    lines = [line for line in result.stderr.splitlines() if "is taken off" in line]
    assert [line.partition(":")[0] for line in lines] == ["channel 0", "channel 1"]
    assert said["warnings"] == []


def test_the_result_itself_says_what_was_taken_off(stack):
    said = told(restore(stack, "--json", "--dtype", "float32", image="image.ome.tif", output="out.ome.tif"))
    with tifffile.TiffFile(stack / "out.ome.tif") as tif:
        xml = tif.ome_metadata
    first, second = (f"{each['taken_off']:.6g}" for each in said["cameras"])
    assert f"offset {first}/{second}, " in xml
    assert f'"taken_off": {said["cameras"][1]["taken_off"]}' in xml.replace("&quot;", '"')


def test_a_report_says_what_was_found(stack):
    said = told(restore(stack, "--json", "--channel", "1", "--report", stack / "report.html"))
    [camera] = said["cameras"]
    assert html.escape(camera["said"]) in (stack / "report.html").read_text(encoding="utf-8")


def test_offsets_gains_and_backgrounds_are_given_by_channel(stack):
    options = (
        "--offset",
        "0=100",
        "--offset",
        "150",
        "--gain",
        "1=0.5",
        "--gain",
        "0.46",
        "--background",
        "1=2.5",
        "--background",
        "0=0",
    )
    said = told(restore(stack, *options, "--json"))["cameras"]
    assert [each["offset"] for each in said] == [100, 150]
    assert [each["gain"] for each in said] == [0.46, 0.5]
    assert [each["background"] for each in said] == [0, 2.5]
    made = np.load(stack / "out.npy")
    for channel, background in enumerate((0, 2.5)):
        expected = quietly(
            STACK[2, channel], PSF, iterations=5, offset=camera_of(said[channel]), background=background,
            hot_pixels="keep",
        )  # fmt: skip
        assert error(made[2, channel], expected) <= 1e-5


def test_a_background_is_found_for_every_volume(stack):
    said = told(restore(stack, "--background", "auto", "--channel", "1", "--json"))
    cameras = said["cameras"]
    made = np.load(stack / "out.npy")
    for time in range(3):
        expected, info = quietly(
            STACK[time, 1], PSF, iterations=5, offset=camera_of(cameras[0]), background="auto", hot_pixels="keep",
            return_info=True,
        )  # fmt: skip
        assert said["info"][time]["background"] == info.background
        assert error(made[time], expected) <= 1e-5


def test_photons_are_the_result_over_the_gain(stack):
    pair = f"{GAIN},100"
    assert told(restore(stack, "--gain", pair, "--channel", "0", "--json"))["provenance"]["photons"] is False
    said = told(restore(stack, "--gain", pair, "--channel", "0", "--photons", "--json", output="photons.npy"))
    assert said["provenance"]["photons"] is True
    assert error(np.load(stack / "photons.npy"), np.load(stack / "out.npy") / GAIN) <= 1e-6


def test_hot_pixels_are_found_once_and_said_once(stack):
    hot = STACK.copy()
    hot[:, 0, :, 5, 7] = 400
    np.save(stack / "image.npy", hot)
    result = restore(stack, "--json")
    said = told(result)
    assert [each["hot_pixels"] for each in said["cameras"]] == [1, 0]
    assert result.stderr.count("1 of 1680 pixels are hot or dead") == 1
    assert "warning:" not in result.stderr
    mask = np.zeros(STACK.shape[-2:], bool)
    mask[5, 7] = True
    expected = quietly(hot[1, 0], PSF, iterations=5, offset=camera_of(said["cameras"][0]), hot_pixels=mask)
    assert error(np.load(stack / "out.npy")[1, 0], expected) <= 1e-5
    kept = told(restore(stack, "--json", "--hot-pixels", "keep", output="kept.npy"))
    assert [each["hot_pixels"] for each in kept["cameras"]] == [0, 0]


def command(folder, *options):
    files = [folder / "image.npy", folder / "psf.npy", "-o", folder / "out.npy"]
    return ["deconvolve", *files, "--axes", "TCZYX", "--backend", "numpy", "--checkpoint", folder / "state", *options]


def killed(folder, *options, at=40):
    """A run that is killed at one of its iterations; the search is over by then, and no volume is finished."""
    line = [sys.executable, "-c", SIGNALLED, int(signal.SIGKILL), at, *command(folder, *options)]
    done = subprocess.run(list(map(str, line)), check=False, timeout=300, capture_output=True)
    assert done.returncode == -signal.SIGKILL, done.stderr


def test_a_run_that_was_killed_goes_on_with_the_cameras_that_it_began_with(stack, monkeypatch):
    options = ("--photons", "--gain", GAIN, "-n", "auto", "--json")
    steps, advance = [], Reporter.advance

    def counted(reporter, *work):
        steps.append(reporter)
        advance(reporter, *work)

    with monkeypatch.context() as counting:
        counting.setattr(Reporter, "advance", counted)
        whole = told(restore(stack, *options, output="whole.npy"))
    # each run has a reporter: two searches, then a run for each volume; killed in the second of these
    reporters = list(dict.fromkeys(map(id, steps)))
    assert len(reporters) == 8
    before = [id(each) for each in steps].index(reporters[3])
    killed(stack, "--photons", "--gain", str(GAIN), at=before + 2)
    state = read_state(stack / "state" / "run.json")
    assert list(state.done) == [0]
    assert [each.iterations for each in state.cameras] == [each["iterations"] for each in whole["cameras"]]
    assert [each.camera.zero for each in state.cameras] == [each["taken_off"] for each in whole["cameras"]]

    def never(*_):
        raise AssertionError("looked again")

    monkeypatch.setattr(_Look, "at_channel", never)
    resumed = told(restore(stack, *options, "--checkpoint", stack / "state"))
    assert resumed["cameras"] == whole["cameras"]
    assert (stack / "out.npy").read_bytes() == (stack / "whole.npy").read_bytes()


def test_a_run_that_was_killed_in_its_search_leaves_what_the_next_one_removes(stack):
    killed(stack, "-n", "auto", at=2)
    [photons] = stack.glob(".rlcore-work-*/.rlcore-photons-*")
    assert photons.is_dir()
    told(restore(stack, "-n", "2", "--offset", "100", "--json"))
    assert not [*stack.glob(".rlcore-*")]


def test_a_run_with_other_cameras_is_another_run(stack):
    killed(stack, "-n", "30", "--offset", "100", at=3)
    np.save(stack / "dark.npy", np.full(STACK.shape[-2:], 100, np.float32))
    np.save(stack / "mask.npy", np.zeros(STACK.shape[-2:], np.uint8))
    other = (
        ("offset", ("--offset", "101")), ("offset", ("--offset", stack / "dark.npy")),
        ("gain", ("--offset", "100", "--gain", "2")), ("background", ("--offset", "100", "--background", "1")),
        ("weights", ("--offset", "100", "--weights", "finite")),
        ("photons", ("--offset", 100, "--gain", 1, "--photons")),
        ("hot pixels", ("--offset", "100", "--hot-pixels", stack / "mask.npy")),
    )  # fmt: skip
    for name, options in other:
        result = restore(stack, "-n", "30", *options, "--checkpoint", stack / "state")
        refused(result, "is of another run, with other", name)


def test_the_checkpoint_of_an_older_version_is_refused_in_one_sentence(stack):
    killed(stack, "-n", "30", "--offset", "100", at=3)
    path = stack / "state" / "run.json"
    content = json.loads(path.read_text())
    for name in ("program", "format", "sum", "cameras"):
        del content[name]
    path.write_bytes(seal("rlcore deconvolve", 1, content))
    result = restore(stack, "-n", "30", "--offset", "100", "--checkpoint", stack / "state")
    refused(result, "it is of format 1, and this version of rlcore knows 2 alone", "remove it to start anew")


def test_a_map_of_a_camera_that_was_changed_is_another_run(stack):
    np.save(stack / "dark.npy", np.full(STACK.shape[-2:], 100, np.float32))
    options = ("-n", "30", "--offset", stack / "dark.npy")
    killed(stack, *options, at=3)
    np.save(stack / "dark.npy", np.full(STACK.shape[-2:], 101, np.float32))
    refused(restore(stack, *options, "--checkpoint", stack / "state"), "with other files of cameras")


def test_nothing_is_looked_at_where_nothing_is_to_be_found(stack, monkeypatch):
    def never(*_):
        raise AssertionError("looked")

    monkeypatch.setattr(_Look, "_at_volume", never)
    result = restore(stack, "--offset", "0", "--background", "0", "--json")
    assert [each["said"] for each in told(result)["cameras"]] == ["", ""]
    assert len(result.stderr.splitlines()) == 1  # the summary alone
    with pytest.raises(AssertionError, match="looked"):
        raise restore(stack, "--offset", "1", output="other.npy").exception
