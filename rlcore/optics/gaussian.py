"""The Gaussian nearest to the unaberrated point spread function."""

from __future__ import annotations

import math
from collections.abc import Sequence

import numpy as np

from rlcore.backend import Shape, Volume
from rlcore.optics.microscope import Microscope


def gaussian(
    microscope: Microscope, wavelength: float, heights: Sequence[float], shape: Shape, voxel: tuple[float, float]
) -> Volume:
    """A Gaussian as wide as the diffraction pattern near its peak: quick, smooth, and without its tails.

    The widths are those of Zhang, Zerubia & Olivo-Marin, Appl. Opt. 46, 1819 (2007), in the non-paraxial form.
    Aberrations are left out. Parameters and result are those of `PSFModel`.
    """
    lateral, axial = widths(microscope.na, microscope.index, wavelength)
    y, x = (((np.arange(size) - size // 2) * step / lateral) ** 2 for size, step in zip(shape, voxel, strict=True))
    z = (np.asarray(heights) / axial) ** 2
    planes: Volume = np.exp(-(z[:, None, None] + y[:, None] + x) / 2)
    return planes


def widths(na: float, index: float, wavelength: float) -> tuple[float, float]:
    """Standard deviations across and along the optical axis, in the unit of the wavelength."""
    c = math.sqrt(1 - (na / index) ** 2)  # cosine of the aperture's half angle
    k = 2 * math.pi * index / wavelength
    across = math.sqrt(7 * (1 - c**1.5) / (4 - 7 * c**1.5 + 3 * c**3.5)) / k
    curvature = 4 * c**5 - 25 * c**3.5 + 42 * c**2.5 - 25 * c**1.5 + 4
    along = 5 * math.sqrt(7) * (1 - c**1.5) / (math.sqrt(6) * k * math.sqrt(curvature))
    return across, along
