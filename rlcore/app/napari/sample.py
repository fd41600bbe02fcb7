"""Sample data: a simulated wide-field image of a cell, and the PSF of the microscope."""

from __future__ import annotations

from typing import Any

import numpy as np

from rlcore.testing.optics import VOXEL
from rlcore.testing.phantoms import phantom

SHAPE = (32, 128, 128)


def phantom_layers() -> list[tuple[Any, dict[str, Any], str]]:
    """Returns layers for napari: an image with noise and a background of 5, and its PSF; voxels in micrometres."""
    made = phantom("mixed", SHAPE)
    place = {"scale": VOXEL, "units": ("um", "um", "um")}
    image = {"name": "blurred cell", "metadata": {"background": made.background}, **place}
    psf = {"name": "psf", "visible": False, **place}
    return [(made.image, image, "image"), (made.psf.astype(np.float32), psf, "image")]
