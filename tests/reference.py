"""Richardson-Lucy by its definition, in double precision and without an FFT: slow, and the truth on small volumes."""

import numpy as np

LEAST_REACH = 1e-3
"""Voxels of which less than this share of the light reaches the image keep their starting value."""


def restore(image, psf, centre, boundary, iterations, background=0.0):
    """The estimate on the image after so many iterations; every sum over the PSF is written out."""
    g = np.maximum(np.asarray(image, dtype=np.float64), 0)
    h = np.asarray(psf, dtype=np.float64) / np.sum(psf, dtype=np.float64)
    blur, correlate, frame, where = _operators(h, tuple(centre), g.shape, boundary)
    reach = correlate(np.ones(g.shape))
    live = where & (reach >= LEAST_REACH)
    weight = np.where(live, 1 / np.where(live, reach, 1), 0)
    f = np.where(where, max(0.0, g.mean() - background), 0.0)
    for _ in range(iterations):
        ratio = g / np.maximum(blur(f) + background, 1e-8 * g.max() or 1.0)
        f = np.where(live, f * np.maximum(correlate(ratio), 0) * weight, f)
    return f[frame]


def blur(estimate, psf, centre, image_shape, boundary):
    """H f on the image, for an estimate on its whole domain."""
    return _operators(np.asarray(psf, np.float64), tuple(centre), tuple(image_shape), boundary)[0](estimate)


def correlate(ratio, psf, centre, boundary):
    """H^T of an image, on the estimate's whole domain."""
    return _operators(np.asarray(psf, np.float64), tuple(centre), ratio.shape, boundary)[1](ratio)


def _operators(h, centre, shape, boundary):
    """H, H^T, the image's place in the estimate's array, and where in that the estimate may differ from 0."""
    if boundary == "periodic":
        axes, taps = range(len(shape)), list(np.ndindex(h.shape))
        shifts = [tuple(i - c for i, c in zip(tap, centre, strict=True)) for tap in taps]
        back = [tuple(-s for s in shift) for shift in shifts]

        def turn(array, ways):
            return sum(h[tap] * np.roll(array, way, axes) for tap, way in zip(taps, ways, strict=True))

        whole = tuple(slice(0, n) for n in shape)
        return lambda f: turn(f, shifts), lambda r: turn(r, back), whole, np.ones(shape, bool)

    grown = tuple(n + p - 1 for n, p in zip(shape, h.shape, strict=True))
    frame = tuple(slice(p - 1 - c, p - 1 - c + n) for n, p, c in zip(shape, h.shape, centre, strict=True))
    where = np.ones(grown, bool)
    if boundary == "zero":
        where[...] = False
        where[frame] = True

    def seen_through(tap):
        """The voxels whose light falls on the image by this voxel of the PSF."""
        return tuple(slice(p - 1 - i, p - 1 - i + n) for n, p, i in zip(shape, h.shape, tap, strict=True))

    def spread(f):
        return sum(h[tap] * f[seen_through(tap)] for tap in np.ndindex(h.shape))

    def gather(r):
        total = np.zeros(grown)
        for tap in np.ndindex(h.shape):
            total[seen_through(tap)] += h[tap] * r
        return np.where(where, total, 0)

    return spread, gather, frame, where
