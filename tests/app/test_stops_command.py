"""`--iterations auto`, `--stop` and `--start` on the command line."""

import json

import numpy as np
import pytest
import tifffile
from fixtures.commands import IMAGE, PSF, run
from fixtures.scenes import error

import rlcore

AUTO = {"iterations": "auto", "gain": 1, "backend": "numpy", "return_info": True}


def told(result):
    return json.loads(result.stdout)


def test_the_number_is_found_and_said(files):
    expected, info = rlcore.deconvolve(IMAGE, PSF, **AUTO)
    result = run(files, "-n", "auto", "--gain", "1", "--json")
    assert result.exit_code == 0, result.output
    said = told(result)
    assert said["iterations"] == said["info"]["iterations"] == info.iterations
    assert said["info"]["held_out"] == pytest.approx(info.held_out)
    assert (said["plan"]["iterations"], said["plan"]["stop"]) == (200, "held-out")
    assert said["provenance"]["iterations"] == "auto"
    with tifffile.TiffFile(files / "out.tif") as tif:
        assert "as many iterations as held-out photons called for" in tif.pages.first.tags["ImageDescription"].value
    because = f"{info.iterations} iterations (held-out photons were explained best after {info.iterations} iterations)"
    assert because in result.stderr
    assert error(tifffile.imread(files / "out.tif"), expected) <= 1e-5


def test_every_volume_of_a_file_has_its_own_number(files):
    dim = np.random.default_rng(0).poisson(IMAGE / 8).astype(np.float32)
    numbers = [rlcore.deconvolve(image, PSF, **AUTO)[1].iterations for image in (IMAGE, dim)]
    assert numbers[0] != numbers[1]
    tifffile.imwrite(files / "image.tif", np.stack([IMAGE, dim]), metadata={"axes": "TZYX"}, imagej=True)
    result = run(files, "-n", "auto", "--gain", "1", "--json")
    assert result.exit_code == 0, result.output
    assert [info["iterations"] for info in told(result)["info"]] == numbers
    assert f"{min(numbers)} to {max(numbers)} iterations as each was found to need" in result.stderr


def test_a_relative_change_ends_the_run(files):
    options = {"stop": "relative-change", "threshold": 0.1, "start": "image"}
    expected, info = rlcore.deconvolve(IMAGE, PSF, iterations=50, backend="numpy", return_info=True, **options)
    result = run(files, "-n", "50", "--stop", "relative-change", "--threshold", "0.1", "--start", "image")
    assert result.exit_code == 0, result.output
    assert f"{info.iterations} iterations (the divergence changed by no more than the threshold)" in result.stderr
    assert error(tifffile.imread(files / "out.tif"), expected) <= 1e-5


@pytest.mark.parametrize(
    ("options", "text"),
    [
        (["-n", "many"], "'many' is neither a whole number nor 'auto'"),
        (["--gain", "some"], "gain 'some' is neither a number nor a pair of gain and offset"),
        (["--gain", "2"], "gain 2.0 is of use with iterations 'auto' only; leave it out"),
        (["--threshold", "0.1"], "threshold 0.1 is of no use without a stop"),
        (["-n", "auto", "--independent"], "independent blocks cannot agree on when to stop"),
        (["--stop", "soon"], "'soon' is not one of"),
    ],
)
def test_what_makes_no_sense_is_refused(files, options, text):
    result = run(files, *options)
    assert result.exit_code == 2
    assert text in result.stderr
    assert not (files / "out.tif").exists()
