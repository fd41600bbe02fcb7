"""A backend for any array-API library that has `fft`; the backend `numpy` is this class with NumPy."""

from __future__ import annotations

import math
from typing import Any

import array_api_compat
import numpy as np
import numpy.typing as npt

from rlcore.backend import Backend, Box, Facts, Fit, Footprint, InnerProducts, Shape, Volume
from rlcore.backend.formulas import EPSILON
from rlcore.backend.formulas.consensus import agree
from rlcore.backend.formulas.total_variation import SLAB, SLAB_ON_DEVICE, smooth
from rlcore.backend.host.memory import host_free
from rlcore.backend.kit.fft_lengths import smooth_length
from rlcore.errors import BackendError, BackendUnavailable


class ArrayAPIBackend(Backend[Any]):
    """All operations by the Python array API standard (2023.12, with its `fft` extension).

    Parameters
    ----------
    xp : module
        An array-API namespace, such as ``array_api_compat.torch``.
    device : object, str or int, optional
        A device of that library, or the index, or part of the name, of one that the library lists; its default device
        if None.
    name : str, optional
        The name to show; that of the library if None.
    dtype : str, default "float32"
        Real precision, "float32" or "float64" (for reference runs).
    on_host : bool, default True
        Whether the arrays live in the host's memory.

    Raises
    ------
    BackendError
        If the library has no `fft`.
    BackendUnavailable
        If it has no such device.

    Notes
    -----
    The standard has no `out`, so results are copied into it: one temporary array, which is in the footprint.
    Arrays must be mutable.
    """

    def __init__(
        self, xp: Any, device: Any = None, *, name: str | None = None, dtype: str = "float32", on_host: bool = True
    ) -> None:
        if not hasattr(xp, "fft"):
            raise BackendError(f"array library {xp.__name__!r} has no fft extension; rlcore needs one")
        self.xp = xp
        self.name = name or xp.__name__.removeprefix("array_api_compat.")
        self.facts = Facts(dtype=np.dtype(dtype), on_host=on_host)
        self.dtype = self.facts.dtype
        self._device = _find_device(xp, device, self.name)
        self.device = "CPU" if device is None else str(self._device)

    # --- four questions of the planner

    def free_bytes(self) -> int:
        if not self.facts.on_host:
            raise BackendError(f"backend {self.name!r} does not say how much device memory is free; give memory=")
        return host_free()[0]

    def footprint(self, shape: Shape) -> Footprint:
        real = math.prod(shape) * self.dtype.itemsize
        spectrum = math.prod(shape[:-1]) * (shape[-1] // 2 + 1) * 2 * self.dtype.itemsize
        # libraries that follow NumPy transform in double precision, axis by axis: three complex128 spectra and a result
        return Footprint(real, spectrum, scratch=7 * spectrum)

    def fast_shape(self, shape: Shape) -> Shape:
        return tuple(smooth_length(n) for n in shape[:-1]) + (smooth_length(shape[-1], multiple=2),)

    def cost(self, shape: Shape) -> float:
        size = math.prod(shape)
        return size * math.log2(max(size, 2))

    # --- nine operations, and steps

    def upload(self, volume: Volume) -> Any:
        real = getattr(self.xp, self.dtype.name)
        if isinstance(volume, np.ndarray):  # copied here: some libraries take no reversed or read-only memory
            fresh = np.array(volume, dtype=self.dtype, order="C")
            return self.xp.asarray(fresh, dtype=real, device=self._device)
        return self.xp.asarray(volume, dtype=real, device=self._device, copy=True)

    def download(self, array: Any, *, out: Volume | None = None) -> Volume:
        if not self.facts.on_host:
            array = array_api_compat.to_device(array, "cpu")
        host = np.asarray(array) if hasattr(array, "__array__") else np.from_dlpack(array)
        if out is None:
            return host.copy()
        out[...] = host
        return out

    def fft(self, array: Any, *, out: Any = None) -> Any:
        return _place(self.xp.fft.rfftn(array), out)

    def ifft(self, spectrum: Any, shape: Shape, *, out: Any = None) -> Any:
        return _place(self.xp.fft.irfftn(spectrum, s=shape, axes=tuple(range(len(shape)))), out)

    def multiply(self, a: Any, b: Any, *, out: Any = None) -> Any:
        return _place(a * b, out)

    def add(self, a: Any, b: Any, *, out: Any = None) -> Any:
        return _place(a + b, out)

    def divide(self, a: Any, b: Any, *, floor: float, out: Any = None) -> Any:
        return _place(a / self.xp.clip(b, floor), out)

    def clamp(self, array: Any, floor: float, *, out: Any = None) -> Any:
        return _place(self.xp.clip(array, floor), out)

    def flip(self, array: Any) -> Any:
        axes = tuple(range(array.ndim))
        return self.xp.roll(self.xp.flip(array, axis=axes), (1,) * array.ndim, axis=axes)

    def predict(self, estimate: Any, previous: Any, momentum: float, *, share: float, out: Any = None) -> Any:
        point = estimate + momentum * (estimate - previous)
        return _place(self.xp.maximum(point, share * estimate), out)

    def smooth(
        self,
        array: Any,
        estimate: Any,
        *,
        weight: float,
        slack: float,
        epsilon: float,
        inside: Box | None,
        out: Any = None,
    ) -> Any:
        slab = SLAB if self.facts.on_host else SLAB_ON_DEVICE
        options: Any = {"weight": weight, "slack": slack, "epsilon": epsilon, "inside": inside, "slab": slab}
        return smooth(self.xp, array, estimate, **options, out=out)

    def agree(self, first: Any, second: Any, *, out: Any = None) -> Any:
        return _place(agree(self.xp, first, second), out)

    def inner_products(self, estimate: Any, point: Any, previous: Any, before: Any, *, inside: Box) -> InnerProducts:
        part, xp = inside.slices((0,) * estimate.ndim), self.xp
        newer, older = estimate[part] - point[part], previous[part] - before[part]
        share = older / xp.clip(before[part], EPSILON)
        sums = (float(xp.sum(newer * share, dtype=xp.float64)), float(xp.sum(older * share, dtype=xp.float64)))
        return InnerProducts(*sums)

    def fit(self, image: Any, blurred: Any, *, background: float, floor: float, inside: Box) -> Fit:
        part, xp = inside.slices((0,) * image.ndim), self.xp
        counts, model = image[part], xp.clip(blurred[part] + background, floor)
        terms = counts * xp.log(xp.clip(counts / model, EPSILON))
        light = float(xp.sum(model, dtype=xp.float64))
        divergence = float(xp.sum(terms + (model - counts), dtype=xp.float64))
        return Fit(divergence, light, float(xp.sum(counts, dtype=xp.float64)))

    def planes(self, array: Any, first: int, step: int, count: int) -> Any:
        return self.xp.asarray(array[first : first + step * (count - 1) + 1 : step, ...], copy=True)

    def expand(self, table: Volume, index: tuple[npt.NDArray[np.intp], ...]) -> Any:
        block = self.upload(table)
        for axis, positions in enumerate(index):
            block = self.xp.take(block, self.xp.asarray(positions, device=self._device), axis=axis)
        return block

    # --- placement: volumes that stay on the device

    def full(self, shape: Shape, value: float) -> Any:
        return self.xp.full(shape, value, dtype=getattr(self.xp, self.dtype.name), device=self._device)

    def cut(self, volume: Any, start: Shape, shape: Shape, *, wrap: bool = False, out: Any = None) -> Any:
        block = self.full(shape, 0.0) if out is None else out
        if wrap:
            for axis, (at, size) in enumerate(zip(start, shape, strict=True)):
                index = self.xp.arange(at, at + size, device=self._device) % volume.shape[axis]
                volume = self.xp.take(volume, index, axis=axis)
            block[...] = volume
            return block
        inside, source = [], []
        for at, size, length in zip(start, shape, volume.shape, strict=True):
            low, high = max(at, 0), max(min(at + size, length), max(at, 0))
            inside.append(slice(low - at, high - at))
            source.append(slice(low, high))
        block[...] = 0
        if all(part.stop > part.start for part in inside):
            block[tuple(inside)] = volume[tuple(source)]
        return block

    def paste(self, block: Any, source: Shape, volume: Any, target: Shape, shape: Shape) -> None:
        into = tuple(slice(at, at + size) for at, size in zip(target, shape, strict=True))
        volume[into] = block[tuple(slice(at, at + size) for at, size in zip(source, shape, strict=True))]


def _find_device(xp: Any, device: Any, name: str) -> Any:
    """The device with this index or part of a name; any other object is a device already."""
    if not isinstance(device, (str, int)):
        return device
    listed = list(xp.__array_namespace_info__().devices())
    if str(device).isdecimal():
        found = listed[int(device) :][:1]
    else:
        found = [each for each in listed if str(device).lower() in str(each).lower()]
    if not found:
        raise BackendUnavailable(
            f"backend {name!r} has no device {device!r}; it has {', '.join(f'{str(each)!r}' for each in listed)}"
        )
    return found[0]


def _place(result: Any, out: Any) -> Any:
    if out is None:
        return result
    out[...] = result
    return out
