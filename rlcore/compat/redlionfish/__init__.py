"""RedLionfish's functions, with its signatures and modules, over this engine.

Scripts write ``rlcore.compat.redlionfish`` in place of ``RedLionfishDeconv``. The differences and their reasons are in
docs/from-redlionfish.md. RedLionfish is by the Rosalind Franklin Institute; nothing of it is copied here.
"""

from rlcore.compat.redlionfish import RLDeconv3DReiknaOCL, RLDeconv3DScipy, RLDeconvolve, helperfunctions
from rlcore.compat.redlionfish.RLDeconv3DReiknaOCL import (
    block_RLDeconv3DReiknaOCL,
    nonBlock_RLDeconvolutionReiknaOCL,
    printGPUInfo,
)
from rlcore.compat.redlionfish.RLDeconv3DScipy import doRLDeconvolution, doRLDeconvolution_DL2_4
from rlcore.compat.redlionfish.RLDeconvolve import doRLDeconvolutionFromFiles, doRLDeconvolutionFromNpArrays

__all__ = [
    "RLDeconv3DReiknaOCL",
    "RLDeconv3DScipy",
    "RLDeconvolve",
    "block_RLDeconv3DReiknaOCL",
    "doRLDeconvolution",
    "doRLDeconvolutionFromFiles",
    "doRLDeconvolutionFromNpArrays",
    "doRLDeconvolution_DL2_4",
    "helperfunctions",
    "nonBlock_RLDeconvolutionReiknaOCL",
    "printGPUInfo",
]
