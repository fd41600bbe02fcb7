"""A checkpoint that was damaged, changed, taken or linked elsewhere is refused in one sentence, or changes nothing."""

import json
import os
import random
import subprocess
import sys
import threading
import zlib

import numpy as np
import pytest
import zarr
from fixtures.plans import IMAGE, OPTIONS, PSF, in_blocks

import rlcore
from rlcore.execution.checkpoint import CheckpointWarning
from rlcore.testing import no_camera


def run(folder, **options):
    """Start or go on."""
    return no_camera.deconvolve(IMAGE, PSF, checkpoint=folder, **(OPTIONS | options))


def stop(folder, share=0.6, **options):
    """Leave a checkpoint of a part of the work."""
    with pytest.raises(rlcore.Cancelled):
        run(folder, callback=lambda p: p.fraction < share, **({"plan": in_blocks(placement="scratch")} | options))
    return folder


def refusal(folder, **options):
    """The sentence with which a run is refused; files are left as they are."""
    before = contents(folder)
    with pytest.raises(rlcore.CheckpointError) as raised:
        run(folder, **options)
    assert contents(folder) == before
    text = str(raised.value)
    assert text.startswith("checkpoint ")
    assert "\n" not in text
    return text


def contents(folder):
    """Files by name; links by where they lead."""
    return {
        path.name: str(path.readlink()) if path.is_symlink() else path.read_bytes()
        for path in folder.iterdir()
        if path.is_symlink() or path.is_file()
    }


@pytest.fixture(scope="module")
def kept(tmp_path_factory):
    """Files of a run that was stopped within a sweep."""
    return contents(stop(tmp_path_factory.mktemp("kept") / "state"))


@pytest.fixture(scope="module")
def truth():
    """The result of a run that is not stopped."""
    return no_camera.deconvolve(IMAGE, PSF, plan=in_blocks(placement="scratch"), **OPTIONS)


@pytest.fixture
def state(kept, tmp_path):
    """The checkpoint of a run that was stopped."""
    folder = tmp_path / "state"
    folder.mkdir()
    for name, content in kept.items():
        (folder / name).write_bytes(content)
    return folder


def needed(state):
    """Volumes that hold parts, by the state."""
    found = json.loads((state / "state.json").read_text())
    return [f"{name}.npy" for name, entry in found["volumes"].items() if entry["parts"]]


def test_a_stopped_run_holds_volumes_whose_every_done_voxel_has_a_checksum(state):
    found = json.loads((state / "state.json").read_text())
    assert found["format"] == 1
    assert len(needed(state)) >= 2
    for name, entry in found["volumes"].items():
        volume = np.load(state / f"{name}.npy")
        assert (list(volume.shape), volume.dtype.name) == (entry["shape"], entry["dtype"])
        for _, *ends, checksum in entry["parts"]:
            first, last = (np.subtract(part, entry["start"]) for part in (ends[:3], ends[3:]))
            part = volume[tuple(map(slice, first, last))]
            planes = []
            for plane in part:
                kind = "<u4" if plane[0].nbytes % 8 else "<u8"
                words = np.frombuffer(plane.tobytes(), kind).reshape(len(plane), -1).astype(object)
                columns, rows = (np.array(words.sum(axis=axis) % (1 << 64), "<u8") for axis in (0, 1))
                planes.append(zlib.crc32(rows.tobytes(), zlib.crc32(columns.tobytes())))
            assert zlib.crc32(np.array(planes, "<u4").data) == checksum


@pytest.mark.parametrize("seed", range(8))
def test_a_volume_with_a_flipped_bit_is_refused_or_the_bit_is_of_no_use(state, truth, seed):
    choose = random.Random(seed)
    path = state / choose.choice(needed(state))
    content = bytearray(path.read_bytes())
    at = choose.randrange(len(content)) if seed else 20
    content[at] ^= 1 << choose.randrange(8)
    path.write_bytes(content)
    found, refused = None, ""
    try:
        found = run(state)
    except rlcore.CheckpointError as error:
        refused = str(error)
    if found is not None:  # it lay in a part that is not done yet
        np.testing.assert_array_equal(found, truth)
        return
    assert "is damaged: its volume" in refused
    assert refused.endswith("; remove it to start anew")


@pytest.mark.parametrize(("before", "after"), [(b"}", b" "), (b"{", b"("), (b"'shape'", b"\n 'ape'"), (b"(", b"((((")])
def test_a_volume_whose_header_is_no_text_of_python_is_refused(state, before, after):
    path = state / needed(state)[0]
    header, end, voxels = path.read_bytes().partition(b"\n")
    assert before in header
    damaged = header.replace(before, after, 1)
    path.write_bytes(damaged[: len(header)].ljust(len(header)) + end + voxels)
    with pytest.raises(rlcore.CheckpointError, match=r"is damaged: its volume .*; remove it to start anew"):
        run(state)


def test_a_flip_in_each_part_that_is_done_is_refused(state):
    found = json.loads((state / "state.json").read_text())
    for name, entry in found["volumes"].items():
        for _, *ends, _ in entry["parts"]:
            volume = np.lib.format.open_memmap(state / f"{name}.npy", "r+")
            at = tuple(np.subtract(ends[3:], entry["start"]) - 1)
            value = volume[at]
            volume[at] = np.nextafter(value, np.float32(np.inf))
            assert "its voxels have been changed" in refusal(state)
            volume[at] = value


@pytest.mark.parametrize("length", [0, 1, 100, 128, 5000, -1, "longer"])
def test_a_volume_of_another_length_is_refused(state, length):
    path = state / needed(state)[0]
    content = path.read_bytes()
    path.write_bytes(content + b"more" if length == "longer" else content[:length])
    assert "is damaged: its volume" in refusal(state)


def test_a_volume_that_is_missing_is_refused_and_not_made_anew(state):
    for name in needed(state):
        content = (state / name).read_bytes()
        (state / name).unlink()
        assert "is missing; remove it to start anew" in refusal(state)
        (state / name).write_bytes(content)


@pytest.mark.parametrize("change", ["shape", "dtype", "other volume", "text", "pickle"])
def test_a_volume_of_other_content_is_refused(state, change):
    path, *_ = (state / name for name in needed(state))
    volume = np.load(path)
    if change == "text":
        path.write_text("no volume at all")
    elif change == "pickle":
        np.save(path, np.array([{"a": 1}], dtype=object), allow_pickle=True)
    elif change == "other volume":
        np.save(path, volume + np.float32(1))
    else:
        np.save(path, volume.reshape(volume.shape[::-1]) if change == "shape" else volume.view(np.int32))
    assert "is damaged: its volume" in refusal(state)


@pytest.mark.parametrize("seed", range(25))
def test_a_state_that_was_edited_is_refused(state, seed):
    choose = random.Random(seed)
    path = state / "state.json"
    text = bytearray(path.read_bytes())
    at = choose.randrange(len(text))
    if seed % 3 == 0:
        del text[at:]
    elif seed % 3 == 1:
        text[at] ^= 1 << choose.randrange(7)
    else:
        digits = [i for i, byte in enumerate(text) if chr(byte).isdigit()]
        at = choose.choice(digits)
        text[at] = ord(str((int(chr(text[at])) + 1) % 10))
    path.write_bytes(text)
    try:
        before = json.loads(bytes(text))
    except ValueError:
        before = None
    said = refusal(state)
    assert "cannot be read: " in said, before
    assert said.endswith("; remove it to start anew, or name another")


def edited(state, change):
    """Change the state as one who knows the format would."""
    path = state / "state.json"
    found = json.loads(path.read_text())
    del found["sum"]
    change(found)
    found["sum"] = zlib.crc32(json.dumps(found, sort_keys=True).encode())
    path.write_text(json.dumps(found))


EDITS = {
    "a format of the future": lambda found: found.update(format=2),
    "no plan": lambda found: found.pop("plan"),
    "no volumes": lambda found: found.update(volumes={}),
    "a volume less": lambda found: found["volumes"].pop(next(n for n, v in found["volumes"].items() if v["parts"])),
    "a part less": lambda found: next(v["parts"] for v in found["volumes"].values() if v["parts"]).pop(),
    "a foreign name": lambda found: found["volumes"].update({"../thesis": {}}),
    "a foreign finish": lambda found: found.update(finished=["../../thesis"]),
    "more done": lambda found: found["done"].update({str(len(found["done"])): [[1, 8]]}),
    "text for numbers": lambda found: found.update(done={"one": "two"}),
    "no token": lambda found: found.update(token="../../x"),
    "a number for a token": lambda found: found.update(token=5),
    "a number for volumes": lambda found: found.update(volumes=5),
    "a number for a name": lambda found: found.update(finished=[5]),
    "other program": lambda found: found.update(program="another"),
}


@pytest.mark.parametrize("beginning", ["", '{"program": "rlcore", "format": 1, "volumes": '])
def test_a_state_that_is_nested_without_end_is_refused(state, beginning):
    (state / "state.json").write_text(beginning + "[" * 100_000)
    assert "its state is not one of rlcore's" in refusal(state)


@pytest.mark.parametrize("edit", EDITS)
def test_a_state_that_was_edited_with_its_checksum_is_refused_all_the_same(state, edit, tmp_path):
    (tmp_path / "thesis.npy").write_text("precious")
    edited(state, EDITS[edit])
    refusal(state)
    assert (tmp_path / "thesis.npy").read_text() == "precious"


@pytest.mark.parametrize(
    "text", ['{"finished": true}', '{"finished": ["result"]}', '{"program": "rlcore", "finished": []}']
)
def test_a_strangers_finished_state_deletes_nothing(text, tmp_path):
    folder = tmp_path / "state"
    folder.mkdir()
    (folder / "state.json").write_text(text)
    for name in ("result.npy", "thesis.txt"):
        (folder / name).write_text("precious")
    assert "cannot be read: " in refusal(folder)


def test_a_file_that_is_not_of_the_run_is_refused_and_left_alone(state):
    (state / "thesis.txt").write_text("precious")
    assert "holds 'thesis.txt', which is not of this run; move it elsewhere" in refusal(state)


@pytest.mark.parametrize("name", ["state.json", "estimate"])
@pytest.mark.parametrize("kind", ["symbolic", "hard"])
def test_links_are_not_followed(state, name, kind, tmp_path):
    path = state / (name if name == "state.json" else needed(state)[0])
    elsewhere = tmp_path / "elsewhere"
    path.rename(elsewhere)
    path.symlink_to(elsewhere) if kind == "symbolic" else path.hardlink_to(elsewhere)
    before = elsewhere.read_bytes()
    assert "is a link or no regular file" in refusal(state)
    assert elsewhere.read_bytes() == before


def test_a_pipe_in_place_of_a_file_does_not_hang(state):
    (state / "state.json").unlink()
    os.mkfifo(state / "state.json")
    assert "is a link or no regular file" in refusal(state)


def test_what_an_unfinished_write_would_be_called_is_not_followed(state, truth, tmp_path):
    token = json.loads((state / "state.json").read_text())["token"]
    (tmp_path / "thesis.txt").write_text("precious")
    (state / f"state-{token}.new").symlink_to(tmp_path / "thesis.txt")
    np.testing.assert_array_equal(run(state), truth)
    assert (tmp_path / "thesis.txt").read_text() == "precious"


def test_a_changed_zarr_image_is_refused(tmp_path):
    image = zarr.create_array(tmp_path / "image.zarr", shape=IMAGE.shape, dtype="f4", chunks=(10, 20, 44))
    image[...] = IMAGE
    options = {"plan": in_blocks(placement="scratch"), **OPTIONS, "checkpoint": tmp_path / "state"}
    with pytest.raises(rlcore.Cancelled):
        no_camera.deconvolve(image, PSF, callback=lambda p: p.fraction < 0.5, **options)
    image[3, 4, 5] += 1
    with pytest.raises(rlcore.CheckpointError, match="is of another run, with other image "):
        no_camera.deconvolve(image, PSF, **options)


def test_a_changed_array_of_another_library_is_refused(tmp_path):
    xp = pytest.importorskip("array_api_strict")
    options = {"iterations": 4, "checkpoint": tmp_path / "state"}
    with pytest.raises(rlcore.Cancelled):
        no_camera.deconvolve(xp.asarray(IMAGE), PSF, callback=lambda p: p.fraction < 0.5, **options)
    with pytest.raises(rlcore.CheckpointError, match="is of another run, with other image "):
        no_camera.deconvolve(xp.asarray(IMAGE[:, ::-1].copy()), PSF, **options)


@pytest.mark.parametrize("begun", [None, "chunks"])
def test_a_run_goes_on_with_another_kind_of_result(begun, truth, tmp_path):
    """Its last sweep is cut as it was when the run began."""
    chunked = zarr.create_array(tmp_path / "out.zarr", shape=IMAGE.shape, dtype="f4", chunks=(7, 16, 9))
    first, second = (chunked, None) if begun else (None, chunked)
    stop(tmp_path / "state", 0.9, out=first)
    result = run(tmp_path / "state", out=second)
    np.testing.assert_allclose(result[...], truth, atol=2e-5 * truth.max())


def test_a_run_goes_on_by_the_plan_that_it_began_with(state, truth):
    other = in_blocks(2, placement="scratch", core=(10, 15, 40))
    np.testing.assert_array_equal(run(state, plan=other), truth)


def test_one_run_at_a_time_and_the_second_is_told_who(tmp_path):
    said = []

    def callback(_):
        if not said:
            with pytest.raises(rlcore.CheckpointError) as raised:
                run(tmp_path / "state")
            said.append(str(raised.value))

    run(tmp_path / "state", callback=callback, plan=in_blocks(placement="scratch"))
    assert f"is in use by process {os.getpid()} on host " in said[0]
    assert "; wait for it or, if it runs no more, delete " in said[0]
    assert not (tmp_path / "state").exists()


TOGETHER = """
import sys
sys.path.insert(0, sys.argv[2])
import numpy as np
from fixtures.plans import IMAGE, OPTIONS, PSF, in_blocks
from rlcore.testing import no_camera
import rlcore
try:
    result = no_camera.deconvolve(IMAGE, PSF, checkpoint=sys.argv[1], plan=in_blocks(placement="scratch"), **OPTIONS)
except rlcore.CheckpointError as error:
    sys.exit(f"refused: {error}")
np.save(sys.argv[3], result)
"""


def test_of_processes_that_come_together_each_is_right_or_refused(truth, tmp_path):
    tests = __file__.rpartition("/execution/")[0]
    started = [
        subprocess.Popen(
            [sys.executable, "-c", TOGETHER, tmp_path / "state", tests, tmp_path / f"{n}.npy"], stderr=subprocess.PIPE
        )
        for n in range(3)
    ]
    ended = 0
    for n, process in enumerate(started):
        text = process.communicate(timeout=120)[1].decode()
        if process.returncode == 0:
            np.testing.assert_array_equal(np.load(tmp_path / f"{n}.npy"), truth)
            ended += 1
        else:
            assert text.startswith("refused: checkpoint "), text
    assert ended >= 1


def test_the_lock_of_another_host_says_how_to_free_it(state, truth):
    lock = state / "lock-0123456789abcdef.json"
    holder = {"host": "elsewhere", "machine": "", "boot": "", "space": "", "pid": 1, "start": "7"}
    holder["since"] = "2026-01-01 00:00:00"
    lock.write_text(json.dumps(holder))
    said = refusal(state)
    assert "in use by process 1 on host 'elsewhere', since 2026-01-01 00:00:00" in said
    assert said.endswith(f"delete {str(lock)!r}")
    lock.unlink()
    np.testing.assert_array_equal(run(state), truth)


@pytest.mark.parametrize("text", ["", "[]", "{}", '{"pid": "x"}'])
def test_a_lock_that_names_nobody_holds(state, text):
    (state / "lock-0123456789abcdef.json").write_text(text)
    assert "in use by a process that its lock does not name" in refusal(state)


def test_a_lock_is_free_once_its_process_has_ended(state, truth):
    code = (
        "import json, sys; from dataclasses import asdict; from rlcore.execution.holder import Holder; "
        "print(json.dumps(asdict(Holder())))"
    )
    text = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    (state / "lock-0123456789abcdef.json").write_text(text)
    again = json.loads(text) | {"pid": os.getpid()}  # its number was given to another process
    (state / "lock-0123456789abcdee.json").write_text(json.dumps(again))
    np.testing.assert_array_equal(run(state), truth)
    assert not state.exists()


def test_a_folder_that_cannot_be_removed_loses_no_result(truth, tmp_path):
    (tmp_path / "real").mkdir()
    (tmp_path / "state").symlink_to(tmp_path / "real")
    for _ in range(2):
        with pytest.warns(CheckpointWarning, match="could not be removed: .*; remove it by hand"):
            result = run(tmp_path / "state", plan=in_blocks(placement="scratch"))
        np.testing.assert_array_equal(result, truth)
        assert list((tmp_path / "real").iterdir()) == []


def test_a_file_that_came_meanwhile_is_left_alone(truth, tmp_path):
    folder = tmp_path / "state"

    def callback(_):
        (folder / "thesis.txt").write_text("precious")

    with pytest.warns(CheckpointWarning, match="could not be removed: Directory not empty"):
        result = run(folder, plan=in_blocks(placement="scratch"), callback=callback)
    np.testing.assert_array_equal(result, truth)
    assert contents(folder) == {"thesis.txt": b"precious"}


def test_the_checkpoint_goes_after_the_result_is_flushed(truth, tmp_path):
    folder, seen = tmp_path / "state", []

    class Out(np.ndarray):
        def flush(self):
            seen.append((folder / "state.json").exists())
            if len(seen) == 1:
                raise OSError(28, "No space left on device")

    out = np.empty(IMAGE.shape, np.float32).view(Out)
    with pytest.raises(OSError, match="No space left"):
        run(folder, plan=in_blocks(placement="scratch"), out=out)
    delivered, steps = np.array(out), []
    out[...] = 0
    run(folder, out=out, callback=steps.append)
    np.testing.assert_array_equal(out, delivered)
    np.testing.assert_allclose(out, truth, atol=2e-5 * truth.max())
    assert seen == [True, True]
    assert steps == []
    assert not folder.exists()


@pytest.mark.parametrize("at", [1, 4, 9])
def test_a_disk_that_is_full_ends_the_run_in_one_sentence_and_it_goes_on_later(at, truth, tmp_path, monkeypatch):
    count, fsync = [], os.fsync

    def full(handle):
        count.append(handle)
        if len(count) >= at + 2:
            raise OSError(28, "No space left on device")
        fsync(handle)

    with monkeypatch.context() as patch:
        patch.setattr("os.fsync", full)
        with pytest.raises(rlcore.CheckpointError, match=r"cannot be (written|used): No space left on device"):
            run(tmp_path / "state", plan=in_blocks(placement="scratch"))
    np.testing.assert_array_equal(run(tmp_path / "state", plan=in_blocks(placement="scratch")), truth)


def test_no_thread_outlives_a_run(tmp_path):
    before = threading.active_count()
    stop(tmp_path / "state")
    run(tmp_path / "state")
    assert threading.active_count() == before


@pytest.mark.parametrize("text", ["", "[" * 100_000, "[]", "null", "NaN", "9" * 5000, '{"program": "rlcore"}'])
def test_a_state_that_is_none_is_refused_in_one_sentence(state, text):
    (state / "state.json").write_text(text)
    said = refusal(state)
    assert f"checkpoint {str(state)!r} cannot be read: " in said
    assert said.endswith("; remove it to start anew, or name another")
    assert len(said) < 500
