"""The camera of one channel as a run uses it: settled once, kept in the run log, and written into the result."""

from __future__ import annotations

import base64
import zlib
from collections.abc import Mapping
from dataclasses import asdict, dataclass, fields
from typing import Any, Literal

import numpy as np
import numpy.typing as npt

from rlcore.algorithm.camera import Camera
from rlcore.algorithm.camera.model import REASONS
from rlcore.algorithm.stopping import DEFAULT_ITERATIONS

Mask = npt.NDArray[np.bool_]


@dataclass(frozen=True, slots=True, eq=False)
class CameraFound:
    """The camera of one channel, its hot pixels, and the number of iterations that its photons call for."""

    camera: Camera
    iterations: int | Literal["auto"] = DEFAULT_ITERATIONS
    """Iterations of all volumes of the channel; "auto" if each has its own."""
    background: float | Literal["auto"] = 0.0
    """Light that is not the object's, in image units above the offset; "auto" if each volume has its own."""
    level: float = 0.0
    """That light in the volume that was looked at."""
    hot: Mask | None = None
    """Hot and dead pixels that were found; None if none were."""
    limit: float | None = None
    """Value from which on voxels are saturated; None if none are."""
    why: str = ""
    """Reason for the number of iterations; empty if the user gave it."""
    held_out: tuple[float, ...] = ()
    """Divergence of the held-out photons after 0, 1, 2 ... iterations."""
    time: int = 0
    """Selected time point that was looked at."""
    looked: bool = False
    """True if anything was found out from the image."""
    stated: str = ""
    """What the file states of the offset, and whether it was believed; empty if it states nothing."""

    @property
    def excluded(self) -> int:
        """Number of hot and dead pixels that were found."""
        return 0 if self.hot is None else int(np.count_nonzero(self.hot))

    def line(self, pixels: int) -> str:
        """Describes the camera of planes of so many pixels, what is done about it, and the number of iterations."""
        camera = self.camera
        said = [f"{camera}", *([self.stated] if self.stated else [])]
        if camera.zero:
            said.append(f"{camera.zero:.4g} is taken off")
        if self.background == "auto":
            said.append(f"background {self.level:.3g} above it, found for each volume")
        elif self.background:
            said.append(f"background {self.background:g} above it")
        if self.excluded:
            said.append(f"{self.excluded} of {pixels} pixels are hot or dead and count as no data")
        if self.limit is not None:
            said.append(f"voxels of {self.limit:g} or more are saturated and count as no data")
        if self.why:
            said.append(f"{self.iterations} iteration{'s' * (self.iterations != 1)} ({self.why})")
        return "; ".join(said)

    def to_dict(self) -> dict[str, Any]:
        """Returns all of it in types that JSON has, from which `from_dict` makes the same again."""
        return {**asdict(self, dict_factory=_plain), "camera": asdict(self.camera), "hot": _packed(self.hot)}

    @classmethod
    def from_dict(cls, said: Mapping[str, Any]) -> CameraFound:
        """Makes what `to_dict` has returned.

        Raises
        ------
        KeyError, TypeError, ValueError
            If it is anything else.
        """
        values = {field.name: said[field.name] for field in fields(cls)}
        camera = Camera(**values["camera"])
        if camera.kind not in REASONS or any(
            each != "auto" and (not isinstance(each, kind) or isinstance(each, bool) or not each >= least)
            for each, kind, least in ((values["iterations"], int, 1), (values["background"], (int, float), 0))
        ):
            raise ValueError("no camera of a run")
        held_out = tuple(map(float, values["held_out"]))
        return cls(**values | {"camera": camera, "hot": _unpacked(values["hot"]), "held_out": held_out})


def _plain(items: list[tuple[str, Any]]) -> dict[str, Any]:
    return {key: value for key, value in items if key not in ("camera", "hot")}


def _packed(mask: Mask | None) -> list[Any] | None:
    """Returns a mask as its shape and its bits: a list of places could be much longer."""
    if mask is None:
        return None
    return [list(mask.shape), base64.b64encode(zlib.compress(np.packbits(mask).tobytes())).decode()]


def _unpacked(said: Any) -> Mask | None:
    if said is None:
        return None
    shape = tuple(int(size) for size in said[0])
    size = int(np.prod(shape, dtype=np.int64))
    if len(shape) != 2 or not 0 < size < 1 << 40:
        raise ValueError("no map of pixels")
    try:
        # no more than the mask has, whatever the text may expand to
        bits = zlib.decompressobj().decompress(base64.b64decode(said[1]), -(-size // 8))
    except zlib.error as error:
        raise ValueError("no map of pixels") from error
    if len(bits) != -(-size // 8):
        raise ValueError("no map of pixels")
    return np.unpackbits(np.frombuffer(bits, np.uint8), count=size).reshape(shape).astype(bool)
