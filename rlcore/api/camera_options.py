"""What the caller says of the camera of an image, checked."""

from __future__ import annotations

from dataclasses import dataclass, fields
from typing import Any

import numpy as np

from rlcore.algorithm.camera import Camera
from rlcore.algorithm.ranges import LARGEST, in_range
from rlcore.backend import Shape
from rlcore.errors import InputError
from rlcore.execution.volumes.arguments import plain
from rlcore.execution.volumes.data_weights import check_weights
from rlcore.execution.volumes.statistics import digest_of

AUTO = "auto"
HOT_PIXELS = "find", "keep"


@dataclass(frozen=True, slots=True, eq=False)
class CameraOptions:
    """What the caller said of the camera, checked."""

    offset: Any = 0.0
    """Image units without light: a number, "auto", a `Camera`, or an array of the image's shape or of a plane's."""
    gain: Any = AUTO
    """Image units per photon, likewise."""
    background: Any = 0.0
    """Light that is not the object's, in image units above the offset: a number or "auto"."""
    weights: Any = None
    """How much each voxel counts: an array like `offset`, "finite" to leave out NaN and infinity, or None."""
    hot_pixels: Any = "keep"
    """ "find" or "keep", or an array of bool: pixels that are no data."""
    masked: Any = None
    """Voxels that a masked array leaves out; None if there are none."""

    @classmethod
    def of(
        cls,
        shape: Shape,
        *,
        offset: Any = 0.0,
        gain: Any = AUTO,
        background: Any = 0.0,
        weights: Any = None,
        hot_pixels: Any = "keep",
        masked: Any = None,
    ) -> CameraOptions:
        """The options for an image of this shape.

        Raises
        ------
        InputError
            If one of them is no number in range, nor an array of a fitting shape.
        """
        gain, offset = _apart(AUTO if gain is None else gain, offset)
        if not isinstance(weights, str) and weights is not None:
            weights = check_weights(weights, shape)
        elif isinstance(weights, str) and weights != "finite":
            raise InputError(f"weights {weights!r} are unknown; give an array, or 'finite' to leave out NaN")
        return cls(
            offset if isinstance(offset, Camera) else _number_or_map("offset", offset, shape, -LARGEST),
            _number_or_map("gain", gain, shape, 0.0),
            _number_or_auto("background", background),
            weights,
            _hot_pixels(hot_pixels, shape),
            masked,
        )

    @property
    def offset_is_auto(self) -> bool:
        """True if the offset is to be estimated."""
        return isinstance(self.offset, str)

    @property
    def identity(self) -> dict[str, Any]:
        """What two runs must have in common of these options; arrays are known by their digests."""
        named = {each.name: getattr(self, each.name) for each in fields(self)}
        return {
            name: digest_of(value) if np.ndim(value) else value if isinstance(value, float) else str(value)
            for name, value in named.items()
        }


def without_mask(image: Any) -> tuple[Any, Any]:
    """The image as a plain array, and the mask of a masked one; None if nothing is masked.

    Masked voxels are no data, whatever their values.
    """
    if not isinstance(image, np.ma.MaskedArray):
        return plain(image, "image"), None
    mask = np.ma.getmaskarray(image)
    return image.filled(0), mask if mask.any() else None  # what is below the mask may be NaN


def _apart(gain: Any, offset: Any) -> tuple[Any, Any]:
    """Gain and offset, of which a pair as gain gives both."""
    if not isinstance(gain, (tuple, list)):
        return gain, offset
    if len(gain) != 2:
        raise InputError(f"gain {gain!r} is neither a number nor a pair of gain and offset")
    if not isinstance(offset, str):
        raise InputError(f"gain {gain!r} gives an offset too; leave offset out, or give gain a number")
    return gain[0], gain[1]


def _number_or_map(name: str, value: Any, shape: Shape, least: float) -> Any:
    """A number, "auto", or an array of the image's shape or of its last two axes."""
    if isinstance(value, str):
        if value != AUTO:
            raise InputError(f"{name} {value!r} is neither a number, an array, nor 'auto'")
        return AUTO
    if np.ndim(value) == 0:
        if not in_range(value, least) or (name == "gain" and not float(value) > 0):
            raise InputError(f"{name} {value!r} is not {'a positive number' if name == 'gain' else 'a finite number'}")
        return float(value)
    values = plain(value, name)
    if tuple(values.shape) not in (shape, shape[-2:]):
        raise InputError(
            f"{name} has shape {tuple(values.shape)}; give a number, one for each voxel of the image, {shape}, or one "
            f"for each of a plane, {shape[-2:]}"
        )
    values = np.asarray(values, np.float32)
    if not np.isfinite(values).all() or (name == "gain" and not (values > 0).all()):
        raise InputError(f"{name} has values that are {'not positive' if name == 'gain' else 'NaN or infinite'}")
    return values


def _number_or_auto(name: str, value: Any) -> Any:
    if isinstance(value, str) and value == AUTO:
        return AUTO
    if not in_range(value, 0):
        raise InputError(f"{name} {value!r} is not a number of at least 0, nor 'auto'")
    return float(value)


def _hot_pixels(value: Any, shape: Shape) -> Any:
    if isinstance(value, str):
        if value not in HOT_PIXELS:
            raise InputError(f"hot_pixels {value!r} is unknown; choose 'find' or 'keep', or give an array of bool")
        return value
    pixels = np.asarray(plain(value, "hot_pixels"))
    if pixels.shape not in (shape, shape[-2:]) or pixels.dtype.kind not in ("b", "u", "i"):
        raise InputError(
            f"hot_pixels of shape {pixels.shape} and dtype {pixels.dtype} are no map of the image's pixels, "
            f"{shape[-2:]}, or voxels, {shape}; give 1 where a pixel is hot, 0 elsewhere"
        )
    return pixels != 0
