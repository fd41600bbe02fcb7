"""Identity of a run over volumes: everything in which a resumed run must agree with the one that was stopped."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rlcore.app.camera.channel import ChannelCamera
from rlcore.app.file_request import FileRequest
from rlcore.app.files.layout import Place
from rlcore.app.files.metadata.description import Description
from rlcore.app.files.metadata.provenance import fingerprint
from rlcore.app.files.ome.xml import files_beside
from rlcore.app.files.opening import Opened
from rlcore.app.files.remote.objects import stamp_of_objects
from rlcore.app.files.remote.url import Url
from rlcore.app.files.writing.stamps import files_in, stamp
from rlcore.app.files.zarr.placement import multiscale_of
from rlcore.backend import Backend
from rlcore.execution.volumes.statistics import digest_of
from rlcore.optics.psf import PSF
from rlcore.planner import Plan


def identity_of(
    request: FileRequest,
    image: Opened,
    psfs: list[PSF],
    cameras: list[ChannelCamera],
    places: list[Place],
    backend: Backend[Any],
    plan: Plan,
) -> dict[str, Any]:
    """Returns the identity of a run.

    The image is known by the names, sizes and times of its files; reading all voxels would take as long as a pass over
    them. Files of cameras are known by their voxels too. Of what was found of the cameras, the run log keeps itself
    what it was.
    """
    settings = request.settings()
    return {
        "image": [f"{image.layout} {image.dtype}", _stamp_of(image)],
        "image of the file": str(image.taken),
        "voxel": str(image.about.voxel),
        "psf": [[fingerprint(psf), psf.centre] for psf in psfs],
        "fill missing": request.fill_missing,
        "order": [(place.time, place.channel) for place in places],
        "iterations": request.iterations,
        "acceleration": request.acceleration,
        "regularization": asdict(settings.prior),
        "stop": [request.stop, request.threshold],
        **_said_of_cameras(request, cameras),
        "start": request.start,
        "boundary": request.boundary,
        "tolerance": settings.error,
        "dtype": request.dtype,
        "output": request.output.name if isinstance(request.output, Path) else str(request.output),
        "backend": backend.name,
        "device": backend.device,
        "psf shape": plan.geometry.psf_shape,
    }


def _said_of_cameras(request: FileRequest, cameras: list[ChannelCamera]) -> dict[str, Any]:
    """Returns the options of cameras as they were written, and stamps and digests of their files."""
    maps = [
        {role: [_stamp_of(each.opened), digest_of(each.values)] for role, each in camera.maps.files.items()}
        for camera in cameras
    ]
    return {
        **{option: list(texts) for option, texts in request.camera.by_option.items()},
        "weights": request.weights,
        "hot pixels": request.hot_pixels,
        "photons": request.photons,
        "files of cameras": maps,
    }


def _stamp_of(image: Opened) -> str:
    if isinstance(image.path, Url):
        return stamp_of_objects(image.path, _finest(image.about.rest["attributes"]))
    return stamp(_files_of(image.path, image.about), image.path)


def _files_of(path: Path, about: Description) -> Iterator[Path]:
    """Yields the files that an image is read from: of a Zarr its metadata and the chunks of its finest level."""
    if not path.is_dir():
        for each in (path, *files_beside(path, about)):
            yield from files_in(each)
        return
    yield from sorted(each for each in path.iterdir() if each.is_file())
    yield from files_in(path / _finest(about.rest["attributes"]))


def _finest(attributes: dict[str, Any]) -> str:
    return str(multiscale_of(attributes)["datasets"][0]["path"])
