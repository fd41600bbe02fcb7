"""What is done to voxels on their way from the spectra of lines: the steps between filters, for reikna to take along.

A filter leaves its lines as spectra. Whoever needs them as voxels brings them back; the ratio and the update do that
and their own work in one pass over memory, where each would be a pass of its own.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np

from rlcore.backend import Shape
from rlcore.blocks import Box
from rlcore_reikna.arrays import Spread, cubic

RATIO, UPDATE, WEIGHTED, SPREAD = range(1, 5)
_INTS = "step", "nz", "ny", "az", "ay", "ax", "bz", "by", "bx", "ty", "tx", "in_place"
_FLOATS = "background", "least"
_NUMBERS = {**dict.fromkeys(_INTS, np.int32(0)), **dict.fromkeys(_FLOATS, np.float32(0))}
"""What no step takes."""


@dataclass(frozen=True, slots=True)
class LineStep:
    """A step, with the buffers and numbers that it takes, by the names that they have in `rlcore_reikna.line_code`."""

    buffers: Mapping[str, Any]
    numbers: Mapping[str, Any]

    @classmethod
    def ratio(cls, image: Any, background: float, floor: float, inside: Box | None) -> LineStep:
        """``image / max(voxels + background, floor) - 1`` in a box, 0 outside it."""
        box = inside or Box((0,) * len(image.shape), image.shape)
        ends = zip(("az", "ay", "ax", "bz", "by", "bx"), (*cubic(box.start, fill=0), *cubic(box.stop)), strict=True)
        levels = {"background": np.float32(background), "least": np.float32(floor)}
        numbers = {**_whole(image.shape, RATIO), **{name: np.int32(at) for name, at in ends}, **levels}
        return cls({"operand": image.buffer}, numbers)

    @classmethod
    def update(cls, estimate: Any, weight: Any, out: Any) -> LineStep:
        """``estimate * max(1 + weight * voxels, 0)``."""
        buffers = {"operand": estimate.buffer}
        if weight is None:
            return cls(buffers, _whole(estimate.shape, UPDATE))
        if not isinstance(weight, Spread):
            return cls({**buffers, "weight": weight.buffer}, _whole(estimate.shape, WEIGHTED))
        ty, tx = weight.plane
        numbers = {"ty": np.int32(ty), "tx": np.int32(tx), "in_place": np.int32(out is estimate)}
        buffers |= {"table": weight.table, "index": weight.index}
        return cls(buffers, {**_whole(estimate.shape, SPREAD), **numbers})


NO_STEP = LineStep({}, _NUMBERS)
"""Voxels as they are."""

End = Callable[[Any, LineStep], None]
"""Brings lines back that are spectra, through a step, to a buffer, which may be their own."""


def _whole(shape: Shape, step: int) -> dict[str, Any]:
    nz, ny, _ = cubic(shape)
    return {**_NUMBERS, "step": np.int32(step), "nz": np.int32(nz), "ny": np.int32(ny)}
