"""The backend: CUDA through CuPy, in float32."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any, SupportsFloat

import numpy as np

from rlcore.backend import Device, Fit, Footprint, Shape, Summary, Volume
from rlcore.backend.boxes import Box
from rlcore.backend.kit.gpu_fft.columns import Kind
from rlcore.errors import BackendError
from rlcore_cupy import devices, elementwise, placement
from rlcore_cupy.elementwise import Spread
from rlcore_cupy.layout import Padded, Ratio, bytes_of
from rlcore_cupy.lengths import cost, fast_length
from rlcore_cupy.lent import SHELF
from rlcore_cupy.library import cupy
from rlcore_cupy.place import Place
from rlcore_cupy.regularizing import Regularizing
from rlcore_cupy.transfers import pinned
from rlcore_cupy.transforms import work_area_of
from rlcore_cupy.volumes import Volumes

Array = Padded | Spread
"""A real array or a spectrum; `Spread` is a real array of few different values."""


class CuPyBackend(Regularizing, Volumes):
    """Richardson-Lucy on an NVIDIA GPU.

    Parameters
    ----------
    device : str or int, optional
        An index, or part of a name; the process's current CUDA device by default.

    Raises
    ------
    BackendUnavailable
        If there is no CuPy, no driver or no such device, or CuPy was built for another CUDA.
    """

    name = "cupy"
    on_host = False
    dtype = np.dtype(np.float32)

    def __init__(self, device: str | int | None = None) -> None:
        chosen = devices.choose(device)
        self.device = chosen.name
        self._transforms, self._transfers, streams = SHELF.lend(chosen.index, self)
        streams.begin()
        self._place = Place(chosen, streams)

    @staticmethod
    def devices() -> tuple[Device, ...]:
        """Every CUDA device, in the order of its index."""
        return devices.devices()

    def release(self) -> None:
        """Give back what is kept for later: plans, and memory that CuPy's pools hold unused."""
        with self._place.here():
            self._transforms.kept.clear()
            cupy.get_default_memory_pool().free_all_blocks()
            cupy.get_default_pinned_memory_pool().free_all_blocks()

    # --- what the planner asks

    def free_bytes(self) -> int:
        with self._place.here():
            return int(cupy.cuda.runtime.memGetInfo()[0]) + int(cupy.get_default_memory_pool().free_bytes())

    def footprint(self, shape: Shape) -> Footprint:
        size = bytes_of(shape)
        return Footprint(size, size, scratch=work_area_of(shape) + min(2 * size, self._transfers.device_bytes))

    def fast_shape(self, shape: Shape) -> Shape:
        return tuple(fast_length(n) for n in shape[:-1]) + (fast_length(shape[-1], even=True),)

    def cost(self, shape: Shape) -> float:
        return cost(shape)

    # --- what the algorithm does

    def upload(self, volume: Volume) -> Padded:
        with self._place.here():
            if isinstance(volume, np.ndarray):
                array = Padded(volume.shape)
                self._transfers.to_device(volume, array.reals)
                return array
            ours = cupy.asarray(volume) if isinstance(volume, cupy.ndarray) else cupy.from_dlpack(volume)
            if ours.dtype == self.dtype and ours.flags.c_contiguous:
                return Padded.around(ours)
            array = Padded(tuple(ours.shape))
            array.reals[...] = ours
            return array

    def download(self, array: Array, *, out: Volume | None = None) -> Volume:
        with self._place.here():
            target = pinned(array.shape, self.dtype) if out is None else out
            self._transfers.to_host(self._padded(array).reals, target)
            return target

    def fft(self, array: Array, *, out: Array | None = None) -> Padded:
        with self._place.here():
            target = self._target(out, array.shape)
            self._transforms.forward(self._written(array), target)
            return target

    def ifft(self, spectrum: Array, shape: Shape, *, out: Array | None = None) -> Padded:
        with self._place.here():
            if not isinstance(spectrum, Padded) or spectrum.shape != tuple(shape):
                raise BackendError(f"spectrum of shape {spectrum.shape} cannot become an array of shape {tuple(shape)}")
            target = self._target(out, spectrum.shape)
            if target is not spectrum:
                target.buffer[...] = spectrum.buffer
            self._transforms.backward(target)
            return target

    def multiply(self, a: Array, b: Array, *, out: Array | None = None) -> Padded:
        with self._place.here():
            if isinstance(a, Padded) and isinstance(b, Padded) and a.state == "spectrum":
                target = self._target(out, a.shape)
                if target is b:
                    a, b = b, a
                if target is not a:
                    target.buffer[...] = a.buffer
                elementwise.multiply(target, b, conjugate=False, scale=1.0)
                return target.become("spectrum")
            return self._apply(cupy.multiply, out, a, b)

    def add(self, a: Array, b: Array | float, *, out: Array | None = None) -> Padded:
        with self._place.here():
            return self._apply(cupy.add, out, a, b)

    def divide(self, a: Array, b: Array, *, floor: float, out: Array | None = None) -> Padded:
        with self._place.here():
            dividend, divisor = self._padded(a), self._padded(b)
            return elementwise.run(
                "quotient", self._real_target(out, a.shape), dividend, divisor, also=(np.float32(floor),)
            )

    def clamp(self, array: Array, floor: float, *, out: Array | None = None) -> Padded:
        with self._place.here():
            return self._apply(cupy.maximum, out, array, floor)

    def flip(self, array: Array) -> Padded:
        with self._place.here():
            target = Padded(array.shape)
            placement.mirror(self._padded(array), target)
            return target

    # --- fusion

    def convolve(self, array: Array, transfer: Array, *, out: Array | None = None) -> Padded:
        return self._filter(array, transfer, out, "convolve")

    def correlate(self, array: Array, transfer: Array, *, out: Array | None = None) -> Padded:
        return self._filter(array, transfer, out, "correlate")

    def ratio(
        self,
        image: Array,
        blurred: Array,
        *,
        background: float,
        floor: float,
        inside: Box | None = None,
        out: Array | None = None,
    ) -> Padded:
        with self._place.here():
            step = Ratio(self._padded(image), background, floor, inside)
            array, target = self._written(blurred), self._target(out, image.shape)
            self._transforms.ratio(step, array, target)
            return target

    def update(self, estimate: Array, correction: Array, weight: Array | None, *, out: Array | None = None) -> Padded:
        with self._place.here():
            target = self._place_for(out, estimate.shape)
            weighed = self._padded(weight) if isinstance(weight, Padded) else weight
            rows = correction if isinstance(correction, Padded) else self._written(correction)  # a copy may wait
            self._transforms.update(self._written(estimate), rows, weighed, target)
            return target

    def predict(
        self, estimate: Array, previous: Array, factor: SupportsFloat, *, least: float, out: Array | None = None
    ) -> Padded:
        with self._place.here():
            target = self._place_for(out, estimate.shape)
            self._transforms.predict(self._written(estimate), self._written(previous), factor, least, target)
            return target

    # --- how well a block fits

    def fit(self, image: Array, blurred: Array, *, background: float, floor: float, inside: Box) -> Fit:
        with self._place.here():
            return elementwise.fit(self._padded(image), self._padded(blurred), background, floor, inside)

    def planes(self, array: Array, first: int, step: int, count: int) -> Padded:
        with self._place.here():
            return self._transforms.planes(self._written(array), first, step, count)

    # --- summary, streams

    def summary(self, array: Array) -> Summary:
        with self._place.here():
            return elementwise.summary(self._padded(array))

    def staging(self, shape: Shape, dtype: np.dtype[Any]) -> Volume:
        with self._place.here():
            return pinned(tuple(shape), np.dtype(dtype))

    @contextmanager
    def lane(self) -> Iterator[None]:
        with self._place.lane():
            yield
            if not self._place.is_alone:
                self._transforms.finish()

    # --- arrays of other libraries

    def takes(self, array: Any) -> bool:
        """Whether `upload` takes this array where it lies: on this device, of CuPy or any library that has DLPack."""
        try:
            kind, index = array.__dlpack_device__()
        except (AttributeError, TypeError):
            return False
        return int(kind) in (2, 13) and int(index) == self._place.index  # kDLCUDA, kDLCUDAManaged

    def result(self, shape: Shape) -> tuple[Padded, Any]:
        """A new real array as users of CuPy expect it, contiguous, and itself as an array of CuPy."""
        with self._place.here():
            self._transforms.finish()  # which frees what it needed
            array = cupy.zeros(shape, cupy.float32)
            return Padded.around(array), array

    # --- inside

    def _filter(self, array: Array, transfer: Array, out: Array | None, kind: Kind) -> Padded:
        with self._place.here():
            assert isinstance(transfer, Padded)
            target = self._place_for(out, array.shape)
            self._transforms.filter(self._written(array), transfer, target, kind)
            return target

    def _apply(self, function: Any, out: Array | None, a: Array, b: Array | float) -> Padded:
        """A function of CuPy on voxels."""
        operands = [self._padded(one).reals if isinstance(one, Array) else np.float32(one) for one in (a, b)]
        target = self._real_target(out, a.shape)
        function(*operands, out=target.reals)
        return target

    def _place_for(self, out: Array | None, shape: Shape) -> Padded:
        """`out`, maybe with steps that wait, or a new array."""
        if out is None:
            return Padded(shape)
        if not isinstance(out, Padded) or out.shape != tuple(shape):
            raise BackendError(f"out of shape {out.shape} cannot take a result of shape {tuple(shape)}")
        return out

    def _target(self, out: Array | None, shape: Shape) -> Padded:
        """Where a result goes, free to be written to."""
        target = self._place_for(out, shape)
        self._transforms.before_writing(target)
        return target

    def _real_target(self, out: Array | None, shape: Shape) -> Padded:
        return self._target(out, shape).become("real")

    def _written(self, array: Array) -> Padded:
        """The array in memory, its rows as they are."""
        if isinstance(array, Padded):
            array.copy_part()
            return array
        return elementwise.run("spread", Padded(array.shape), also=array.arguments)

    def _padded(self, array: Array) -> Padded:
        """The array with its voxels in memory, nothing pending."""
        return self._transforms.settle(self._written(array))
