"""`--iterations auto`, `--stop` and `--start` on the command line."""

import json
from pathlib import Path

import numpy as np
import pytest
import tifffile
from fixtures.commands import IMAGE, PSF, deconvolved, run
from fixtures.scenes import error

from rlcore.app.file_request import FileRequest
from rlcore.app.planning import plan_shapes

AUTO = {"iterations": "auto", "gain": 1, "backend": "numpy", "return_info": True}
DIM = np.random.default_rng(0).poisson(IMAGE / 8).astype(np.float32)


def told(result):
    return json.loads(result.stdout)


def test_the_number_is_found_and_said(files):
    expected, info = deconvolved(IMAGE, PSF, **AUTO)
    result = run(files, "-n", "auto", "--gain", "1", "--json")
    assert result.exit_code == 0, result.output
    said = told(result)
    assert said["iterations"] == said["info"]["iterations"] == info.iterations
    assert said["info"]["held_out"] == pytest.approx(info.held_out)
    assert said["plan"]["iterations"] == said["cameras"][0]["iterations"] == info.iterations
    assert said["provenance"]["iterations"] == "auto"
    with tifffile.TiffFile(files / "out.tif") as tif:
        told_by_file = tif.pages.first.tags["ImageDescription"].value
    assert f"{info.iterations} iterations as held-out photons called for" in told_by_file
    because = f"{info.iterations} iterations (held-out photons were explained best after {info.iterations} iterations)"
    assert because in result.stderr
    assert error(tifffile.imread(files / "out.tif"), expected) <= 1e-5


@pytest.fixture
def numbers(files):
    """A file of two time points, and the number of iterations of each."""
    tifffile.imwrite(files / "image.tif", np.stack([IMAGE, DIM]), metadata={"axes": "TZYX"}, imagej=True)
    found = [deconvolved(image, PSF, **AUTO)[1].iterations for image in (IMAGE, DIM)]
    assert found[0] != found[1]
    return found


def test_the_number_of_the_first_volume_is_that_of_its_series(files, numbers):
    result = run(files, "-n", "auto", "--gain", "1", "--json")
    assert result.exit_code == 0, result.output
    assert [info["iterations"] for info in told(result)["info"]] == [numbers[0]] * 2
    expected = [deconvolved(each, PSF, **AUTO | {"iterations": numbers[0]})[0] for each in (IMAGE, DIM)]
    assert error(tifffile.imread(files / "out.tif"), expected) <= 1e-5


def test_every_volume_of_a_file_has_its_own_number_if_wanted(files, numbers):
    result = run(files, "-n", "auto-each", "--gain", "1", "--json")
    assert result.exit_code == 0, result.output
    assert told(result)["provenance"]["iterations"] == "auto-each"
    assert told(result)["cameras"][0]["iterations"] is None
    assert [info["iterations"] for info in told(result)["info"]] == numbers
    assert f"{min(numbers)} to {max(numbers)} iterations as each was found to need" in result.stderr


def test_a_relative_change_ends_the_run(files):
    options = {"stop": "relative-change", "threshold": 0.1, "start": "image"}
    expected, info = deconvolved(IMAGE, PSF, iterations=50, backend="numpy", return_info=True, **options)
    result = run(files, "-n", "50", "--stop", "relative-change", "--threshold", "0.1", "--start", "image")
    assert result.exit_code == 0, result.output
    assert f"{info.iterations} iterations (the divergence changed by no more than the threshold)" in result.stderr
    assert error(tifffile.imread(files / "out.tif"), expected) <= 1e-5


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["-n", "many"], "'many' is neither a whole number, 'auto' nor 'auto-each'"),
        (["--threshold", "0.1"], "threshold 0.1 is of no use without a stop"),
        (["--stop", "relative-change", "--independent"], "independent blocks cannot agree on when to stop"),
        (["--stop", "soon"], "'soon' is not one of"),
    ],
)
def test_what_makes_no_sense_is_refused(files, options, text):
    result = run(files, *options)
    assert result.exit_code == 2
    assert text in result.stderr
    assert not (files / "out.tif").exists()


@pytest.mark.parametrize(("iterations", "said"), [("auto", "At most about 3 s, by what numpy"), (9, "About 3 s, by")])
def test_the_time_of_a_number_that_is_to_be_found_is_the_most(monkeypatch, iterations, said):
    monkeypatch.setattr("rlcore.app.speed.predict", lambda *_: 3.0)
    request = FileRequest(image=Path(), iterations=iterations, backend="numpy")
    assert plan_shapes(request, "8x9x10", "3x3x3").lines()[1].startswith(said)
