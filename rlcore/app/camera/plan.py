"""The plan of all volumes of a file, which counts what their cameras need."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from rlcore.algorithm.camera import Camera
from rlcore.app.camera.channel import ChannelCamera
from rlcore.app.camera.found import CameraFound
from rlcore.app.camera.maps import open_maps
from rlcore.app.file_request import FileRequest
from rlcore.app.files.layout import Place
from rlcore.app.files.opening import Opened
from rlcore.backend import Backend
from rlcore.optics.psf import PSF
from rlcore.planner import Plan


def plan_of(
    request: FileRequest,
    image: Opened,
    sample: Place,
    cameras: Sequence[ChannelCamera],
    psf: PSF,
    backend: Backend[Any],
) -> Plan:
    """Returns the plan of all volumes: of as many iterations as any of them takes, and with data weights if any has."""
    numbers = [each.found.iterations for each in cameras]
    most = None if any(isinstance(number, str) for number in numbers) else max(map(int, numbers))
    job: dict[str, Any] = {
        "weighted": any(each.is_weighted for each in cameras) or (image.missing is not None and image.missing.is_known)
    }
    if any(each.is_lazy for each in cameras):
        job["lazy_image"] = True
    return request.plan(image.volume(sample), psf, backend, most, **job)


def cameras_unseen(request: FileRequest, image: Opened) -> list[ChannelCamera]:
    """Returns the cameras of all channels as far as they are known without a look at the image, for a plan alone.

    Neither hot pixels are known, nor a number of iterations less than the most.
    """
    number = request.iterations
    found = CameraFound(Camera(), "auto" if isinstance(number, str) else number)
    return [ChannelCamera(found, each) for each in open_maps(request.camera, request.camera.of_channels(image), image)]
