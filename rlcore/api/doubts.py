"""Doubts about a run: sentences about arguments and results that are probably not meant, each with what to do.

Every function looks at one fault and returns a sentence, or None. Nothing is printed here: the caller warns, once.
"""

from __future__ import annotations

import math
from typing import Any, Protocol

import numpy as np

from rlcore.backend import Volume
from rlcore.execution.history import Info
from rlcore.optics.sampling import smooth

_HALF, _COMPACT, _FILLED = 0.5, 0.5, 0.3
"""Share of the maximum above which a voxel belongs to the peak; longest side of the box about these voxels, as a share
of the volume's; and smallest share of that box that they fill. A PSF is compact, a specimen is not."""

_FEWEST = 125
"""Voxels of a PSF that show whether it looks like one."""

_LEFT_IN = 0.2
"""Offset as a share of what counts as light, from which on it matters."""

_UNEXPLAINED = 3.0
"""Divergence of a finished run over that of photon noise from which on the PSF does not explain the image."""

_TOO_MANY, _TOO_MANY_PLAIN = 3, 9
"""Iterations over those after which the image was explained as well as noise allows. The best number is 1 to 2 times
theirs, so that 3 times is beyond doubt. Plain steps take about the square of accelerated ones."""


class Camera(Protocol):
    """What is known of a camera."""

    @property
    def offset(self) -> float:
        """Image units without light."""
        ...

    @property
    def read_noise(self) -> float:
        """Standard deviation without light, in image units; 0 if unknown."""
        ...


def swapped(image: Any, psf: Volume) -> str | None:
    """Sentence about an image and a PSF that were given in each other's place.

    The PSF then looks like a specimen, and the image like a PSF, or else is smaller along every axis.

    Parameters
    ----------
    image : array_like
        Anything that can be sliced; read only if it has fewer voxels than the PSF.
    psf : ndarray
        PSF as it was given, on as many axes.
    """
    ours, theirs = tuple(map(int, image.shape)), tuple(map(int, psf.shape))
    few = math.prod(theirs) < _FEWEST or math.prod(theirs) <= math.prod(ours)
    if few or len(ours) != len(theirs) or is_compact(psf):
        return None
    smaller = all(a < b for a, b in zip(ours, theirs, strict=True))
    if not smaller and not is_compact(np.asarray(image[tuple(slice(None) for _ in ours)])):
        return None
    sizes = [" x ".join(map(str, shape)) for shape in (theirs, ours)]
    return (
        f"psf of {sizes[0]} voxels has no single peak and the image has only {sizes[1]} voxels, as if they were "
        "swapped; give the image first and the psf second"
    )


def is_compact(values: Volume) -> bool:
    """Test for a single peak, whose upper half lies in a small box and fills it."""
    soft = smooth(np.asarray(values, np.float64))
    level = float(np.median(soft))
    peak = soft >= level + _HALF * (float(soft.max()) - level)
    lengths = [int(np.ptp(places)) + 1 for places in np.nonzero(peak)]
    # a side of a few voxels is short whatever the peak; the two longest tell
    longest = sorted(zip(peak.shape, lengths, strict=True))[-2:]
    small = all(length <= max(3, _COMPACT * size) for size, length in longest)
    return small and int(peak.sum()) >= _FILLED * math.prod(lengths)


def offset_left_in(camera: Camera, *, offset: float, mean: float) -> str | None:
    """Sentence about an offset of the camera that a run takes for light.

    Parameters
    ----------
    camera : Camera
        Estimated from the image or its metadata.
    offset : float
        That of the run, in image units.
    mean : float
        Mean of the image as it is.
    """
    left = camera.offset - offset
    if not left > _LEFT_IN * (mean - offset):
        return None
    noise = f", where its noise is {camera.read_noise:.3g} only" if camera.read_noise > 0 else ""
    return (
        f"image stands on a camera offset of about {camera.offset:.4g}, which is no light{noise}; give "
        f"offset={camera.offset:.4g}, or leave it out to have it estimated"
    )


def over_iterated(info: Info, level: float, regularization: str = "none") -> str | None:
    """Sentence about a run that went on long after the image was explained as well as photon noise allows.

    The discrepancy principle for Poisson data (Bertero et al. 2010, Inverse Problems 26, 105004), with a wide margin.

    Parameters
    ----------
    info : Info
        History of the run.
    level : float
        Divergence that photon noise leaves, from `rlcore.algorithm.photon_noise.noise_level`.
    regularization : str
        A regularized run may go on, and gives no sentence.
    """
    if regularization != "none" or info.held_out or not level > 0:
        return None
    reached = next((k for k, each in enumerate(info.divergence, 1) if each is not None and each <= level), None)
    # the first known entry of a resumed run may be far beyond the one that reached it
    if reached is None or (reached > 1 and info.divergence[reached - 2] is None):
        return None
    margin = _TOO_MANY_PLAIN if all(each is None for each in info.factors) else _TOO_MANY
    if info.iterations <= margin * max(reached, 2):
        return None
    return (
        f"image was explained as well as photon noise allows after {reached} of {info.iterations} iterations, and the "
        "others fit noise; give iterations 'auto', or fewer"
    )


def unexplained(info: Info, level: float) -> str | None:
    """Sentence about a run that explains no more by more iterations, and far less than photon noise would leave.

    Parameters
    ----------
    info : Info
        History of a run whose number of iterations was found by held-out photons; others may just have ended early.
    level : float
        Divergence that photon noise leaves, from `rlcore.algorithm.photon_noise.noise_level`.
    """
    last = info.divergence[-1]
    if not info.held_out or last is None or not level > 0 or last <= _UNEXPLAINED * level:
        return None
    return (
        f"the result leaves {last / level:.2g} times as much of the image unexplained as photon noise would; the psf "
        "is probably not that of the microscope: see to its width, its size, its voxel size and spherical aberration"
    )
