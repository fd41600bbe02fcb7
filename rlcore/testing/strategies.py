"""Hypothesis strategies for shapes and PSFs: odd and even, 2D and 3D, axes of a single voxel."""

from __future__ import annotations

import numpy as np
from hypothesis import strategies as st
from hypothesis.strategies import DrawFn, SearchStrategy

from rlcore.backend import Shape
from rlcore.optics.psf import PSF


def shapes(
    *, ndim: int | None = None, least: int = 1, most: int = 13, most_voxels: int = 1500
) -> SearchStrategy[Shape]:
    """Generate shapes of 2 or 3 axes.

    Parameters
    ----------
    ndim : int, optional
        Number of axes, 2 or 3; either if None.
    least, most : int
        Bounds of the voxels on every axis.
    most_voxels : int
        Bound of the voxels in all, so that a test stays quick.
    """
    axes = st.integers(2, 3) if ndim is None else st.just(ndim)
    sizes = axes.flatmap(lambda count: st.tuples(*[st.integers(least, most)] * count))
    return sizes.filter(lambda shape: int(np.prod(shape)) <= most_voxels)


@st.composite
def psfs(draw: DrawFn, *, ndim: int | None = None, most: int = 7) -> PSF:
    """Generate PSFs of random values and sum 1, about a random centre that holds at least a tenth of the light.

    The centre is never dark, because voxels that hardly reach the image have large weights, which amplify the rounding
    of any backend. `ndim` is the number of axes, either 2 or 3 if None; `most` bounds the voxels on each.
    """
    shape = draw(shapes(ndim=ndim, most=most))
    centre = tuple(draw(st.integers(0, n - 1)) for n in shape)
    # One drawn seed, not a drawn value per voxel: hypothesis shrinks it faster. The cube makes a few voxels stand out.
    values = np.random.default_rng(draw(st.integers(0, 2**16))).random(shape) ** 3
    values *= 0.9 / values.sum()
    values[centre] += 0.1
    return PSF(values, centre)
