"""FFTW's plans: measured once, kept by shape, lent to threads."""

from __future__ import annotations

import contextlib
import threading
import time
from collections import OrderedDict, deque
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import numpy.typing as npt
import pyfftw

from rlcore.backend import Shape
from rlcore_pyfftw.layout import ALIGNMENT, Layout, room_for
from rlcore_pyfftw.wisdom import WisdomFile

PLANS_KEPT = 64
"""Maximum plans kept, of which a shape needs four to ten; the least recently used are dropped first."""
SECONDS_PER_BYTE, MOST_SECONDS = 4e-6, 4.0
"""Limits of the time in which FFTW measures a plan, so that a small volume does not take much longer to plan than to
restore. A plan that is cut short is not measured at all, and up to three times as slow; so the limits are several times
what an idle machine takes."""

Kind = Literal["to spectra", "to spectra in place", "to reals", "down columns", "up columns"]
Arrays = tuple[npt.NDArray[Any], npt.NDArray[Any]]
Transform = Callable[[npt.NDArray[Any], npt.NDArray[Any]], None]
"""A function that transforms the first array into the second."""

_planner = threading.Lock()
"""Lock of FFTW's planner, which is not thread-safe and one for the whole process."""


@dataclass(frozen=True, slots=True)
class Key:
    """Key of a plan: a kind of transform, and the layout of the planes or columns it transforms."""

    kind: Kind
    inner: Shape
    """Shape of a plane; for columns, their length."""
    count: int
    """Number of planes or columns."""
    stride: int = 0
    """float32 from one plane to the next."""


def plane_key(kind: Kind, layout: Layout, count: int) -> Key:
    """Key of a transform of `count` planes."""
    return Key(kind, layout.shape[1:], count, layout.stride)


def column_key(kind: Kind, layout: Layout, count: int) -> Key:
    """Key of a transform of a tile of `count` columns."""
    return Key(kind, layout.shape[:1], count)


class Plans:
    """Plans of single-threaded transforms, each lent to one thread at a time.

    Measurements fluctuate, so FFTW may choose another plan in another process, which changes the last bits of results.
    So wisdom is written to disk as soon as it grows: a later process plans, and computes, the same.
    """

    def __init__(self, wisdom: WisdomFile, kept: int = PLANS_KEPT) -> None:
        self.seconds = 0.0
        """Seconds spent on planning so far."""
        self._wisdom, self._kept = wisdom, kept
        self._loaded = False
        self._plans: OrderedDict[Key, _Plan] = OrderedDict()
        self._lock = threading.Lock()

    def __len__(self) -> int:
        return len(self._plans)

    @contextlib.contextmanager
    def lend(self, key: Key) -> Iterator[Transform]:
        """Lend a plan, as a function, to this thread alone."""
        with self._lock:
            if key not in self._plans:
                self._plans[key] = self._plan(key)
                if len(self._plans) > self._kept:
                    self._plans.popitem(last=False)
            self._plans.move_to_end(key)
            plan = self._plans[key]
        transform = plan.take()
        try:
            yield transform.into
        finally:
            plan.give_back(transform)

    def _plan(self, key: Key) -> _Plan:
        start = time.perf_counter()
        with _planner:
            if not self._loaded:
                self._wisdom.load()
                self._loaded = True
            before = pyfftw.export_wisdom()[1]
            plan = _Plan(key)
            if pyfftw.export_wisdom()[1] != before:
                self._wisdom.save()
        self.seconds += time.perf_counter() - start
        return plan


class _Plan:
    """One plan and its copies, one for each thread that has used it at the same time."""

    def __init__(self, key: Key) -> None:
        self._key = key
        # pyFFTW keeps the arrays that it last worked on alive. Between uses it is given these instead, so that large
        # arrays are freed in time.
        self._parked = _arrays(key)
        self._free = deque([self._make()])

    def take(self) -> _Transform:
        try:
            return self._free.pop()
        except IndexError:
            with _planner:
                return self._make()

    def give_back(self, transform: _Transform) -> None:
        transform.park(self._parked)
        self._free.append(transform)

    def _make(self) -> _Transform:
        transform = _Transform(self._key)
        transform.park(self._parked)
        return transform


class _Transform:
    """An FFTW plan that works on any arrays laid out like those it was made for."""

    def __init__(self, key: Key) -> None:
        source, target = _arrays(key)
        backward = key.kind in ("to reals", "up columns")
        axes = (0,) if key.kind in ("down columns", "up columns") else tuple(range(1, 1 + len(key.inner)))
        self._fftw = pyfftw.FFTW(
            source,
            target,
            axes=axes,
            direction="FFTW_BACKWARD" if backward else "FFTW_FORWARD",
            # In place there is no input to keep, and backward real transforms of several axes cannot keep theirs.
            flags=("FFTW_MEASURE", "FFTW_DESTROY_INPUT") if source is target or backward else ("FFTW_MEASURE",),
            threads=1,
            planning_timelimit=min(MOST_SECONDS, SECONDS_PER_BYTE * source.nbytes),
        )

    def into(self, source: npt.NDArray[Any], target: npt.NDArray[Any]) -> None:
        self._fftw.update_arrays(source, target)
        self._fftw.execute()

    def park(self, arrays: Arrays) -> None:
        self._fftw.update_arrays(*arrays)


def _arrays(key: Key) -> Arrays:
    """Arrays laid out as the key says, contents undefined; one array for both in place."""
    if key.kind in ("down columns", "up columns"):
        tile = pyfftw.empty_aligned((*key.inner, key.count), "complex64", n=ALIGNMENT)
        return tile, tile
    source = room_for(key.count, key.inner, key.stride)[1]
    reals, spectra = source[..., : key.inner[-1]], source.view(np.complex64)
    if key.kind == "to reals":
        return spectra, reals
    if key.kind == "to spectra in place":
        return reals, spectra
    return reals, room_for(key.count, key.inner, key.stride)[1].view(np.complex64)
