"""The interface of an FFT library to the backend: transforms between buffers, with their memory and their cost."""

from __future__ import annotations

from typing import Any, Protocol

from rlcore.backend import Shape

LAUNCH_COST = 6e7
"""Host time to start the kernels of half an iteration, shared among its two transforms: as the number of voxels that a
large GPU reads and writes in that time (0.2 ms)."""


class Transforms(Protocol):
    """Real volumes to spectra and back. Only these methods know the layout of spectra; arrays are passed as buffers."""

    def spectrum_bytes(self, shape: Shape) -> int:
        """Bytes of a spectrum."""
        ...

    def scratch_bytes(self, shape: Shape) -> int:
        """Bytes that the methods below allocate while they run, at most."""
        ...

    def fast_shape(self, shape: Shape) -> Shape:
        """A shape that is transformed quickly, on no axis smaller."""
        ...

    def cost(self, shape: Shape) -> float:
        """Relative time of one transform, as the number of voxels that it reads and writes."""
        ...

    def forward(self, spectrum: Any, real: Any, shape: Shape) -> None:
        """Write the spectrum of a real volume, which is kept."""
        ...

    def inverse(self, real: Any, spectrum: Any, shape: Shape, *, keep: bool) -> None:
        """Write the real volume of a spectrum, which may be destroyed unless `keep`."""
        ...

    def multiply(self, out: Any, a: Any, b: Any, shape: Shape, *, mirrored: bool = False) -> None:
        """Write the product of two spectra, of the second's conjugate if `mirrored`; `out` may be `a`."""
        ...

    def filter(self, out: Any, real: Any, otf: Any, shape: Shape, *, mirrored: bool) -> None:
        """Convolve a real volume with an OTF, or correlate if `mirrored`; `out` may be the volume itself."""
        ...
