"""One look at every channel before the plan: its camera, its hot pixels and the number of iterations."""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np

from rlcore.algorithm.camera import Camera
from rlcore.algorithm.photons import NoPhotonsToHoldOut
from rlcore.algorithm.stopping import DEFAULT_ITERATIONS
from rlcore.api.camera import CameraWarning, Seen, with_camera
from rlcore.api.camera_options import CameraOptions
from rlcore.api.find_iterations import Found, Search
from rlcore.api.request import Request
from rlcore.app.bad_volumes import in_sentence
from rlcore.app.camera.channel import ChannelCamera
from rlcore.app.camera.found import CameraFound, Mask
from rlcore.app.camera.maps import ChannelMaps, open_maps
from rlcore.app.camera.said import FIND, KEEP, Said, is_auto
from rlcore.app.camera.stated import agrees, stated_camera
from rlcore.app.camera.weights import PlanesThatAreThere
from rlcore.app.file_request import FileRequest
from rlcore.app.files.layout import Place
from rlcore.app.files.opening import Opened
from rlcore.app.files.remote.url import Url
from rlcore.backend import Backend
from rlcore.backend.host.interrupts import interrupts_noted
from rlcore.errors import InputError, OutputError
from rlcore.execution.progress import Callback, CancelEvent
from rlcore.execution.volumes.data_weights import DataWeights
from rlcore.optics.psf import PSF


def cameras_of(
    request: FileRequest,
    image: Opened,
    psfs: Sequence[PSF],
    backend: Backend[Any],
    *,
    known: Sequence[CameraFound] | None,
    scratch: Path,
    callback: Callback | None = None,
    cancel: CancelEvent | None = None,
) -> list[ChannelCamera]:
    """Settles the camera of every selected channel, which holds for all of its time points.

    Parameters
    ----------
    request : FileRequest
    image : Opened
    psfs : sequence of PSF
        The PSF of each channel.
    backend : Backend
    known : sequence of CameraFound, optional
        What an earlier part of the run has found; nothing is looked at then.
    scratch : Path
        Folder for files of the search for the number of iterations.
    callback, cancel
        As for `rlcore.deconvolve`; called during that search.

    Raises
    ------
    InputError
        If a file of a camera cannot be used, the first volume of a channel cannot be read (the first that can be is
        looked at if the run is to go on without it), or a result in photons is wanted of an image of unknown gain.
    """
    said = request.camera.of_channels(image)
    maps = open_maps(request.camera, said, image)
    if known is not None and len(known) == len(said):
        found = list(known)
    else:
        look = _Look(request, image, backend, scratch, callback, cancel)
        parts = zip(said, maps, psfs, strict=True)
        found = [look.at_channel(channel, *each) for channel, each in enumerate(parts)]
        if request.photons:
            _check_gains(found, image)
    return [ChannelCamera(*each) for each in zip(found, maps, strict=True)]


def _check_gains(found: Sequence[CameraFound], image: Opened) -> None:
    for channel, each in zip(image.layout.channels, found, strict=True):
        if each.camera.gain is None:
            of = f" of channel {channel}" if len(found) > 1 else ""
            raise InputError(
                f"--photons needs the gain{of}, which the image does not tell: {Seen(each.camera).reason}; give "
                "--gain, or leave --photons out"
            )


@dataclass(frozen=True, slots=True, eq=False)
class _Look:
    request: FileRequest
    image: Opened
    backend: Backend[Any]
    scratch: Path
    callback: Callback | None
    cancel: CancelEvent | None

    def at_channel(self, channel: int, said: Said, maps: ChannelMaps, psf: PSF) -> CameraFound:
        """Looks at the first volume of a channel that can be read."""
        start = self._start(said, maps)
        if not self._has_to_look(said):
            return start
        for time in range(len(self.image.layout.times)):
            place = Place(time, channel)
            missing = self.image.missing_planes(place)
            if len(missing) == self.image.layout.size("Z"):
                continue
            try:
                return self._at_volume(replace(start, time=time), place, missing, said, maps, psf)
            except InputError as error:
                if not self.request.keep_going:
                    raise in_sentence(error, self.image, place, self.request.checkpoint, 0) from error
        return start  # nothing of the channel will be restored

    def _has_to_look(self, said: Said) -> bool:
        """Returns whether anything of a channel is to be found out; opening a volume may mean decoding it."""
        request, gain_is_known = self.request, not is_auto(said.gain)
        return (
            not (isinstance(said.offset, (Path, Url)) or said.offset == 0)
            or is_auto(said.background)
            or isinstance(request.iterations, str)
            or (request.photons and not gain_is_known)
            or (request.hot_pixels == FIND and gain_is_known)
        )

    def _start(self, said: Said, maps: ChannelMaps) -> CameraFound:
        """Returns what is known before any look."""
        number = self.request.iterations
        iterations = DEFAULT_ITERATIONS if self.request.finds_iterations else number
        offset = said.offset if isinstance(said.offset, float) else 0.0
        gain = said.gain if maps.gain is None else float(np.mean(maps.gain.values, dtype=np.float64))
        camera = Camera(offset, None if isinstance(gain, str) else gain)
        each = isinstance(iterations, str)
        level = 0.0 if is_auto(said.background) else said.background
        return CameraFound(camera, "auto" if each else int(iterations), said.background, level)

    def _at_volume(
        self, start: CameraFound, place: Place, missing: tuple[int, ...], said: Said, maps: ChannelMaps, psf: PSF
    ) -> CameraFound:
        recorded = self.image.volume(place)
        there = tuple(plane for plane in range(recorded.shape[0]) if plane not in missing)
        view = PlanesThatAreThere(recorded, there) if missing else recorded

        def at(given: Any) -> Any:
            """Returns the planes of a map that are looked at."""
            return given[list(there)] if missing and np.ndim(given) == 3 else given

        dark = said.offset if maps.dark is None else at(maps.dark.values)
        gain = said.gain if maps.gain is None else at(maps.gain.values)
        options = {"gain": gain, "background": said.background, "hot_pixels": FIND}
        if self.request.hot_pixels != FIND:
            options["hot_pixels"] = KEEP
        seen, known = self._seen(view, psf, {"offset": dark, **options})
        stated = stated_camera(self.image, self.image.layout.channels[place.channel])
        words = ""
        if is_auto(dark) and stated.offset is not None:
            fits = agrees(seen.camera, stated.offset)
            words = stated.sentence(seen.camera)
            if fits:
                seen, known = self._seen(view, psf, {"offset": stated.offset, **options})
        limit = None if known is None else known.limit
        found = replace(
            start, camera=seen.camera, level=seen.background, hot=_hot(known), limit=limit, looked=True, stated=words
        )
        return (
            self._with_iterations(found, seen, recorded, missing, maps, psf) if self.request.finds_iterations else found
        )

    def _seen(self, view: Any, psf: PSF, said: dict[str, Any]) -> tuple[Seen, DataWeights | None]:
        """Returns what the image tells of its camera, and which of its voxels are no data."""
        request = self.request
        made = Request.of(view, psf, request.settings(), backend=self.backend)
        options = CameraOptions.of(tuple(view.shape), **said)
        looks = isinstance(request.iterations, str) or request.photons
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", CameraWarning)  # a line says it, once for all volumes of the channel
            problem, seen = with_camera(made.problem, options, looks=looks)
        return seen, problem.weights

    def _with_iterations(
        self, found: CameraFound, seen: Seen, recorded: Any, missing: tuple[int, ...], maps: ChannelMaps, psf: PSF
    ) -> CameraFound:
        """Finds the number of iterations by held-out photons, as the library does for a single volume."""
        number = self._search(ChannelCamera(found, maps), recorded, missing, psf)
        if isinstance(number, Found):
            return replace(found, iterations=number.iterations, why=number.stopped, held_out=number.held_out)
        return replace(found, iterations=DEFAULT_ITERATIONS, why=f"{number}; --gain or -n can say more")

    def _search(self, channel: ChannelCamera, recorded: Any, missing: tuple[int, ...], psf: PSF) -> Found | str:
        """Returns the number that was found, or the reason why none could be."""
        camera, request = channel.found.camera, self.request
        made = Request.of(
            channel.volume(recorded), psf, request.settings(), start=request.start, backend=self.backend,
            camera=channel.options(recorded, missing),
        )  # fmt: skip
        made, _ = made.with_camera()
        try:
            with interrupts_noted():
                search = Search(made.problem, made.plans, camera, self.scratch, self.callback, self.cancel)
                return search.run()
        except NoPhotonsToHoldOut as error:
            return str(error)
        except OSError as error:
            raise OutputError(
                f"files for the search for the number of iterations cannot be written into "
                f"{str(self.scratch.parent)!r}: {error.strerror or error}; free some space, or give -n a number"
            ) from error


def _hot(known: DataWeights | None) -> Mask | None:
    return None if known is None or known.bad is None else np.asarray(known.bad)
