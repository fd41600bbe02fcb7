"""The backend: FFTW through pyFFTW, on the host's own processors, in float32."""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from rlcore.backend import Backend, Box, Facts, Fit, Footprint, InnerProducts, Shape, Volume
from rlcore.backend.formulas.total_variation import SLAB
from rlcore.backend.host.memory import host_free, processors
from rlcore.errors import BackendError, BackendUnavailable
from rlcore_pyfftw.elementwise import (
    Elementwise,
    Operation,
    Real,
    agreement,
    at_least,
    plus,
    point_with,
    product,
    quotient,
    ratio_less_one,
    total,
    update,
    weighted_update,
    written,
)
from rlcore_pyfftw.fit import fit
from rlcore_pyfftw.inner_products import inner_products
from rlcore_pyfftw.layout import PIECE, Padded, Spread, layout_of
from rlcore_pyfftw.lengths import fast_length, time_per_voxel
from rlcore_pyfftw.moving_boxes import copy, cut, fill, mirror, paste
from rlcore_pyfftw.plans import Plans
from rlcore_pyfftw.regularize import halve, smooth
from rlcore_pyfftw.team import Team
from rlcore_pyfftw.transforms import Transforms
from rlcore_pyfftw.wisdom import WisdomFile, processor_name

Array = Real
"""A real array or a spectrum; `Spread` is a real array of few different rows."""


class PyFFTWBackend(Backend[Real]):
    """Richardson-Lucy on the CPU through FFTW.

    Parameters
    ----------
    device : str or int, optional
        None, 0 or "cpu"; there is no other device.
    threads : int, optional
        Number of threads; by default the processors that this process may use (by affinity and control groups). Results
        do not depend on it.
    wisdom : WisdomFile, optional
        File for measured plans; one in the user's cache folder by default.

    Raises
    ------
    BackendUnavailable
        If another device is named.
    BackendError
        If `threads` is less than 1.
    """

    name = "pyfftw"
    facts = Facts(on_host=True)

    def __init__(
        self, device: str | int | None = None, *, threads: int | None = None, wisdom: WisdomFile | None = None
    ) -> None:
        if device not in (None, 0, "0", "cpu", "CPU"):
            raise BackendUnavailable(f"backend 'pyfftw' has no device {device!r}; it runs on the CPU")
        if threads is not None and threads < 1:
            raise BackendError(f"threads {threads!r} is not a positive number; leave it out to use all processors")
        self.device = processor_name()
        self.threads = threads or processors()
        team = Team(self.threads)
        self._team = team
        self._plans = Plans(wisdom or WisdomFile())
        self._transforms = Transforms(self._plans, team)
        self._elementwise = Elementwise(self._transforms, team)

    @property
    def planning_seconds(self) -> float:
        """Seconds spent on planning so far."""
        return self._plans.seconds

    # --- four questions of the planner

    def free_bytes(self) -> int:
        return host_free()[0]

    def footprint(self, shape: Shape) -> Footprint:
        layout = layout_of(tuple(shape))
        # Of every thread: two tiles of columns for each of the (at most two) widths, and three temporary pieces.
        transforms = sum(2 * 8 * shape[0] * width for width in layout.tiles.lengths) + 3 * 4 * PIECE
        smoothing = 8 * 4 * max(layout.stride, SLAB)
        return Footprint(layout.bytes, layout.bytes, scratch=self.threads * max(transforms, smoothing))

    def fast_shape(self, shape: Shape) -> Shape:
        return tuple(fast_length(n) for n in shape[:-1]) + (fast_length(shape[-1], even=True),)

    def cost(self, shape: Shape) -> float:
        return math.prod(shape) * time_per_voxel(tuple(shape))

    # --- nine operations

    def upload(self, volume: Volume) -> Array:
        array = Padded(tuple(volume.shape))
        fill(self._team, volume, array)
        return array

    def download(self, array: Array, *, out: Volume | None = None) -> Volume:
        source = self._padded(array)
        target: Volume = np.empty(source.shape, self.facts.dtype) if out is None else out
        copy(self._team, source.reals, target)
        return target

    def fft(self, array: Array, *, out: Array | None = None) -> Array:
        source = self._padded(array)
        target = self._target(out, source.shape)
        self._transforms.forward(source, target)
        return target

    def ifft(self, spectrum: Array, shape: Shape, *, out: Array | None = None) -> Array:
        source = self._padded(spectrum)
        if source.shape != tuple(shape):
            raise BackendError(f"spectrum of shape {source.shape} cannot become an array of shape {tuple(shape)}")
        target = self._target(out, source.shape)
        self._transforms.backward(source, target)
        return target

    def multiply(self, a: Array, b: Array, *, out: Array | None = None) -> Array:
        if isinstance(a, Padded) and isinstance(b, Padded) and a.state == "spectrum":
            target = self._target(out, a.shape)
            self._transforms.multiply(a, b, target)
            return target
        return self._apply(product, out, a, b)

    def add(self, a: Array, b: Array | float, *, out: Array | None = None) -> Array:
        if isinstance(b, (Padded, Spread)):
            return self._apply(total, out, a, b)
        return self._apply(plus(b), out, a)

    def divide(self, a: Array, b: Array, *, floor: float, out: Array | None = None) -> Array:
        return self._apply(quotient(floor), out, a, b)

    def clamp(self, array: Array, floor: float, *, out: Array | None = None) -> Array:
        return self._apply(at_least(floor), out, array)

    def flip(self, array: Array) -> Array:
        source = self._padded(array)
        target = Padded(source.shape)
        mirror(self._team, source, target)
        return target

    # --- steps of an iteration

    def convolve(self, array: Array, otf: Array, *, out: Array | None = None) -> Array:
        return self._filter(array, otf, out, conjugate=False)

    def correlate(self, array: Array, otf: Array, *, out: Array | None = None) -> Array:
        return self._filter(array, otf, out, conjugate=True)

    def ratio(
        self,
        image: Array,
        blurred: Array,
        *,
        background: float,
        floor: float,
        inside: Box | None = None,
        out: Array | None = None,
    ) -> Array:
        return self._apply(ratio_less_one(background, floor), out, image, blurred, inside=inside)

    def update(self, estimate: Array, correction: Array, weight: Array | None, *, out: Array | None = None) -> Array:
        if weight is None:
            return self._apply(update, out, estimate, correction)
        return self._apply(weighted_update, out, estimate, correction, weight)

    def predict(
        self, estimate: Array, previous: Array, momentum: float, *, share: float, out: Array | None = None
    ) -> Array:
        return self._apply(point_with(momentum, share), out, estimate, previous)

    def smooth(
        self,
        array: Array,
        estimate: Array,
        *,
        weight: float,
        slack: float,
        epsilon: float,
        inside: Box | None,
        out: Array | None = None,
    ) -> Array:
        source, point = self._padded(array), self._padded(estimate)
        target = source if out is array else self._apply(written, out, source)
        assert isinstance(target, Padded)
        smooth(self._team, target, point, weight=weight, slack=slack, epsilon=epsilon, inside=inside)
        return target

    def halve(self, image: Array, key: int, start: Shape, shape: Shape, *, second: bool) -> Array:
        source = self._padded(image)
        target = Padded(source.shape)
        halve(self._team, source, target, key, start, shape, second=second)
        return target

    def agree(self, first: Array, second: Array, *, out: Array | None = None) -> Array:
        return self._apply(agreement, out, first, second)

    def inner_products(
        self, estimate: Array, point: Array, previous: Array, before: Array, *, inside: Box
    ) -> InnerProducts:
        arrays = self._padded(estimate), self._padded(point), self._padded(previous), self._padded(before)
        return inner_products(self._team, arrays, inside)

    def fit(self, image: Array, blurred: Array, *, background: float, floor: float, inside: Box) -> Fit:
        source = blurred if isinstance(blurred, Padded) else self._padded(blurred)  # may be pending
        return fit(self._transforms, self._team, self._padded(image), source, background, floor, inside)

    def planes(self, array: Array, first: int, step: int, count: int) -> Array:
        source = array if isinstance(array, Padded) else self._padded(array)  # may stay pending
        return source.planes(first, step, count)

    # --- volumes and weights

    def full(self, shape: Shape, value: float) -> Array:
        array = Padded(tuple(shape))
        fill(self._team, np.broadcast_to(np.float32(value), array.shape), array)
        return array

    def cut(self, volume: Array, start: Shape, shape: Shape, *, wrap: bool = False, out: Array | None = None) -> Array:
        block = self._target(out, tuple(shape))
        block.state = "real"
        cut(self._team, self._padded(volume).reals, start, block, wrap=wrap)
        return block

    def paste(self, block: Array, source: Shape, volume: Array, target: Shape, shape: Shape) -> None:
        paste(self._team, self._padded(block), source, self._padded(volume).reals, target, shape)

    def read(
        self, volume: Volume, start: Shape, shape: Shape, *, wrap: bool = False, out: Array | None = None
    ) -> Array:
        block = self._target(out, tuple(shape))
        block.state = "real"
        cut(self._team, volume, start, block, wrap=wrap)
        return block

    def write(self, block: Array, source: Shape, volume: Volume, target: Shape, shape: Shape) -> None:
        paste(self._team, self._padded(block), source, volume, target, shape)

    def expand(self, table: Volume, index: tuple[npt.NDArray[np.intp], ...]) -> Array:
        return Spread(table, index)

    # --- inside

    def _filter(self, array: Array, otf: Array, out: Array | None, *, conjugate: bool) -> Array:
        source = self._padded(array)
        assert isinstance(otf, Padded)
        target = self._target(out, source.shape)
        self._transforms.filter(source, otf, target, conjugate=conjugate)
        return target

    def _apply(self, operation: Operation, out: Array | None, *operands: Array, inside: Box | None = None) -> Array:
        target = self._target(out, operands[0].shape)
        return self._elementwise.apply(operation, target, *operands, inside=inside)

    def _target(self, out: Array | None, shape: Shape) -> Padded:
        """Array for a result: `out`, or a new one."""
        if out is None:
            return Padded(shape)
        if not isinstance(out, Padded) or out.shape != shape:
            raise BackendError(f"out of shape {out.shape} cannot take a result of shape {shape}")
        return out

    def _padded(self, array: Array) -> Padded:
        """Array with its voxels in memory: a pending one is completed, a `Spread` is expanded."""
        if isinstance(array, Padded):
            self._transforms.settle(array)
            return array
        return self._elementwise.apply(written, Padded(array.shape), array)
