"""Models of a point spread function: found, loaded and surveyed like backends, under the group ``rlcore.psf``."""

from __future__ import annotations

import inspect
from collections.abc import Sequence
from dataclasses import dataclass
from importlib.metadata import EntryPoint
from typing import Any, Protocol

import numpy as np

from rlcore.backend import Shape, Volume
from rlcore.errors import PSFModelError, PSFModelUnavailable
from rlcore.optics.microscope import Microscope
from rlcore.plugins import Plugins, State, claimed, owners, say


class IncompleteModel(PSFModelError):
    """A model that cannot be called as one."""


MODELS = Plugins(
    group="rlcore.psf",
    noun="psf model",
    error=PSFModelError,
    unavailable=PSFModelUnavailable,
    incomplete=IncompleteModel,
    published={},
)

_TRIAL = Microscope(na=0.8, wavelength=0.5, index=1.33, sample_index=1.38, depth=2.0)


class PSFModel(Protocol):
    """What is registered under ``rlcore.psf``: how light of one wavelength spreads from one point.

    Techniques are made of it: a wide-field PSF is the model at the recorded wavelength, a confocal one that times the
    model at the exciting wavelength, a light-sheet one that times the sheet.
    """

    def __call__(
        self,
        microscope: Microscope,
        wavelength: float,
        heights: Sequence[float],
        shape: Shape,
        voxel: tuple[float, float],
    ) -> Volume:
        """Intensities (heights, y, x), none negative, all in one unit.

        ``heights`` are micrometres that the stage has moved the focus into the specimen, from where rays near the axis
        meet; ``shape`` and ``voxel`` are voxels and micrometres along y and x, the axis at voxel P//2. Raise
        `PSFModelUnavailable` with the remedy where something is missing.
        """


@dataclass(frozen=True, slots=True)
class ModelFinding:
    """What one installed model did when it was tried."""

    name: str
    state: State
    distribution: str
    """Who brought it, as in ``rlcore 0.1.0``."""
    summary: str = ""
    """The first line of what it says of itself."""
    reason: str = ""
    """Why it cannot be used."""


def load_model(name: str) -> PSFModel:
    """Load a model by the name it is registered under.

    Raises
    ------
    PSFModelError
        If no installed package, or more than one, claims the name, or if it cannot be imported.
    """
    entry = MODELS.find_or_refuse(name)
    return _Checked(entry, MODELS.load(entry))


def survey_models() -> tuple[ModelFinding, ...]:
    """Try every installed model on a few voxels; none that fails disturbs the others."""
    return tuple(_try(name, entries) for name, entries in MODELS.by_name())


@dataclass(frozen=True, slots=True)
class _Checked:
    """A model whose failures are told with the name of the distribution that brought it."""

    entry: EntryPoint
    model: Any

    def __call__(
        self,
        microscope: Microscope,
        wavelength: float,
        heights: Sequence[float],
        shape: Shape,
        voxel: tuple[float, float],
    ) -> Volume:
        called = MODELS.called(self.entry)
        try:
            made = self.model(microscope, wavelength, heights, shape, voxel)
        except PSFModelUnavailable:
            raise
        except (Exception, SystemExit) as error:  # the boundary to a plugin: its error is kept and told
            raise PSFModelError(f"{called} failed: {say(error)}") from error
        try:
            planes = np.asarray(made, dtype=np.float64)
        except (TypeError, ValueError) as error:
            raise IncompleteModel(f"{called} gave {type(made).__name__!r} instead of numbers") from error
        expected = (len(heights), *shape)
        if planes.shape != expected:
            raise IncompleteModel(f"{called} gave shape {planes.shape!r} instead of {expected!r}")
        if not np.isfinite(planes).all() or planes.min() < 0 or not planes.sum() > 0:
            raise IncompleteModel(f"{called} gave values that are negative, not finite, or no light at all")
        return planes


def _try(name: str, entries: list[EntryPoint]) -> ModelFinding:
    by = owners(entries)
    if len(entries) > 1:
        return ModelFinding(name, "ambiguous", by, reason=claimed(entries))
    try:
        model = MODELS.load(entries[0])
        _Checked(entries[0], model)(_TRIAL, _TRIAL.wavelength, (-0.5, 0.0, 0.5), (4, 5), (0.1, 0.1))
        return ModelFinding(name, "usable", by, (inspect.getdoc(model) or "").partition("\n")[0])
    except Exception as error:  # noqa: BLE001 - the boundary to a plugin: its error is kept and told
        state, reason = MODELS.trouble(error)
        return ModelFinding(name, state, by, reason=reason)
