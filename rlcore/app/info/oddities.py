"""Axes and scales that a file may have by mistake, each as a sentence with the option that puts it right."""

from __future__ import annotations

from rlcore.app.files.likely_axes import FEW
from rlcore.app.files.opening import Opened


def odd_order(image: Opened) -> list[str]:
    """Returns a sentence about planes that lie in another order than ImageJ's own."""
    order = image.stored.get("order of planes")
    return [f"has its planes in ImageJ's order {order}; they are read so"] if order else []


def odd_axes(image: Opened) -> list[str]:
    """Returns sentences about axes that may be others than the file says."""
    layout = image.layout
    sizes = {letter: layout.size_in_file(letter) for letter in "TCZ"}
    several = [letter for letter in "TC" if sizes[letter] > 1]
    # named channels are meant as such, and a plane of red, green and blue is one of three
    meant = several == ["C"] and (bool(image.about.channels) or sizes["C"] < 4)
    # channels by default alone have a note, since they are planes along z beside a PSF of several
    noted = several == ["C"] and "C" in layout.by_default and sizes["C"] > FEW
    if sizes["Z"] > 1 or len(several) != 1 or meant or noted:
        return []
    what = "time points" if several == ["T"] else "channels without names"
    axes = layout.file_axes.replace(several[0], "Z")
    how = f"; if they are the planes of a stack, --axes {axes} says so" if set(axes) <= set("TCZYX") else ""
    return [f"has {sizes[several[0]]} {what} and no axis z, and would be restored plane by plane{how}"]


def odd_scale(image: Opened) -> list[str]:
    """Returns a sentence about sizes of voxels that the file does not state in a length; doubts are warned of."""
    voxel, axes = image.about.voxel, "ZYX"[-len(image.layout.volume_shape) :]
    unknown = [axis.lower() for axis in axes if voxel.metres(axis) is None]
    if not unknown or voxel.doubt:
        return []
    return [
        f"states no size of its voxels along {', '.join(unknown)} in a unit of length; "
        f"--voxel {','.join(['0.3', '0.1', '0.1'][-len(axes) :])} gives it in micrometres"
    ]
