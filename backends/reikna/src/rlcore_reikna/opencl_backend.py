"""The OpenCL backend without its transforms, which a subclass names."""

from __future__ import annotations

from rlcore.backend import Box, Device, Facts, Footprint, Shape
from rlcore.errors import BackendError
from rlcore_reikna.cut_and_paste import CutAndPaste
from rlcore_reikna.device_arrays import Array, Real, SpreadTable, is_spectrum
from rlcore_reikna.devices import choose, described, is_cpu, title
from rlcore_reikna.memory import rounded
from rlcore_reikna.regularization import Regularization
from rlcore_reikna.runtime import Runtime, runtime_of
from rlcore_reikna.shapes import box_arguments, cubic, real_bytes
from rlcore_reikna.sums import Sums
from rlcore_reikna.transforms import Transforms


class OpenCLBackend(CutAndPaste, Sums, Regularization):
    """Richardson-Lucy on one OpenCL device.

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

    def __init__(self, device: str | int | None = None) -> None:
        self._runtime = choose(self.name, device, runtime_of)
        chosen = self._runtime.device
        self.device = title(chosen)
        self.facts = Facts(on_host=is_cpu(chosen), buffer_limit=int(chosen.max_mem_alloc_size))
        self._program = self._runtime.program
        self._transforms = self._transforms_on(self._runtime)

    @staticmethod
    def _transforms_on(runtime: Runtime) -> Transforms:
        raise NotImplementedError

    # --- four questions of the planner

    @classmethod
    def devices(cls) -> tuple[Device, ...]:
        return described()

    def free_bytes(self) -> int:
        return self._runtime.memory.free_bytes()

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

    # --- transforms and arithmetic

    def fft(self, array: Real, *, out: Array | None = None) -> Array:
        source = self._dense(array)
        target = self._target(out, source.shape, "spectrum")
        self._transforms.forward(target.buffer, source.buffer, source.shape)
        return target

    def ifft(self, spectrum: Array, shape: Shape, *, out: Array | None = None) -> Array:
        # buffers know no shape, so a wrong one would be read without an error
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
        if isinstance(b, (Array, SpreadTable)):
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

    # --- steps of an iteration

    def convolve(self, array: Real, otf: Array, *, out: Array | None = None) -> Array:
        return self._filter(array, otf, out, mirrored=False)

    def correlate(self, array: Real, otf: Array, *, out: Array | None = None) -> Array:
        return self._filter(array, otf, out, mirrored=True)

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
        data, model = self._dense(image), self._dense(blurred)
        target = self._target(out, data.shape, "real")
        numbers = background, floor, *box_arguments(data.shape, inside)
        self._program.over("ratio_inside", data.shape, target.buffer, data.buffer, model.buffer, *numbers)
        return target

    def update(self, estimate: Real, correction: Real, weight: Real | None, *, out: Array | None = None) -> Array:
        if weight is None:
            return self._each("update", out, estimate, correction)
        if not isinstance(weight, SpreadTable):
            return self._each("update_weighted", out, estimate, correction, weight)
        point, factor = self._dense(estimate), self._dense(correction)
        target = self._target(out, point.shape, "real")
        self._program.over("update_spread", point.shape, target.buffer, point.buffer, factor.buffer, *weight.arguments)
        return target

    def predict(
        self, estimate: Real, previous: Real, momentum: float, *, share: float, out: Array | None = None
    ) -> Array:
        return self._each("predict", out, estimate, previous, numbers=(momentum, share))

    def _filter(self, array: Real, otf: Array, out: Array | None, *, mirrored: bool) -> Array:
        source = self._dense(array)
        target = self._target(out, source.shape, "real")
        self._transforms.filter(target.buffer, source.buffer, otf.buffer, source.shape, mirrored=mirrored)
        self._runtime.in_flight.count()
        return target
