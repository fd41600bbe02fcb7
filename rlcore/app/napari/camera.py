"""The camera of a job: what the panel says of it, and what the first volume shows, which holds for all the others."""

from __future__ import annotations

import warnings
from dataclasses import dataclass
from typing import Any

import numpy as np

from rlcore.algorithm.boundary import check_boundary
from rlcore.algorithm.camera import Camera
from rlcore.api.camera import CameraWarning
from rlcore.api.camera_options import AUTO, CameraOptions
from rlcore.api.request import Request
from rlcore.api.settings import Settings
from rlcore.backend import Backend, Shape, Volume
from rlcore.errors import InputError
from rlcore.optics.psf import PSF


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraChoice:
    """What the user says of the camera; numbers as they were typed, in the image's units."""

    offset: str = AUTO
    """Value without light: a number or "auto"."""
    gain: str = AUTO
    """Image units per photon: a number or "auto"."""
    background: str = AUTO
    """Light that is not the object's, above the offset: a number or "auto"."""
    hot_pixels: str = "find"
    """ "find" or "keep"."""

    def options(self, shape: Shape) -> dict[str, Any]:
        """The keywords of `rlcore.deconvolve` for volumes of this shape.

        Raises
        ------
        InputError
            If a text is neither a number in range nor "auto".
        """
        texts = {"offset": self.offset, "gain": self.gain, "background": self.background}
        options = {name: _number_or_auto(name, text) for name, text in texts.items()}
        options["hot_pixels"] = self.hot_pixels
        CameraOptions.of(shape, **options)
        return options


ANY_CAMERA = CameraChoice()
"""Nothing said of the camera: it is found from the image."""


@dataclass(frozen=True, slots=True, eq=False)
class FoundCamera:
    """The camera, and the voxels that are no data, by the first volume of a series."""

    camera: Camera
    hot: Any
    """Pixels that are hot or dead, of the shape of a plane; None if there are none, or if they are not to be found."""
    limit: float | None
    """Value from which on voxels are saturated; None if none is."""

    def options(self, volume: Volume) -> dict[str, Any]:
        """The keywords of `rlcore.deconvolve` for one volume, so that nothing is estimated again, or warned of."""
        bad = self.hot
        if self.limit is not None:
            full = volume >= self.limit
            bad = full if bad is None else full | bad
        return {"offset": self.camera, "hot_pixels": "keep" if bad is None else bad}

    @property
    def sentences(self) -> list[str]:
        """What was found, for the text of the result."""
        said = str(self.camera)
        if self.camera.kind == "counts" and self.camera.gain is None:  # nobody has looked at the noise
            said = f"camera offset {self.camera.offset:g}, given"
        found = [said[:1].upper() + said[1:]]
        if self.hot is not None:
            found.append(f"{self.count} of {self.hot.size} pixels are hot or dead, and count as no data")
        if self.limit is not None:
            found.append(f"Voxels of {self.limit:g} or more are saturated, and count as no data")
        return found

    @property
    def count(self) -> int:
        """The number of pixels that are hot or dead."""
        return 0 if self.hot is None else int(np.count_nonzero(self.hot))

    def to_dict(self) -> dict[str, Any]:
        """What was found, for the provenance of the result."""
        camera = self.camera
        return {
            "camera": str(camera),
            "offset": camera.offset,
            "gain": camera.gain,
            "read_noise": camera.read_noise,
            "hot_pixels": self.count,
            "saturated_from": self.limit,
        }


def find_camera(
    volume: Volume, psf: PSF, choice: CameraChoice, settings: dict[str, Any], backend: Backend[Any]
) -> FoundCamera:
    """The camera of a series by its first volume; `settings` are the run's iterations and boundary."""
    checked = Settings(settings["iterations"], check_boundary(settings["boundary"]))
    request = Request.of(volume, psf, checked, backend=backend, camera=choice.options(volume.shape))
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", CameraWarning)  # the text of the result says it
        request, seen = request.with_camera()
    weights = request.problem.weights
    return FoundCamera(seen.camera, weights and weights.bad, weights and weights.limit)


def _number_or_auto(name: str, text: str) -> float | str:
    text = text.strip()
    if text.lower() == AUTO:
        return AUTO
    try:
        return float(text)
    except ValueError as error:
        raise InputError(f"{name} {text!r} is neither a number nor 'auto'") from error
