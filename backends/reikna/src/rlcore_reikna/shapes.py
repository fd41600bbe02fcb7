"""Shapes as kernels take them, with three axes, and lengths and sizes that follow from a shape."""

from __future__ import annotations

import math

from rlcore.backend import Box, Shape


def cubic(shape: Shape, *, fill: int = 1) -> Shape:
    """The shape, or the position, with 3 axes: an image is a volume of one plane."""
    return (fill,) * (3 - len(shape)) + tuple(shape)


def box_arguments(shape: Shape, box: Box) -> Shape:
    """Arguments of kernels that work in a box: rows and columns of a plane of the array, then the box's two ends."""
    return (*cubic(shape)[1:], *cubic(box.start, fill=0), *cubic(box.stop))


def real_bytes(shape: Shape) -> int:
    """Bytes of a real array in single precision."""
    return 4 * math.prod(shape)


def power_of_two(length: int) -> int:
    """The smallest power of two that is no less."""
    return 1 << (length - 1).bit_length()
