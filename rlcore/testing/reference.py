"""Reference of the algorithm with boundary "extended", in double precision with NumPy, independent of the engine."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from rlcore.algorithm.boundary import MINIMUM_REACH
from rlcore.backend import Shape, Volume

FLOOR = 1e-8
"""Minimum divisor, as a share of the image's maximum."""


class Microscope:
    """Blur of an object that reaches beyond the image, and the exact adjoint of the blur.

    Parameters
    ----------
    shape : tuple of int
        Shape of the image.
    psf : ndarray
        Odd along every axis, centred in the middle; it is scaled to the sum 1.
    counting : ndarray, optional
        Data weights of the image's voxels; 1 if they are not given.
    """

    def __init__(self, shape: Shape, psf: Volume, counting: Volume | None = None) -> None:
        self.psf = np.asarray(psf, np.float64) / np.sum(psf, dtype=np.float64)
        self.reach = tuple(p // 2 for p in psf.shape)
        self.shape = tuple(n + p - 1 for n, p in zip(shape, psf.shape, strict=True))
        """Shape of the object, which is larger than the image by the PSF's reach on every side."""
        self._image = tuple(slice(p - 1, n) for p, n in zip(psf.shape, self.shape, strict=True))
        self._otf = np.fft.rfftn(self.psf, self.shape, axes=tuple(range(psf.ndim)))
        self.counting: Volume = np.ones(shape) if counting is None else np.asarray(counting, np.float64)
        seen = self.adjoint(self.counting)
        kept = 0.0 if counting is None else 1 / MINIMUM_REACH
        self.weight: Volume = np.where(seen >= MINIMUM_REACH, 1 / np.maximum(seen, MINIMUM_REACH), kept)
        """Weight 1 / (H^T m) by data weights m; where too little light of a voxel reaches the image to estimate it, it
        is 0, so that the voxel keeps its value, or with data weights at most ``1 / MINIMUM_REACH``."""

    def blur(self, estimate: Volume) -> Volume:
        """Image of an object. Light that wraps on the object's grid stays outside the image."""
        return self._inverse(np.fft.rfftn(estimate) * self._otf)[self._image]

    def adjoint(self, ratio: Volume) -> Volume:
        """Back projection of a ratio to the object: ``<blur(x), y> == <x, adjoint(y)>``."""
        padded = np.zeros(self.shape)
        padded[self._image] = ratio
        return self._inverse(np.fft.rfftn(padded) * self._otf.conj())

    def seen(self, estimate: Volume) -> Volume:
        """Part of an object that lies inside the image."""
        return estimate[tuple(slice(r, n - r) for r, n in zip(self.reach, self.shape, strict=True))]

    def step(self, image: Volume, point: Volume, background: float) -> Volume:
        """One Richardson-Lucy step from a point.

        Richardson, J. Opt. Soc. Am. 62, 55 (1972); Lucy, Astron. J. 79, 745 (1974).
        """
        ratio = image / np.maximum(self.blur(point) + background, FLOOR * image.max())
        # In this form a voxel of weight 0 keeps its value; weight * adjoint(ratio) would make it 0.
        stepped: Volume = point * np.maximum(1 + self.weight * self.adjoint(self.counting * (ratio - 1)), 0)
        return stepped

    def _inverse(self, spectrum: Volume) -> Volume:
        axes = tuple(range(self.psf.ndim))
        return np.asarray(np.fft.irfftn(spectrum, self.shape, axes=axes))


def plain(image: Volume, psf: Volume, *, background: float = 0.0) -> Iterator[Volume]:
    """Estimates inside the image after each iteration without acceleration; endless."""
    microscope, image = Microscope(image.shape, psf), image.astype(np.float64)
    estimate = np.full(microscope.shape, image.mean() - background)
    while True:
        estimate = microscope.step(image, estimate, background)
        yield microscope.seen(estimate)


def heavy_ball(
    image: Volume, psf: Volume, *, background: float = 0.0, least: float = 0.75, counting: Volume | None = None
) -> Iterator[Volume]:
    """Estimates after each iteration with Nesterov's momentum c = (k - 1) / (k + 2); endless.

    Step k starts from ``max(f + c (f - f_prev), least f)``. `counting` holds data weights.
    """
    microscope, image = Microscope(image.shape, psf, counting), image.astype(np.float64)
    mean = np.average(image, weights=counting)
    estimate = previous = np.full(microscope.shape, mean - background)
    k = 1
    while True:
        point = np.maximum(estimate + (k - 1) / (k + 2) * (estimate - previous), least * estimate)
        estimate, previous = microscope.step(image, point, background), estimate
        yield microscope.seen(estimate)
        k += 1


def biggs(image: Volume, psf: Volume, *, background: float = 0.0, least: float = 0.75) -> Iterator[Volume]:
    """Estimates after each iteration with the momentum of Biggs & Andrews, Appl. Opt. 36, 1766 (1997); endless.

    Momentum c = <u, v> / <v, v> of the last two steps u and v, within 0 and 0.999, where <u, v> is the sum of
    ``u v / y`` and v starts from y. A step starts from ``max(f + c (f - f_prev), least f)``.
    """
    microscope, image = Microscope(image.shape, psf), image.astype(np.float64)
    estimate = previous = np.full(microscope.shape, image.mean() - background)
    steps: list[tuple[Volume, Volume]] = []
    while True:
        newer, older = steps[-1:], steps[-2:-1]
        c = 0.0
        if older:
            share = older[0][0] / older[0][1]
            c = min(max(float(np.vdot(newer[0][0], share) / np.vdot(older[0][0], share)), 0.0), 0.999)
        point = np.maximum(estimate + c * (estimate - previous), least * estimate)
        estimate, previous = microscope.step(image, point, background), estimate
        steps = [*newer, (estimate - point, point)]
        yield microscope.seen(estimate)
