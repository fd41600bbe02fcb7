"""Richardson-Lucy deconvolution of microscope volumes of any size, on any hardware."""

from rlcore.algorithm.acceleration import ACCELERATIONS
from rlcore.algorithm.boundary import BOUNDARIES
from rlcore.algorithm.camera import Camera
from rlcore.algorithm.regularization import REGULARIZATIONS
from rlcore.api.deconvolve import deconvolve
from rlcore.api.make_plan import make_plan
from rlcore.backend.discovery.registry import Finding, load_backend, survey
from rlcore.backend.discovery.selection import Choice, choose_backend
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
from rlcore.execution.engine import ReplanWarning
from rlcore.execution.history import Info
from rlcore.execution.progress import Progress
from rlcore.execution.volumes.image import ImageWarning
from rlcore.optics.psf import PSF, PSFWarning, prepare_psf
from rlcore.planner import Plan

__all__ = [
    "ACCELERATIONS",
    "BOUNDARIES",
    "PSF",
    "REGULARIZATIONS",
    "BackendError",
    "BackendUnavailable",
    "BudgetError",
    "Camera",
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
