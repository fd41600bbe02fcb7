"""Transforms in passes: planes one by one, then columns tile by tile, each while it is in a core's cache.

A filter (transform, multiply, transform back) needs no memory but its input and output, and passes through each column
only once.
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
"""Lent transforms, by the length of the batches that they transform."""


class Transforms:
    """Transforms of real arrays over all axes, and filters made of them."""

    def __init__(self, plans: Plans, team: Team) -> None:
        self._plans, self._team = plans, team

    def forward(self, source: Padded, target: Padded) -> None:
        """Write the spectrum of a real array."""
        self._planes(source, target)
        self._columns(target, target, backward=False)
        target.state = "spectrum"

    def backward(self, source: Padded, target: Padded) -> None:
        """Write the real array of a spectrum; the transforms of its planes are left pending."""
        self._columns(source, target, forward=False)
        target.state = "pending"

    def filter(self, source: Padded, otf: Padded, target: Padded, *, conjugate: bool) -> None:
        """Multiply the spectrum by an OTF, or its conjugate, and transform back; planes are left pending."""
        self._planes(source, target)
        self._columns(target, target, otf=otf.columns, conjugate=conjugate)
        target.state = "pending"

    def multiply(self, a: Padded, b: Padded, target: Padded) -> None:
        """Write the product of two spectra."""
        planes = a.layout.planes

        def work(numbers: Iterator[int]) -> None:
            for start, stop in (planes[number] for number in numbers):
                np.multiply(a.columns[start:stop], b.columns[start:stop], out=target.columns[start:stop])

        self._team.run(work, len(planes))
        target.state = "spectrum"

    def settle(self, array: Padded) -> None:
        """Complete the pending transforms of an array, if there are any."""
        if array.state != "pending":
            return
        planes = array.layout.planes

        def work(numbers: Iterator[int]) -> None:
            with self.settling(array) as settle:
                for number in numbers:
                    settle(*planes[number])

        self._team.run(work, len(planes))
        array.state = "real"

    @contextlib.contextmanager
    def settling(self, array: Padded) -> Iterator[Settle]:
        """Give this thread a function that completes a batch of planes of the array."""
        with contextlib.ExitStack() as stack:
            lent = self._lend_planes(stack, "to reals", array.layout) if array.state == "pending" else None
            yield Settle(array, lent)

    def _planes(self, source: Padded, target: Padded) -> None:
        """Transform each plane. Planes of zeros, which a ratio has outside the image, cost little."""
        planes = source.layout.planes
        kind: Kind = "to spectra in place" if source is target else "to spectra"

        def work(numbers: Iterator[int]) -> None:
            with contextlib.ExitStack() as stack:
                lent = self._lend_planes(stack, kind, source.layout)
                for start, stop in (planes[number] for number in numbers):
                    if is_zero(source, start, stop):
                        target.spectra[start:stop] = 0
                    else:
                        lent[stop - start](source.reals[start:stop], target.spectra[start:stop])

        self._team.run(work, len(planes))

    def _columns(
        self,
        source: Padded,
        target: Padded,
        *,
        forward: bool = True,
        backward: bool = True,
        otf: Complexes | None = None,
        conjugate: bool = False,
    ) -> None:
        """Pass through the columns: transform, multiply by an OTF, transform back and scale, as far as asked for."""
        layout = source.layout
        tiles = layout.tiles
        scale = np.float32(1 / math.prod(layout.shape))

        def work(numbers: Iterator[int]) -> None:
            with contextlib.ExitStack() as stack:
                down = self._lend_columns(stack, "down columns", layout) if forward else {}
                up = self._lend_columns(stack, "up columns", layout) if backward else {}
                own = {width: _Tile(layout.shape[0], width) for width in tiles.lengths}
                for start, stop in (tiles[number] for number in numbers):
                    width, at = stop - start, (slice(None), slice(start, stop))
                    tile = own[width].tile
                    # Values of a column are a plane apart; in a tile of its own they fit into the cache.
                    np.copyto(tile, source.columns[at])
                    if forward:
                        down[width](tile, tile)
                    if otf is not None:
                        factor = otf[at]
                        if conjugate:
                            factor = np.conjugate(factor, out=own[width].conjugate)
                        np.multiply(tile, factor, out=tile)
                    if backward:
                        up[width](tile, tile)
                        # As reals: a complex product takes four multiplications.
                        np.multiply(tile.view(np.float32), scale, out=target.columns[at].view(np.float32))
                    else:
                        target.columns[at] = tile

        self._team.run(work, len(tiles))

    def _lend_planes(self, stack: contextlib.ExitStack, kind: Kind, layout: Layout) -> Lent:
        lengths = layout.planes.lengths
        return {n: stack.enter_context(self._plans.lend(plane_key(kind, layout, n))) for n in lengths}

    def _lend_columns(self, stack: contextlib.ExitStack, kind: Kind, layout: Layout) -> Lent:
        lengths = layout.tiles.lengths
        return {n: stack.enter_context(self._plans.lend(column_key(kind, layout, n))) for n in lengths}


class Settle:
    """Function that completes planes of an array, if they are pending."""

    def __init__(self, array: Padded, lent: Lent | None) -> None:
        self._array, self._lent = array, lent

    def __call__(self, start: int, stop: int) -> None:
        if self._lent is not None:
            self._lent[stop - start](self._array.spectra[start:stop], self._array.reals[start:stop])
            self._array.room[start:stop] = 0  # steps go through rows and room alike, so it has to stay finite


class _Tile:
    """Memory of one thread for a tile, and for the conjugate of its part of the OTF."""

    def __init__(self, length: int, width: int) -> None:
        self.tile: Complexes = pyfftw.empty_aligned((length, width), "complex64", n=ALIGNMENT)
        self.conjugate: Complexes = pyfftw.empty_aligned((length, width), "complex64", n=ALIGNMENT)


def is_zero(array: Padded, start: int, stop: int) -> bool:
    """Return True if planes `start` to `stop` are 0 throughout; a row in the middle decides most cases."""
    planes = array.reals[start:stop]
    return not planes[(0,) + tuple(n // 2 for n in planes.shape[1:-1])].any() and not planes.any()
