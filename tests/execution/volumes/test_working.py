"""Working volumes in files: where they lie, and that nothing is left of them."""

import shutil
from collections import namedtuple
from dataclasses import replace

import numpy as np
import pytest
from fixtures.plans import IMAGE, OPTIONS, PSF, in_blocks, whole
from fixtures.scenes import error

import rlcore
from rlcore.testing import no_camera


@pytest.fixture(scope="module")
def truth():
    return whole()


@pytest.fixture
def temporary(tmp_path, monkeypatch):
    """The folder that is used for temporary files."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    return tmp_path


def test_scratch_files_lie_in_the_temporary_folder_and_are_gone_at_the_end(temporary, truth):
    seen = []
    result = no_camera.deconvolve(
        IMAGE,
        PSF,
        plan=in_blocks(placement="scratch"),
        callback=lambda _: seen.append([path.name for path in temporary.rglob("*.npy")]),
        **OPTIONS,
    )
    assert error(result, truth) <= 1e-5
    assert "estimate-0.npy" in seen[-1]
    assert list(temporary.iterdir()) == []


def test_scratch_files_lie_beside_a_result_on_disk(tmp_path):
    out = np.lib.format.open_memmap(tmp_path / "out.npy", "w+", np.float32, IMAGE.shape)
    seen = []
    plan = in_blocks(placement="scratch")
    no_camera.deconvolve(
        IMAGE, PSF, plan=plan, out=out, callback=lambda _: seen.append(list(tmp_path.rglob("ratio.npy"))), **OPTIONS
    )
    assert any(seen)
    assert [path.name for path in tmp_path.iterdir()] == ["out.npy"]


@pytest.mark.parametrize("fault", [False, KeyError("a fault of the callback")])
def test_scratch_files_are_gone_after_a_stop_or_an_error(temporary, fault):
    def callback(progress):
        if progress.fraction < 0.5:
            return None
        assert list(temporary.rglob("*.npy"))
        if fault:
            raise fault
        return False

    with pytest.raises(KeyError if fault else rlcore.Cancelled):
        no_camera.deconvolve(IMAGE, PSF, plan=in_blocks(placement="scratch"), callback=callback, **OPTIONS)
    assert list(temporary.iterdir()) == []


def test_disk_space_is_looked_at_before_anything_is_written(temporary, monkeypatch):
    plan = replace(in_blocks(placement="scratch"), scratch_bytes=5 << 20)
    usage = namedtuple("usage", "total used free")
    monkeypatch.setattr(shutil, "disk_usage", lambda _: usage(9 << 20, 5 << 20, 4 << 20))
    with pytest.raises(rlcore.BudgetError) as error:
        no_camera.deconvolve(IMAGE, PSF, plan=plan, **OPTIONS)
    assert str(error.value) == (
        f"folder {str(temporary)!r} has 4.0 MiB free, the working volumes need 5.0 MiB; "
        "free some space or give a larger memory"
    )
    assert list(temporary.iterdir()) == []
