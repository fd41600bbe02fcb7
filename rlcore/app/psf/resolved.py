"""Distances that the objective of an image resolves, as far as its metadata say."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any

from rlcore.app.psf.metadata import ImageMetadata
from rlcore.app.psf.microscope_sources import usual_medium
from rlcore.errors import InputError
from rlcore.optics.microscope import Microscope

_GREEN = 520.0
"""Wavelength in nm where the metadata give none."""


def resolved_by(metadata: ImageMetadata, options: Mapping[str, Any]) -> tuple[float, ...] | None:
    """Returns the distances in micrometres that an objective resolves along z, y, x; None without its aperture."""
    known = {name: figure.value for name, figure in metadata.figures.items()}
    known |= {name: value for name, value in options.items() if value is not None}
    if not (na := known.get("na")):
        return None
    try:
        objective = Microscope(
            na=na,
            wavelength=known.get("emission", _GREEN) / 1000,
            index=known.get("immersion", usual_medium(na).value),
        )
    except InputError:
        return None  # an impossible objective says nothing of voxels
    lateral, axial = objective.airy_radius, objective.focal_depth
    return (axial, lateral, lateral) if math.isfinite(axial) else None
