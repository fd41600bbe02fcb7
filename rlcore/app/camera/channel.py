"""The camera of one channel together with its files: what the library is given for each volume."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

from rlcore.app.camera.found import CameraFound
from rlcore.app.camera.maps import ChannelMaps
from rlcore.execution.volumes.calibrated import Calibrated
from rlcore.execution.volumes.data_weights import DataWeights


@dataclass(frozen=True, slots=True, eq=False)
class ChannelCamera:
    """The camera of one channel."""

    found: CameraFound
    maps: ChannelMaps = field(default_factory=ChannelMaps)

    @property
    def is_lazy(self) -> bool:
        """True if volumes are computed from those of the file as they are read."""
        return self.maps.dark is not None or self.maps.gain is not None or self.maps.finite

    @property
    def is_weighted(self) -> bool:
        """True if voxels of every volume count by data weights."""
        maps, found = self.maps, self.found
        return any(each is not None for each in (maps.weights, maps.hot, found.hot, found.limit)) or maps.finite

    def volume(self, recorded: Any) -> Any:
        """Returns a volume with the dark frame and the uneven gain taken out of it."""
        if not self.is_lazy:
            return recorded
        maps = (0.0 if each is None else each.values for each in (self.maps.dark, self.maps.gain))
        return Calibrated.of(recorded, lambda box: np.asarray(recorded[box]), *maps)

    def options(self, recorded: Any, missing: tuple[int, ...] = ()) -> dict[str, Any]:
        """Returns the options of `rlcore.deconvolve` that concern the camera.

        Parameters
        ----------
        recorded : array_like
            The volume as it is in the file.
        missing : tuple of int
            Its planes along z that no file holds. Where it has none at all, it is restored as zeros.
        """
        found = self.found
        hot = found.hot if self.maps.hot is None else self.maps.hot.values
        return {
            "offset": found.camera,
            "background": found.background,
            "weights": self._weights(recorded, missing),
            "hot_pixels": "keep" if hot is None else hot,
        }

    def _weights(self, recorded: Any, missing: tuple[int, ...]) -> DataWeights | None:
        maps, limit, shape = self.maps, self.found.limit, tuple(recorded.shape)
        if missing and (len(shape) < 3 or len(missing) == shape[0]):
            missing = ()
        if maps.weights is None and limit is None and not maps.finite and not missing:
            return None
        given = None if maps.weights is None else maps.weights.values
        return DataWeights(shape, given, None, limit, maps.finite, lambda box: np.asarray(recorded[box]), missing)
