"""RedLionfish's functions, with its signatures, over this engine.

Scripts write ``import rlcore.compat.redlionfish as rl`` in place of ``import RedLionfishDeconv as rl``. The differences
and their reasons are in docs/from-redlionfish.md. RedLionfish is by the Rosalind Franklin Institute; nothing of it is
copied here.
"""

from __future__ import annotations

import logging
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt

from rlcore.api.deconvolve import deconvolve
from rlcore.backend import Backend, Volume
from rlcore.backend.discovery.selection import choose_backend
from rlcore.errors import BackendError, InputError
from rlcore.execution.progress import Progress

Tick = Callable[[], object]
"""Callback of RedLionfish, called without arguments once per iteration."""

_log = logging.getLogger("rlcore.compat.redlionfish")
_ON_CPU = ("pyfftw", "numpy")
"""Backends for ``method="cpu"``, the fastest first."""


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
        Plain iterations, so that their number means what it does in RedLionfish.
    method : {"gpu", "cpu"}
        "gpu" takes the first GPU that works; where there is none, the CPU, with a warning in the log.
    useBlockAlgorithm : bool
        Ignored: blocks are used where the memory is too small for the whole, and give the same result.
    callbkTickFunc : callable, optional
        Called without arguments, `niter` times in all, however many blocks there are.
    resAsUint8 : bool
        Scale the result so that its minimum is 0 and its maximum 255.

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
    result = _restore(data_np, psf_np, niter, _backend(method), callbkTickFunc)
    return _to_uint8(result) if resAsUint8 else result


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
        A TIFF file to write; none by default.

    Returns
    -------
    ndarray of uint8
        Restored volume, scaled so that its minimum is 0 and its maximum 255.

    Raises
    ------
    RLCoreError
        If a file cannot be read, or `rlcore.deconvolve` raises it.
    """
    # Imported here, because the rest of the module needs none of the file formats' libraries.
    from rlcore.app.files.opening import open_file

    image, psf = open_file(Path(datapath), "image"), open_file(Path(psfpath), "psf")
    result = doRLDeconvolutionFromNpArrays(image.only("image"), psf.only("psf"), niter=niter, resAsUint8=True)
    if savepath is not None:
        _save(Path(savepath), result, image.about.voxel)
    return result


def nonBlock_RLDeconvolutionReiknaOCL(
    data_np: npt.ArrayLike, psf_np: npt.ArrayLike, *, niter: int = 10, callbkTickFunc: Tick | None = None
) -> Volume:
    """Call `doRLDeconvolutionFromNpArrays` with ``method="gpu"``; the result is float32."""
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
    """Call `doRLDeconvolutionFromNpArrays` with ``method="gpu"``; the result is float32.

    `max_dim_size` and `psfpaddingfract` are ignored: blocks are as large as memory allows, and exchange their halos.
    """
    return _restore(data, psfdata, niter, _backend("gpu"), callbkTickFunc)


def doRLDeconvolution_DL2_4(
    data_np: npt.ArrayLike, psf_np: npt.ArrayLike, *, niter: int = 10, callbkTickFunc: Tick | None = None
) -> Volume:
    """Call `doRLDeconvolutionFromNpArrays` with ``method="cpu"``; the result is float32."""
    return _restore(data_np, psf_np, niter, _backend("cpu"), callbkTickFunc)


doRLDeconvolution = doRLDeconvolution_DL2_4


def _restore(data: npt.ArrayLike, psf: npt.ArrayLike, niter: int, backend: Backend[Any], tick: Tick | None) -> Volume:
    arrays = {"data": np.asarray(data), "psf": np.asarray(psf)}
    for name, array in arrays.items():
        if array.ndim != 3:
            raise InputError(f"{name} has {array.ndim} axes, shape {array.shape}; give it 3: (z, y, x)")
    result = deconvolve(
        arrays["data"],
        arrays["psf"],
        iterations=niter,
        acceleration="none",
        backend=backend,
        callback=None if tick is None else _Ticks(tick, niter),
    )
    return np.asarray(result, np.float32)


class _Ticks:
    """A progress callback that calls a `Tick` once per iteration, however many blocks there are."""

    def __init__(self, tick: Tick, count: int) -> None:
        self._tick, self._count, self._called = tick, count, 0

    def __call__(self, progress: Progress) -> None:
        # Rounded first, since the product may fall short of a whole number of iterations by a rounding error.
        while self._called < round(progress.fraction * self._count, 6) // 1:
            self._called += 1
            self._tick()


def _backend(method: str) -> Backend[Any]:
    if method == "gpu":
        choice = choose_backend()
        if choice.backend.facts.on_host:
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

    from rlcore.app.files.destination import partial_output
    from rlcore.app.files.tiff_scale import imagej_entries, resolution

    entries = {"axes": "ZYX", **imagej_entries(voxel, "ZYX")}
    with partial_output(path) as partial:  # renamed when whole: a half-written file is never taken for a result
        tifffile.imwrite(partial, result, imagej=True, metadata=entries, **resolution(voxel, "imagej"))
