"""RedLionfish's functions for the GPU, with the names that its module of this name has; CUDA serves as well as OpenCL.

`isReiknaAvailable`, asked when it is read, is whether they run on a GPU; without one they run on the CPU.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy.typing as npt

from rlcore.backend import Volume
from rlcore.backend.discovery.registry import survey
from rlcore.backend.discovery.selection import choose_backend
from rlcore.compat.redlionfish.helperfunctions import (
    change3DSizeTo,
    change3DSizeTo_KeepOrigin,
    circulify3D,
    convertToFloat32AndNormalise,
    convertToUint8AndFullRange,
    generateGaussPSF,
)
from rlcore.compat.redlionfish.plain_iterations import Tick, backend_for, checked_shape, checked_volume, restore
from rlcore.errors import InputError

__all__ = [
    "RL_CL_PLATFORM_PREFERENCE",
    "RLDeconv3DReiknaOCL",
    "block_RLDeconv3DReiknaOCL",
    "change3DSizeTo",
    "change3DSizeTo_KeepOrigin",
    "circulify3D",
    "convertToFloat32AndNormalise",
    "convertToUint8AndFullRange",
    "generateGaussPSF",
    "get_best_blockshape_and_blockstep",
    "nonBlock_RLDeconvolutionReiknaOCL",
    "printGPUInfo",
]

RL_CL_PLATFORM_PREFERENCE = "none"
"""Accepted without effect; the environment variable RLCORE_DEVICE chooses a device."""


class RLDeconv3DReiknaOCL:
    """Deconvolution of volumes of one shape with one PSF.

    Parameters
    ----------
    shape : sequence of int
        Shape of the volumes, (z, y, x).
    """

    def __init__(self, shape: Sequence[int]) -> None:
        self.shape = checked_shape(shape)
        self.is_psf_set = False
        self._backend = backend_for("gpu")

    def setPSF(self, psfdata: npt.ArrayLike) -> None:
        """Take the point spread function, (z, y, x)."""
        self._psf = checked_volume(psfdata, "psfdata")
        self.is_psf_set = True

    def doRLDeconvolution(
        self, data_np: npt.ArrayLike, *, niter: int = 10, callbkTickFunc: Tick | None = None
    ) -> Volume:
        """Restore a volume; the result is float32.

        Raises
        ------
        RLCoreError
            If the volume has another shape, no PSF was set, or `rlcore.deconvolve` raises it.
        """
        volume = checked_volume(data_np, "data_np")
        if volume.shape != self.shape:
            raise InputError(f"data_np has shape {volume.shape}; the object was made for {self.shape}")
        if not self.is_psf_set:
            raise InputError("no PSF was set; call setPSF(psfdata) first")
        return restore(volume, self._psf, niter, self._backend, callbkTickFunc)


def nonBlock_RLDeconvolutionReiknaOCL(
    data_np: npt.ArrayLike, psf_np: npt.ArrayLike, *, niter: int = 10, callbkTickFunc: Tick | None = None
) -> Volume:
    """Restore a volume as `doRLDeconvolutionFromNpArrays` does with ``method="gpu"``; the result is float32."""
    return restore(data_np, psf_np, niter, backend_for("gpu"), callbkTickFunc)


def block_RLDeconv3DReiknaOCL(
    data: npt.ArrayLike,
    psfdata: npt.ArrayLike,
    *,
    niter: int = 10,
    max_dim_size: int = 256,
    psfpaddingfract: float = 1.2,
    callbkTickFunc: Tick | None = None,
) -> Volume:
    """Restore a volume as `doRLDeconvolutionFromNpArrays` does with ``method="gpu"``; the result is float32.

    `max_dim_size` and `psfpaddingfract` are ignored: blocks are as large as memory allows, and exchange their halos.
    """
    return restore(data, psfdata, niter, backend_for("gpu"), callbkTickFunc)


def get_best_blockshape_and_blockstep(
    shapedata: Sequence[int], shapepsf: Sequence[int], blocksize: int, psfpaddingfract: float
) -> tuple[list[int], list[int]] | tuple[None, None]:
    """Find the blocks that RedLionfish would use, which are not those of this engine.

    Returns
    -------
    block_shape, block_step : list of int
        Both None where the PSF is longer than half a block along an axis that is cut.
    """
    block_shape, block_step = [], []
    for length, psf_length in zip(shapedata, shapepsf, strict=True):
        block = min(length, blocksize)
        step = block
        if length > block:
            if 2 * psf_length > block:
                return None, None
            shortened = int(block - psfpaddingfract * psf_length)
            step = shortened if shortened > 0 else block
        block_shape.append(block)
        block_step.append(step)
    return block_shape, block_step


def printGPUInfo() -> None:
    """Print the devices of every installed backend, and the one that ``method="gpu"`` takes."""
    lines = []
    for finding in survey():
        devices = [device.name for device in finding.devices] or [finding.device or finding.reason]
        lines.append(f"{finding.name} ({finding.state}): {'; '.join(devices)}")
    chosen = choose_backend().backend
    print(*lines, f"method 'gpu' takes {chosen.name} on {chosen.device}", sep="\n")  # noqa: T201 - RedLionfish's prints, too


def __getattr__(name: str) -> bool:
    if name == "isReiknaAvailable":
        # a name that is computed, since looking for devices takes time that an import should not
        return not choose_backend().backend.facts.on_host
    raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
