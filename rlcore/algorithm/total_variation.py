"""Total variation: of estimates that fit equally well, one whose neighbouring voxels differ less is preferred.

After Dey et al. 2006 (Microsc. Res. Tech. 69, 260), every step from a point y is divided by

    1 - weight * div( g / sqrt(|g|^2 + (slack y)^2) )         g = the forward differences of y

which equals w = 1 / (H^T 1 - weight * div(...)) where all of a voxel's light reaches the image. Where less of it does,
the prior is weakened in the same proportion as the data, so that the divisor stays near 1; voxels that the data do not
reach at all follow their neighbours. No difference is taken across the edge of the estimate's domain. A step needs the
voxels next to it, diagonal ones included, and no others.
"""

from __future__ import annotations

from rlcore.algorithm.ranges import in_range
from rlcore.errors import InputError

DEFAULT_WEIGHT = 0.002
MAXIMUM_WEIGHT = 0.1
"""Beyond it the divisor may approach 0: the divergence lies between -4.8 and 4.8."""

SLACK = 12.0
"""The slack above in units of the weight. Slopes below this share of a voxel are reduced in proportion to themselves:
a step takes 12 weights over the slack of a voxel's difference from its six neighbours, which is all of it. A slack
smaller than half of this would overshoot without end and amplify rounding without bounds; with acceleration, one
smaller than three quarters."""

EPSILON_SHARE = 1e-6
"""Smallest divisor of slopes, as a share of the starting constant, which is the mean of the image."""

REACH = 1
"""Voxels on each side that a step needs."""


def check_weight(weight: float) -> float:
    """The weight, if steps are stable with it.

    Raises
    ------
    InputError
        If it is not a number above 0 and up to `MAXIMUM_WEIGHT`.
    """
    if not (in_range(weight, 0, MAXIMUM_WEIGHT) and weight > 0):
        raise InputError(
            f"tv_weight {weight!r} is not a number above 0 and up to {MAXIMUM_WEIGHT}; try {DEFAULT_WEIGHT}"
        )
    return float(weight)
