"""Other programs on the CPU, as implementations under test."""

from __future__ import annotations

import math
import shutil
import subprocess
import tempfile
from importlib.metadata import version
from pathlib import Path
from typing import Any

import numpy as np
import tifffile

from rlcore.app.bench.floors import Floor, scipy_floor
from rlcore.app.bench.implementation import Facts
from rlcore.app.bench.machine import processor
from rlcore.backend import Volume
from rlcore.backend.boxes import Shape
from rlcore.backend.host.memory import format_bytes, host_free
from rlcore.errors import BudgetError


class Peer:
    """Base of other programs, which report neither a plan nor the time of an iteration."""

    _padded: Shape | None = None
    _volumes: float
    """Minimum memory of a run above its input, in float32 volumes of the transforms' shape: measured, or derived from
    its algorithm."""

    def planning_seconds(self) -> float:
        return 0.0

    def floor(self, seconds: float) -> Floor | None:
        return None

    def refuse_unfit(self, shape: Shape, free: int | None) -> None:
        """Raises BudgetError if a run would exhaust the memory; `free` is None if unknown."""
        # these programs check nothing themselves: the machine would swap, or the kernel would kill a process
        needed = int(self._volumes * 4 * math.prod(shape))
        if free is not None and needed > free:
            raise BudgetError(
                f"does not fit: at least {format_bytes(needed)} are needed ({self._volumes:g} volumes of"
                f" {' x '.join(map(str, shape))}), {format_bytes(free)} are free"
            )


class ScikitImage(Peer):
    """`skimage.restoration.richardson_lucy`: zero boundary, without a weight."""

    _volumes = 6.5

    def __init__(self) -> None:
        import skimage.restoration as library

        self._library: Any = library

    def prepare(self, image: Volume, psf: Volume, iterations: int) -> Facts:
        self._padded = scipy_shape(image.shape, psf.shape)
        self.refuse_unfit(self._padded, host_free()[0])
        return Facts(processor(), f"scikit-image {version('scikit-image')}", "zero, unweighted", self._padded)

    def call(self, image: Volume, psf: Volume, iterations: int) -> tuple[Volume, float | None]:
        return self._library.richardson_lucy(image, psf, num_iter=iterations, clip=False), None

    def floor(self, seconds: float) -> Floor | None:
        return scipy_floor(self._padded) if self._padded else None


class RedLionfish(Peer):
    """RedLionfish with SciPy: periodic boundary, no padding."""

    _volumes = 14.0

    def __init__(self) -> None:
        from RedLionfishDeconv import doRLDeconvolutionFromNpArrays

        self._run = doRLDeconvolutionFromNpArrays

    def prepare(self, image: Volume, psf: Volume, iterations: int) -> Facts:
        need_3d(image)
        # the last axis is made even
        self._padded = (*image.shape[:-1], image.shape[-1] + image.shape[-1] % 2)
        self.refuse_unfit(self._padded, host_free()[0])
        return Facts(processor(), f"RedLionfish {version('RedLionfish')}", "periodic", self._padded)

    def call(self, image: Volume, psf: Volume, iterations: int) -> tuple[Volume, float | None]:
        result = self._run(image, psf, niter=iterations, method="cpu")
        if result is None:
            raise RuntimeError("it returned nothing; its log has the reason")
        return result, None

    def floor(self, seconds: float) -> Floor | None:
        return scipy_floor(self._padded) if self._padded else None


class Deconwolf(Peer):
    """The program `dw`: plain iterations, its largest border. Its times include reading and writing TIFF files."""

    _volumes = 4.0

    def prepare(self, image: Volume, psf: Volume, iterations: int) -> Facts:
        need_3d(image)
        self.refuse_unfit(tuple(n + p - 1 for n, p in zip(image.shape, psf.shape, strict=True)), host_free()[0])
        output = subprocess.run(["dw", "--version"], capture_output=True, text=True, check=False).stdout
        return Facts(processor(), output.splitlines()[0] if output else "deconwolf", "extended", None)

    def call(self, image: Volume, psf: Volume, iterations: int) -> tuple[Volume, float | None]:
        with tempfile.TemporaryDirectory() as folder:
            names = [str(Path(folder) / f"{name}.tif") for name in ("image", "psf", "out")]
            tifffile.imwrite(names[0], image)
            tifffile.imwrite(names[1], psf)
            # --bq 2 is its largest border, which corresponds to the boundary "extended"
            how = ["--method", "rl", "--iter", str(iterations), "--bq", "2", "--float", "--overwrite"]
            done = subprocess.run(
                ["dw", *how, "--out", names[2], *names[:2]], capture_output=True, text=True, check=False
            )
            if done.returncode:
                raise RuntimeError((done.stderr or done.stdout).strip().splitlines()[-1])
            return tifffile.imread(names[2]), None


def has_deconwolf() -> bool:
    """Returns whether `dw` is on the PATH."""
    return shutil.which("dw") is not None


def scipy_shape(shape: Shape, psf_shape: Shape) -> Shape:
    """Returns the shape that `scipy.signal.convolve` transforms."""
    import scipy.fft

    return tuple(scipy.fft.next_fast_len(n + p - 1, real=True) for n, p in zip(shape, psf_shape, strict=True))


def need_3d(image: Volume) -> None:
    """Raises RuntimeError for a plane; called for programs that take volumes only."""
    if np.ndim(image) != 3:
        raise RuntimeError("it takes volumes of 3 axes only")
