"""A few seconds of the fuzz session with fixed seeds, and the cases that it has found."""

import os
from contextlib import closing

import numpy as np
import pytest
import tifffile

from fuzz import hostile
from fuzz.cases import compare, face, run_case
from fuzz.failure import Failure, refused
from fuzz.killed import Forks
from fuzz.program import Ended, Program


@pytest.fixture(scope="module")
def program():
    with closing(Program()) as program:
        yield program


@pytest.mark.parametrize("seed", range(12))
@pytest.mark.parametrize("kind", ["files", "containers", "options"])
def test_cases_with_fixed_seeds(program, tmp_path, kind, seed):
    run_case(program, kind, seed, tmp_path)


@pytest.mark.parametrize(
    ("kind", "seed"),
    [
        ("files", 43),  # OME-XML that is not text any more
        ("files", 89),  # a page of another type than those behind it
        ("files", 146),  # ImageJ's text with too few planes
        ("files", 20021),  # a later page of OME-TIFF whose tags are not those of the others
        ("files", 910067),  # a Zarr with chunks of no voxels
        ("files", 239),  # a tag beyond the end, in a page that leads back to itself
        ("files", 910487),  # ImageJ's text of a type that is no text
        ("files", 911284),  # a page without most of its tags
        ("files", 911436),  # a page of one strip, stated to have seven
        ("files", 912677),  # OME-XML under another tag's number
        ("files", 912810),  # a page stated to be compressed, among others that are not
        ("files", 1000380),  # a number of another type than it may have
        ("containers", 85),  # an image stated to have no rows, beside another
        ("files", 1051),  # a misspelt entry, which changes nothing
    ],
)
def test_cases_that_were_found(program, tmp_path, kind, seed):
    run_case(program, kind, seed, tmp_path)


@pytest.mark.skipif(not hasattr(os, "fork"), reason="runs are killed in forks")
@pytest.mark.parametrize(("kind", "first"), [("checkpoints", 3018), ("crashes", 11)])
def test_runs_that_are_killed_with_fixed_seeds(tmp_path, kind, first):
    with closing(Forks()) as forks:
        for seed in range(first, first + 12):
            (tmp_path / f"{seed}").mkdir()
            run_case(forks, kind, seed, tmp_path / f"{seed}")


@pytest.mark.parametrize("name", ["exits", "interrupts", "babbles"])
def test_hostile_backends(tmp_path, name):
    face("backend", name, hostile.BACKENDS[name], tmp_path)


@pytest.mark.parametrize("name", ["nan", "quits"])
def test_hostile_models(tmp_path, name):
    face("model", name, hostile.MODELS[name], tmp_path)


def test_the_session_itself_finds_what_is_wrong(program, tmp_path):
    with pytest.raises(Failure, match="Traceback"):
        refused(Ended(1, "", "Traceback (most recent call last):\nerror: no"), "a case")
    with pytest.raises(Failure, match="exit None"):
        refused(program.run("plan", "--shape", "4096x4096x4096", "3x3x3", limit=0.0), "a case")
    with pytest.raises(Failure, match="off by"):
        compare(np.ones((2, 2)), np.ones((2, 2)) * 1.01, "a case")
    with pytest.raises(Failure, match="not finite"):
        compare(np.full((2, 2), np.nan), np.ones((2, 2)), "a case")
    np.save(tmp_path / "image.npy", np.ones((5, 5), np.float32))
    tifffile.imwrite(tmp_path / "psf.tif", np.ones((3, 3), np.float32))
    assert program.run("plan", tmp_path / "image.npy", tmp_path / "psf.tif", "--backend", "numpy").code == 0
