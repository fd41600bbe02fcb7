"""What an FFT library has to bring: transforms between buffers, and what they need and cost."""

from __future__ import annotations

from typing import Any, Protocol

from rlcore.backend import Shape


class Transforms(Protocol):
    """Real volumes to spectra and back, of a layout that only these methods know. All arguments are buffers."""

    def spectrum_bytes(self, shape: Shape) -> int:
        """Bytes of a spectrum."""
        ...

    def scratch_bytes(self, shape: Shape) -> int:
        """Bytes that `filter` and the others borrow while they run."""
        ...

    def fast_shape(self, shape: Shape) -> Shape:
        """A shape, nowhere smaller, that is done well."""
        ...

    def cost(self, shape: Shape) -> float:
        """Relative time of one transform: voxels read and written."""
        ...

    def forward(self, spectrum: Any, real: Any, shape: Shape) -> None:
        """Write the spectrum of a real volume, which is kept."""
        ...

    def inverse(self, real: Any, spectrum: Any, shape: Shape, *, keep: bool) -> None:
        """Write the real volume of a spectrum, which may be destroyed unless it is to be kept."""
        ...

    def multiply(self, out: Any, a: Any, b: Any, shape: Shape, *, mirrored: bool = False) -> None:
        """Product of two spectra, of which the first may be `out`; with `mirrored`, by the conjugate of the second."""
        ...

    def filter(self, out: Any, real: Any, transfer: Any, shape: Shape, *, mirrored: bool) -> None:
        """Transform, product and transform back; `out` may be the volume itself."""
        ...
