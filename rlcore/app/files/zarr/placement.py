"""Scale and position of an OME-Zarr image, composed of what its finest level and all levels together state."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any


@dataclass(frozen=True, slots=True)
class Placement:
    """Scale and position of the finest level by axis letter; a negative scale runs against its axis."""

    scale: dict[str, float]
    translation: dict[str, float]


def letter_of(axis: Mapping[str, Any]) -> str:
    """Returns the letter of an axis in the metadata."""
    name: str = axis["name"]
    return {"time": "T", "channel": "C"}.get(str(axis.get("type") or ""), name[:1].upper())


def placement(multiscale: Mapping[str, Any]) -> Placement:
    """Composes the transformations of an image: its finest level's first, then those of all levels.

    Parameters
    ----------
    multiscale : mapping
        Entry of "multiscales"; may be empty.

    Raises
    ------
    ValueError
        If a transformation has not as many numbers as the image has axes.
    """
    letters = [letter_of(axis) for axis in multiscale.get("axes") or ()]
    scale, translation = [1.0] * len(letters), [0.0] * len(letters)
    finest = (multiscale.get("datasets") or [{}])[0]
    for transform in [*_transforms(finest), *_transforms(multiscale)]:
        if transform.get("type") == "scale" and "scale" in transform:
            factors = list(map(float, transform["scale"]))
            scale = [s * f for s, f in zip(scale, factors, strict=True)]
            translation = [t * f for t, f in zip(translation, factors, strict=True)]
        elif transform.get("type") == "translation" and "translation" in transform:
            translation = [t + float(by) for t, by in zip(translation, transform["translation"], strict=True)]
    return Placement(dict(zip(letters, scale, strict=True)), _finite(dict(zip(letters, translation, strict=True))))


def stated_in(attributes: Mapping[str, Any]) -> Mapping[str, Any]:
    """Returns what the attributes of a group say by the OME-Zarr format: version 0.4 has it at their top."""
    said = attributes.get("ome", attributes)
    return said if isinstance(said, Mapping) else {}


def multiscale_of(attributes: Mapping[str, Any]) -> dict[str, Any]:
    """Returns the first entry of "multiscales" in the attributes of a group; empty if there is none."""
    multiscale: dict[str, Any] = dict((stated_in(attributes).get("multiscales") or [{}])[0])
    return multiscale


def _transforms(described: Mapping[str, Any]) -> Sequence[Mapping[str, Any]]:
    return described.get("coordinateTransformations") or ()


def _finite(values: dict[str, float]) -> dict[str, float]:
    return {letter: value if math.isfinite(value) else 0.0 for letter, value in values.items()}
