"""What lies outside the image: where the estimate lives, and the weight 1 / (H^T 1)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any, Literal, cast, get_args

import numpy as np
import numpy.typing as npt

from rlcore.backend import Shape, Volume
from rlcore.blocks import Box
from rlcore.errors import InputError

Boundary = Literal["extended", "zero", "periodic"]
BOUNDARIES: tuple[str, ...] = get_args(Boundary)

LEAST_REACH = 1e-3
"""Where less of a voxel's light than this reaches the image, the voxel keeps its starting value."""


@dataclass(frozen=True, slots=True)
class Geometry:
    """Shapes, and which voxels matter to which. All coordinates are the image's."""

    image_shape: Shape
    psf_shape: Shape
    centre: Shape
    """Voxel of the PSF that light spreads about."""
    boundary: Boundary

    @property
    def image(self) -> Box:
        return Box((0,) * len(self.image_shape), self.image_shape)

    @property
    def wraps(self) -> bool:
        return self.boundary == "periodic"

    @property
    def reach(self) -> tuple[Shape, Shape]:
        """Voxels before and after a voxel from which light reaches it: the PSF's span about its centre."""
        return tuple(p - 1 - c for p, c in zip(self.psf_shape, self.centre, strict=True)), self.centre

    @property
    def domain(self) -> Box:
        """Where the estimate may differ from 0."""
        if self.boundary != "extended":
            return self.image
        before, after = self.reach
        return Box(tuple(-n for n in before), tuple(n + m for n, m in zip(self.image_shape, after, strict=True)))

    @property
    def least_shape(self) -> Shape:
        """The smallest transform that holds the whole volume: exact for `periodic`, any larger one for the others.

        `extended` needs every voxel of its domain once. For `zero` the estimate and the ratio both live on the image,
        so light that wraps only has to miss it: the longer arm of the PSF is room enough.
        """
        if self.boundary == "zero":
            arms = (max(a, b) for a, b in zip(*self.reach, strict=True))
            return tuple(n + min(arm, n - 1) for n, arm in zip(self.image_shape, arms, strict=True))
        return self.domain.shape

    def trimmed(self) -> Geometry:
        """The same for a PSF without those voxels that join no two voxels of the image, if nothing else matters."""
        if self.boundary != "zero":
            return self
        first = tuple(max(0, c - (n - 1)) for c, n in zip(self.centre, self.image_shape, strict=True))
        last = tuple(min(p, c + n) for p, c, n in zip(self.psf_shape, self.centre, self.image_shape, strict=True))
        shape = tuple(b - a for a, b in zip(first, last, strict=True))
        return replace(self, psf_shape=shape, centre=tuple(c - a for c, a in zip(self.centre, first, strict=True)))


def check_boundary(name: str) -> Boundary:
    """The name, if it is one; InputError naming the choices otherwise."""
    if name not in BOUNDARIES:
        raise InputError(f"boundary {name!r} is unknown; choose from {', '.join(map(repr, BOUNDARIES))}")
    return cast("Boundary", name)


@dataclass(frozen=True, slots=True, eq=False)
class WeightTable:
    """Weights of a box: that of voxel (i, j, k) is ``values[index[0][i], index[1][j], index[2][k]]``."""

    values: Volume
    """float64, one entry for each combination of spans that occurs."""
    index: tuple[npt.NDArray[np.intp], ...]


class Weights:
    """The weight w = 1 / (H^T 1_image) of every voxel, in compact form.

    ``(H^T 1_image)(y)`` sums the PSF over a box that depends on how near `y` is to the image's edges, so it takes
    eight look-ups in the PSF's summed-area table, in double precision, and only as many different values exist along
    an axis as the PSF is long (Bertero & Boccacci 2005 give the weighting).

    It is 0 for voxels that keep their value: those of which less than `LEAST_REACH` reaches the image, which stay at
    their start, and those outside the estimate's domain, which stay 0.
    """

    def __init__(self, psf: Volume, geometry: Geometry) -> None:
        self._geometry = geometry
        self._sums: npt.NDArray[np.float64] = np.asarray(psf, dtype=np.float64)
        for axis in range(psf.ndim):
            self._sums = np.cumsum(self._sums, axis=axis)
        self._sums = np.pad(self._sums, [(1, 0)] * psf.ndim)
        self._complete = bool(self._sums.flat[-1] > 1 - 1e-9)  # a PSF that was trimmed has lost some light

    def of(self, box: Box) -> WeightTable | None:
        """The weights of `box`; None where all are 1."""
        if self._geometry.wraps:
            return None
        spans = [self._spans(axis, a, b) for axis, (a, b) in enumerate(zip(box.start, box.stop, strict=True))]
        if self._complete and all(map(_is_interior, spans, self._geometry.psf_shape)):
            return None
        lengths = self._geometry.psf_shape
        keys = [np.ravel_multi_index(tuple(s.T), (p + 1, p + 1, 2)) for s, p in zip(spans, lengths, strict=True)]
        unique = [np.unique(key, return_index=True, return_inverse=True) for key in keys]
        different = [span[u[1]] for span, u in zip(spans, unique, strict=True)]
        values = _encode(self._reach(different), [span[:, 2] for span in different])
        return WeightTable(values, tuple(np.asarray(u[2], dtype=np.intp).reshape(-1) for u in unique))

    def _spans(self, axis: int, start: int, stop: int) -> npt.NDArray[np.intp]:
        """For each voxel: the span of PSF voxels through which it reaches the image, and whether it may hold light."""
        geometry = self._geometry
        n, p, c = geometry.image_shape[axis], geometry.psf_shape[axis], geometry.centre[axis]
        y = np.arange(start, stop)
        inside = (y >= geometry.domain.start[axis]) & (y < geometry.domain.stop[axis])
        return np.stack([np.clip(c - y, 0, p), np.clip(n - y + c, 0, p), inside], axis=1)

    def _reach(self, spans: list[npt.NDArray[np.intp]]) -> npt.NDArray[np.float64]:
        """Share of light that reaches the image, for every combination of spans."""
        total: Any = self._sums
        for axis, span in enumerate(spans):
            total = np.take(total, span[:, 1], axis=axis) - np.take(total, span[:, 0], axis=axis)
        return np.asarray(total)


def _is_interior(spans: npt.NDArray[np.intp], length: int) -> bool:
    """Whether every voxel reaches the image through the whole PSF."""
    return bool(np.all((spans[:, 0] == 0) & (spans[:, 1] == length) & (spans[:, 2] == 1)))


def _encode(reach: npt.NDArray[np.float64], inside: list[npt.NDArray[np.intp]]) -> Volume:
    weight: Volume = np.where(reach >= LEAST_REACH, 1.0 / np.maximum(reach, LEAST_REACH), 0.0)
    for axis, flags in enumerate(inside):
        weight *= flags.reshape([-1 if a == axis else 1 for a in range(reach.ndim)])
    return weight
