"""Richardson-Lucy deconvolution of microscope volumes of any size, on any hardware."""

from rlcore.acceleration import ACCELERATIONS
from rlcore.boundary import BOUNDARIES
from rlcore.choice import Choice, choose_backend
from rlcore.deconvolve import deconvolve
from rlcore.errors import (
    BackendError,
    BackendUnavailable,
    BudgetError,
    Cancelled,
    CheckpointError,
    InputError,
    OutOfMemory,
    RLCoreError,
)
from rlcore.execution import Info, Progress, ReplanWarning
from rlcore.planner import Plan
from rlcore.planning import make_plan
from rlcore.psf import PSF, PSFWarning, prepare_psf
from rlcore.registry import Finding, load_backend, survey
from rlcore.regularization import REGULARIZATIONS
from rlcore.source import ImageWarning

__all__ = [
    "ACCELERATIONS",
    "BOUNDARIES",
    "PSF",
    "REGULARIZATIONS",
    "BackendError",
    "BackendUnavailable",
    "BudgetError",
    "Cancelled",
    "CheckpointError",
    "Choice",
    "Finding",
    "ImageWarning",
    "Info",
    "InputError",
    "OutOfMemory",
    "PSFWarning",
    "Plan",
    "Progress",
    "RLCoreError",
    "ReplanWarning",
    "choose_backend",
    "deconvolve",
    "load_backend",
    "make_plan",
    "prepare_psf",
    "survey",
]
