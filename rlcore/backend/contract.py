"""The contract of a backend: one base class, whose author writes nine operations and answers four questions.

A backend moves arrays to a device, transforms them and does arithmetic on them. It knows nothing of deconvolution.
Arrays on the device are opaque to the algorithm: a real array is whatever `upload` returned, a spectrum whatever `fft`
returned. All other methods have defaults, composed of the nine operations or done by NumPy on the host; a backend
overrides them for speed, and `overrides` tells which ones it does.

Register a callable ``(device: str | int | None) -> Backend`` (usually the class itself) under the entry-point group
``rlcore.backends``. It raises `rlcore.errors.BackendUnavailable` with a reason if it is installed but has no device to
run on. A class with the same methods that does not inherit from `Backend` works too (`rlcore.backend.adapter`).
"""

from __future__ import annotations

from abc import ABC, abstractmethod
from contextlib import AbstractContextManager
from typing import Any, Generic, Protocol, TypeVar, runtime_checkable

import numpy as np
import numpy.typing as npt

from rlcore.backend import composed, on_the_host
from rlcore.backend.boxes import Box, Shape
from rlcore.backend.facts import (
    Device,
    Facts,
    Fit,
    Footprint,
    InnerProducts,
    IterationOptions,
    LiveArrays,
    Summary,
    Volume,
)

A = TypeVar("A")
"""An array on the device, real or spectrum; opaque to the algorithm."""


class Backend(ABC, Generic[A]):
    """Arithmetic and transforms on one device.

    Operations write into `out` if it is given, and return it; `out` may be one of the inputs. Nothing else that is
    passed in is changed, except where a method says so.
    """

    name: str
    """The name it is registered under."""
    device: str
    """The device, as shown to people."""
    facts: Facts = Facts()
    """Properties that do not change while the backend lives."""

    # --- four questions of the planner

    @abstractmethod
    def free_bytes(self) -> int:
        """Bytes that can be allocated now; unused memory in a library's own pool counts as free."""

    @abstractmethod
    def footprint(self, shape: Shape) -> Footprint:
        """Bytes on the device for arrays of `shape`; measured peaks stay below these figures."""

    @abstractmethod
    def fast_shape(self, shape: Shape) -> Shape:
        """A shape that this FFT transforms quickly, on no axis smaller than `shape`."""

    @abstractmethod
    def cost(self, shape: Shape) -> float:
        """Relative time of one transform; the planner compares shapes by it."""

    # --- nine operations

    @abstractmethod
    def upload(self, volume: Volume) -> A:
        """A new real array on the device, of the backend's precision; `volume` has any real dtype.

        The caller may write to it, except where `Interchange` lets it share the memory of the array given.
        """

    @abstractmethod
    def download(self, array: A, *, out: Volume | None = None) -> Volume:
        """The real array in host memory; ``download(upload(x)) == x``."""

    @abstractmethod
    def fft(self, array: A, *, out: A | None = None) -> A:
        """Spectrum of a real array over all its axes; its layout is the backend's own."""

    @abstractmethod
    def ifft(self, spectrum: A, shape: Shape, *, out: A | None = None) -> A:
        """Real array of `shape`; ``ifft(fft(x), shape) == x``, scaling included.

        The spectrum is untouched, so a backend whose library destroys it works on a copy.
        """

    @abstractmethod
    def multiply(self, a: A, b: A, *, out: A | None = None) -> A:
        """Elementwise product of two real arrays or of two spectra."""

    @abstractmethod
    def add(self, a: A, b: A | float, *, out: A | None = None) -> A:
        """Elementwise sum of a real array and a real array or a number."""

    @abstractmethod
    def divide(self, a: A, b: A, *, floor: float, out: A | None = None) -> A:
        """``a / max(b, floor)`` for real arrays; finite wherever `a` is, for any floor > 0."""

    @abstractmethod
    def clamp(self, array: A, floor: float, *, out: A | None = None) -> A:
        """``max(array, floor)`` for a real array."""

    @abstractmethod
    def flip(self, array: A) -> A:
        """Mirror image of a real array about voxel 0: index i goes to (-i) mod n; ``flip(flip(x)) == x``."""

    # --- steps of an iteration

    def otf(self, psf: A, shape: Shape) -> Any:
        """Optical transfer function of a PSF on a grid of `shape`, in the form that `convolve` and `correlate` take.

        It is the PSF's spectrum if both are overridden; else it holds the spectrum of the PSF's mirror image too.
        """
        if overrides(self, "convolve", "correlate"):
            return self.fft(psf)
        return composed.OTF(self.fft(psf), self.fft(self.flip(psf)), shape)

    def mask(self, inside: Box | None, shape: Shape) -> Any:
        """Voxels of a block of `shape` where `ratio` is taken, in the form that `ratio` takes; None means everywhere.

        It is the box itself if `ratio` is overridden; else a real array of ones and zeros.
        """
        return inside if inside is None or overrides(self, "ratio") else composed.mask(self, inside, shape)

    def convolve(self, array: A, otf: Any, *, out: A | None = None) -> A:
        """``ifft(fft(array) * otf)``: the blur of the microscope. `out` may be the array."""
        return composed.filtered(self, array, otf, out, mirrored=False)  # type: ignore[no-any-return]

    def correlate(self, array: A, otf: Any, *, out: A | None = None) -> A:
        """``ifft(fft(array) * conj(otf))``: the exact adjoint of `convolve`. `out` may be the array."""
        return composed.filtered(self, array, otf, out, mirrored=True)  # type: ignore[no-any-return]

    def ratio(
        self, image: A, blurred: A, *, background: float, floor: float, inside: Any = None, out: A | None = None
    ) -> A:
        """``image / max(blurred + background, floor) - 1`` inside the mask, 0 outside it."""
        return composed.ratio(self, image, blurred, background, floor, inside, out)  # type: ignore[no-any-return]

    def update(self, estimate: A, correction: A, weight: A | None, *, out: A | None = None) -> A:
        """``estimate * max(1 + weight * correction, 0)``; a `weight` of None means 1 everywhere.

        The default changes the correction.
        """
        return composed.update(self, estimate, correction, weight, out)  # type: ignore[no-any-return]

    def predict(self, estimate: A, previous: A, momentum: float, *, share: float, out: A | None = None) -> A:
        """Extrapolated point ``max(estimate + momentum * (estimate - previous), share * estimate)``.

        The momentum lies within 0 and 1, and is a float or what `momentum` returned; `out` may be `previous`.
        """
        return composed.predict(self, estimate, previous, momentum, share, out)  # type: ignore[no-any-return]

    # --- weights

    def expand(self, table: Volume, index: tuple[npt.NDArray[np.intp], ...]) -> A:
        """``table[np.ix_(*index)]`` as a real array, spread on the device where the backend can do so."""
        return self.upload(table.astype(self.facts.dtype)[np.ix_(*index)])

    # --- volumes of any shape, and boxes of them

    def full(self, shape: Shape, value: float) -> A:
        """A new real array of `shape` filled with `value`."""
        return self.upload(np.full(shape, value, self.facts.dtype))

    def cut(self, volume: A, start: Shape, shape: Shape, *, wrap: bool = False, out: A | None = None) -> A:
        """``volume[start:start+shape]``; `start` may be negative and the end beyond the volume.

        Voxels outside the volume are 0, or those of the repeated volume if `wrap`.
        """
        return self.read(self.download(volume), start, shape, wrap=wrap, out=out)

    def paste(self, block: A, source: Shape, volume: A, target: Shape, shape: Shape) -> None:
        """``volume[target:target+shape] = block[source:source+shape]``, within the bounds of both."""
        host = self.download(volume)
        self.write(block, source, host, target, shape)
        on_the_host.upload(self, host, volume)

    def read(self, volume: Volume, start: Shape, shape: Shape, *, wrap: bool = False, out: A | None = None) -> A:
        """As `cut`, from a NumPy array of any real dtype."""
        return on_the_host.upload(self, on_the_host.cut(volume, start, shape, wrap, self.facts.dtype), out)  # type: ignore[no-any-return]

    def write(self, block: A, source: Shape, volume: Volume, target: Shape, shape: Shape) -> None:
        """As `paste`, into a NumPy array of any real dtype."""
        volume[on_the_host.box(target, shape)] = self.download(block)[on_the_host.box(source, shape)]

    # --- sums over voxels

    def summary(self, array: A) -> Summary:
        """Minimum, maximum and sum of a real array; the sum in double precision."""
        return on_the_host.summary(self.download(array))

    def planes(self, array: A, first: int, step: int, count: int) -> A:
        """``array[first::step][:count]`` of a real array, as a new array."""
        return self.upload(self.download(array)[first::step][:count])

    def fit(self, image: A, blurred: A, *, background: float, floor: float, inside: Box) -> Fit:
        """Agreement of the image with the model ``max(blurred + background, floor)`` in a box.

        Sums are taken in double precision.
        """
        return on_the_host.fit(self.download(image), self.download(blurred), background, floor, inside)

    def inner_products(self, estimate: A, point: A, previous: A, before: A, *, inside: Box) -> InnerProducts:
        """Inner products of the steps ``u = estimate - point`` and ``v = previous - before`` in a box.

        They are the sums of ``u * v / before`` and of ``v * v / before`` in double precision; v is 0 wherever `before`
        is.
        """
        return on_the_host.inner_products(*map(self.download, (estimate, point, previous, before)), inside=inside)

    def momentum(self, estimate: A, point: A, previous: A, before: A, *, inside: Box, maximum: float) -> Any:
        """Momentum, from 0 to `maximum`, by the inner products of two steps, which `inner_products` defines.

        A float; or an object of the backend's own that gives it by ``float()`` and that its `predict` takes, so that
        the host need not wait for the device.
        """
        return self.inner_products(estimate, point, previous, before, inside=inside).momentum(maximum)

    # --- regularization

    def smooth(
        self,
        array: A,
        estimate: A,
        *,
        weight: float,
        slack: float,
        epsilon: float,
        inside: Box | None,
        out: A | None = None,
    ) -> A:
        """``array / (1 - weight * div(g / (sqrt(|g|^2 + (slack * estimate)^2) + epsilon)))``; `out` may be `array`.

        g holds the forward differences of the estimate along every axis, div sums the backward differences of the
        quotients. At the far faces of the box a forward difference is 0, at the near faces a backward difference is
        the value itself, and outside the box the array stays as it is. None means everywhere, with the last voxel of
        an axis next to the first.
        """
        given = self.download(array), self.download(estimate)
        return on_the_host.upload(self, on_the_host.smooth(*given, weight, slack, epsilon, inside), out)  # type: ignore[no-any-return]

    def halve(self, image: A, key: int, start: Shape, shape: Shape, *, second: bool) -> A:
        """Twice one half of a binomial split of a block's counts: the first half or the `second`.

        The block begins at `start` of an image of this shape. Both halves add up to twice the image. The split is that
        of `rlcore.backend.formulas.consensus.halve`, to rounding.
        """
        return self.upload(on_the_host.halve(self.download(image), key, start, shape, second=second))

    def agree(self, first: A, second: A, *, out: A | None = None) -> A:
        """Consensus of two corrections: ``m * clip(5 * first * second / m^2, 0, 1)`` with their mean m."""
        return on_the_host.upload(self, on_the_host.agree(*map(self.download, (first, second))), out)  # type: ignore[no-any-return]

    # --- memory

    def live_arrays(self, options: IterationOptions) -> LiveArrays:
        """Numbers of arrays of a block's shape that an iteration with these options holds at once."""
        fused = overrides(self, "convolve", "correlate", "ratio", "update")
        return composed.live_arrays(options, fused=fused, predicts=overrides(self, "predict"))

    @classmethod
    def devices(cls) -> tuple[Device, ...]:
        """All devices, in the order of the index that selects one; empty if there is nothing to choose from."""
        return ()


def overrides(backend: Backend[Any], *operations: str) -> bool:
    """True if the backend has its own version of all these operations instead of the defaults."""
    return all(getattr(type(backend), name) is not getattr(Backend, name) for name in operations)


@runtime_checkable
class Streams(Protocol):
    """An option of a backend: transfers that overlap with computing, through memory that the device reads directly."""

    def pinned(self, shape: Shape, dtype: np.dtype[Any]) -> Volume:
        """A host array in the kind of memory that this device transfers fastest from and to."""
        ...

    def stream(self) -> AbstractContextManager[None]:
        """Runs the enclosed work on this thread's stream.

        On exit it is complete; while only one thread uses streams, completion may lag by one block.
        """
        ...


@runtime_checkable
class Interchange(Protocol):
    """An option of a backend: other libraries' arrays on this device are used where they lie, and results are such."""

    def takes(self, array: Any) -> bool:
        """True if `upload` takes this array where it lies; it may then share its memory, and is never written to."""
        ...

    def result(self, shape: Shape) -> tuple[Any, Any]:
        """A new real array of zeros, and the same memory as the array that a caller of the library expects."""
        ...
