"""A run that was killed or stopped goes on where it was and ends with the same bits; another's state is refused."""

import errno
import json
import os
import threading

import numpy as np
import pytest
import zarr
from fixtures.plans import IMAGE, OPTIONS, PSF, in_blocks
from fixtures.scenes import error, gaussian

import rlcore
from rlcore.testing import no_camera


def stopped(folder, share=0.4, image=IMAGE, psf=PSF, **options):
    """Stop a run by its callback after a share of the work."""
    with pytest.raises(rlcore.Cancelled, match=r"stopped on request after \d+% of the work"):
        no_camera.deconvolve(
            image, psf, checkpoint=folder, callback=lambda p: p.fraction < share, **(OPTIONS | options)
        )


@pytest.mark.parametrize("half_steps", [1, 2, 8, None])
@pytest.mark.parametrize("share", [0.1, 0.5, 0.9])
def test_a_run_that_was_stopped_goes_on(half_steps, share, tmp_path):
    plan = in_blocks(half_steps, placement="scratch") if half_steps else None
    truth = no_camera.deconvolve(IMAGE, PSF, plan=plan, checkpoint=tmp_path / "never stopped", **OPTIONS)
    stopped(tmp_path / "state", share, plan=plan)
    seen = []
    result = no_camera.deconvolve(IMAGE, PSF, checkpoint=tmp_path / "state", callback=seen.append, **OPTIONS)
    np.testing.assert_array_equal(result, truth)
    assert seen[0].fraction > share - 0.3
    assert seen[-1].fraction == pytest.approx(1)
    assert list(tmp_path.iterdir()) == []


def test_the_cancel_event_leaves_a_state_to_go_on_from(tmp_path):
    truth, cancel = (
        no_camera.deconvolve(IMAGE, PSF, plan=in_blocks(2, placement="scratch"), **OPTIONS),
        threading.Event(),
    )

    def callback(progress):
        if progress.fraction > 0.6:
            cancel.set()

    with pytest.raises(rlcore.Cancelled):
        no_camera.deconvolve(
            IMAGE, PSF, plan=in_blocks(2, placement="scratch"), checkpoint=tmp_path / "state",
            callback=callback, cancel=cancel, **OPTIONS,
        )  # fmt: skip
    seen = []
    result = no_camera.deconvolve(IMAGE, PSF, checkpoint=tmp_path / "state", callback=seen.append, **OPTIONS)
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
        no_camera.deconvolve(**{"image": IMAGE, "psf": PSF, **OPTIONS, **CHANGES[what]}, checkpoint=tmp_path / "state")
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
        no_camera.deconvolve(IMAGE, PSF, checkpoint=tmp_path / "state", **OPTIONS)


def test_a_folder_of_other_things_is_refused_and_left_alone(tmp_path):
    (tmp_path / "thesis.txt").write_text("precious")
    with pytest.raises(rlcore.CheckpointError, match=r"holds 'thesis.txt', no checkpoint; name another"):
        no_camera.deconvolve(IMAGE, PSF, checkpoint=tmp_path, **OPTIONS)
    with pytest.raises(rlcore.CheckpointError, match="cannot be used: "):
        no_camera.deconvolve(IMAGE, PSF, checkpoint=tmp_path / "thesis.txt", **OPTIONS)
    with pytest.raises(rlcore.CheckpointError, match="cannot be used: No such file or directory"):
        no_camera.deconvolve(IMAGE, PSF, checkpoint=tmp_path / "no" / "parent", **OPTIONS)
    assert (tmp_path / "thesis.txt").read_text() == "precious"


def test_a_folder_in_place_of_an_unfinished_lock_is_refused_and_left_alone(tmp_path):
    stopped(tmp_path / "state")
    folder = tmp_path / "state" / f"lock-{'a' * 16}-{'b' * 16}.new"
    folder.mkdir()
    with pytest.raises(rlcore.CheckpointError, match="cannot be used: "):
        no_camera.deconvolve(IMAGE, PSF, checkpoint=tmp_path / "state", **OPTIONS)
    assert folder.is_dir()


def test_a_run_killed_while_its_state_is_removed_starts_anew(tmp_path, monkeypatch):
    options = OPTIONS | {"plan": in_blocks(placement="scratch"), "checkpoint": tmp_path / "state"}
    truth = no_camera.deconvolve(IMAGE, PSF, **options)
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
                no_camera.deconvolve(IMAGE, PSF, **options)
        np.testing.assert_array_equal(no_camera.deconvolve(IMAGE, PSF, **options), truth)
        assert not (tmp_path / "state").exists()


@pytest.mark.parametrize("half_steps", [1, 4])
def test_a_run_killed_while_its_result_is_delivered_delivers_it_again(half_steps, tmp_path, monkeypatch):
    options = OPTIONS | {"plan": in_blocks(half_steps=half_steps, placement="scratch")}
    truth = no_camera.deconvolve(IMAGE, PSF, **options)
    options["checkpoint"] = tmp_path / "state"

    def killed(*_):
        raise SystemExit

    with monkeypatch.context() as patch:
        patch.setattr("rlcore.execution.volumes.working.WorkingVolumes.deliver", killed)
        with pytest.raises(SystemExit):
            no_camera.deconvolve(IMAGE, PSF, **options)
    np.testing.assert_array_equal(no_camera.deconvolve(IMAGE, PSF, **options), truth)


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

    no_camera.deconvolve(
        IMAGE, PSF, plan=in_blocks(placement="scratch"), checkpoint=tmp_path / "state", out=Spy(), **OPTIONS
    )
    assert error(out[...], no_camera.deconvolve(IMAGE, PSF, **OPTIONS)) <= 1e-5
    for index in written:
        for part, size, chunk in zip(index, IMAGE.shape, out.chunks, strict=True):
            assert part.start % chunk == 0
            assert part.stop % chunk == 0 or part.stop == size


@pytest.mark.parametrize("placement", ["scratch", "host"])
@pytest.mark.parametrize("checkpoint", [False, True])
def test_a_disk_that_cannot_reserve_room_takes_runs_all_the_same(placement, checkpoint, tmp_path, monkeypatch):
    def cannot(*_):
        raise OSError(errno.EOPNOTSUPP, "Operation not supported")

    wanted = no_camera.deconvolve(IMAGE, PSF, plan=in_blocks(placement=placement), **OPTIONS)
    monkeypatch.setattr(os, "posix_fallocate", cannot)
    options = {"plan": in_blocks(placement=placement), **OPTIONS}
    if checkpoint:
        options["checkpoint"] = tmp_path / "state"
    np.testing.assert_array_equal(no_camera.deconvolve(IMAGE, PSF, **options), wanted)
    image = IMAGE.astype(np.float32)  # whose result waits in a file
    if not checkpoint:
        no_camera.deconvolve(image, PSF, out=image, **options)
        assert error(image, wanted) <= 1e-6
