"""The camera of a run: what it adds to every voxel, how many photons its units are, and which voxels are no data.

The caller says so, or the image's own noise tells. It is settled before anything runs, so that the number of
iterations, the plan and every block go by the same figures.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import cache
from typing import Any

import array_api_compat
import numpy as np

from rlcore.algorithm.camera import Camera, estimate_camera, find_hot_pixels, find_saturation
from rlcore.algorithm.camera.model import REASONS
from rlcore.algorithm.photon_noise import object_photons
from rlcore.algorithm.regularization import Prior
from rlcore.algorithm.sampled_planes import SAMPLED_VOXELS, SampledPlanes
from rlcore.api.camera_options import AUTO, CameraOptions
from rlcore.api.doubts import offset_left_in
from rlcore.backend import Volume
from rlcore.errors import caution
from rlcore.execution.run import Problem
from rlcore.execution.volumes.arguments import is_foreign
from rlcore.execution.volumes.calibrated import Calibrated, relative_gain
from rlcore.execution.volumes.data_weights import DataWeights
from rlcore.execution.volumes.image import ImageWarning
from rlcore.execution.volumes.initial_estimate import to_host

_OF_A_CAMERA = "counts", "not linear"
"""Kinds of images in which bad pixels are looked for, which may be why noise is no line over brightness."""

_STANDS_OUT = 0.98
"""Share of an image's mean that light without the object may be: an image with more shows no object."""

_BAND = 16
"""Rows that are looked at together."""

_MOST_READ_NOISE = 10.0
"""Read noise in photons that no camera for microscopes exceeds."""


class CameraWarning(ImageWarning):
    """Something was found out about the camera from the image, and has changed what was restored."""


@dataclass(frozen=True, slots=True, eq=False)
class Seen:
    """What is known of the camera when a run begins."""

    camera: Camera
    background: float = 0.0
    """Light that is not the object's, in image units above the offset."""
    excluded: int = 0
    """Pixels that are no data, in each plane; of a 3-D map voxels."""

    @property
    def reason(self) -> str:
        """Why the image does not tell its gain."""
        return REASONS[self.camera.kind]


def with_camera(problem: Problem, options: CameraOptions, *, looks: bool) -> tuple[Problem, Seen]:
    """The problem without what the camera has added; `looks` says that the gain is needed, so that it is estimated.

    Warns of what was found and changes the result.
    """
    recorded = problem.image
    problem = _calibrated(problem, options)
    mapped = np.ndim(options.offset) or np.ndim(options.gain)  # else what are no numbers are best left out as such
    seen = problem if mapped else replace(problem, image=recorded)
    camera = _camera_of(seen, options, looks=looks)
    bad = _bad_pixels(replace(problem, image=recorded), options, camera)
    if bad is not None and bad.ndim == 2 and len(problem.geometry.image_shape) == 3:
        camera = _camera_of(seen, options, looks=looks, without=bad)  # hot pixels look like noise of bright light
    camera = _checked(seen, options, camera)
    problem = replace(problem, offset=camera.zero)
    sample = cache(lambda: sampled_voxels(problem))
    background = _level(sample, problem, camera) if options.background == AUTO else options.background
    problem = replace(problem, background=background + camera.pedestal)
    problem = replace(problem, prior=_prior_for(sample, problem, camera))
    problem, excluded = _without_bad(problem, recorded, options, bad, camera)
    if camera.zero and options.offset_is_auto:
        caution(f"{camera}: {camera.zero:.4g} is taken off the image; give offset= to say otherwise", CameraWarning)
    return problem, Seen(camera, background, excluded)


def _level(sample: Callable[[], Volume], problem: Problem, camera: Camera) -> float:
    """The light of the darkest parts; 0 where it is no less than all the light, so that no object stands out of it."""
    if camera.kind != "counts" or not camera.background:
        return 0.0
    above = np.maximum(sample() - np.float64(problem.offset), 0)
    mean = float(above.mean(dtype=np.float64))
    return camera.background if camera.background + camera.pedestal < _STANDS_OUT * mean else 0.0


def _prior_for(sample: Callable[[], Volume], problem: Problem, camera: Camera) -> Prior:
    """The prior, its weight settled by the photons of the object; the default where the image does not tell them."""
    prior = problem.prior
    if not prior.waits:
        return prior
    photons = 0.0
    if camera.gain is not None:
        photons = object_photons(sample(), camera.gain, offset=problem.offset, background=problem.background)
    return prior.with_weight_for(photons, problem.psf.values) if photons > 0 else prior.with_default()


def sampled_voxels(problem: Problem) -> Volume:
    """Bands of rows of the sampled planes of the image, as they are; whole planes where they are small."""
    sampled = SampledPlanes.over(problem.geometry.image_shape)
    every = max(1, sampled.voxels // SAMPLED_VOXELS)
    found = []
    for k in sampled.planes:
        plane = to_host(problem.backend, problem.image[k : k + 1])
        if plane.ndim == 3 and every > 1:
            plane = plane[:, np.arange(plane.shape[1]) // _BAND % every == 0]
        found.append(plane)
    return np.concatenate(found)


def _camera_of(problem: Problem, options: CameraOptions, *, looks: bool, without: Any = None) -> Camera:
    """What the caller knows of the camera, and the rest by the image's noise, as far as a run depends on it.

    `without` holds pixels of a plane that tell nothing.
    """
    given: Camera | None = None
    offset: Any = options.offset
    gain = None if isinstance(options.gain, str) else float(np.mean(options.gain, dtype=np.float64))
    if isinstance(offset, Camera):
        given, offset, gain = offset, offset.offset, gain or offset.gain
    elif np.ndim(offset):
        offset = 0.0  # which is taken off already
    # read noise is not for the caller to know, and matters wherever there is an offset
    unknown = (given is None and offset != 0.0) or options.background == AUTO or (looks and gain is None)
    if not unknown:
        return replace(given or Camera(offset), gain=gain)

    found = _look(problem, None if options.offset_is_auto else offset, gain, without)
    return found if given is None else replace(given, gain=found.gain, background=found.background)


def _look(problem: Problem, offset: float | None, gain: float | None, without: Any = None) -> Camera:
    def here(part: Any) -> Volume:
        values = to_host(problem.backend, part)
        return values if without is None else np.where(without, np.float32(np.nan), values)

    return estimate_camera(problem.image, here, offset=offset, gain=gain, dtype=_dtype_of(problem.image))


def _doubt(problem: Problem, offset: float) -> None:
    """Warn of an offset that is less than what the image shows by itself."""
    seen = _look(problem, None, None)
    if seen.kind == "counts" and seen.gain is not None:
        mean = float(sampled_voxels(problem).mean(dtype=np.float64))
        if (doubt := offset_left_in(seen, offset=offset, mean=mean)) is not None:
            caution(doubt, CameraWarning)


def _checked(problem: Problem, options: CameraOptions, camera: Camera) -> Camera:
    """The camera without a read noise that no camera has, which shows that the given offset is not the image's."""
    if not isinstance(options.offset, float):
        return camera
    if camera.gain_error is not None:  # it was looked at
        _doubt(problem, options.offset)
    if camera.gain is None or camera.read_noise <= _MOST_READ_NOISE * camera.gain:
        return camera
    caution(
        f"offset {camera.offset:g} is far above what the image's noise shows, about {camera.zero:.4g}; leave it out to "
        "have it estimated",
        CameraWarning,
    )
    return replace(camera, read_noise=0.0)


def _bad_pixels(recorded: Problem, options: CameraOptions, camera: Camera) -> Any:
    """The pixels that are no data, given or found; None if there are none."""
    bad = options.hot_pixels
    if isinstance(bad, str):
        if bad == "keep" or camera.kind not in _OF_A_CAMERA:
            return None
        known = camera if camera.gain is not None else None
        bad = find_hot_pixels(recorded.image, lambda part: to_host(recorded.backend, part), known)
    return bad if bad.any() else None


def _without_bad(
    problem: Problem, recorded: Any, options: CameraOptions, bad: Any, camera: Camera
) -> tuple[Problem, int]:
    """The problem in which voxels that are no data have no weight, and the number of pixels left out.

    `recorded` is the image as the camera has recorded it, whose values show which voxels are full or no numbers.
    """
    shape, finite = problem.geometry.image_shape, isinstance(options.weights, str)
    given, finds = None if finite else options.weights, isinstance(options.hot_pixels, str)
    limit = None
    if finds and options.hot_pixels == "find" and camera.kind in _OF_A_CAMERA:
        limit = _saturation(recorded, lambda part: to_host(problem.backend, part))
    excluded = 0 if bad is None else int(np.count_nonzero(bad))
    if options.masked is not None:
        bad = options.masked if bad is None else bad | options.masked
    if given is None and bad is None and limit is None and not finite:
        return problem, 0
    weights = DataWeights(shape, given, bad, limit, finite, lambda box: to_host(problem.backend, recorded[box]))
    if finds and (excluded or limit is not None):
        _say_excluded(excluded, math.prod(shape[-2:]), limit)
    return replace(problem, weights=weights), excluded


def _saturation(image: Any, here: Callable[[Any], Volume]) -> float | None:
    """The value from which on voxels are saturated, by the sampled planes of the image; None if none is."""
    planes = SampledPlanes.over(tuple(map(int, image.shape))).planes
    return find_saturation(np.concatenate([here(image[k : k + 1]) for k in planes]), _dtype_of(image))


def _dtype_of(image: Any) -> np.dtype[Any]:
    """The type of an image in terms of NumPy."""
    name = str(image.dtype).rpartition(".")[2]
    return np.dtype(name if name in np.sctypeDict else np.float32)


def _say_excluded(excluded: int, pixels: int, limit: float | None) -> None:
    hot = f"{excluded} of {pixels} pixels are hot or dead" if excluded else ""
    full = f"voxels of {limit:g} or more are saturated" if limit is not None else ""
    caution(
        f"{' and '.join(filter(None, (hot, full)))}; they count as no data; give hot_pixels='keep' to use them",
        CameraWarning,
    )


def _calibrated(problem: Problem, options: CameraOptions) -> Problem:
    """The problem with the maps of the camera taken out of its image, and values that are no numbers set to 0."""
    offset, gain = (each if np.ndim(each) else 0.0 for each in (options.offset, options.gain))
    if not np.ndim(offset) and not np.ndim(gain) and not isinstance(options.weights, str):
        return problem
    image = problem.image
    if is_foreign(image):
        return replace(problem, image=_calibrated_native(image, offset, gain))
    return replace(problem, image=Calibrated.of(image, lambda box: to_host(problem.backend, image[box]), offset, gain))


def _calibrated_native(image: Any, offset: Any, gain: Any) -> Any:
    """The same of an array of another library, as an array of it."""
    xp, place = array_api_compat.array_namespace(image), array_api_compat.device(image)
    values = xp.astype(image, xp.float32)
    offset, gain = (xp.asarray(each, dtype=xp.float32, device=place) for each in (offset, relative_gain(gain)))
    values = (values - offset) / gain
    return xp.where(xp.isfinite(values), values, xp.zeros_like(values))
