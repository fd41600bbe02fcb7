"""Problems of the benchmark: fixed sizes, or a user's own files."""

from __future__ import annotations

import hashlib
import math
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rlcore.app.files.layout import Pick
from rlcore.app.files.likely_axes import open_image, open_psf
from rlcore.backend import Volume
from rlcore.backend.boxes import Shape
from rlcore.errors import InputError

SIZES: dict[str, tuple[Shape, Shape]] = {
    "tiny": ((32, 128, 128), (15, 15, 15)),
    "small": ((256, 256, 256), (32, 32, 32)),
    "cpu": ((64, 512, 512), (31, 31, 31)),
    "paper": ((64, 1024, 1024), (32, 32, 32)),
    "medium": ((512, 512, 512), (64, 64, 64)),
    "large": ((256, 2048, 2048), (64, 64, 64)),
}
"""Shapes of image and PSF by name, in the order in which `all` runs them."""


@dataclass(frozen=True, slots=True)
class Problem:
    """An image and a PSF in .npy files of float32."""

    name: str
    shape: Shape
    psf_shape: Shape
    image: str
    psf: str
    digest: str
    """Identifies the voxels, so that results of different files are not compared."""

    def to_dict(self) -> dict[str, Any]:
        return {key: value for key, value in asdict(self).items() if key not in ("image", "psf")}


def write_problem(name: str, folder: Path) -> Problem:
    """Writes a problem of a fixed size to the folder; raises InputError if the name is unknown."""
    if name not in SIZES:
        raise InputError(f"problem {name!r} is unknown; choose from {', '.join(map(repr, SIZES))}")
    shape, psf_shape = SIZES[name]
    image, psf = folder / f"{name}.npy", folder / f"{name}-psf.npy"
    target = np.lib.format.open_memmap(image, mode="w+", dtype=np.float32, shape=shape)
    for number, plane in enumerate(target):  # the largest problem may exceed the memory
        plane[...] = _plane(number, shape)
    target.flush()
    np.save(psf, make_psf(psf_shape))
    # raise the number when the generated data change: results of both must not be compared
    return Problem(name, shape, psf_shape, str(image), str(psf), "generated 1")


def convert_problem(
    image: Path, psf: Path, folder: Path, *, axes: str | None = None, psf_axes: str | None = None
) -> Problem:
    """Converts a user's own files to the form that every program takes: non-negative float32."""
    given = open_image(image, [psf], pick=Pick(axes=axes), psf_axes=psf_axes)
    volume = given.only("image")
    opened = volume, open_psf(psf, given, axes=psf_axes).only("psf", "--psf-axes")
    paths = folder / "own.npy", folder / "own-psf.npy"
    sha = hashlib.sha256()
    for array, path in zip(opened, paths, strict=True):
        everything = (slice(None),) * array.ndim
        # some programs fail on negative counts
        values = np.maximum(np.asarray(array[everything], np.float32), 0)
        np.save(path, values)
        sha.update(values.data)
    shapes = [tuple(map(int, array.shape)) for array in opened]
    return Problem(image.name, shapes[0], shapes[1], str(paths[0]), str(paths[1]), sha.hexdigest()[:16])


def make_image(shape: Shape) -> Volume:
    """Returns photon counts of a wave pattern: fast to compute, with structure everywhere."""
    return np.stack([_plane(number, shape) for number in range(shape[0])])


def make_psf(shape: Shape) -> Volume:
    """Returns a Gaussian PSF in float32 with sum 1; its standard deviation is an eighth of each length."""
    psf = np.ones(())
    for length in shape:
        offset = (np.arange(length) - length // 2) / (length / 8)
        psf = np.multiply.outer(psf, np.exp(-(offset**2) / 2))
    normalised: Volume = np.asarray(psf / psf.sum(), np.float32)
    return normalised


def _plane(number: int, shape: Shape) -> Volume:
    """Returns one plane, with a seed of its own so that it does not depend on the other planes."""
    waves: Any = math.sin(0.7 * number)
    for axis, length in enumerate(shape[1:]):
        wave = np.sin(np.arange(length) * (0.31 + 0.12 * axis) + number)
        waves = np.add.outer(waves, wave)
    counts: Volume = np.random.default_rng(number).poisson(100 * np.maximum(waves, 0) ** 2 + 10)
    return counts.astype(np.float32)
