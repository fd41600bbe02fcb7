"""The contract of a backend: all that a backend's author reads.

A backend moves arrays to a device, transforms them and does arithmetic on them. It knows
nothing of deconvolution. Arrays on the device are opaque to the algorithm: a real array is
whatever `upload` returned, a spectrum whatever `fft` returned.

Register a callable ``(device: str | int | None) -> Backend`` (usually the class itself) under
the entry-point group ``rlcore.backends``. It raises `rlcore.errors.BackendUnavailable` with a
reason when it is installed but has no device to run on.
"""

from __future__ import annotations

from contextlib import AbstractContextManager
from dataclasses import dataclass
from typing import Any, Protocol, SupportsFloat, TypeVar, runtime_checkable

import numpy as np
import numpy.typing as npt

from rlcore.blocks import Box as Box
from rlcore.blocks import Shape as Shape
from rlcore.powers import Fit as Fit
from rlcore.powers import Likeness as Likeness
from rlcore.powers import SupportsAgreement as SupportsAgreement
from rlcore.powers import SupportsFactor as SupportsFactor
from rlcore.powers import SupportsFit as SupportsFit
from rlcore.powers import SupportsHalving as SupportsHalving
from rlcore.powers import SupportsLikeness as SupportsLikeness
from rlcore.powers import SupportsVariation as SupportsVariation

Volume = npt.NDArray[Any]
"""A NumPy array of 2 or 3 axes in host memory."""

A = TypeVar("A")
"""An array on the device, real or spectrum; opaque to the algorithm."""
A_co = TypeVar("A_co", covariant=True)
A_contra = TypeVar("A_contra", contravariant=True)


@dataclass(frozen=True, slots=True)
class Footprint:
    """Bytes that transforms of one shape need on the device."""

    real: int
    """One real array of the shape."""
    spectrum: int
    """One spectrum of the shape."""
    scratch: int
    """What the operations need besides the arrays they are given: work areas, temporaries."""


@dataclass(frozen=True, slots=True)
class Device:
    """One device that a backend can run on, as the survey shows it."""

    index: int
    name: str
    memory: int | None = None
    """Total bytes, where the library tells."""
    buffer_limit: int | None = None
    """Largest single allocation in bytes, where there is one."""


class Backend(Protocol[A]):
    """What the planner asks and what the algorithm does.

    Elementwise operations write into `out` when it is given and return it; `out` may be one of
    the inputs. Nothing else that is passed in is changed.
    """

    name: str
    """The name it is registered under."""
    device: str
    """The device, as shown to people."""

    def free_bytes(self) -> int:
        """Bytes that can be allocated now; what a library's own pool holds unused counts as free."""
        ...

    def footprint(self, shape: Shape) -> Footprint:
        """Bytes on the device for arrays of `shape`; measured peaks stay below what it says."""
        ...

    def fast_shape(self, shape: Shape) -> Shape:
        """A shape, nowhere smaller than `shape`, that this FFT does well."""
        ...

    def cost(self, shape: Shape) -> float:
        """Relative time of one transform; the planner compares shapes by it."""
        ...

    def upload(self, volume: Volume) -> A:
        """A real array on the device, of the backend's precision; `volume` is any real dtype.

        It is the caller's to write to, except where `SupportsInterchange` lets it share the memory of what was given.
        """
        ...

    def download(self, array: A, *, out: Volume | None = None) -> Volume:
        """The real array in host memory; ``download(upload(x)) == x``."""
        ...

    def fft(self, array: A, *, out: A | None = None) -> A:
        """Spectrum of a real array over all its axes; the layout is the backend's own secret."""
        ...

    def ifft(self, spectrum: A, shape: Shape, *, out: A | None = None) -> A:
        """Real array of `shape`; ``ifft(fft(x), shape) == x``, scaling included.

        The spectrum is untouched, so a backend whose library destroys it works on a copy.
        """
        ...

    def multiply(self, a: A, b: A, *, out: A | None = None) -> A:
        """Elementwise product of two real arrays or of two spectra."""
        ...

    def add(self, a: A, b: A | float, *, out: A | None = None) -> A:
        """Elementwise sum of a real array and a real array or a number."""
        ...

    def divide(self, a: A, b: A, *, floor: float, out: A | None = None) -> A:
        """``a / max(b, floor)`` for real arrays; finite wherever `a` is, for any floor > 0."""
        ...

    def clamp(self, array: A, floor: float, *, out: A | None = None) -> A:
        """``max(array, floor)`` for a real array."""
        ...

    def flip(self, array: A) -> A:
        """Mirror of a real array about voxel 0: index i goes to (-i) mod n; ``flip(flip(x)) == x``."""
        ...


def real_dtype(backend: Backend[Any]) -> np.dtype[Any]:
    """The precision of a backend's real arrays: its `dtype`, or float32 where it states none."""
    return np.dtype(getattr(backend, "dtype", np.float32))


def on_host(backend: Backend[Any]) -> bool:
    """Whether the backend's arrays live in the host's own memory (its `on_host`, else False)."""
    return bool(getattr(backend, "on_host", False))


@runtime_checkable
class SupportsFusion(Protocol[A]):
    """Optional: the four steps of an iteration as one operation each.

    A transfer is the spectrum of the PSF, made by ``fft``. `out` may be the array given.
    """

    def convolve(self, array: A, transfer: A, *, out: A | None = None) -> A:
        """``ifft(fft(array) * transfer)``: what the microscope does."""
        ...

    def correlate(self, array: A, transfer: A, *, out: A | None = None) -> A:
        """``ifft(fft(array) * conj(transfer))``: the exact adjoint of `convolve`."""
        ...

    def ratio(
        self, image: A, blurred: A, *, background: float, floor: float, inside: Box | None = None, out: A | None = None
    ) -> A:
        """``image / max(blurred + background, floor) - 1`` inside the box, 0 outside it; None means everywhere."""
        ...

    def update(self, estimate: A, correction: A, weight: A | None, *, out: A | None = None) -> A:
        """``estimate * max(1 + weight * correction, 0)``; `weight` None means 1 everywhere."""
        ...


@runtime_checkable
class SupportsPrediction(Protocol[A]):
    """Optional: the point that an accelerated step starts from, in one pass."""

    def predict(self, estimate: A, previous: A, factor: SupportsFloat, *, least: float, out: A | None = None) -> A:
        """``max(estimate + factor * (estimate - previous), least * estimate)``; `out` may be `previous`.

        `factor` is a float, or what the backend's own `factor` gave, if it has `SupportsFactor`."""
        ...


@runtime_checkable
class SupportsResidence(Protocol[A]):
    """Optional: working volumes of any shape that stay on the device while blocks are cut from them."""

    def full(self, shape: Shape, value: float) -> A:
        """A new real array of `shape` filled with `value`."""
        ...

    def cut(self, volume: A, start: Shape, shape: Shape, *, wrap: bool = False, out: A | None = None) -> A:
        """``volume[start:start+shape]``; `start` may be negative and the end beyond the volume:
        what lies outside is 0, or the volume repeated if `wrap`."""
        ...

    def paste(self, block: A, source: Shape, volume: A, target: Shape, shape: Shape) -> None:
        """``volume[target:target+shape] = block[source:source+shape]``, all of it inside both."""
        ...


@runtime_checkable
class SupportsHostVolumes(Protocol[A]):
    """Optional: blocks of NumPy arrays without another copy of them in between, on the host or on the device."""

    def read(self, volume: Volume, start: Shape, shape: Shape, *, wrap: bool = False, out: A | None = None) -> A:
        """Like `cut`, from a NumPy array of any real dtype."""
        ...

    def write(self, block: A, source: Shape, volume: Volume, target: Shape, shape: Shape) -> None:
        """Like `paste`, into a NumPy array of any real dtype."""
        ...


@runtime_checkable
class SupportsStreams(Protocol):
    """Optional: transfers that overlap with computing, through memory the device reads directly."""

    def staging(self, shape: Shape, dtype: np.dtype[Any]) -> Volume:
        """A host array of the kind this device transfers fastest from and to (pinned memory)."""
        ...

    def lane(self) -> AbstractContextManager[None]:
        """Work done inside, by this thread, runs beside that of other threads' lanes.

        On leaving it has finished; or, as long as no other thread has had a lane, at least that of the lane before.
        """
        ...


@runtime_checkable
class SupportsExpansion(Protocol[A_co]):
    """Optional: spread a small table over a block on the device, so that weights need not cross the bus."""

    def expand(self, table: Volume, index: tuple[npt.NDArray[np.intp], ...]) -> A_co:
        """``table[np.ix_(*index)]`` as a real array on the device."""
        ...


@dataclass(frozen=True, slots=True)
class Summary:
    """What one look over all voxels tells; `total` is NaN or infinite if any voxel is."""

    minimum: float
    maximum: float
    total: float


@runtime_checkable
class SupportsSummary(Protocol[A_contra]):
    """Optional: look over all voxels of a real array on the device."""

    def summary(self, array: A_contra) -> Summary:
        """Minimum, maximum and sum (in double precision) of a real array."""
        ...


@runtime_checkable
class SupportsInterchange(Protocol[A_co]):
    """Optional: arrays of other libraries that lie on this device are used there, and results are such arrays."""

    def takes(self, array: Any) -> bool:
        """Whether `upload` takes this array where it lies; it may then share its memory, and is never written to."""
        ...

    def result(self, shape: Shape) -> tuple[A_co, Any]:
        """A new real array of zeros, and the same memory as the array that a caller of the library expects."""
        ...


@runtime_checkable
class SupportsBufferLimit(Protocol):
    """Optional: no single array may be larger than this."""

    def buffer_limit(self) -> int:
        """Bytes of the largest single allocation."""
        ...


@runtime_checkable
class SupportsDevices(Protocol):
    """Optional, on the registered callable: which devices there are to choose from."""

    def devices(self) -> tuple[Device, ...]:
        """Every device, in the order of the index that selects it."""
        ...
