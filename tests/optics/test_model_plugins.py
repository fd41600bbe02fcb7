"""Models of others: whatever state one is in, it is told, and disturbs no other."""

import sys
import types
from importlib.metadata import EntryPoint

import numpy as np
import pytest

from rlcore.backend.discovery import plugins
from rlcore.errors import InputError, PSFModelError, PSFModelUnavailable
from rlcore.optics import Microscope, generate_psf, load_model, survey_models
from rlcore.optics.gaussian import gaussian

MICROSCOPE = Microscope(na=1.2, index=1.33, wavelength=0.5)


class Distribution:
    name, version = "made-up", "0.1"


def flat(microscope, wavelength, heights, shape, voxel):
    """The same everywhere."""
    return np.ones((len(heights), *shape))


def lacking(*_):
    raise PSFModelUnavailable("its tables are not there; try: made-up fetch")


def crashing(*_):
    raise ZeroDivisionError("its own fault")


BAD = {
    "crashing": (crashing, "broken", "ZeroDivisionError: its own fault"),
    "lacking": (lacking, "unavailable", "its tables are not there; try: made-up fetch"),
    "number": (3, "incomplete", "is not callable"),
    "misshapen": (lambda *_: np.ones((2, 2)), "incomplete", r"gave shape (2, 2) instead of (3, 4, 5)"),
    "negative": (lambda m, w, h, s, v: -flat(m, w, h, s, v), "incomplete", "negative, not finite, or no light"),
    "textual": (lambda *_: "light", "incomplete", "gave 'str' instead of numbers"),
}


@pytest.fixture
def install(monkeypatch):
    entries = []
    monkeypatch.setattr(plugins, "entry_points", lambda *, group: entries if group == "rlcore.psf" else [])
    monkeypatch.setattr(plugins, "_installed", plugins._installed.__wrapped__)

    def add(name, thing):
        module = types.ModuleType(f"made_up_model_{name}")
        module.thing = thing
        monkeypatch.setitem(sys.modules, module.__name__, module)
        entry = EntryPoint(name, f"{module.__name__}:thing", "rlcore.psf")
        entry._for(Distribution())
        entries.append(entry)

    add("gaussian", gaussian)
    return add


def test_ours_are_installed_and_usable():
    found = {finding.name: finding for finding in survey_models()}
    assert {"gibson-lanni", "born-wolf", "gaussian"} <= found.keys()
    assert {found[name].state for name in ("gibson-lanni", "born-wolf", "gaussian")} == {"usable"}
    assert found["gaussian"].summary.startswith("A Gaussian as wide")


def test_one_of_others_is_named_like_ours_and_makes_every_technique(install):
    install("flat", flat)
    assert generate_psf(MICROSCOPE, (3, 4, 5), (1, 1, 1), model="flat") == pytest.approx(np.full((3, 4, 5), 1 / 60))
    sheet = Microscope(na=1.2, index=1.33, wavelength=0.5, technique="light-sheet", sheet=2.0)
    axis = generate_psf(sheet, (3, 1, 1), (1, 1, 1), model="flat")[:, 0, 0]
    assert axis == pytest.approx(np.array([0.5, 1, 0.5]) / 2)
    [finding] = [finding for finding in survey_models() if finding.name == "flat"]
    assert (finding.state, finding.summary, finding.distribution) == ("usable", "The same everywhere.", "made-up 0.1")


@pytest.mark.parametrize("name", BAD)
def test_a_bad_one_is_told_and_the_others_work(install, name):
    thing, state, reason = BAD[name]
    install(name, thing)
    findings = {finding.name: finding for finding in survey_models()}
    assert findings[name].state == state
    assert reason in findings[name].reason
    assert findings["gaussian"].state == "usable"
    with pytest.raises(PSFModelError) as error:
        load_model(name)(MICROSCOPE, 0.5, (-1.0, 0.0, 1.0), (4, 5), (0.1, 0.1))
    assert reason in str(error.value)


def test_an_unknown_name_is_told_with_the_nearest(install):
    with pytest.raises(PSFModelError, match=r"psf model 'gausian' is unknown \(did you mean 'gaussian'\?\)"):
        generate_psf(MICROSCOPE, (3, 3, 3), (1, 1, 1), model="gausian")


def test_a_name_claimed_twice_is_told(install):
    install("gaussian", flat)
    with pytest.raises(PSFModelError, match=r"is claimed by made-up 0\.1 and made-up 0.1; uninstall all but one"):
        load_model("gaussian")
    assert [finding.state for finding in survey_models()] == ["ambiguous"]


def test_figures_are_checked_before_a_model_is_loaded(install):
    with pytest.raises(InputError):
        generate_psf(MICROSCOPE, (3, 3), (1, 1, 1), model="no such model")
