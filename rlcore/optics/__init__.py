"""Point spread functions: computed for a microscope, distilled from beads, inspected, mended and resampled."""

from rlcore.optics.bead_field import Selection, find_beads
from rlcore.optics.distil import Distilled, distil_psf
from rlcore.optics.generate import default_shape, generate_psf
from rlcore.optics.inspect import Inspection, inspect_psf
from rlcore.optics.mend import Mended, mend_psf
from rlcore.optics.microscope import TECHNIQUES, Microscope
from rlcore.optics.models import ModelFinding, PSFModel, load_model, survey_models
from rlcore.optics.resample import resample_psf

__all__ = [
    "TECHNIQUES",
    "Distilled",
    "Inspection",
    "Mended",
    "Microscope",
    "ModelFinding",
    "PSFModel",
    "Selection",
    "default_shape",
    "distil_psf",
    "find_beads",
    "generate_psf",
    "inspect_psf",
    "load_model",
    "mend_psf",
    "resample_psf",
    "survey_models",
]
