"""Boundaries: the domain of the estimate outside the image, and the weight 1 / (H^T 1)."""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Literal, cast, get_args

import numpy as np
import numpy.typing as npt

from rlcore.backend import Box, Shape, Volume
from rlcore.errors import InputError

Boundary = Literal["extended", "zero", "periodic"]
BOUNDARIES: tuple[str, ...] = get_args(Boundary)

MINIMUM_REACH = 1e-3
"""A voxel keeps its starting value if less than this share of its light reaches the image."""

_KEPT_BYTES = 64 << 20
"""Bytes of weight tables that are cached for later sweeps."""


@dataclass(frozen=True, slots=True)
class Geometry:
    """Shapes of image and PSF, and the reach of light between voxels. All coordinates are the image's."""

    image_shape: Shape
    psf_shape: Shape
    centre: Shape
    """Voxel of the PSF from which light spreads."""
    boundary: Boundary

    @property
    def image(self) -> Box:
        return Box((0,) * len(self.image_shape), self.image_shape)

    @property
    def wraps(self) -> bool:
        return self.boundary == "periodic"

    @property
    def reach(self) -> tuple[Shape, Shape]:
        """Numbers of voxels before and after a voxel from which light reaches it."""
        return tuple(p - 1 - c for p, c in zip(self.psf_shape, self.centre, strict=True)), self.centre

    @property
    def domain(self) -> Box:
        """The voxels where the estimate may differ from 0."""
        if self.boundary != "extended":
            return self.image
        before, after = self.reach
        return Box(tuple(-n for n in before), tuple(n + m for n, m in zip(self.image_shape, after, strict=True)))

    @property
    def minimum_shape(self) -> Shape:
        """Shape of the smallest transform that holds the whole volume; `periodic` needs exactly this shape.

        `extended` needs every voxel of its domain once. For `zero` the estimate and the ratio both live on the image,
        so light that wraps only has to miss it: the longer arm of the PSF is room enough.
        """
        if self.boundary == "zero":
            arms = (max(a, b) for a, b in zip(*self.reach, strict=True))
            return tuple(n + min(arm, n - 1) for n, arm in zip(self.image_shape, arms, strict=True))
        return self.domain.shape

    def trimmed(self) -> Geometry:
        """The geometry without those voxels of the PSF that connect no two voxels of the image, for boundary "zero"."""
        if self.boundary != "zero":
            return self
        first = tuple(max(0, c - (n - 1)) for c, n in zip(self.centre, self.image_shape, strict=True))
        last = tuple(min(p, c + n) for p, c, n in zip(self.psf_shape, self.centre, self.image_shape, strict=True))
        shape = tuple(b - a for a, b in zip(first, last, strict=True))
        return replace(self, psf_shape=shape, centre=tuple(c - a for c, a in zip(self.centre, first, strict=True)))


def check_boundary(name: str) -> Boundary:
    """The name, if it is a known boundary.

    Raises
    ------
    InputError
        If it is unknown; the message lists the choices.
    """
    if name not in BOUNDARIES:
        raise InputError(f"boundary {name!r} is unknown; choose from {', '.join(map(repr, BOUNDARIES))}")
    return cast("Boundary", name)


@dataclass(frozen=True, slots=True, eq=False)
class WeightTable:
    """Weights of a box; the weight of voxel (i, j, k) is ``values[index[0][i], index[1][j], index[2][k]]``."""

    values: Volume
    """float64, one entry for each combination of spans that occurs."""
    index: tuple[npt.NDArray[np.intp], ...]


@dataclass(frozen=True, slots=True, eq=False)
class _Side:
    """One axis of a box: the distinct spans of the PSF, the span of each voxel, and whether all are the whole PSF."""

    spans: npt.NDArray[np.intp]
    index: npt.NDArray[np.intp]
    interior: bool


class Weights:
    """The weight w = 1 / (H^T 1_image) of every voxel, in compact form.

    ``(H^T 1_image)(y)`` sums the PSF over a box that depends on how near `y` is to the image's edges, so it takes
    eight look-ups in the PSF's summed-area table, in double precision, and only as many different values exist along
    an axis as the PSF is long (Bertero & Boccacci 2005 give the weighting).

    It is 0 for voxels that keep their value: those of which less than `MINIMUM_REACH` reaches the image, which stay at
    their start, and those outside the estimate's domain, which stay 0.
    """

    def __init__(self, psf: Volume, geometry: Geometry) -> None:
        self._geometry = geometry
        self._sums: npt.NDArray[np.float64] = np.asarray(psf, dtype=np.float64)
        for axis in range(psf.ndim):
            self._sums = np.cumsum(self._sums, axis=axis)
        self._sums = np.pad(self._sums, [(1, 0)] * psf.ndim)
        self._complete = bool(self._sums.flat[-1] > 1 - 1e-9)  # a PSF that was trimmed has lost some light
        self._sides: dict[tuple[int, int, int], _Side] = {}
        self._tables: dict[Box, WeightTable] = {}

    def of(self, box: Box) -> WeightTable | None:
        """The weights of `box`; None where all are 1."""
        if self._geometry.wraps:
            return None
        if box not in self._tables:
            sides = [self._side(axis, a, b) for axis, (a, b) in enumerate(zip(box.start, box.stop, strict=True))]
            if self._complete and all(side.interior for side in sides):
                return None
            values = _encode(self._reach([side.spans for side in sides]), [side.spans[:, 2] for side in sides])
            self._keep(box, WeightTable(values, tuple(side.index for side in sides)))
        return self._tables[box]

    def domain_in(self, box: Box) -> WeightTable | None:
        """1 for the voxels of `box` that may hold light, 0 for the others; None where all may."""
        if self._geometry.wraps or box.intersect(self._geometry.domain) == box:
            return None
        domain = self._geometry.domain
        sides = zip(box.start, box.stop, domain.start, domain.stop, strict=True)
        index = tuple(
            ((np.arange(start, stop) >= first) & (np.arange(start, stop) < last)).astype(np.intp)
            for start, stop, first, last in sides
        )
        values = np.zeros((2,) * len(index))
        values[(1,) * len(index)] = 1.0
        return WeightTable(values, index)

    def _keep(self, box: Box, table: WeightTable) -> None:
        """Cache a table within bounds, since the same blocks occur in every sweep."""
        kept = [other.values.nbytes for other in self._tables.values()]
        if sum(kept) + table.values.nbytes > _KEPT_BYTES:
            self._tables.clear()
        self._tables[box] = table

    def _side(self, axis: int, start: int, stop: int) -> _Side:
        """Spans of the PSF for a block's extent along one axis."""
        if (axis, start, stop) not in self._sides:
            spans = self._spans(axis, start, stop)
            length = self._geometry.psf_shape[axis]
            key = np.ravel_multi_index(tuple(spans.T), (length + 1, length + 1, 2))
            _, first, index = np.unique(key, return_index=True, return_inverse=True)
            interior = _is_interior(spans, length)
            self._sides[axis, start, stop] = _Side(spans[first], np.asarray(index, np.intp).reshape(-1), interior)
        return self._sides[axis, start, stop]

    def _spans(self, axis: int, start: int, stop: int) -> npt.NDArray[np.intp]:
        """The span of PSF voxels through which each voxel's light reaches the image, and 1 if it may hold light."""
        geometry = self._geometry
        n, p, c = geometry.image_shape[axis], geometry.psf_shape[axis], geometry.centre[axis]
        y = np.arange(start, stop)
        inside = (y >= geometry.domain.start[axis]) & (y < geometry.domain.stop[axis])
        return np.stack([np.clip(c - y, 0, p), np.clip(n - y + c, 0, p), inside], axis=1)

    def _reach(self, spans: list[npt.NDArray[np.intp]]) -> npt.NDArray[np.float64]:
        """Share of light that reaches the image, for every combination of spans.

        The last axis comes first, while the table is small, since its entries lie scattered in memory.
        """
        sums = self._sums
        for axis in range(sums.ndim - 1, 0, -1):
            first, last = spans[axis][:, 0], spans[axis][:, 1]
            sums = np.take(sums, last, axis=axis) - np.take(sums, first, axis=axis)
        total = np.empty((len(spans[0]), *sums.shape[1:]))
        for plane, (start, stop, _) in zip(total, spans[0], strict=True):
            np.subtract(sums[stop], sums[start], out=plane)
        return total


def _is_interior(spans: npt.NDArray[np.intp], length: int) -> bool:
    """True if every voxel reaches the image through the whole PSF."""
    return bool(np.all((spans[:, 0] == 0) & (spans[:, 1] == length) & (spans[:, 2] == 1)))


def _encode(reach: npt.NDArray[np.float64], inside: list[npt.NDArray[np.intp]]) -> Volume:
    """Weights, computed in place from shares of light."""
    weight: Volume = reach
    unseen = reach < MINIMUM_REACH
    np.divide(1.0, reach, out=weight, where=~unseen)
    weight[unseen] = 0.0
    for axis, flags in enumerate(inside):
        if not flags.all():
            weight *= flags.reshape([-1 if a == axis else 1 for a in range(reach.ndim)])
    return weight
