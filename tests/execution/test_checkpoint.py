"""A run that was killed or stopped goes on where it was and ends with the same bits; another's state is refused."""

import json
import os
import subprocess
import sys
import threading

import numpy as np
import pytest
import zarr
from fixtures.plans import IMAGE, OPTIONS, PSF, in_blocks
from fixtures.scenes import error, gaussian

import rlcore

KILLED = r'''
"""Run in forks that are killed, each of which goes on where the one before was; then run to the end."""
import itertools, json, os, signal, sys
from pathlib import Path
import numpy as np
import rlcore

folder, backend, half_steps = Path(sys.argv[1]), sys.argv[2], int(sys.argv[3])
sys.path.insert(0, sys.argv[4])
from fixtures.plans import IMAGE, PSF, in_blocks

PLAN = in_blocks(half_steps, backend, "scratch", iterations=16)
STATE = folder / "state" / "state.json"
replace, engine = Path.replace, type(rlcore.load_backend(backend))
write = engine.write

def run(name, checkpoint=None, last=None):
    """In a fork, killed at the moment of this number; whether it came to its end.

    Moments are the calls of the callback, those in the middle of writing a block, and those before and after a file
    takes the place of another.
    """
    if child := os.fork():
        status = os.waitpid(child, 0)[1]
        assert status in (0, signal.SIGKILL), status
        return status == 0
    moments = itertools.count(1)

    def moment(kind):
        if next(moments) == last:
            os.write(1, kind.encode() + b"\n")
            os.kill(os.getpid(), signal.SIGKILL)

    def replacing(path, target):
        moment(f"before {target.name}")
        made = replace(path, target)
        moment(f"after {target.name}")
        return made

    def writing(self, array, start, volume, at, shape):
        volume[tuple(slice(a, a + n) for a, n in zip(at, shape, strict=True))] = np.nan
        moment("within a block")
        write(self, array, start, volume, at, shape)

    Path.replace, engine.write = replacing, writing
    out = np.lib.format.open_memmap(folder / f"{name}.npy", "w+", np.float32, IMAGE.shape)
    rlcore.deconvolve(IMAGE, PSF, iterations=16, backend=backend, out=out, checkpoint=checkpoint, plan=PLAN,
                      callback=lambda _: moment("callback"))
    out.flush()
    os._exit(0)

assert run("truth")
done = [[0, 0]]
for last in MOMENTS:
    assert not run("killed", STATE.parent, last)
    if STATE.exists():
        state = json.loads(STATE.read_text())["state"]
        done.append([state["sweep"], state["blocks"]])
assert done == sorted(done), done
assert done[-1][0] > 0, done
assert run("resumed", STATE.parent)
'''
MOMENTS = [1, 2, 3, 4, 5, 6, 7, 8, 13, 21, 34, 55, 90]
"""The number of the moment at which each run is killed, counted from its start."""


@pytest.mark.parametrize(("backend", "half_steps"), [("numpy", 1), ("numpy", 4), ("pyfftw", 1), ("pyfftw", 4)])
def test_killed_at_many_moments_and_resumed_it_gives_the_same_bits(backend, half_steps, tmp_path):
    tests = __file__.rpartition("/execution/")[0]
    code = f"MOMENTS = {MOMENTS}\n{KILLED}"
    command = [sys.executable, "-c", code, tmp_path, backend, str(half_steps), tests]
    done = subprocess.run(command, capture_output=True, text=True, timeout=600, check=False)
    assert done.returncode == 0, done.stderr
    assert {"callback", "within a block", "before state.json", "after state.json"} <= set(done.stdout.splitlines())
    truth, resumed = (np.load(tmp_path / f"{name}.npy") for name in ("truth", "resumed"))
    np.testing.assert_array_equal(resumed, truth)
    assert not (tmp_path / "state").exists()


def stopped(folder, share=0.4, image=IMAGE, psf=PSF, **options):
    """Stop a run by its callback after a share of the work."""
    with pytest.raises(rlcore.Cancelled, match=r"stopped on request after \d+% of the work"):
        rlcore.deconvolve(image, psf, checkpoint=folder, callback=lambda p: p.fraction < share, **(OPTIONS | options))


@pytest.mark.parametrize("half_steps", [1, 2, 8, None])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_run_that_was_stopped_goes_on(half_steps, share, tmp_path):
    plan = in_blocks(half_steps, placement="scratch") if half_steps else None
    truth = rlcore.deconvolve(IMAGE, PSF, plan=plan, checkpoint=tmp_path / "never stopped", **OPTIONS)
    stopped(tmp_path / "state", share, plan=plan)
    seen = []
    result = rlcore.deconvolve(IMAGE, PSF, checkpoint=tmp_path / "state", callback=seen.append, **OPTIONS)
    np.testing.assert_array_equal(result, truth)
    assert seen[0].fraction > share - 0.3
    assert seen[-1].fraction == pytest.approx(1)
    assert list(tmp_path.iterdir()) == []


def test_the_cancel_event_leaves_a_state_to_go_on_from(tmp_path):
    truth, cancel = rlcore.deconvolve(IMAGE, PSF, plan=in_blocks(2, placement="scratch"), **OPTIONS), threading.Event()

    def callback(progress):
        if progress.fraction > 0.6:
            cancel.set()

    with pytest.raises(rlcore.Cancelled):
        rlcore.deconvolve(
            IMAGE, PSF, plan=in_blocks(2, placement="scratch"), checkpoint=tmp_path / "state",
            callback=callback, cancel=cancel, **OPTIONS,
        )  # fmt: skip
    seen = []
    result = rlcore.deconvolve(IMAGE, PSF, checkpoint=tmp_path / "state", callback=seen.append, **OPTIONS)
    np.testing.assert_array_equal(result, truth)
    assert seen[0].fraction > 0.55


CHANGES = {
    "image": {"image": IMAGE + (np.arange(IMAGE.size) == 7).reshape(IMAGE.shape)},
    "psf": {"psf": gaussian((5, 6, 7), 0.9)},
    "geometry": {"boundary": "zero"},
    "iterations": {"iterations": 5},
    "background": {"background": 1.0},
    "backend": {"backend": "pyfftw"},
    "tolerance": {"exchange": False},
}


@pytest.mark.parametrize("what", CHANGES)
def test_the_state_of_another_run_is_refused_with_what_differs(what, tmp_path):
    stopped(tmp_path / "state", plan=in_blocks(placement="scratch"))
    before = {path.name: path.read_bytes() for path in (tmp_path / "state").iterdir()}
    with pytest.raises(rlcore.CheckpointError) as refusal:
        rlcore.deconvolve(**{"image": IMAGE, "psf": PSF, **OPTIONS, **CHANGES[what]}, checkpoint=tmp_path / "state")
    text = str(refusal.value)
    assert f"is of another run, with other {what} (there " in text
    assert text.endswith("; remove it or name another")
    assert before == {path.name: path.read_bytes() for path in (tmp_path / "state").iterdir()}


@pytest.mark.parametrize(
    "spoil", ["", "{", "[]", '{"state": {}}', '{"identity": {}, "state": {"sweep": 1}, "plan": {}}']
)
def test_a_state_that_cannot_be_read_is_refused(spoil, tmp_path):
    stopped(tmp_path / "state")
    (tmp_path / "state" / "state.json").write_text(spoil)
    with pytest.raises(rlcore.CheckpointError, match=r"cannot be read: .*; remove it to start anew"):
        rlcore.deconvolve(IMAGE, PSF, checkpoint=tmp_path / "state", **OPTIONS)


def test_a_folder_of_other_things_is_refused_and_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(rlcore.CheckpointError, match=r"holds 'thesis.txt', no checkpoint; name another"):
        rlcore.deconvolve(IMAGE, PSF, checkpoint=tmp_path, **OPTIONS)
    with pytest.raises(rlcore.CheckpointError, match="cannot be used: "):
        rlcore.deconvolve(IMAGE, PSF, checkpoint=tmp_path / "thesis.txt", **OPTIONS)
    with pytest.raises(rlcore.CheckpointError, match="cannot be used: No such file or directory"):
        rlcore.deconvolve(IMAGE, PSF, checkpoint=tmp_path / "no" / "parent", **OPTIONS)
    assert (tmp_path / "thesis.txt").read_text() == "precious"


def test_a_run_killed_while_its_state_is_removed_starts_anew(tmp_path, monkeypatch):
    options = OPTIONS | {"plan": in_blocks(placement="scratch"), "checkpoint": tmp_path / "state"}
    truth = rlcore.deconvolve(IMAGE, PSF, **options)
    for survivors in (0, 1, 2):
        left = []

        def cut_short(path, left=left, survivors=survivors, unlink=os.unlink):
            if str(path).endswith(".npy"):
                if len(left) == survivors:
                    raise SystemExit
                left.append(path)
            unlink(path)

        with monkeypatch.context() as patch:
            patch.setattr("os.unlink", cut_short)
            with pytest.raises(SystemExit):
                rlcore.deconvolve(IMAGE, PSF, **options)
        np.testing.assert_array_equal(rlcore.deconvolve(IMAGE, PSF, **options), truth)
        assert not (tmp_path / "state").exists()


@pytest.mark.parametrize("half_steps", [1, 4])
def test_a_run_killed_while_its_result_is_delivered_delivers_it_again(half_steps, tmp_path, monkeypatch):
    options = OPTIONS | {"plan": in_blocks(half_steps=half_steps, placement="scratch")}
    truth = rlcore.deconvolve(IMAGE, PSF, **options)
    options["checkpoint"] = tmp_path / "state"

    def killed(*_):
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr("rlcore.execution.volumes.working.WorkingVolumes.deliver", killed)
        with pytest.raises(SystemExit):
            rlcore.deconvolve(IMAGE, PSF, **options)
    np.testing.assert_array_equal(rlcore.deconvolve(IMAGE, PSF, **options), truth)


def test_the_state_is_small_and_replaced_whole(tmp_path):
    stopped(tmp_path / "state", plan=in_blocks(placement="scratch"))
    state = tmp_path / "state" / "state.json"
    assert state.stat().st_size < 10_000
    content = json.loads(state.read_text())
    assert rlcore.Plan.from_dict(content["plan"]).tiling() == in_blocks(placement="scratch").tiling()
    assert not (tmp_path / "state" / "state.json.new").exists()


def test_a_result_in_chunks_is_delivered_by_whole_chunks(tmp_path):
    out = zarr.create_array(tmp_path / "out.zarr", shape=IMAGE.shape, dtype="f4", chunks=(7, 16, 9))
    written = []

    class Spy:
        shape, dtype, chunks = out.shape, out.dtype, out.chunks

        def __setitem__(self, index, values):
            written.append(index)
            out[index] = values

    rlcore.deconvolve(
        IMAGE, PSF, plan=in_blocks(placement="scratch"), checkpoint=tmp_path / "state", out=Spy(), **OPTIONS
    )
    assert error(out[...], rlcore.deconvolve(IMAGE, PSF, **OPTIONS)) <= 1e-5
    for index in written:
        for part, size, chunk in zip(index, IMAGE.shape, out.chunks, strict=True):
            assert part.start % chunk == 0
            assert part.stop % chunk == 0 or part.stop == size
