"""What the caller asks for, checked and put in order before anything runs."""

from __future__ import annotations

import hashlib
import math
import numbers
import operator
import os
import tempfile
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any, Literal

import array_api_compat
import numpy as np

from rlcore.acceleration import TELLING, Acceleration
from rlcore.array_api import ArrayAPIBackend
from rlcore.backend import Backend, SupportsInterchange, SupportsResidence, Volume, real_dtype
from rlcore.blocks import Shape
from rlcore.boundary import Boundary, Geometry
from rlcore.choice import choose_backend
from rlcore.errors import InputError
from rlcore.execution.results import ArrayResult, DeviceResult, NewResult, Result
from rlcore.execution.scan import check_image, chunks_of
from rlcore.photons import check_gain
from rlcore.planner import Job, Plan
from rlcore.psf import PSF, prepare_psf
from rlcore.registry import installed, load_backend
from rlcore.regularization import NO_PRIOR, Prior
from rlcore.stopping import MOST_ITERATIONS, Iterations, Stop, check_threshold


@dataclass(frozen=True, slots=True)
class Settings:
    """The caller's choices."""

    iterations: Iterations
    boundary: Boundary
    background: float
    memory: int | float | str | None = None
    exchange: bool = True
    tolerance: float | None = None
    acceleration: Acceleration = "none"
    prior: Prior = NO_PRIOR
    stop: Stop = "none"
    threshold: float | None = None
    gain: Any = None

    @property
    def most(self) -> int:
        """Iterations at the most."""
        return MOST_ITERATIONS if self.iterations == "auto" else self.iterations

    @property
    def ends(self) -> Stop | Literal["held-out"]:
        """What may end the run before that."""
        return "held-out" if self.iterations == "auto" else self.stop

    @property
    def error(self) -> float | None:
        """What independent blocks may be wrong by; None where blocks are to be exact."""
        if self.exchange:
            return None
        return 1e-3 if self.tolerance is None else self.tolerance


@dataclass(frozen=True, slots=True, eq=False)
class Request:
    """Image, PSF, settings and backend that go together."""

    image: Any
    psf: PSF
    geometry: Geometry
    settings: Settings
    backend: Backend[Any]
    native: bool
    """Whether the image is an array of the backend's own library, and stays one."""
    out: Any
    start: Any = "constant"
    """A name, or an array."""

    @classmethod
    def of(
        cls, image: Any, psf: Any, settings: Settings, backend: str | Backend[Any], device: str | int | None, out: Any
    ) -> Request:
        """Check everything, in the order in which a user would want to hear of it."""
        image = image if hasattr(image, "shape") and hasattr(image, "dtype") else np.asarray(image)
        check_image(image)
        shape = tuple(map(int, image.shape))
        check_iterations(settings.iterations)
        check_settings(settings)
        prepared = prepare_psf(psf, ndim=len(shape))
        full = Geometry(shape, prepared.values.shape, prepared.centre, settings.boundary)
        prepared, geometry = _trim(prepared, full)
        _check_out(out, shape)
        engine, native = _engine_for(image, backend, device)
        return cls(image, prepared, geometry, settings, engine, native, out)

    @property
    def chunks(self) -> Shape:
        """Chunks of the result, 1 voxel where it has none."""
        return (1,) * len(self.geometry.image_shape) if self.out is None else chunks_of(self.out)

    @property
    def auto(self) -> bool:
        """Whether the number of iterations is to be found out."""
        return self.settings.iterations == "auto"

    def of_iterations(self, iterations: int) -> Request:
        """The same with the number that was found."""
        return replace(self, settings=replace(self.settings, iterations=iterations, gain=None))

    def to_host(self, part: Any) -> Volume:
        """Part of an array of the caller's, in host memory."""
        if isinstance(part, np.ndarray) or not array_api_compat.is_array_api_obj(part):
            return np.asarray(part)
        return self.backend.download(self.backend.upload(part))

    def job(self, checkpoint: bool) -> Job:
        """What the planner needs to know."""
        return Job(
            self.geometry,
            self.settings.most,
            result_in_memory=self.out is None,
            lazy_image=not isinstance(self.image, np.ndarray) and not self.native,
            checkpoint=checkpoint,
            acceleration=self.settings.acceleration,
            regularization=self.settings.prior.name,
            stop=self.settings.ends,
        )

    def check_plan(self, plan: Plan) -> None:
        """Refuse a plan that was made for something else."""
        ours = {
            "geometry": self.geometry,
            "iterations": self.settings.most,
            "backend": self.backend.name,
            "acceleration": self.settings.acceleration,
            "regularization": self.settings.prior.name,
            "stop": self.settings.ends,
        }
        self._check_exchanges(plan)
        if other := [f"{key} {getattr(plan, key)!r}" for key, value in ours.items() if getattr(plan, key) != value]:
            raise InputError(f"plan is for {other[0]}, not {ours[other[0].split()[0]]!r}; make one for this run")

    def _check_exchanges(self, plan: Plan) -> None:
        """Refuse a plan whose blocks meet too seldom for what is asked."""
        if plan.half_steps <= 2 or plan.is_whole:
            return
        if plan.acceleration in TELLING:
            why = f"is too long for acceleration {plan.acceleration!r}, whose factors are sums over all blocks"
        elif self.settings.stop != "none":
            why = f"cannot stop after any iteration, as stop {self.settings.stop!r} wants"
        else:
            return
        raise InputError(
            f"plan of {plan.half_steps} half-steps between exchanges {why}; make one with half_steps 1 or 2"
        )

    def identity(self, digest: str, start: str) -> dict[str, Any]:
        """What a checkpoint's continuation must agree in; `digest` is the image's, `start` tells of the start."""
        return {
            "image": digest,
            "psf": hashlib.sha256(self.psf.values.tobytes()).hexdigest(),
            "geometry": asdict(self.geometry),
            "iterations": self.settings.iterations,
            "stop": [self.settings.stop, self.settings.threshold],
            "gain": self.settings.gain,
            "start": start,
            "background": self.settings.background,
            "tolerance": self.settings.error,
            "acceleration": self.settings.acceleration,
            "regularization": asdict(self.settings.prior),
            "backend": self.backend.name,
            "device": self.backend.device,
            "dtype": real_dtype(self.backend).name,
        }

    def scratch_parent(self, checkpoint: str | os.PathLike[str] | None) -> Path:
        """The folder for files: the checkpoint's, or that of the result, or the system's for temporary files."""
        if checkpoint is not None:
            return Path(checkpoint)
        file = getattr(self.out, "filename", None)
        return Path(file).parent if file else Path(tempfile.gettempdir())

    def result(self) -> Result:
        """Where the result goes."""
        shape = self.geometry.image_shape
        if self.out is not None:
            return ArrayResult(self.backend, self.out)
        if self.native:
            return DeviceResult(self.backend, shape)
        return NewResult(self.backend, shape)


def check_iterations(iterations: Iterations) -> Iterations:
    """The number, if it is at least 1, or "auto"."""
    if iterations == "auto":
        return "auto"
    try:
        number = operator.index(iterations)
    except TypeError:
        number = 0
    if number < 1:
        raise InputError(f"iterations {iterations!r} is neither a whole number of at least 1 nor 'auto'")
    return number


def _engine_for(image: Any, backend: str | Backend[Any], device: str | int | None) -> tuple[Backend[Any], bool]:
    """The backend, and whether the image is already an array of its library."""
    foreign = not isinstance(image, np.ndarray) and array_api_compat.is_array_api_obj(image)
    if not foreign:
        return choose_backend(backend, device).backend, False
    if backend == "auto":
        return _engine_of(image), True
    engine = choose_backend(backend, device).backend
    if isinstance(engine, SupportsInterchange):
        return engine, engine.takes(image)
    return engine, isinstance(engine, SupportsResidence) and engine.name in array_api_compat.array_namespace(
        image
    ).__name__


def _engine_of(image: Any) -> Backend[Any]:
    """The backend that is made for the image's library, where one is installed; else any array library's."""
    names = {entry.name for entry in installed()}
    place = array_api_compat.device(image)
    if array_api_compat.is_cupy_array(image) and "cupy" in names:
        return load_backend("cupy", image.device.id)
    if array_api_compat.is_torch_array(image) and "torch" in names:
        return load_backend("torch", str(place))
    on_cpu = "cpu" in str(place).lower()
    return ArrayAPIBackend(array_api_compat.array_namespace(image), place, on_host=on_cpu)


def _trim(psf: PSF, geometry: Geometry) -> tuple[PSF, Geometry]:
    """Leave out what a PSF larger than the image can never bring to it, where nothing lies outside the image."""
    trimmed = geometry.trimmed()
    if trimmed == geometry:
        return psf, geometry
    first = tuple(c - t for c, t in zip(geometry.centre, trimmed.centre, strict=True))
    part = tuple(slice(a, a + p) for a, p in zip(first, trimmed.psf_shape, strict=True))
    return replace(psf, values=psf.values[part], centre=trimmed.centre), trimmed


def check_settings(settings: Settings) -> None:
    """Refuse a background that is none, and choices that do not go together."""
    background: object = settings.background
    if not (isinstance(background, numbers.Real) and 0 <= float(background) < math.inf):
        raise InputError(f"background {background!r} is not a number of at least 0")
    if settings.exchange and settings.tolerance is not None:
        raise InputError("tolerance is for independent blocks only; give exchange=False with it")
    if not settings.exchange and settings.acceleration in TELLING:
        raise InputError(
            f"acceleration {settings.acceleration!r} needs sums over all blocks after every iteration, which "
            "independent blocks have not; leave exchange on, or give acceleration='heavy-ball'"
        )
    check_threshold(settings.threshold, settings.stop)
    if settings.ends != "none" and not settings.exchange:
        raise InputError(
            "independent blocks cannot agree on when to stop; leave exchange on, or give iterations a number alone"
        )
    if settings.iterations == "auto" and settings.stop != "none":
        raise InputError(
            f"iterations 'auto' has a stop of its own; give iterations a number with stop={settings.stop!r}"
        )
    if settings.iterations != "auto" and settings.gain is not None:
        raise InputError(f"gain {settings.gain!r} is of use with iterations 'auto' only; leave it out")
    check_gain(settings.gain)


def _check_out(out: Any, shape: Shape) -> None:
    if out is None:
        return
    if tuple(getattr(out, "shape", ())) != shape:
        raise InputError(f"out has shape {tuple(getattr(out, 'shape', ()))}; it must have the image's, {shape}")
    if np.dtype(out.dtype).kind != "f":
        raise InputError(f"out is of dtype {str(out.dtype)!r}; it must be float32 or float64")
