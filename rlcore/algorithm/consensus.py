"""Gradient consensus: a voxel changes only where two halves of the counts agree on the direction (RLGC, Manton & York).

In every iteration the counts are split binomially, g = g_1 + g_2, and each half yields a correction:

    c_i = H^T ( 2 g_i / (H f + b) - 1 )        u = 1 + w (c_1 + c_2) / 2

The mean of the two is the correction of all counts, so the image itself is fitted, once. Where c_1 and c_2 have
different signs the voxel keeps its value. A correction fades in where one of the two is small, so that the result does
not depend on rounding: it is taken whole unless one is less than an eighteenth of the other.

The split takes the bits of a hash of the voxel's position in the image, the iteration and the seed (the mixing function
of Steele, Lea & Flood 2014), so it depends neither on the plan nor on the backend. For counts above the number of bits
in a word, and for fractions of a count, the split has the mean and the variance of a binomial one. The formulae are in
`rlcore.backend.formulas.consensus`, since backends have versions of their own.
"""

from __future__ import annotations

from rlcore.backend.formulas.consensus import mixed


def key_of(seed: int, iteration: int) -> int:
    """A key of 64 bits for the split of one iteration of a run."""
    return mixed(mixed(seed) + iteration)
