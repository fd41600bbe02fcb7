"""`rlcore backends`, the program without a command, and its help."""

import json

import pytest
from click.testing import CliRunner
from fixtures.commands import IMAGE

import rlcore
from rlcore.app.main import main


def call(*arguments):
    result = CliRunner().invoke(main, list(map(str, arguments)), prog_name="rlcore")
    assert result.exit_code == 0, result.output
    return result


def test_every_backend_has_its_line():
    lines = call("backends").stdout.splitlines()
    for finding in rlcore.survey():
        [line] = [line for line in lines if line.split()[0] == finding.name]
        assert finding.state in line
    assert "numpy" in {finding.name for finding in rlcore.survey()}


def test_as_json_it_is_the_survey():
    told = {finding["name"]: finding for finding in json.loads(call("backends", "--json").stdout)}
    assert told.keys() == {finding.name for finding in rlcore.survey()}
    assert told["numpy"]["state"] == "usable"
    assert told["numpy"]["memory"] > 0
    assert told["numpy"]["distribution"].startswith("rlcore ")


def test_one_that_cannot_run_is_told_with_its_reason(monkeypatch):
    findings = (
        rlcore.Finding("numpy", "usable", "rlcore 0.1.0", "CPU", memory=5 << 30),
        rlcore.Finding("odd", "broken", "odd 2.0", reason="backend 'odd' [of odd 2.0] cannot be imported: ImportError"),
    )
    monkeypatch.setattr(rlcore, "survey", lambda seconds: findings)
    stdout = call("backends").stdout
    assert "5.0 GiB" in stdout
    assert stdout.splitlines()[-1] == "odd: backend 'odd' [of odd 2.0] cannot be imported: ImportError"


def test_why_says_what_is_taken_for_these_files(files):
    stdout = call("backends", "--why", files / "image.tif", files / "psf.tif", "--backend", "numpy").stdout
    first, plan, *_ = stdout.splitlines()
    assert first == "backend 'numpy' on CPU: it was named"
    assert plan.startswith("The whole volume in one block of ")
    told = json.loads(
        call("backends", "--why", files / "image.tif", files / "psf.tif", "--backend", "numpy", "--json").stdout
    )
    assert (told["backend"], told["reason"], told["passed"]) == ("numpy", "it was named", [])
    assert rlcore.Plan.from_dict(told["plan"]).geometry.image_shape == IMAGE.shape


@pytest.mark.parametrize("arguments", [[], ["--help"], ["deconvolve", "--help"], ["backends", "--help"]])
def test_help_is_on_stdout(arguments):
    assert "Usage: " in call(*arguments).stdout


def test_version():
    assert call("--version").stdout == "rlcore 0.1.0\n"


def test_an_unknown_command_is_one_line_and_exit_code_2():
    result = CliRunner().invoke(main, ["sharpen"])
    assert result.exit_code == 2
    [line] = result.stderr.splitlines()
    assert line.startswith("error: no such command 'sharpen'")
