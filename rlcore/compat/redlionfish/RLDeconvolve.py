"""RedLionfish's functions for arrays and for files, with the names that its module of this name has."""

from __future__ import annotations

import math
import os
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy.typing as npt

from rlcore.backend import Volume
from rlcore.compat.redlionfish.helperfunctions import convertToUint8AndFullRange
from rlcore.compat.redlionfish.plain_iterations import Tick, backend_for, restore
from rlcore.errors import InputError

if TYPE_CHECKING:
    from rlcore.app.files.metadata.voxel import Voxel
    from rlcore.app.files.opening import Opened

__all__ = ["doRLDeconvolutionFromFiles", "doRLDeconvolutionFromNpArrays"]


def doRLDeconvolutionFromNpArrays(
    data_np: npt.ArrayLike,
    psf_np: npt.ArrayLike,
    *,
    niter: int = 10,
    method: str = "gpu",
    useBlockAlgorithm: bool = False,
    callbkTickFunc: Tick | None = None,
    resAsUint8: bool = False,
) -> Volume:
    """Richardson-Lucy deconvolution of a volume.

    Parameters
    ----------
    data_np, psf_np : array_like
        Volume and point spread function, (z, y, x), of real numbers.
    niter : int
        Plain iterations from the image, so that their number means what it does in RedLionfish; 0 return the image.
    method : {"gpu", "cpu"}
        "gpu" takes the first GPU that works; where there is none, the CPU, with a warning in the log.
    useBlockAlgorithm : bool
        Ignored: blocks are used where the memory is too small for the whole, and give the same result.
    callbkTickFunc : callable, optional
        Called without arguments, `niter` times in all, however many blocks there are.
    resAsUint8 : bool
        Scale the result so that its minimum is 0 and its maximum 255, fractions cut off.

    Returns
    -------
    ndarray of float32, or of uint8
        Restored volume, of the shape of `data_np`.

    Raises
    ------
    RLCoreError
        If `rlcore.deconvolve` raises it. RedLionfish returns None instead.

    Examples
    --------
    >>> import numpy as np
    >>> import rlcore.compat.redlionfish as rl
    >>> volume = np.ones((4, 8, 8), np.float32)
    >>> rl.doRLDeconvolutionFromNpArrays(volume, np.ones((3, 3, 3)), niter=2, method="cpu").shape
    (4, 8, 8)
    """
    result = restore(data_np, psf_np, niter, backend_for(method), callbkTickFunc)
    return convertToUint8AndFullRange(result) if resAsUint8 else result


def doRLDeconvolutionFromFiles(
    datapath: str | os.PathLike[str],
    psfpath: str | os.PathLike[str],
    niter: int,
    savepath: str | os.PathLike[str] | None = None,
) -> Volume:
    """Restore the volume in one file with the PSF in another, and save the result as an ImageJ TIFF with its scale.

    The extra `app` must be installed (``pip install 'rlcore[app]'``).

    Parameters
    ----------
    datapath, psfpath : path
        Files that `rlcore deconvolve` reads, each with a single volume.
    niter : int
        Plain iterations.
    savepath : path, optional
        A TIFF file to write, or to replace; none by default.

    Returns
    -------
    ndarray of uint8
        Restored volume, scaled so that its minimum is 0 and its maximum 255.

    Raises
    ------
    RLCoreError
        If a file cannot be read or `savepath` cannot be written, which is seen before the run, or `rlcore.deconvolve`
        raises it.
    """
    # Imported here, because the rest of the module needs none of the file formats' libraries.
    from rlcore.app.files.likely_axes import open_image, open_psf

    image = open_image(Path(datapath), [Path(psfpath)])
    psf = open_psf(Path(psfpath), image)
    if savepath is not None:
        _check_savepath(Path(savepath), image, psf)
    result = doRLDeconvolutionFromNpArrays(image.only("image"), psf.only("psf"), niter=niter, resAsUint8=True)
    if savepath is not None:
        _save(Path(savepath), result, image.about.voxel)
    return result


def _check_savepath(path: Path, image: Opened, psf: Opened) -> None:
    from rlcore.app.files.writing.destination import check_output, check_room

    if path.suffix.lower() not in (".tif", ".tiff"):
        raise InputError(f"savepath {str(path)!r} does not end in .tif or .tiff, and a TIFF is written; rename it")
    check_output(path, [("image", image.path), ("psf", psf.path)], force=True)  # RedLionfish replaces a file, too
    check_room(path.parent, math.prod(image.layout.volume_shape))


def _save(path: Path, result: Volume, voxel: Voxel) -> None:
    import tifffile

    from rlcore.app.files.metadata.description import Description
    from rlcore.app.files.tiff.scale import imagej_entries, ome_entries, resolution
    from rlcore.app.files.writing.destination import dialect_for, partial_output

    # a name in .ome.tif is OME, and so is what is too large for ImageJ
    dialect = dialect_for(path, Description(dialect="imagej"), result.nbytes)
    scale = ome_entries(voxel) if dialect == "ome" else imagej_entries(voxel, "ZYX")
    arguments: dict[str, Any] = {"metadata": {"axes": "ZYX", **scale}, **resolution(voxel, dialect)}
    with partial_output(path) as partial:  # renamed when whole: a half-written file is never taken for a result
        tifffile.imwrite(partial, result, ome=dialect == "ome", imagej=dialect == "imagej", **arguments)
