"""RedLionfish's functions for the CPU, with the names that its module of this name has."""

from __future__ import annotations

import numpy.typing as npt

from rlcore.backend import Volume
from rlcore.compat.redlionfish.helperfunctions import (
    change3DSizeTo,
    change3DSizeTo_KeepOrigin,
    circulify3D,
    convertToFloat32AndNormalise,
    convertToUint8AndFullRange,
    generateGaussPSF,
)
from rlcore.compat.redlionfish.plain_iterations import Tick, backend_for, restore

__all__ = [
    "change3DSizeTo",
    "change3DSizeTo_KeepOrigin",
    "circulify3D",
    "convertToFloat32AndNormalise",
    "convertToUint8AndFullRange",
    "doRLDeconvolution",
    "doRLDeconvolution12",
    "doRLDeconvolution_DL2_4",
    "generateGaussPSF",
]


def doRLDeconvolution_DL2_4(
    data_np: npt.ArrayLike, psf_np: npt.ArrayLike, *, niter: int = 10, callbkTickFunc: Tick | None = None
) -> Volume:
    """Restore a volume as `doRLDeconvolutionFromNpArrays` does with ``method="cpu"``; the result is float32."""
    return restore(data_np, psf_np, niter, backend_for("cpu"), callbkTickFunc)


# RedLionfish's two functions differ in how they pad volumes, which the engine decides here
doRLDeconvolution12 = doRLDeconvolution_DL2_4
doRLDeconvolution = doRLDeconvolution_DL2_4
