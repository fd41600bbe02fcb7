"""Transforms in passes: planes one by one, then columns tile by tile, each while it is in a core's cache.

A filter (transform, multiply, transform back) needs no more memory than its input and its output, and goes through
each column only once.
"""

from __future__ import annotations

import contextlib
import math
from collections.abc import Iterator

import numpy as np
import pyfftw

from rlcore_pyfftw.layout import ALIGNMENT, Complexes, Layout, Padded
from rlcore_pyfftw.plans import Kind, Plans, Transform, column_key, plane_key
from rlcore_pyfftw.team import Team

Lent = dict[int, Transform]
"""A transform for each length of batches."""


class Transforms:
    """Real transforms over all axes."""

    def __init__(self, plans: Plans, team: Team) -> None:
        self._plans, self._team = plans, team

    def forward(self, source: Padded, target: Padded) -> None:
        """Spectrum of a real array."""
        self._planes(source, target)
        self._columns(target, target, backward=False)
        target.state = "spectrum"

    def backward(self, source: Padded, target: Padded) -> None:
        """Real array of a spectrum; the planes' own transforms are left pending."""
        self._columns(source, target, forward=False)
        target.state = "pending"

    def filter(self, source: Padded, transfer: Padded, target: Padded, *, conjugate: bool) -> None:
        """Transform, multiply, transform back; the planes' own transforms back are left pending."""
        self._planes(source, target)
        self._columns(target, target, transfer=transfer.columns, conjugate=conjugate)
        target.state = "pending"

    def multiply(self, a: Padded, b: Padded, target: Padded) -> None:
        """Product of two spectra."""
        planes = a.layout.planes

        def lane(numbers: Iterator[int]) -> None:
            for start, stop in (planes[number] for number in numbers):
                np.multiply(a.columns[start:stop], b.columns[start:stop], out=target.columns[start:stop])

        self._team.run(lane, len(planes))
        target.state = "spectrum"

    def settle(self, array: Padded) -> None:
        """Do what is pending."""
        if array.state != "pending":
            return
        planes = array.layout.planes

        def lane(numbers: Iterator[int]) -> None:
            with self.settling(array) as settle:
                for number in numbers:
                    settle(*planes[number])

        self._team.run(lane, len(planes))
        array.state = "real"

    @contextlib.contextmanager
    def settling(self, array: Padded) -> Iterator[Settle]:
        """What settles a batch of planes of the array, for this thread."""
        with contextlib.ExitStack() as stack:
            lent = self._lend_planes(stack, "to reals", array.layout) if array.state == "pending" else None
            yield Settle(array, lent)

    def _planes(self, source: Padded, target: Padded) -> None:
        """Planes to their own spectra; planes of zeros, as a ratio has them outside the image, cost little."""
        planes = source.layout.planes
        kind: Kind = "to spectra in place" if source is target else "to spectra"

        def lane(numbers: Iterator[int]) -> None:
            with contextlib.ExitStack() as stack:
                lent = self._lend_planes(stack, kind, source.layout)
                for start, stop in (planes[number] for number in numbers):
                    if is_zero(source, start, stop):
                        target.spectra[start:stop] = 0
                    else:
                        lent[stop - start](source.reals[start:stop], target.spectra[start:stop])

        self._team.run(lane, len(planes))

    def _columns(
        self,
        source: Padded,
        target: Padded,
        *,
        forward: bool = True,
        backward: bool = True,
        transfer: Complexes | None = None,
        conjugate: bool = False,
    ) -> None:
        """Columns forward, times the transfer, backward and scaled: whichever of these is asked for."""
        layout = source.layout
        tiles = layout.tiles
        scale = np.float32(1 / math.prod(layout.shape))

        def lane(numbers: Iterator[int]) -> None:
            with contextlib.ExitStack() as stack:
                down = self._lend_columns(stack, "down columns", layout) if forward else {}
                up = self._lend_columns(stack, "up columns", layout) if backward else {}
                own = {width: _Tile(layout.shape[0], width) for width in tiles.lengths}
                for start, stop in (tiles[number] for number in numbers):
                    width, at = stop - start, (slice(None), slice(start, stop))
                    tile = own[width].tile
                    np.copyto(tile, source.columns[at])
                    if forward:
                        down[width](tile, tile)
                    if transfer is not None:
                        factor = transfer[at]
                        if conjugate:
                            factor = np.conjugate(factor, out=own[width].conjugate)
                        np.multiply(tile, factor, out=tile)
                    if backward:
                        up[width](tile, tile)
                        np.multiply(tile.view(np.float32), scale, out=target.columns[at].view(np.float32))
                    else:
                        target.columns[at] = tile

        self._team.run(lane, len(tiles))

    def _lend_planes(self, stack: contextlib.ExitStack, kind: Kind, layout: Layout) -> Lent:
        lengths = layout.planes.lengths
        return {n: stack.enter_context(self._plans.lend(plane_key(kind, layout, n))) for n in lengths}

    def _lend_columns(self, stack: contextlib.ExitStack, kind: Kind, layout: Layout) -> Lent:
        lengths = layout.tiles.lengths
        return {n: stack.enter_context(self._plans.lend(column_key(kind, layout, n))) for n in lengths}


class Settle:
    """Settles planes of an array, if they are pending."""

    def __init__(self, array: Padded, lent: Lent | None) -> None:
        self._array, self._lent = array, lent

    def __call__(self, start: int, stop: int) -> None:
        if self._lent is not None:
            self._lent[stop - start](self._array.spectra[start:stop], self._array.reals[start:stop])
            self._array.room[start:stop] = 0


class _Tile:
    """A thread's own memory for a tile."""

    def __init__(self, length: int, width: int) -> None:
        self.tile: Complexes = pyfftw.empty_aligned((length, width), "complex64", n=ALIGNMENT)
        self.conjugate: Complexes = pyfftw.empty_aligned((length, width), "complex64", n=ALIGNMENT)


def is_zero(array: Padded, start: int, stop: int) -> bool:
    """Whether some planes are 0 throughout; where they are not, one row mostly tells."""
    planes = array.reals[start:stop]
    return not planes[(0,) + tuple(n // 2 for n in planes.shape[1:-1])].any() and not planes.any()
