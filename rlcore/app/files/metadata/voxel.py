"""Physical scale of a file's voxels and time points."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Literal

from rlcore.app.files.metadata.units import metres

Dialect = Literal["ome", "imagej", "plain", "npy", "zarr"]
"""Form of a file's metadata: OME-XML, ImageJ's text, TIFF's own tags, none, or OME-Zarr."""


@dataclass(frozen=True, slots=True)
class Voxel:
    """Size of a voxel, and of a time step, along the axes for which a file gives it."""

    sizes: dict[str, float] = field(default_factory=dict)
    """Size by axis letter (Z, Y, X, T), in the axis's unit."""
    units: dict[str, str] = field(default_factory=dict)
    """Unit by axis letter, such as µm or s; an axis may have none."""
    doubt: str = ""
    """Reason why lengths are not believed; they are then kept for the result, and used for nothing."""

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
            if (ours := self.metres(axis)) and (theirs := other.metres(axis)) and not (self.doubt or other.doubt)
        )

    def micrometres(self, axes: str) -> tuple[float, ...] | None:
        """Returns sizes in micrometres along these axes; None unless all are known, and believed."""
        lengths = [self.metres(axis) for axis in axes]
        if not axes or self.doubt or not all(lengths):
            return None
        # divided by the micrometre, so that 0.1 µm is 0.1, not 0.09999999999999999
        return tuple(length / 1e-6 for length in lengths if length)

    def in_unit_of_x(self) -> Voxel:
        """Returns the same sizes with lengths in the unit of X, for formats that state one unit for all.

        Lengths that cannot be converted are left out.
        """
        unit = self.units.get("X", "")
        return self.expressed(dict.fromkeys(self.sizes.keys() - {"T"}, unit))

    def expressed(self, wanted: Mapping[str, str]) -> Voxel:
        """Returns the same sizes in other units, given by axis; lengths that cannot be converted are left out."""
        sizes, units = {}, {}
        for axis, size in self.sizes.items():
            own = self.units.get(axis, "")
            unit = wanted.get(axis, own)
            ours, theirs = metres(own), metres(unit)
            if own == unit:
                sizes[axis], units[axis] = size, own
            elif ours is not None and theirs is not None:
                sizes[axis], units[axis] = size * (ours / theirs), unit
        return Voxel(sizes, units, self.doubt)

    def metres(self, axis: str) -> float | None:
        """Returns the size along an axis in metres; None if it is unknown."""
        scale = metres(self.units.get(axis, ""))
        return None if scale is None or axis not in self.sizes else self.sizes[axis] * scale

    def to_dict(self) -> dict[str, dict[str, object]]:
        """Returns size and unit by axis, in types that JSON has."""
        return {axis.lower(): {"size": size, "unit": self.units.get(axis, "")} for axis, size in self._items()}

    def _items(self) -> list[tuple[str, float]]:
        return [(axis, self.sizes[axis]) for axis in "ZYX" if axis in self.sizes]
