"""Small objects, point spread functions and images for tests."""

import numpy as np

import rlcore
from rlcore.kernel import on_grid
from rlcore.testing.phantoms import phantom


def gaussian(shape, sigma=None):
    """A PSF about its middle, an eighth of its size wide on each axis unless `sigma` is given; sum 1."""
    widths = [size / 8 if sigma is None else sigma for size in shape]
    axes = np.meshgrid(*((np.arange(n) - n // 2) / w for n, w in zip(shape, widths, strict=True)), indexing="ij")
    spot = np.exp(-sum(axis**2.0 for axis in axes) / 2)
    return spot / spot.sum()


def random_psf(shape, centre, seed=0):
    """A PSF without any symmetry, with a tenth of its light at the centre."""
    values = np.random.default_rng(seed).random(shape) ** 3
    values *= 0.9 / values.sum()
    values[centre] += 0.1
    return rlcore.PSF(values / values.sum(), centre)


def counts(shape, seed=0, mean=20):
    """Photon counts about the same mean everywhere."""
    return np.random.default_rng(seed).poisson(mean, shape).astype(np.float32)


def cell(shape=(20, 40, 41), psf_shape=(9, 9, 9), **options):
    """A cell seen through a Gaussian."""
    return phantom("mixed", shape, psf=gaussian(psf_shape), **options)


def blurred(scene, psf):
    """What the microscope sees of an object whose light nowhere reaches the frame's edge; float32."""
    kernel = on_grid(psf, scene.shape)
    return np.maximum(np.fft.ifftn(np.fft.fftn(scene) * np.fft.fftn(kernel)).real, 0).astype(np.float32)


def rms(values):
    return float(np.sqrt(np.mean(np.square(values, dtype=np.float64))))


def error(result, truth):
    """Largest difference, as a share of the truth's maximum."""
    return float(np.abs(np.asarray(result, np.float64) - truth).max() / np.max(truth))
