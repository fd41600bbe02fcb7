"""A volume that cannot be restored ends a series by name, or is left empty if the run is told to go on."""

import json

import numpy as np
import pytest
import tifffile
from app.test_reading_of_series import STACK
from fixtures.commands import PSF, deconvolved, refused, run, voxels
from fixtures.scenes import error

from rlcore.app.files.writing.run_state import read_state
from rlcore.app.run_log import RunLog
from rlcore.app.series_run import SeriesRun

BAD = 3
TIMES = len(STACK)


def not_a_number(stack):
    stack[BAD, 2, 3, 4] = np.nan


def infinite(stack):
    stack[BAD, 0, 0, 0] = np.inf


def dim(stack):
    stack[BAD] = 1


def subtracted(stack):
    stack[BAD] -= 100


FAULTS = {
    "NaN": (not_a_number, "NaN or infinite"),
    "infinite": (infinite, "NaN or infinite"),
    "dim": (dim, "background 5 is not below the image's mean"),
    "subtracted": (subtracted, "background 5 is not below the image's mean"),
}


def written(folder, fault=not_a_number):
    stack = STACK.astype(np.float32)
    if fault is not None:
        fault(stack)
    tifffile.imwrite(folder / "image.tif", stack, metadata={"axes": "TZYX"}, photometric="minisblack")
    return stack


def with_a_damaged_page(folder):
    path = folder / "image.tif"
    tifffile.imwrite(path, STACK, metadata={"axes": "TZYX"}, photometric="minisblack", compression="zlib")
    with tifffile.TiffFile(path) as tif:
        page = tif.pages[BAD * STACK.shape[1] + 1]
        at = page.dataoffsets[0]
    content = bytearray(path.read_bytes())
    content[at + 5 : at + 25] = b"\xff" * 20
    path.write_bytes(content)


def is_whole(volumes, stack, empty):
    """Asserts that all volumes but the bad ones are restored, and those empty."""
    for time in range(TIMES):
        if time == BAD:
            assert np.array_equal(volumes[time], np.full_like(volumes[time], empty), equal_nan=True)
        else:
            expected = deconvolved(stack[time], PSF, iterations=5, backend="numpy", background=5.0)
            assert error(volumes[time], expected) <= 2e-5


def ours(folder):
    return sorted(path.name for path in folder.iterdir() if path.name.startswith(".rlcore") or path.name == "state")


@pytest.mark.parametrize("fault", FAULTS)
def test_a_bad_volume_is_named_and_nothing_is_written(files, fault):
    spoil, text = FAULTS[fault]
    written(files, spoil)
    refused(run(files, "--background", "5"), f"volume at time {BAD}, channel 0: ", text, "or give --keep-going")
    assert not (files / "out.tif").exists()
    assert ours(files) == []


@pytest.mark.parametrize("fault", FAULTS)
@pytest.mark.parametrize("output", ["out.tif", "out.npy", "out.ome.tif", "out.zarr"])
def test_the_others_are_restored_if_the_run_is_to_go_on(files, fault, output):
    if output.endswith("zarr"):
        pytest.importorskip("yaozarrs", reason="yaozarrs is not installed")
    spoil, text = FAULTS[fault]
    stack = written(files, spoil)
    result = run(files, "--background", "5", "--keep-going", "--json", output=output)
    refused(result, f"1 of {TIMES} volumes was left empty: time {BAD}, channel 0", code=3)
    [bad] = json.loads(result.stdout)["bad"]
    assert (bad["time"], bad["channel"]) == (BAD, 0)
    assert text in bad["reason"]
    is_whole(voxels(files / output), stack, np.nan)
    assert ours(files) == []


def test_a_damaged_page_is_a_bad_volume(files):
    with_a_damaged_page(files)
    refused(run(files, "--background", "5"), f"volume at time {BAD}, channel 0: ", "at page 31")
    assert run(files, "--background", "5", "--keep-going").exit_code == 3
    is_whole(tifffile.imread(files / "out.tif"), STACK, np.nan)


def test_a_damaged_chunk_is_a_bad_volume(files):
    zarr = pytest.importorskip("zarr", reason="zarr is not installed")
    pytest.importorskip("yaozarrs", reason="yaozarrs is not installed")
    written(files, None)
    assert run(files, "-n", "1", output="in.ome.zarr").exit_code == 0
    stack = zarr.open_group(files / "in.ome.zarr", mode="r")["0"][...]
    for chunk in (path for path in (files / "in.ome.zarr" / "0" / "c" / str(BAD)).rglob("*") if path.is_file()):
        chunk.write_bytes(chunk.read_bytes()[:9])
    command = "--background", "5", "--keep-going"
    refused(run(files, *command, image="in.ome.zarr"), f"time {BAD}, channel 0", code=3)
    is_whole(tifffile.imread(files / "out.tif"), stack, np.nan)


def test_integers_have_zeros_and_a_scale_of_the_others(files):
    stack = written(files)
    result = run(files, "--background", "5", "--keep-going", "--dtype", "uint16", "--json")
    assert result.exit_code == 3
    volumes = tifffile.imread(files / "out.tif")
    assert not volumes[BAD].any()
    assert volumes.max() == 65535
    expected = deconvolved(stack[0], PSF, iterations=5, backend="numpy", background=5.0)
    assert error(volumes[0] * json.loads(result.stdout)["step"], expected) <= 1e-4


def test_the_first_volume_may_be_the_bad_one(files):
    stack = STACK.astype(np.float32)
    stack[0] = np.nan
    tifffile.imwrite(files / "image.tif", stack, metadata={"axes": "TZYX"}, photometric="minisblack")
    result = run(files, "--background", "5", "--keep-going", "--report", files / "report.html")
    refused(result, "was left empty: time 0, channel 0", code=3)
    page = (files / "report.html").read_text()
    assert "time point 1, the first of 5 volumes" in page
    assert "1 of 6 volumes was left empty: time 0, channel 0" in page


def test_it_is_counted_as_in_the_file_and_by_channel(files):
    stack = np.stack([STACK, STACK], axis=2).transpose(0, 2, 1, 3, 4).astype(np.float32)
    stack[BAD, 1] = np.nan
    stack[4, 0] = np.nan
    tifffile.imwrite(files / "image.tif", stack, metadata={"axes": "TCZYX"}, photometric="minisblack")
    result = run(files, "--time", "2:", "--keep-going")
    refused(result, "2 of 8 volumes were left empty: time 3, channel 1; time 4, channel 0", code=3)


def test_a_run_without_a_good_volume_is_refused(files):
    stack = np.full(STACK.shape, np.nan, np.float32)
    tifffile.imwrite(files / "image.tif", stack, metadata={"axes": "TZYX"}, photometric="minisblack")
    result = run(files, "--keep-going")
    refused(result, "none of the 6 volumes can be restored; the first, at time 0, channel 0: ")
    assert not (files / "out.tif").exists()
    assert ours(files) == []


def test_a_single_volume_needs_no_number(files):
    stack = written(files)
    tifffile.imwrite(files / "image.tif", stack[BAD], metadata={"axes": "ZYX"})
    result = run(files)
    refused(result, "NaN")
    assert "keep-going" not in result.stderr


class TestWithACheckpoint:
    @pytest.fixture
    def restored(self, monkeypatch):
        """Lists the volumes that are tried."""
        tried, restore = [], SeriesRun._restore

        def noted(run, number, *rest):
            tried.append(number)
            restore(run, number, *rest)

        monkeypatch.setattr(SeriesRun, "_restore", noted)
        return tried

    def command(self, folder, *options):
        return run(folder, "--background", "5", "--checkpoint", folder / "state", *options)

    def test_finished_volumes_are_kept_and_the_run_goes_on_when_told(self, files, restored):
        stack = written(files)
        refused(self.command(files), "3 finished volumes are kept by checkpoint", f"time {BAD}, channel 0")
        assert sorted(read_state(files / "state" / "run.json").done) == [0, 1, 2]
        restored.clear()
        refused(self.command(files, "--keep-going"), f"left empty: time {BAD}, channel 0", code=3)
        assert restored == [3, 4, 5]
        is_whole(tifffile.imread(files / "out.tif"), stack, np.nan)
        assert ours(files) == []

    def test_a_bad_volume_is_recorded_and_tried_again(self, files, restored, monkeypatch):
        stack = written(files)
        reach = RunLog.reach
        monkeypatch.setattr(RunLog, "reach", lambda log, n, crc: self.stop(reach, log, n, crc))
        assert self.command(files, "--keep-going").exit_code == 130
        state = read_state(files / "state" / "run.json")
        assert sorted(state.done) == [0, 1, 2, 4]
        assert list(state.bad) == [BAD]
        assert "NaN" in state.bad[BAD]
        assert not (files / "state" / f"volume-{BAD}").exists()
        monkeypatch.setattr(RunLog, "reach", reach)
        restored.clear()
        refused(self.command(files, "--keep-going"), f"left empty: time {BAD}, channel 0", code=3)
        assert restored == [BAD, 5]
        is_whole(tifffile.imread(files / "out.tif"), stack, np.nan)
        assert ours(files) == []

    def test_it_is_refused_when_the_run_goes_on_without_being_told(self, files, monkeypatch):
        written(files)
        reach = RunLog.reach
        monkeypatch.setattr(RunLog, "reach", lambda log, n, crc: self.stop(reach, log, n, crc))
        assert self.command(files, "--keep-going").exit_code == 130
        monkeypatch.setattr(RunLog, "reach", reach)
        refused(self.command(files), "4 finished volumes are kept by checkpoint", f"volume at time {BAD}, channel 0")
        assert not (files / "out.tif").exists()

    def test_a_run_that_was_killed_when_its_output_was_complete_still_lists_it(self, files, restored, monkeypatch):
        stack = written(files)
        remove = RunLog.remove
        monkeypatch.setattr(RunLog, "remove", lambda log: log.close())
        assert self.command(files, "--keep-going").exit_code == 3
        monkeypatch.setattr(RunLog, "remove", remove)
        restored.clear()
        refused(self.command(files, "--keep-going"), f"left empty: time {BAD}, channel 0", code=3)
        assert restored == []
        is_whole(tifffile.imread(files / "out.tif"), stack, np.nan)
        assert ours(files) == []

    def stop(self, reach, log, number, checksum):
        reach(log, number, checksum)
        if number == 4:
            raise KeyboardInterrupt


def provenance_in(path):
    """Returns the provenance in a result's own metadata."""
    if path.suffix == ".zarr":
        zarr = pytest.importorskip("zarr", reason="zarr is not installed")
        return zarr.open_group(path, mode="r").attrs["rlcore"]
    with tifffile.TiffFile(path) as tif:
        if tif.is_ome:
            entries = tifffile.xml2dict(tif.ome_metadata)["OME"]["StructuredAnnotations"]["MapAnnotation"]["Value"]["M"]
            found = {entry["K"]: entry["value"] for entry in entries}
            return found | {"empty": json.loads(found.get("empty", "null"))}
        if tif.is_imagej:
            return json.loads(tif.imagej_metadata["Info"].rpartition("rlcore: ")[2])
        return tif.shaped_metadata[0]["rlcore"]


@pytest.mark.parametrize("dtype", ["float32", "uint16"])
@pytest.mark.parametrize("output", ["out.tif", "out.ome.tif", "out.ome.zarr", "imagej"])
def test_the_result_itself_says_which_volumes_are_empty_and_why(files, output, dtype):
    if output.endswith("zarr"):
        pytest.importorskip("yaozarrs", reason="yaozarrs is not installed")
    stack = written(files)
    if output == "imagej":
        tifffile.imwrite(files / "image.tif", stack, imagej=True, metadata={"axes": "TZYX", "Info": "mine"})
        output = "out.tif"
    assert run(files, "--keep-going", "--background", "5", "--dtype", dtype, output=output).exit_code == 3
    [said] = provenance_in(files / output)["empty"]
    assert said.startswith(f"time {BAD}, channel 0: ")
    assert "NaN or infinite" in said
    empty = np.nan if dtype == "float32" else 0
    found = voxels(files / output)
    assert np.array_equal(found[BAD], np.full_like(found[BAD], empty), equal_nan=True)
    assert np.isfinite(found[BAD - 1]).all()
    assert found[BAD - 1].max() > 5
    if output == "out.tif":
        with tifffile.TiffFile(files / output) as tif:
            assert tif.series[0].axes.replace("Q", "T") == "TZYX"


@pytest.mark.parametrize("options", [(), ("--keep-going",)])
def test_the_result_says_that_no_volume_is_empty_only_if_any_might_be(files, options):
    written(files, fault=None)
    assert run(files, *options).exit_code == 0
    assert provenance_in(files / "out.tif")["empty"] == ([] if options else None)


@pytest.mark.parametrize("at", ["before", "within", "after"])
@pytest.mark.parametrize("output", ["out.tif", "out.ome.tif", "out.ome.zarr"])
def test_a_run_that_is_killed_as_it_states_the_empty_volumes_is_resumed(files, monkeypatch, output, at):
    if output.endswith("zarr"):
        pytest.importorskip("yaozarrs", reason="yaozarrs is not installed")
    stack = written(files)
    options = ("--keep-going", "--background", "5", "--checkpoint", files / "state")
    know, seen = RunLog.know_frame, []

    def killed(log, frame):
        seen.append(frame)
        if at == "before" or (at == "within" and frame):
            raise KeyboardInterrupt
        know(log, frame)
        if at == "after" and frame:
            raise KeyboardInterrupt

    monkeypatch.setattr(RunLog, "know_frame", killed)
    assert run(files, *options, output=output).exit_code == 130
    assert not (files / output).exists()
    monkeypatch.setattr(RunLog, "know_frame", know)
    result = run(files, *options, output=output)
    assert result.exit_code == 3, result.output
    assert [each[:7] for each in provenance_in(files / output)["empty"]] == [f"time {BAD},"]
    is_whole(voxels(files / output), stack, np.nan)


def test_the_option_follows_a_reason_without_a_remedy_as_a_sentence_of_its_own(files):
    with_a_damaged_page(files)
    result = run(files)
    refused(result, f"volume at time {BAD}, channel 0: ", "; give --keep-going to leave this volume empty")
    assert ", or give" not in result.stderr
