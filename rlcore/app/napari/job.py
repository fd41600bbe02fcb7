"""Job of the restoration widget, and the description of its plan. Independent of Qt."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rlcore.algorithm.boundary import check_boundary
from rlcore.algorithm.regularization import Regularization
from rlcore.algorithm.stopping import Iterations
from rlcore.api.make_plan import make_plan
from rlcore.app import speed
from rlcore.app.napari.camera import ANY_CAMERA, CameraChoice
from rlcore.app.napari.devices import AUTO, DeviceChoice
from rlcore.app.psf import files
from rlcore.app.psf.preparing import prepare_mended
from rlcore.backend import Volume
from rlcore.backend.discovery.selection import choose_backend
from rlcore.errors import InputError, RLCoreError
from rlcore.optics.psf import PSF, prepare_psf, without_leading_axes
from rlcore.optics.resample import resample_psf

FILE_AXES = "PSF axes"
"""Label of the control for `Job.psf_axes`, which messages name."""


@dataclass(frozen=True, slots=True, kw_only=True, eq=False)
class Job:
    """Image, PSF and options of one run."""

    image: Any
    """Array with at least as many axes as the PSF; entries along the leading axes are restored separately."""
    psf: Any
    """PSF as an array, or the path of its file."""
    voxel: tuple[float, ...] | None = None
    psf_voxel: tuple[float, ...] | None = None
    """Voxel sizes of the image and of a PSF array, in micrometres along the last axes; None if unknown."""
    psf_axes: str = ""
    """Letters of the axes of a PSF file, as "ZYX"; empty to take them from the file."""
    mend: bool = True
    """True if a pedestal of the PSF is subtracted, and its peak centred."""
    iterations: Iterations = "auto"
    regularization: Regularization = "none"
    runs_on: DeviceChoice = AUTO
    boundary: str = "extended"
    camera: CameraChoice = ANY_CAMERA
    memory: str = ""
    """Memory limit, as "4 GiB"; empty for the free memory."""
    keep_type: bool = False
    """True if the result has the image's type instead of float32."""
    doubts: tuple[str, ...] = ()
    """Sentences about layers whose voxel size is not believed, shown with the plan and the result."""

    @property
    def options(self) -> dict[str, Any]:
        """Options common to `rlcore.deconvolve` and `rlcore.make_plan`."""
        return {
            "iterations": self.iterations,
            "regularization": self.regularization,
            "boundary": check_boundary(self.boundary),
            "memory": self.memory.strip() or None,
        }

    def prepare(self) -> PSF:
        """Prepares the PSF and resamples it to the image's voxels; its notes list the changes.

        Raises
        ------
        InputError
            If the PSF cannot be read or used, or has more axes than the image.
        """
        values, voxel = self._psf_and_voxel()
        axes = len(self.image.shape)
        if axes < 3:  # a psf of one plane may have further axes of one entry
            values = without_leading_axes(values, axes)
        psf = prepare_mended(values)[0] if self.mend else prepare_psf(values)
        if psf.values.ndim > axes:
            raise InputError(
                f"psf has {psf.values.ndim} axes but the image has {axes}; choose a psf of one plane, or the "
                "whole stack as the image"
            )
        voxel = voxel[-psf.values.ndim :] if voxel else None
        ours = self.voxel[-psf.values.ndim :] if self.voxel else None
        if voxel is None or ours is None or np.allclose(voxel, ours, rtol=0.01, atol=0):
            return psf
        return resample_psf(psf, voxel, ours, within=self.image.shape[-psf.values.ndim :])

    def _psf_and_voxel(self) -> tuple[Volume, files.Scale]:
        if isinstance(self.psf, Path):
            return files.read(self.psf, self.psf_axes.strip() or None, option=FILE_AXES)
        return np.asarray(self.psf), self.psf_voxel

    def volumes(self, psf: PSF) -> list[tuple[int, ...]]:
        """Returns the indices of all volumes along the leading axes of the image."""
        return list(np.ndindex(*self.image.shape[: len(self.image.shape) - psf.values.ndim]))


def describe(job: Job) -> str:
    """Describes the plan of a job with its memory and time, or the reason why there is none."""
    try:
        psf = job.prepare()
        backend = choose_backend(job.runs_on.backend, job.runs_on.device).backend
        shape = job.image.shape[-psf.values.ndim :]
        job.camera.options(shape)
        plan = make_plan(shape, psf.values.shape, backend=backend, **job.options)
        count = len(job.volumes(psf))
        took = _takes(job, speed.predict(backend, plan), count)
    except (RLCoreError, MemoryError) as error:
        return str(error)
    each = "volumes" if psf.values.ndim == 3 else "planes, as the PSF is a plane"
    several = f"{count} {each}, one after the other. Each: " if count > 1 else ""
    notes = f" PSF: {'; '.join(psf.notes)}." if psf.notes else ""
    return " ".join([f"{several}{plan} {took}{notes}", *job.doubts])


def _takes(job: Job, seconds: float | None, count: int) -> str:
    """Describes the predicted time for all volumes."""
    if job.iterations == "auto":
        return "This is for the maximum number of iterations; the run determines how many it takes."
    return "Time unknown until it has run here." if seconds is None else f"About {speed.duration(seconds * count)}."
