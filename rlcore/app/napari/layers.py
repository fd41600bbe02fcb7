"""What the layers of a viewer hold, and how large their voxels are."""

from __future__ import annotations

from typing import Any

from rlcore.app.files.units import canonical
from rlcore.app.files.voxel import Voxel


def images(viewer: Any) -> list[Any]:
    """The layers that can be an image or a PSF."""
    from napari.layers import Image

    return [layer for layer in viewer.layers if isinstance(layer, Image) and not layer.rgb]


def data(layer: Any) -> Any:
    """A layer's array, the finest of one with several levels."""
    return layer.data[0] if layer.multiscale else layer.data


def micrometres(layer: Any) -> tuple[float, ...] | None:
    """Along the last axes, z, y, x or y, x; None where the layer's units are no lengths."""
    axes = "ZYX"[-layer.ndim :]
    sizes = dict(zip(axes, map(float, layer.scale[-len(axes) :]), strict=True))
    units = {axis: canonical(str(unit)) for axis, unit in zip(axes, layer.units[-len(axes) :], strict=True)}
    return Voxel(sizes, units).micrometres(axes)


def placed(voxel: tuple[float, ...] | None) -> dict[str, Any]:
    """How a new layer says how large its voxels are."""
    return {} if voxel is None else {"scale": voxel, "units": ("um",) * len(voxel)}
