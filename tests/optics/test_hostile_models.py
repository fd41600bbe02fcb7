"""PSF models that return nonsense or raise anything: one sentence that names model and distribution."""

import sys

import numpy as np
import pytest
from fixtures.sites import put

from rlcore.errors import InputError, PSFModelError
from rlcore.optics import Microscope, generate_psf
from rlcore.optics.models import survey_models

MICROSCOPE = Microscope(na=0.8, wavelength=0.5, index=1.33)
GRID = (3, 5, 5), (0.2, 0.1, 0.1)
BODIES = {
    "nan": ("np.full((len(h), *s), np.nan)", "negative, not finite, or no light"),
    "negative": ("-np.ones((len(h), *s))", "negative, not finite, or no light"),
    "dark": ("np.zeros((len(h), *s))", "negative, not finite, or no light"),
    "huge": ("np.full((len(h), *s), 1e308)", "negative, not finite, or no light"),
    "shape": ("np.ones((len(h), 1, *s))", "gave shape (3, 1, 5, 5) instead of (3, 5, 5)"),
    "complex": ("np.ones((len(h), *s)) * 1j", "gave 'ndarray' instead of numbers"),
    "text": ("'light'", "gave 'str' instead of numbers"),
    "nothing": ("None", "gave 'NoneType' instead of numbers"),
    "raises": ("1 / 0", "failed: ZeroDivisionError"),
    "exits": ("sys.exit(0)", "failed: SystemExit: 0"),
    "quits": ("throw(GeneratorExit)", "failed: GeneratorExit"),
    "interrupts": ("throw(KeyboardInterrupt)", "failed: KeyboardInterrupt"),
}


@pytest.mark.parametrize("name", BODIES)
def test_a_model_of_a_distribution(tmp_path, monkeypatch, name):
    monkeypatch.syspath_prepend(tmp_path)
    body, text = BODIES[name]
    head = "import sys\nimport numpy as np\ndef throw(error): raise error\n"
    put(tmp_path, f"model_{name}", f"{head}def make(m, w, h, s, v): return {body}\n", plugin=name, group="rlcore.psf")
    try:
        with pytest.raises(PSFModelError) as told:
            generate_psf(MICROSCOPE, *GRID, model=name)
        assert str(told.value).startswith(f"psf model {name!r} of rlcore-model_{name} 1.2 ")
        assert text in str(told.value)
        assert "\n" not in str(told.value)
        findings = {finding.name: finding.state for finding in survey_models()}
        assert findings.pop(name) in ("broken", "incomplete")
        assert set(findings.values()) == {"usable"}
    finally:
        sys.modules.pop(f"rlcore_model_{name}", None)


def test_a_callable_is_checked_too():
    def dim(microscope, wavelength, heights, shape, voxel):
        return np.full((len(heights), *shape), np.nan)

    with pytest.raises(PSFModelError, match="psf model 'dim' gave values that are negative, not finite"):
        generate_psf(MICROSCOPE, *GRID, model=dim)


def test_products_of_models_that_vanish_are_refused():
    def faint(microscope, wavelength, heights, shape, voxel):
        return np.full((len(heights), *shape), 1e-300)

    confocal = Microscope(na=0.8, wavelength=0.5, index=1.33, technique="confocal", pinhole=0.0)
    with pytest.raises(PSFModelError, match="psf model 'faint' gave no light"):
        generate_psf(confocal, *GRID, model=faint)


@pytest.mark.parametrize(
    "figures",
    [{"na": 1e-300}, {"wavelength": 1e-300}, {"index": 1e300}, {"sample_index": 1e-300}, {"depth": 1e300}]
    + [{"coverslip_error": -1e300}, {"pinhole": 1e300}, {"technique": "light-sheet", "sheet": 1e-300}],
)
def test_microscopes_beyond_sense_are_refused_at_once(figures):
    with pytest.raises(InputError, match="is no microscope's; give"):
        Microscope(**{"na": 0.8, "wavelength": 0.5, "index": 1.33, **figures})


def test_grids_beyond_sense_are_refused_at_once():
    with pytest.raises(InputError, match="is in nanometres, it seems"):
        generate_psf(MICROSCOPE, (3, 5, 5), (0.2, 1e6, 1e6))
    with pytest.raises(InputError, match="needs a grid of"):
        generate_psf(MICROSCOPE, (3, 5000, 5000), (0.2, 10.0, 10.0))
    wide = Microscope(na=0.8, wavelength=0.5, index=1.33, technique="confocal", pinhole=1000.0)
    with pytest.raises(InputError, match=r"pinhole 1000 on voxels of .* needs \d+ samples"):
        generate_psf(wide, *GRID)
