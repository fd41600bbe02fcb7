"""The OpenCL backend, whatever transforms it: arithmetic, geometry and transfers by kernels of our own."""

from __future__ import annotations

import math

import numpy as np

from rlcore.backend import Box, Device, Fit, Footprint, Shape, Summary
from rlcore.errors import BackendError
from rlcore_reikna.arrays import Array, Real, Spread, cubic, is_spectrum, real_bytes
from rlcore_reikna.devices import choose, described, is_cpu, title
from rlcore_reikna.memory import rounded
from rlcore_reikna.regularizing import Regularizing
from rlcore_reikna.runtime import Runtime, runtime_of
from rlcore_reikna.transforms import Transforms
from rlcore_reikna.volumes import Volumes

_LOOKERS = 1 << 17
"""Work-items that look at a volume together."""
_ADDERS = 1 << 13
"""Work-items that add up a fit together: enough to keep a device busy, few enough to be brought to the host often."""


class OpenCLBackend(Regularizing, Volumes):
    """All of the protocol on one OpenCL device; a subclass names its transforms.

    Parameters
    ----------
    device : str or int, optional
        Index of a device as `devices` lists them, or part of the name of a device, its vendor or its platform. By
        default the GPU with most memory, or the CPU where there is no GPU.

    Raises
    ------
    BackendUnavailable
        If there is no such device.
    """

    name: str

    def __init__(self, device: str | int | None = None) -> None:
        self._runtime = choose(self.name, device, runtime_of)
        self.device = title(self._runtime.device)
        self.on_host = is_cpu(self._runtime.device)
        self._program = self._runtime.program
        self._transforms = self._transforms_on(self._runtime)

    @staticmethod
    def _transforms_on(runtime: Runtime) -> Transforms:
        raise NotImplementedError

    # --- what the planner asks

    @staticmethod
    def devices() -> tuple[Device, ...]:
        return described()

    def free_bytes(self) -> int:
        return self._runtime.memory.free_bytes()

    def buffer_limit(self) -> int:
        return int(self._runtime.device.max_mem_alloc_size)

    def footprint(self, shape: Shape) -> Footprint:
        transforms, shape = self._transforms, tuple(shape)
        return Footprint(
            rounded(real_bytes(shape)),
            rounded(transforms.spectrum_bytes(shape)),
            rounded(transforms.scratch_bytes(shape)),
        )

    def fast_shape(self, shape: Shape) -> Shape:
        return self._transforms.fast_shape(tuple(shape))

    def cost(self, shape: Shape) -> float:
        return self._transforms.cost(tuple(shape))

    # --- what the algorithm does

    def fft(self, array: Real, *, out: Array | None = None) -> Array:
        source = self._dense(array)
        target = self._target(out, source.shape, "spectrum")
        self._transforms.forward(target.buffer, source.buffer, source.shape)
        return target

    def ifft(self, spectrum: Array, shape: Shape, *, out: Array | None = None) -> Array:
        if spectrum.shape != tuple(shape):
            raise BackendError(f"spectrum of shape {spectrum.shape} cannot become an array of shape {tuple(shape)}")
        target = self._target(out, spectrum.shape, "real")
        self._transforms.inverse(target.buffer, spectrum.buffer, spectrum.shape, keep=True)
        return target

    def multiply(self, a: Real, b: Real, *, out: Array | None = None) -> Array:
        if is_spectrum(a) and is_spectrum(b):
            target = self._target(out, a.shape, "spectrum")
            self._transforms.multiply(target.buffer, a.buffer, b.buffer, a.shape)
            return target
        return self._each("multiply", out, a, b)

    def add(self, a: Real, b: Real | float, *, out: Array | None = None) -> Array:
        if isinstance(b, (Array, Spread)):
            return self._each("add", out, a, b)
        return self._each("add_number", out, a, numbers=(b,))

    def divide(self, a: Real, b: Real, *, floor: float, out: Array | None = None) -> Array:
        return self._each("quotient", out, a, b, numbers=(floor,))

    def clamp(self, array: Real, floor: float, *, out: Array | None = None) -> Array:
        return self._each("clamp_below", out, array, numbers=(floor,))

    def flip(self, array: Real) -> Array:
        source = self._dense(array)
        target = self._new(source.shape)
        self._program.over("flip", source.shape, target.buffer, source.buffer, *cubic(source.shape))
        return target

    # --- fusion

    def convolve(self, array: Real, transfer: Array, *, out: Array | None = None) -> Array:
        return self._filter(array, transfer, out, mirrored=False)

    def correlate(self, array: Real, transfer: Array, *, out: Array | None = None) -> Array:
        return self._filter(array, transfer, out, mirrored=True)

    def ratio(
        self,
        image: Real,
        blurred: Real,
        *,
        background: float,
        floor: float,
        inside: Box | None = None,
        out: Array | None = None,
    ) -> Array:
        if inside is None:
            return self._each("ratio", out, image, blurred, numbers=(background, floor))
        data, divisor = self._dense(image), self._dense(blurred)
        target = self._target(out, data.shape, "real")
        (_, *plane), first = cubic(data.shape), cubic(inside.start, fill=0)
        last = cubic(inside.stop)
        buffers = target.buffer, data.buffer, divisor.buffer
        self._program.over("ratio_inside", data.shape, *buffers, background, floor, *plane, *first, *last)
        return target

    def update(self, estimate: Real, correction: Real, weight: Real | None, *, out: Array | None = None) -> Array:
        if weight is None:
            return self._each("update", out, estimate, correction)
        if not isinstance(weight, Spread):
            return self._each("update_weighted", out, estimate, correction, weight)
        before, factor = self._dense(estimate), self._dense(correction)
        target = self._target(out, before.shape, "real")
        self._program.over(
            "update_spread", before.shape, target.buffer, before.buffer, factor.buffer, *weight.arguments
        )
        return target

    def predict(
        self, estimate: Real, previous: Real, factor: float, *, least: float, out: Array | None = None
    ) -> Array:
        return self._each("predict", out, estimate, previous, numbers=(factor, least))

    # --- how well a block fits

    def fit(self, image: Real, blurred: Real, *, background: float, floor: float, inside: Box) -> Fit:
        """Sums over a box, compensated in single precision and ended in double."""
        data, model = self._dense(image), self._dense(blurred)
        (_, *plane), first, last = cubic(data.shape), cubic(inside.start, fill=0), cubic(inside.stop)
        items = min(_ADDERS, inside.size)
        sums = self._new((items, 8))
        numbers = (background, floor, *plane, *first, *last)
        self._program.strided("fit", items, inside.size, sums.buffer, data.buffer, model.buffer, *numbers)
        found = self.download(sums).astype(np.float64).sum(axis=0)
        return Fit(*(float(found[at] - found[at + 1]) for at in (0, 2, 4)))

    def planes(self, array: Real, first: int, step: int, count: int) -> Array:
        source = self._dense(array)
        taken = self._new((count, *source.shape[1:]))
        size = math.prod(source.shape[1:])
        self._program.each("planes", taken.size, taken.buffer, source.buffer, size, first, step)
        return taken

    # --- a look at a whole array

    def summary(self, array: Real) -> Summary:
        """Minimum, maximum and sum; the sum is compensated in single precision and ended in double."""
        dense = self._dense(array)
        items = min(_LOOKERS, dense.size)
        looks = self._new((items, 4))
        self._program.strided("summary", items, dense.size, looks.buffer, dense.buffer)
        low, high, sums, lost = self.download(looks).astype(np.float64).T
        with np.errstate(invalid="ignore"):
            return Summary(float(low.min()), float(high.max()), float(np.sum(sums - lost)))

    # --- inside

    def _filter(self, array: Real, transfer: Array, out: Array | None, *, mirrored: bool) -> Array:
        source = self._dense(array)
        target = self._target(out, source.shape, "real")
        self._transforms.filter(target.buffer, source.buffer, transfer.buffer, source.shape, mirrored=mirrored)
        self._runtime.lead.keep()
        return target
