"""Distilling a point spread function from a stack of beads, aligned to a fraction of a voxel and averaged."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rlcore.backend import Shape, Volume
from rlcore.errors import InputError
from rlcore.optics.bead_field import Selection, find_beads
from rlcore.optics.edge import without_floor
from rlcore.optics.sampling import peak, shift, smooth

_ROUNDS = 5
"""Rounds of aligning beads to their average and averaging them anew."""
_SIDE = 31
"""Voxels of a PSF on each axis where no shape is given."""
_UNLIKE = 5.0
"""Standard deviations, robustly estimated, by which a bead's correlation may fall below the median."""


@dataclass(frozen=True, slots=True, eq=False)
class Distilled:
    """A PSF distilled from beads, with figures of the beads."""

    psf: Volume
    """float64, sum 1, its peak at voxel P//2 on every axis."""
    beads: Selection
    """Beads found in the stack."""
    used: int
    """Number of beads that were averaged."""
    unlike: int
    """Number of beads left out because they differ from the others: clumps, dirt."""
    likeness: tuple[float, float]
    """Median and minimum of the used beads' correlation with their average."""
    background: float
    """Background subtracted from every bead, in counts."""

    def lines(self) -> list[str]:
        """Lines of text that report the beads to people."""
        reasons = [f"{count} {reason}" for reason, count in self.beads.rejected.items() if count]
        reasons += [f"{self.unlike} unlike the others"] if self.unlike else []
        left = f"; left out: {', '.join(reasons)}" if reasons else ""
        return [
            f"{self.beads.found} beads found, {self.used} used{left}",
            f"correlation with their average: median {self.likeness[0]:.3f}, least {self.likeness[1]:.3f}",
            f"background {self.background:.4g} taken off",
        ]


def distil_psf(
    stack: Volume, window: Shape, *, threshold: float | None = None, saturation: float | None = None
) -> Distilled:
    """Average the beads of a stack.

    Each bead is shifted to fit the average best (least squares in shift, gain and background, by Gauss-Newton steps),
    the average is made anew, and so on; beads that still differ from the others are left out. The average weighs beads
    by their light. It is the PSF blurred by the bead, so beads should be small.

    Parameters
    ----------
    stack : ndarray
        Counts on 2 or 3 axes.
    window : tuple of int
        Shape of the PSF, odd or even.
    threshold, saturation : float, optional
        Options of `find_beads`.

    Returns
    -------
    Distilled

    Raises
    ------
    InputError
        If no bead is found, or if none can be used.
    """
    beads = find_beads(stack, window, threshold=threshold, saturation=saturation)
    if not beads.places:
        reasons = ", ".join(f"{count} {reason}" for reason, count in beads.rejected.items() if count)
        raise InputError(
            f"none of the {beads.found} beads can be used ({reasons}); give a smaller window or more beads"
        )
    pieces = np.stack([_cut(stack, at, window) for at in beads.places]) - beads.background
    shifts = np.array([_to_middle(piece) for piece in pieces])
    average = _average(pieces, shifts)
    for _ in range(_ROUNDS):
        shifts = np.array([_fit(piece, average, by) for piece, by in zip(pieces, shifts, strict=True)])
        average = _average(pieces, shifts)
    alike = np.array([_correlation(piece, average, by) for piece, by in zip(pieces, shifts, strict=True)])
    median = float(np.median(alike))
    # Beads without noise correlate alike to rounding; the 1e-3 keeps harmless differences from leaving them out.
    kept = alike >= median - _UNLIKE * max(1.4826 * float(np.median(np.abs(alike - median))), 1e-3)
    average = _average(pieces[kept], shifts[kept])
    # The noise of single beads has moved the place that they were aligned to; the average shows the middle.
    average = shift(average, _to_middle(average))
    psf, level = without_floor(average)
    used = int(kept.sum())
    taken = beads.background + level / used  # `level` is that of a sum of beads
    return Distilled(
        psf / psf.sum(), beads, used, len(kept) - used, (float(np.median(alike[kept])), float(alike[kept].min())), taken
    )


def usual_window(shape: Shape) -> Shape:
    """Default shape of a PSF: 31 voxels on each axis, or as many as the stack has, made odd."""
    return tuple(min(_SIDE, size - 1 + size % 2) for size in shape)


def _cut(stack: Volume, at: Shape, window: Shape) -> Volume:
    box = tuple(slice(p - w // 2, p - w // 2 + w) for p, w in zip(at, window, strict=True))
    return np.asarray(stack[box], dtype=np.float64)


def _to_middle(piece: Volume) -> list[float]:
    return [size // 2 - place for size, place in zip(piece.shape, peak(piece), strict=True)]


def _average(pieces: Volume, shifts: Volume) -> Volume:
    """Sum of the shifted beads, in which every photon counts alike, whichever bead it came from."""
    total = np.zeros(pieces.shape[1:])
    for piece, by in zip(pieces, shifts, strict=True):
        total += shift(piece, by.tolist())
    return total


def _fit(piece: Volume, average: Volume, by: Volume) -> Volume:
    """Shift of a bead after one Gauss-Newton step, which fits gain and background as well."""
    # The average is moved to the bead, not the bead to the average: it has less noise for interpolation to smooth.
    model = shift(average, (-by).tolist())
    slopes = np.gradient(model)
    columns = np.stack([model.ravel(), np.ones(model.size), *(slope.ravel() for slope in slopes)], axis=1)
    # Normal equations: voxels are many, unknowns at most five; lstsq copes with a bead flat along an axis.
    solution = np.linalg.lstsq(columns.T @ columns, columns.T @ piece.ravel(), rcond=None)[0]
    step = solution[2:] / solution[0] if solution[0] > 0 else np.zeros(piece.ndim)
    return by + np.clip(step, -0.5, 0.5)  # the linearisation is no good for longer steps


def _correlation(piece: Volume, average: Volume, by: Volume) -> float:
    """Correlation of a bead, shifted to the middle, with the average; both smoothed against noise."""
    return float(np.corrcoef(smooth(shift(piece, by.tolist())).ravel(), smooth(average).ravel())[0, 1])
