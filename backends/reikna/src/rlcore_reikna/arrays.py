"""Arrays on the device: real volumes and spectra, and small tables spread over a volume."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Any, Literal, TypeAlias, TypeGuard

from rlcore.backend import Shape

Kind = Literal["real", "spectrum"]


@dataclass(frozen=True, slots=True, eq=False)
class Array:
    """A real volume, or a spectrum in the layout of the transforms that made it, in one buffer."""

    buffer: Any
    shape: Shape
    """Of the real volume."""
    kind: Kind = "real"

    @property
    def size(self) -> int:
        return math.prod(self.shape)


@dataclass(frozen=True, slots=True, eq=False)
class Spread:
    """``table[np.ix_(*index)]`` as it was given, until somebody needs the volume itself."""

    table: Any
    """Buffer of the table."""
    index: Any
    """Buffer of int32: the positions along z, then y, then x."""
    plane: tuple[int, ...]
    """Rows and columns of a plane of the table."""
    shape: Shape

    @property
    def arguments(self) -> tuple[Any, ...]:
        """What kernels that read it are given."""
        return self.table, self.index, *self.plane, *cubic(self.shape)


Real: TypeAlias = Array | Spread


def is_spectrum(array: Real) -> TypeGuard[Array]:
    return isinstance(array, Array) and array.kind == "spectrum"


def real_bytes(shape: Shape) -> int:
    return 4 * math.prod(shape)


def power_of_two(length: int) -> int:
    """The power of two that is not less."""
    return 1 << (length - 1).bit_length()


def cubic(shape: Shape, *, fill: int = 1) -> tuple[int, ...]:
    """The shape, or the position, with 3 axes: an image is a volume of one plane."""
    return (fill,) * (3 - len(shape)) + tuple(shape)
