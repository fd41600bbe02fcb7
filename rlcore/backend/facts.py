"""Values that a backend exchanges with the rest of rlcore: its facts, its figures, and sums over voxels."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

Volume = npt.NDArray[Any]
"""A NumPy array of 2 or 3 axes in host memory."""


@dataclass(frozen=True, slots=True)
class Facts:
    """Fixed properties of a backend on its device."""

    dtype: np.dtype[Any] = np.dtype(np.float32)  # noqa: RUF009 - a dtype is immutable
    """Type of real arrays: float32, or float64 for reference runs."""
    on_host: bool = False
    """True if arrays live in the host's own memory, so that plans count this memory once."""
    buffer_limit: int | None = None
    """Bytes of the largest single allocation; None without such a limit."""


@dataclass(frozen=True, slots=True)
class Footprint:
    """Bytes that transforms of one shape need on the device."""

    real: int
    """One real array of the shape."""
    spectrum: int
    """One spectrum of the shape."""
    scratch: int
    """Memory that operations need besides the arrays they are given: work areas and temporary arrays."""


@dataclass(frozen=True, slots=True)
class IterationOptions:
    """Options of a run that change how many arrays an iteration holds."""

    half: bool = False
    """A half-step alone instead of a whole iteration."""
    momentum: bool = False
    """Steps start from an extrapolated point, which needs the previous estimate."""
    adaptive: bool = False
    """The momentum depends on earlier steps, which needs the previous extrapolated point."""
    split: bool = False
    """The counts are split into two halves in every iteration."""


@dataclass(frozen=True, slots=True)
class LiveArrays:
    """Numbers of arrays of a block's shape that an iteration holds at once."""

    reals: int
    spectra: int

    def bytes(self, footprint: Footprint) -> int:
        """Bytes of these arrays and of the scratch memory beside them."""
        return self.reals * footprint.real + self.spectra * footprint.spectrum + footprint.scratch


@dataclass(frozen=True, slots=True)
class Device:
    """One device that a backend can run on, as the survey shows it."""

    index: int
    name: str
    memory: int | None = None
    """Total bytes; None where the library does not report them."""
    buffer_limit: int | None = None
    """Bytes of the largest single allocation; None without such a limit."""


@dataclass(frozen=True, slots=True)
class Summary:
    """Range and sum of an array; `total` is NaN or infinite if any voxel is."""

    minimum: float
    maximum: float
    total: float


class Fit(NamedTuple):
    """Agreement of data with a model, summed over voxels."""

    divergence: float
    """Csiszar's I-divergence, the sum of ``d ln(d/m) - d + m``, where ``0 ln 0`` is 0."""
    light: float
    """Sum of the model."""
    counts: float
    """Sum of the data."""


class InnerProducts(NamedTuple):
    """Inner products of the two latest steps of a run, from which Biggs' acceleration takes its momentum."""

    product: float
    """The newer step with the older."""
    square: float
    """The older step with itself."""

    def momentum(self, maximum: float) -> float:
        """``product / square`` within 0 and `maximum`; 0 if the square is 0."""
        return min(max(self.product / self.square, 0.0), maximum) if self.square > 0 else 0.0
