"""RedLionfish's functions, with its signatures, over this engine.

``import rlcore.compat.redlionfish as rl`` in place of ``import RedLionfishDeconv as rl``. What differs, and why, is in
docs/from-redlionfish.md. RedLionfish is by the Rosalind Franklin Institute; nothing of it is copied here.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rlcore.backend import Backend, Volume, on_host
from rlcore.choice import choose_backend
from rlcore.deconvolve import deconvolve
from rlcore.errors import BackendError, InputError
from rlcore.execution.progress import Progress

Tick = Callable[[], object]

_log = logging.getLogger("rlcore.compat.redlionfish")
_ON_CPU = ("pyfftw", "numpy")


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
        Volume and point spread function, (z, y, x).
    niter : int
        Iterations, without acceleration.
    method : {"gpu", "cpu"}
        "gpu" takes the first GPU that works, and the CPU, with a warning in the log, where there is none.
    useBlockAlgorithm : bool
        Of no effect: blocks are used where memory asks for them, and equal the whole.
    callbkTickFunc : callable, optional
        Called without arguments, `niter` times in all.
    resAsUint8 : bool
        Scale the result so that its minimum is 0 and its maximum 255.

    Returns
    -------
    ndarray of float32, or of uint8
        Of the volume's shape.

    Raises
    ------
    RLCoreError
        As `rlcore.deconvolve`; where RedLionfish returns None.

    Examples
    --------
    >>> import numpy as np
    >>> import rlcore.compat.redlionfish as rl
    >>> volume = np.ones((4, 8, 8), np.float32)
    >>> rl.doRLDeconvolutionFromNpArrays(volume, np.ones((3, 3, 3)), niter=2, method="cpu").shape
    (4, 8, 8)
    """
    result = _restore(data_np, psf_np, niter, _backend(method), callbkTickFunc)
    return _to_uint8(result) if resAsUint8 else result


def doRLDeconvolutionFromFiles(
    datapath: str | os.PathLike[str],
    psfpath: str | os.PathLike[str],
    niter: int,
    savepath: str | os.PathLike[str] | None = None,
) -> Volume:
    """Restore the volume in one file with the PSF in another, and save the result as an ImageJ TIFF with its scale.

    Needs the extra `app`.

    Returns
    -------
    ndarray of uint8
        Its minimum is 0, its maximum 255.
    """
    from rlcore.app.files.opening import open_file

    image, psf = open_file(Path(datapath), "image"), open_file(Path(psfpath), "psf")
    result = doRLDeconvolutionFromNpArrays(image.only("image"), psf.only("psf"), niter=niter, resAsUint8=True)
    if savepath is not None:
        _save(Path(savepath), result, image.about.voxel)
    return result


def nonBlock_RLDeconvolutionReiknaOCL(
    data_np: npt.ArrayLike, psf_np: npt.ArrayLike, *, niter: int = 10, callbkTickFunc: Tick | None = None
) -> Volume:
    """As `doRLDeconvolutionFromNpArrays` with ``method="gpu"``: float32."""
    return _restore(data_np, psf_np, niter, _backend("gpu"), callbkTickFunc)


def block_RLDeconv3DReiknaOCL(
    data: npt.ArrayLike,
    psfdata: npt.ArrayLike,
    *,
    niter: int = 10,
    max_dim_size: int = 256,
    psfpaddingfract: float = 1.2,
    callbkTickFunc: Tick | None = None,
) -> Volume:
    """As `nonBlock_RLDeconvolutionReiknaOCL`: blocks are of the size that memory allows, and exchange their halos.

    `max_dim_size` and `psfpaddingfract` are of no effect.
    """
    return _restore(data, psfdata, niter, _backend("gpu"), callbkTickFunc)


def doRLDeconvolution_DL2_4(
    data_np: npt.ArrayLike, psf_np: npt.ArrayLike, *, niter: int = 10, callbkTickFunc: Tick | None = None
) -> Volume:
    """As `doRLDeconvolutionFromNpArrays` with ``method="cpu"``: float32."""
    return _restore(data_np, psf_np, niter, _backend("cpu"), callbkTickFunc)


doRLDeconvolution = doRLDeconvolution_DL2_4


def _restore(data: npt.ArrayLike, psf: npt.ArrayLike, niter: int, backend: Backend[Any], tick: Tick | None) -> Volume:
    volume, kernel = np.asarray(data), np.asarray(psf)
    for what, array in (("data", volume), ("psf", kernel)):
        if array.ndim != 3:
            raise InputError(f"{what} has {array.ndim} axes, shape {array.shape}; give it 3: (z, y, x)")
    result = deconvolve(
        volume,
        kernel,
        iterations=niter,
        acceleration="none",
        backend=backend,
        callback=None if tick is None else _Ticks(tick, niter),
    )
    return np.asarray(result, np.float32)


class _Ticks:
    """Calls a function as often as there are iterations, however many blocks there are."""

    def __init__(self, tick: Tick, count: int) -> None:
        self._tick, self._count, self._told = tick, count, 0

    def __call__(self, progress: Progress) -> None:
        while self._told < round(progress.fraction * self._count, 6) // 1:
            self._told += 1
            self._tick()


def _backend(method: str) -> Backend[Any]:
    if method == "gpu":
        choice = choose_backend()
        if on_host(choice.backend):
            _log.warning("no GPU can be used; %s", choice)
        return choice.backend
    if method != "cpu":
        raise InputError(f"method {method!r} is not known; choose 'gpu' or 'cpu'")
    problems = []
    for name in _ON_CPU:
        try:
            return choose_backend(name).backend
        except BackendError as error:
            problems.append(str(error))
    raise BackendError("; ".join(problems))


def _to_uint8(result: Volume) -> Volume:
    low, high = float(result.min()), float(result.max())
    scaled: Volume = np.rint((result - low) * (255 / (high - low) if high > low else 0.0)).astype(np.uint8)
    return scaled


def _save(path: Path, result: Volume, voxel: Any) -> None:
    import tifffile

    from rlcore.app.files.destination import beside
    from rlcore.app.files.tiff_scale import imagej_entries, resolution

    entries = {"axes": "ZYX", **imagej_entries(voxel, "ZYX")}
    with beside(path) as partial:
        tifffile.imwrite(partial, result, imagej=True, metadata=entries, **resolution(voxel, "imagej"))
