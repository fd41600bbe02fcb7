"""Time points and channels: each with its PSF, picked, streamed, stopped and continued."""

import json
import os
import signal
import subprocess
import sys
import time

import numpy as np
import pytest
import tifffile
from fixtures.commands import IMAGE, NO_CAMERA, PROGRAM, PSF, SIGNALLED, deconvolved, run, voxels
from fixtures.scenes import error, gaussian

STACK = np.stack([[IMAGE, IMAGE // 2 + 3], [IMAGE // 3 + 1, IMAGE + 2], [IMAGE // 4, IMAGE + 9]])
OTHER = gaussian((7, 5, 5)).astype(np.float32)


def restored(volume, psf, iterations=5):
    return deconvolved(volume, psf, iterations=iterations, backend="numpy")


@pytest.fixture
def stack(files):
    tifffile.imwrite(files / "image.tif", STACK, photometric="minisblack", metadata={"axes": "TCZYX"})
    tifffile.imwrite(files / "other.tif", OTHER)
    return files


def by_channel(folder):
    return "--psf", f"0={folder / 'psf.tif'}", "--psf", f"1={folder / 'other.tif'}"


def several(folder, *options, output="out.tif"):
    """The command without one PSF for all."""
    from click.testing import CliRunner

    from rlcore.app.main import main

    command = [
        "deconvolve",
        str(folder / "image.tif"),
        "-o",
        str(folder / output),
        "-n",
        "5",
        "--backend",
        "numpy",
        *NO_CAMERA,
    ]
    return CliRunner().invoke(main, [*command, *options])


@pytest.mark.parametrize("compression", [None, "zlib"])
def test_every_channel_is_restored_with_its_own_psf(stack, compression):
    if compression:
        metadata = {"axes": "TCZYX"}
        tifffile.imwrite(stack / "image.tif", STACK, photometric="minisblack", compression="zlib", metadata=metadata)
    result = several(stack, *by_channel(stack))
    assert result.exit_code == 0, result.output
    expected = np.stack([[restored(a, PSF), restored(b, OTHER)] for a, b in STACK])
    assert error(tifffile.imread(stack / "out.tif"), expected) <= 2e-5
    assert {path.name for path in stack.iterdir()} == {"image.tif", "psf.tif", "other.tif", "out.tif"}


def test_a_spectrum_is_made_once_for_all_volumes_that_share_a_psf(stack, monkeypatch):
    from rlcore.optics import otf as transfer

    made, make = [], transfer.on_device

    def counted(backend, psf, shape):
        made.append(psf)
        return make(backend, psf, shape)

    monkeypatch.setattr(transfer, "on_device", counted)
    assert several(stack, *by_channel(stack)).exit_code == 0
    assert len(made) == 2
    made.clear()
    assert run(stack, "--force").exit_code == 0
    assert len(made) == 1


def test_a_psf_file_with_as_many_channels_is_one_a_channel(stack):
    both = np.stack([PSF, np.roll(PSF, 1, 0) + PSF])
    tifffile.imwrite(stack / "psf.tif", both, photometric="minisblack", metadata={"axes": "CZYX"})
    assert run(stack, "--channel", "1", "--time", "2").exit_code == 0
    assert error(tifffile.imread(stack / "out.tif"), restored(STACK[2, 1], both[1])) <= 1e-5


def test_ranges_and_lists_pick(stack):
    assert run(stack, "--time", "1:3", "--channel", "1").exit_code == 0
    volume = tifffile.imread(stack / "out.tif")
    assert error(volume, np.stack([restored(STACK[t, 1], PSF) for t in (1, 2)])) <= 1e-5
    assert run(stack, "--time", "0,2", "--force").exit_code == 0
    assert tifffile.imread(stack / "out.tif").shape == (2, 2, *IMAGE.shape)


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["--time", "3"], "has 3 time points, counted from 0, and none is 3; give another --time"),
        (["--time", "1:9"], "has 3 time points, counted from 0, and none is 3; give another --time"),
        (["--time", "2:2"], "--time '2:2' is empty"),
        (["--channel", "red"], "--channel 'red' is not an index or a range; write it like 3, 3:10 or 0,2"),
        (["--axes", "TCZY"], "--axes 'TCZY' is not one of T, C, Z, Y, X for each axis"),
    ],
)
def test_what_the_file_has_not_cannot_be_picked(stack, options, text):
    result = run(stack, *options)
    assert result.exit_code == 2
    assert text in result.stderr
    assert not (stack / "out.tif").exists()


def test_psfs_that_do_not_go_with_the_channels_are_refused(stack):
    assert "psf is missing; name a file after the image" in several(stack).stderr
    one = ("--psf", f"0={stack / 'psf.tif'}")
    assert "channel 1 has no psf; give it one by --psf 1=FILE" in several(stack, *one).stderr
    assert several(stack, *one, "--channel", "0").exit_code == 0
    assert "is the second for its channel" in several(stack, *one, *one, "--force").stderr
    assert "is not CHANNEL=FILE with a channel from 0 to 1" in several(stack, "--psf", "2=x.tif", "--force").stderr
    assert "psf is given twice" in run(stack, *one, "--force").stderr


def test_one_psf_for_all_channels_may_be_an_option(stack):
    assert several(stack, "--psf", str(stack / "psf.tif")).exit_code == 0
    by_option = tifffile.imread(stack / "out.tif")
    assert run(stack, "--force").exit_code == 0
    np.testing.assert_array_equal(tifffile.imread(stack / "out.tif"), by_option)


def test_integers_have_one_step_for_the_whole_file(stack):
    assert run(stack, "--dtype", "uint16").exit_code == 0
    volume = tifffile.imread(stack / "out.tif")
    expected = np.stack([[restored(v, PSF) for v in row] for row in STACK])
    assert volume.max() == 65535
    np.testing.assert_allclose(volume * (expected.max() / 65535), expected, atol=1e-4 * expected.max())


def test_the_plan_of_a_file_speaks_of_all_volumes(stack):
    from click.testing import CliRunner

    from rlcore.app.main import main

    told = CliRunner().invoke(
        main,
        [
            "plan",
            str(stack / "image.tif"),
            str(stack / "psf.tif"),
            "--backend",
            "numpy",
            *NO_CAMERA,
        ],
    )
    assert told.output.startswith("6 volumes, one after the other. Each: The whole volume in one block")


ITERATIONS = 40


def ended(folder, output, *options, program=(PROGRAM,)):
    """The program, once it has ended."""
    files = [str(folder / name) for name in ("image.tif", "psf.tif")]
    command = [sys.executable, "-c", *map(str, program), "deconvolve", *files, "-o", str(folder / output)]
    command += ["-n", str(ITERATIONS), "--backend", "numpy", *NO_CAMERA, *options]
    return subprocess.run(command, capture_output=True, text=True, check=False, timeout=600)


@pytest.mark.parametrize(
    ("output", "dtype", "how"),
    [("out.tif", "float32", "KILL"), ("out.zarr", "float32", "KILL"), ("out.npy", "uint16", "INT")],
)
def test_killed_among_the_volumes_it_goes_on_and_ends_with_the_same_bits(stack, output, dtype, how):
    if output.endswith("zarr"):
        pytest.importorskip("yaozarrs", reason="yaozarrs is not installed")
    options = ("--checkpoint", str(stack / "state"), "--memory", "18 MiB", "--dtype", dtype)
    number = getattr(signal, f"SIG{how}")
    stopped = ended(stack, output, *options, program=(SIGNALLED, int(number), 2 * ITERATIONS + ITERATIONS // 2))
    assert len(json.loads((stack / "state" / "run.json").read_text())["done"]) == 2
    assert not (stack / output).exists()
    assert stopped.returncode == (130 if how == "INT" else -number), stopped.stderr
    if how == "INT":
        assert " on volume " in stopped.stderr
    other = run(stack, "--checkpoint", stack / "state", output=output)
    assert "is of another run, with other " in other.stderr
    again = ended(stack, output, *options)
    assert again.returncode == 0, again.stderr
    assert not (stack / "state").exists()
    whole = ended(stack, "whole" + output[3:], "--memory", "18 MiB", "--dtype", dtype)
    assert whole.returncode == 0, whole.stderr
    np.testing.assert_array_equal(voxels(stack / output), voxels(stack / ("whole" + output[3:])))
    assert not [path.name for path in stack.iterdir() if path.name.startswith(".rlcore")]


def start(folder, output, *options, iterations="400"):
    files = [str(folder / name) for name in ("image.tif", "psf.tif")]
    command = [sys.executable, "-c", PROGRAM, "deconvolve", *files, "-o", str(folder / output), "-n", iterations]
    return subprocess.Popen(
        [*command, "--backend", "numpy", *NO_CAMERA, *options],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
    )


def left_after_the_second_volume(folder, output, *options):
    """The work folder of a run that was killed when it had two volumes."""
    process = start(folder, output, "--checkpoint", str(folder / "state"), "--memory", "18 MiB", *options)
    run_log, deadline = folder / "state" / "run.json", time.monotonic() + 60
    while not (run_log.exists() and len(json.loads(run_log.read_text())["done"]) == 2):
        assert process.poll() is None, process.communicate()
        assert time.monotonic() < deadline
        time.sleep(0.005)
    process.kill()
    process.communicate(timeout=60)
    [work] = folder.glob(".rlcore-work-*")
    return work


def test_a_checkpoint_whose_output_is_gone_or_cut_short_is_refused(stack):
    def again():
        process = start(stack, "out.tif", "--checkpoint", str(stack / "state"), "--memory", "18 MiB")
        _, said = process.communicate(timeout=60)
        assert process.returncode == 2
        [said] = said.splitlines()
        return said

    work = left_after_the_second_volume(stack, "out.tif")
    os.truncate(work / "result", 5000)
    assert "is damaged: it has 5000 bytes and had " in again()
    [work] = stack.glob(".rlcore-work-*")
    (work / "result").unlink()
    assert again().endswith("is gone; remove the checkpoint to start anew")


@pytest.mark.parametrize("memory", ["1 GiB", "17 MiB"])
def test_a_zarr_is_written_by_whole_chunks(stack, monkeypatch, memory):
    pytest.importorskip("yaozarrs", reason="yaozarrs is not installed")
    from rlcore.app.files.zarr import volume_in_array

    seen, put = [], volume_in_array.VolumeInArray.__setitem__

    def watched(self, key, value):
        for part, size, chunk in zip(key, self.shape, self.chunks, strict=True):
            first, last, _ = part.indices(size)
            seen.append(first % chunk == 0 and (last % chunk == 0 or last == size))
        put(self, key, value)

    monkeypatch.setattr(volume_in_array.VolumeInArray, "__setitem__", watched)
    image = np.random.default_rng(1).poisson(9, (24, 150, 160)).astype(np.uint16)
    tifffile.imwrite(stack / "image.tif", np.stack([image, image]), imagej=True, metadata={"axes": "TZYX"})
    result = run(stack, "--memory", memory, output="out.zarr")
    assert result.exit_code == 0, result.output
    assert seen
    assert all(seen)
    import zarr

    expected = np.stack([restored(image, PSF)] * 2)
    assert error(zarr.open_group(stack / "out.zarr", mode="r")["0"][...], expected) <= 2e-5
