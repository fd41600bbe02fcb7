"""Models of a point spread function: found, loaded and surveyed like backends, under the group ``rlcore.psf``."""

from __future__ import annotations

import inspect
import math
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from typing import Any, Protocol

import numpy as np

from rlcore.backend import Shape, Volume
from rlcore.backend.discovery.plugins import Plugins, State, claimed, contained, owners
from rlcore.errors import InputError, PSFModelError, PSFModelUnavailable
from rlcore.optics.microscope import Microscope


class IncompleteModel(PSFModelError):
    """An object registered as a model that does not return a PSF when it is called."""


MODELS = Plugins(
    group="rlcore.psf",
    noun="psf model",
    error=PSFModelError,
    unavailable=PSFModelUnavailable,
    incomplete=IncompleteModel,
    published={},
)

_TRIAL = Microscope(na=0.8, wavelength=0.5, index=1.33, sample_index=1.38, depth=2.0)
"""Microscope that a survey tries models on; aberrated, since that is what models differ in."""


class PSFModel(Protocol):
    """A callable that computes how light of one wavelength spreads from one point.

    Packages register it under the entry-point group ``rlcore.psf``. Every technique is composed of it: a wide-field PSF
    is the model at the recorded wavelength; a confocal one is that times the model at the exciting wavelength; a
    light-sheet one is that times the sheet.
    """

    def __call__(
        self,
        microscope: Microscope,
        wavelength: float,
        heights: Sequence[float],
        shape: Shape,
        voxel: tuple[float, float],
    ) -> Volume:
        """Compute intensities.

        Parameters
        ----------
        microscope : Microscope
        wavelength : float
            Micrometres, in vacuum; the model uses it in place of the microscope's wavelengths.
        heights : sequence of float
            Micrometres that the stage has moved the focus into the specimen; at 0 paraxial rays meet.
        shape : tuple of int
            Voxels along y and x; the optical axis is at voxel P//2.
        voxel : tuple of float
            Micrometres along y and x.

        Returns
        -------
        ndarray
            Intensities (heights, y, x), none negative, all in one unit.

        Raises
        ------
        PSFModelUnavailable
            If something that the model needs is missing; the message gives the remedy.
        """


@dataclass(frozen=True, slots=True)
class ModelFinding:
    """Result of trying one installed model."""

    name: str
    """Name that the model is registered under."""
    state: State
    """``usable``, or the kind of trouble."""
    distribution: str
    """Distributions that registered it, as in ``rlcore 0.1.0``."""
    summary: str = ""
    """First line of its docstring, if it is usable."""
    reason: str = ""
    """Reason why it cannot be used; empty if it can."""


def load_model(name: str) -> PSFModel:
    """Load a model by the name it is registered under.

    Returns
    -------
    PSFModel
        The model, whose results are checked at every call and whose errors name the distribution it came from.

    Raises
    ------
    PSFModelError
        If no installed package, or more than one, claims the name, or if it cannot be imported.
    """
    entry = MODELS.find_or_refuse(name)
    return checked(MODELS.load(entry), MODELS.called(entry))


def survey_models() -> tuple[ModelFinding, ...]:
    """Try every installed model on a few voxels. A model that fails does not disturb the others."""
    return tuple(_try(name, entries) for name, entries in MODELS.by_name())


def checked(model: Any, called: str) -> PSFModel:
    """Returns a model whose results are checked; `called` names it in messages."""
    return _Checked(called, model)


@dataclass(frozen=True, slots=True)
class _Checked:
    """A model whose results are checked, and whose errors name it and the distribution that registered it."""

    called: str
    model: Any

    def __call__(
        self,
        microscope: Microscope,
        wavelength: float,
        heights: Sequence[float],
        shape: Shape,
        voxel: tuple[float, float],
    ) -> Volume:
        with contained(PSFModelError, f"{self.called} failed", PSFModelUnavailable, InputError):
            made = self.model(microscope, wavelength, heights, shape, voxel)
        with contained(IncompleteModel, f"{self.called} gave {type(made).__name__!r} instead of numbers"):
            found = np.asarray(made)
            if found.dtype.kind not in "buif":
                raise TypeError(f"{str(found.dtype)!r} is not a type of real numbers")
            planes = found.astype(np.float64)
        expected = (len(heights), *shape)
        if planes.shape != expected:
            raise IncompleteModel(f"{self.called} gave shape {planes.shape!r} instead of {expected!r}")
        # also the sum, by which a PSF is divided
        with np.errstate(over="ignore"):
            light = float(planes.sum())
        if not np.isfinite(planes).all() or planes.min() < 0 or not 0 < light < math.inf:
            raise IncompleteModel(f"{self.called} gave values that are negative, not finite, or no light at all")
        return planes


def _try(name: str, entries: list[EntryPoint]) -> ModelFinding:
    by = owners(entries)
    if len(entries) > 1:
        return ModelFinding(name, "ambiguous", by, reason=claimed(entries))
    try:
        model = MODELS.load(entries[0])
        checked(model, MODELS.called(entries[0]))(_TRIAL, _TRIAL.wavelength, (-0.5, 0.0, 0.5), (4, 5), (0.1, 0.1))
        with contained(PSFModelError, f"{MODELS.called(entries[0])} cannot be described"):
            summary = str(inspect.getdoc(model) or "").partition("\n")[0]
        return ModelFinding(name, "usable", by, summary)
    except (PSFModelError, InputError) as error:
        state, reason = MODELS.trouble(error)
        return ModelFinding(name, state, by, reason=reason)
