"""Physical scale of a file's voxels and time points."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal

Dialect = Literal["ome", "imagej", "plain", "npy", "zarr"]
"""Form of a file's metadata: OME-XML, ImageJ's text, TIFF's own tags, none, or OME-Zarr."""

_METRES = {"m": 1.0, "cm": 1e-2, "mm": 1e-3, "µm": 1e-6, "nm": 1e-9, "inch": 0.0254}


@dataclass(frozen=True, slots=True)
class Voxel:
    """Size of a voxel, and of a time step, along the axes for which a file gives it."""

    sizes: dict[str, float] = field(default_factory=dict)
    """Size by axis letter (Z, Y, X, T), in the axis's unit."""
    units: dict[str, str] = field(default_factory=dict)
    """Unit by axis letter, such as µm or s; an axis may have none."""

    def __str__(self) -> str:
        return ", ".join(
            f"{axis.lower()} {size:.6g} {self.units.get(axis, '')}".rstrip() for axis, size in self._items()
        )

    def differs(self, other: Voxel) -> bool:
        """Returns whether sizes along any axis known to both differ by more than 1 %."""
        # programs round sizes to a few digits when they convert files
        return any(
            abs(ours - theirs) > 0.01 * ours
            for axis in self.sizes.keys() & other.sizes.keys()
            if (ours := self._metres(axis)) and (theirs := other._metres(axis))
        )

    def micrometres(self, axes: str) -> tuple[float, ...] | None:
        """Returns sizes in micrometres along these axes; None unless all sizes and units are known."""
        lengths = [self._metres(axis) if axis in self.sizes else None for axis in axes]
        return tuple(length * 1e6 for length in lengths if length) if axes and all(lengths) else None

    def in_unit_of_x(self) -> Voxel:
        """Returns the same sizes with lengths in the unit of X, for formats that state one unit for all.

        Lengths that cannot be converted are left out.
        """
        unit = self.units.get("X", "")
        sizes, units = {}, {}
        for axis, size in self.sizes.items():
            own = self.units.get(axis, "")
            if axis == "T" or own == unit:
                sizes[axis], units[axis] = size, own
            elif unit in _METRES and own in _METRES:
                sizes[axis], units[axis] = size * _METRES[own] / _METRES[unit], unit
        return Voxel(sizes, units)

    def to_dict(self) -> dict[str, dict[str, object]]:
        """Returns size and unit by axis, in types that JSON has."""
        return {axis.lower(): {"size": size, "unit": self.units.get(axis, "")} for axis, size in self._items()}

    def _items(self) -> list[tuple[str, float]]:
        return [(axis, self.sizes[axis]) for axis in "ZYX" if axis in self.sizes]

    def _metres(self, axis: str) -> float | None:
        scale = _METRES.get(self.units.get(axis, ""))
        return None if scale is None else self.sizes[axis] * scale
