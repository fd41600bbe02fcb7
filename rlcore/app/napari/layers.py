"""Layers of a viewer: their arrays and voxel sizes."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rlcore.app.files.metadata.scale import doubted
from rlcore.app.files.metadata.units import canonical
from rlcore.app.files.metadata.voxel import Voxel


def images(viewer: Any) -> list[Any]:
    """Returns the layers that can be an image or a PSF: image layers without RGB."""
    from napari.layers import Image

    return [layer for layer in viewer.layers if isinstance(layer, Image) and not layer.rgb]


def data(layer: Any) -> Any:
    """Returns a layer's array; the finest level of a multiscale layer."""
    return layer.data[0] if layer.multiscale else layer.data


def micrometres(layer: Any) -> tuple[float, ...] | None:
    """Returns the voxel size in micrometres along z, y, x or y, x; None if the layer's units are not lengths."""
    return _voxel(layer).micrometres("ZYX"[-layer.ndim :])


def doubts(layers: Sequence[Any]) -> tuple[str, ...]:
    """Returns a sentence about each of the layers whose voxel size is given in units of length, and not believed."""
    voxels = {layer.name: _voxel(layer) for layer in layers}
    return tuple(
        f"Layer {name!r} has voxels of {voxel}, which {voxel.doubt}: their size counts as unknown; correct the layer's "
        "scale and units."
        for name, voxel in voxels.items()
        if voxel.doubt
    )


def _voxel(layer: Any) -> Voxel:
    axes = "ZYX"[-layer.ndim :]
    sizes = dict(zip(axes, map(float, layer.scale[-len(axes) :]), strict=True))
    units = {axis: canonical(str(unit)) for axis, unit in zip(axes, layer.units[-len(axes) :], strict=True)}
    return doubted(Voxel(sizes, units))


def placed(voxel: tuple[float, ...] | None) -> dict[str, Any]:
    """Returns the keywords that set the voxel size of a new layer."""
    return {} if voxel is None else {"scale": voxel, "units": ("um",) * len(voxel)}
