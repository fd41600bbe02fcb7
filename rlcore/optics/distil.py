"""A point spread function distilled from a stack of beads: aligned to a fraction of a voxel, and averaged."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from rlcore.backend import Shape, Volume
from rlcore.errors import InputError
from rlcore.optics.bead_field import Selection, find_beads
from rlcore.optics.mend import without_floor
from rlcore.optics.sampling import peak, shift, smooth

_ROUNDS = 5
_SIDE = 31
_UNLIKE = 5.0
"""Of the usual deviation: a bead that is as much less like the average is left out."""


@dataclass(frozen=True, slots=True, eq=False)
class Distilled:
    """A PSF, and the beads that it was had from."""

    psf: Volume
    """float64, sum 1, its peak at voxel P//2 on every axis."""
    beads: Selection
    used: int
    unlike: int
    """Beads left out because they differ from the others: clumps, dirt."""
    likeness: tuple[float, float]
    """Correlation of the used beads with their average: the median, and the least."""
    background: float
    """What was taken off, in counts."""

    def lines(self) -> list[str]:
        """What people read."""
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

    Each bead is brought to the same place by the shift that fits it best to the average (least squares of shift, gain
    and background, by Gauss and Newton), the average is made anew, and so on; beads that stay unlike are left out. The
    average weighs beads by their light. What beads measure is the PSF blurred by the bead: take small ones.

    Parameters
    ----------
    stack : ndarray
        Counts on 2 or 3 axes.
    window : tuple of int
        Shape of the PSF, odd or even.
    threshold, saturation
        As for `find_beads`.

    Raises
    ------
    InputError
        If no bead can be used.
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
    alike = np.array([_likeness(piece, average, by) for piece, by in zip(pieces, shifts, strict=True)])
    usual = float(np.median(alike))
    kept = alike >= usual - _UNLIKE * max(1.4826 * float(np.median(np.abs(alike - usual))), 1e-3)
    average = _average(pieces[kept], shifts[kept])
    average = shift(average, _to_middle(average))
    psf, level = without_floor(average)
    used = int(kept.sum())
    taken = beads.background + level / used
    return Distilled(
        psf / psf.sum(), beads, used, len(kept) - used, (float(np.median(alike[kept])), float(alike[kept].min())), taken
    )


def usual_window(shape: Shape) -> Shape:
    """Of the PSF where none is asked for: 31 voxels on each axis, or as many, odd, as the stack has."""
    return tuple(min(_SIDE, size - 1 + size % 2) for size in shape)


def _cut(stack: Volume, at: Shape, window: Shape) -> Volume:
    box = tuple(slice(p - w // 2, p - w // 2 + w) for p, w in zip(at, window, strict=True))
    return np.asarray(stack[box], dtype=np.float64)


def _to_middle(piece: Volume) -> list[float]:
    return [size // 2 - place for size, place in zip(piece.shape, peak(piece), strict=True)]


def _average(pieces: Volume, shifts: Volume) -> Volume:
    """The sum: photons count alike whichever bead they came from."""
    total = np.zeros(pieces.shape[1:])
    for piece, by in zip(pieces, shifts, strict=True):
        total += shift(piece, by.tolist())
    return total


def _fit(piece: Volume, average: Volume, by: Volume) -> Volume:
    """A better shift: gain and background besides, linearised about the average moved to where the bead is."""
    model = shift(average, (-by).tolist())
    slopes = np.gradient(model)
    columns = np.stack([model.ravel(), np.ones(model.size), *(slope.ravel() for slope in slopes)], axis=1)
    solution = np.linalg.lstsq(columns.T @ columns, columns.T @ piece.ravel(), rcond=None)[0]
    step = solution[2:] / solution[0] if solution[0] > 0 else np.zeros(piece.ndim)
    return by + np.clip(step, -0.5, 0.5)


def _likeness(piece: Volume, average: Volume, by: Volume) -> float:
    """Correlation of a bead, brought to the middle, with the average."""
    return float(np.corrcoef(smooth(shift(piece, by.tolist())).ravel(), smooth(average).ravel())[0, 1])
