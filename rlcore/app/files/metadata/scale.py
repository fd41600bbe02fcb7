"""Scales of files that are not believed, and scales that the user gives in their place."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from rlcore.app.files.metadata.voxel import Voxel
from rlcore.errors import InputError, caution

if TYPE_CHECKING:
    from rlcore.app.files.opening import Opened

SMALLEST, LARGEST = 1e-9, 1e-4
"""Shortest and longest side of a microscope's voxel in metres."""
_PRINTED = 1.01e-5
"""Longest voxel in metres that a resolution in inches or centimetres may mean; print has 2400 an inch, or fewer."""

TOO_COARSE = 10.0
"""Sizes of what an objective resolves, above which a voxel is not believed to be one in the specimen."""


class ScaleWarning(UserWarning):
    """Warning about the size of voxels: in doubt, replaced, or different in image and PSF."""


def doubted(voxel: Voxel) -> Voxel:
    """Returns a scale, marked as in doubt if it is none of a microscope."""
    lengths = {axis: length for axis in "ZYX" if (length := voxel.metres(axis))}
    if voxel.doubt:
        return voxel
    # conversions are rounded, so that the limits themselves would be beyond them
    if any(not SMALLEST * 0.999 <= length <= LARGEST * 1.001 for length in lengths.values()):
        return replace(voxel, doubt="no microscope has")
    if any(voxel.units.get(axis) in ("inch", "cm") and lengths.get(axis, 0) > _PRINTED for axis in "YX"):
        return replace(voxel, doubt="is a resolution of print")
    # many programs write 1 where they know nothing
    if {"X", "Y"} <= lengths.keys() and all(voxel.sizes[axis] == 1 for axis in lengths):
        return replace(voxel, doubt="programs write where they know no size")
    return voxel


def believed(
    opened: Opened, file: str, given: str | None, option: str, resolved: tuple[float, ...] | None = None
) -> Opened:
    """Returns an open file with the scale that the user gives, or that of the file, with a warning if it is in doubt.

    Parameters
    ----------
    opened : Opened
        An image or a PSF.
    file : str
        Its role and name in messages.
    given : str or None
        Value of `option`: micrometres along each axis; None if the user gives none.
    option : str
        Name of the option that gives the scale.
    resolved : tuple of float, optional
        Distances in micrometres that the objective resolves along z, y, x, if they are known.

    Raises
    ------
    InputError
        If `given` is not a size, or has too few lengths.

    Warns
    -----
    ScaleWarning
        If the file's scale is in doubt, or is not the one given.
    """
    axes, voxel = "ZYX"[-len(opened.layout.volume_shape) :], opened.about.voxel
    if given is not None:
        mine = _given(voxel, parse_voxel(given, option), axes, option)
        if replace(voxel, doubt="").differs(mine):
            caution(f"{file} has voxels of {voxel} by its metadata; {option} {given} counts instead", ScaleWarning)
        return _with(opened, mine)
    if resolved is not None:
        voxel = _doubted_with_objective(voxel, resolved)
    if voxel.doubt:
        said = f"{file} has voxels of {str(voxel) or 'no size'} by its metadata, which {voxel.doubt}"
        caution(f"{said}; their size counts as unknown unless {option} gives it", ScaleWarning)
    return _with(opened, voxel)


def _with(opened: Opened, voxel: Voxel) -> Opened:
    return replace(opened, about=replace(opened.about, voxel=voxel))


def _doubted_with_objective(voxel: Voxel, resolved: tuple[float, ...]) -> Voxel:
    for axis, distance in zip("ZYX", resolved, strict=True):
        length = voxel.metres(axis)
        if not voxel.doubt and length and length > TOO_COARSE * distance * 1e-6:
            return replace(
                voxel, doubt=f"along {axis.lower()} is more than {TOO_COARSE:g} times what the aperture resolves"
            )
    return voxel


def _given(voxel: Voxel, lengths: tuple[float, ...] | None, axes: str, option: str) -> Voxel:
    """Returns the given micrometres along these axes, in the units of the file as far as it has them."""
    if lengths is None or len(lengths) < len(axes):
        raise InputError(f"{option} has too few lengths; give micrometres along {', '.join(axes.lower())}")
    sizes = dict(zip(axes, lengths[-len(axes) :], strict=True))
    known = {axis: voxel.units[axis] for axis in axes if voxel.metres(axis) and not voxel.doubt}
    mine = Voxel(sizes, dict.fromkeys(axes, "µm")).expressed(known)
    kept = {axis: size for axis, size in voxel.sizes.items() if axis == "T"}
    units = {axis: unit for axis, unit in voxel.units.items() if axis == "T"}
    return Voxel({**kept, **mine.sizes}, {**units, **mine.units})


def parse_voxel(text: str | None, option: str = "voxel") -> tuple[float, ...] | None:
    """Parses a voxel size such as ``0.2,0.1,0.1`` in micrometres; raises InputError if it is none."""
    if text is None:
        return None
    try:
        lengths = tuple(float(part) for part in text.split(","))
    except ValueError:
        lengths = ()
    if len(lengths) not in (2, 3) or not all(0 < length < math.inf for length in lengths):
        raise InputError(f"{option} {text!r} is not a size; write it in micrometres along z, y, x, like 0.2,0.1,0.1")
    return lengths
