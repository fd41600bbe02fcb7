"""Steps of an iteration composed of the nine operations: the defaults of `rlcore.backend.Backend`."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np

from rlcore.backend.boxes import Box, Shape
from rlcore.backend.facts import IterationOptions, LiveArrays, Volume
from rlcore.backend.formulas import EPSILON
from rlcore.errors import BackendError

_HUGE = 1e30
"""A floor above all divisors, so that a quotient lies within 0 and 1."""


@dataclass(frozen=True, slots=True)
class OTF:
    """Spectra of a PSF and of its mirror image about voxel 0, on a grid of `shape`."""

    spectrum: Any
    mirrored: Any
    shape: Shape


def filtered(backend: Any, array: Any, otf: Any, out: Any, *, mirrored: bool) -> Any:
    """The array transformed, multiplied by one of the spectra of an `OTF`, and transformed back."""
    if not isinstance(otf, OTF):
        raise BackendError(f"backend {backend.name!r} overrides `otf` without `convolve` and `correlate`")
    product = backend.fft(array)
    product = backend.multiply(product, otf.mirrored if mirrored else otf.spectrum, out=product)
    return backend.ifft(product, otf.shape, out=out)


def mask(backend: Any, inside: Box, shape: Shape) -> Any:
    """1 in the box and 0 outside it, as a real array."""
    ends = zip(inside.start, inside.stop, shape, strict=True)
    index = tuple(((np.arange(n) >= a) & (np.arange(n) < b)).astype(np.intp) for a, b, n in ends)
    corner: Volume = np.zeros((2,) * len(shape))
    corner[(1,) * len(shape)] = 1.0
    return backend.expand(corner, index)


def ratio(backend: Any, image: Any, blurred: Any, background: float, floor: float, inside: Any, out: Any) -> Any:
    """``image / max(blurred + background, floor) - 1``, times the mask."""
    if background:
        blurred = backend.add(blurred, background, out=None if out is image else out)
    less_one = backend.divide(image, blurred, floor=floor, out=out)
    less_one = backend.add(less_one, -1.0, out=less_one)
    return less_one if inside is None else backend.multiply(less_one, inside, out=less_one)


def update(backend: Any, estimate: Any, correction: Any, weight: Any, out: Any) -> Any:
    """``estimate * max(1 + weight * correction, 0)``."""
    factor = correction
    if weight is not None:
        factor = backend.multiply(factor, weight, out=factor)
    factor = backend.add(factor, 1.0, out=factor)
    factor = backend.clamp(factor, 0.0, out=factor)
    return backend.multiply(estimate, factor, out=out)


def predict(backend: Any, estimate: Any, previous: Any, momentum: float, share: float, out: Any) -> Any:
    """``estimate * max(1 + c - c * previous / estimate, share)`` with the momentum c.

    The basic operations have no product with a number, but dividing by an array that lies below the floor 1/c
    multiplies by c. An array of -1 is made of the estimate, whatever its values: a quotient within 0 and 1, less 2,
    raised to -1.
    """
    minus = backend.divide(estimate, estimate, floor=_HUGE)
    minus = backend.clamp(backend.add(minus, -2.0, out=minus), -1.0, out=minus)
    factor = backend.divide(previous, estimate, floor=EPSILON, out=out)
    factor = backend.divide(factor, minus, floor=1 / max(momentum, EPSILON), out=factor)
    factor = backend.multiply(factor, minus, out=factor)
    factor = backend.clamp(backend.add(factor, 1 + momentum, out=factor), share, out=factor)
    return backend.multiply(estimate, factor, out=factor)


def live_arrays(options: IterationOptions, *, fused: bool, predicts: bool) -> LiveArrays:
    """Arrays that `rlcore.algorithm.richardson_lucy` holds at once, with fused steps or with composed ones.

    Fused: estimate, image, weight and work, and the OTF. A half-step alone: estimate and image, or estimate, ratio and
    weight. Composed steps also hold the mask, the mirrored spectrum and a product of spectra. Momentum adds the
    previous estimate, and an array of -1 where the prediction is composed; adaptive momentum the previous point; split
    counts both halves, and a sum where ratios are composed.
    """
    reals, spectra = (3 if options.half else 4, 1) if fused else (3 if options.half else 5, 3)
    reals += options.momentum * (1 if predicts else 2) + options.adaptive
    reals += options.split * (2 if fused else 3)
    return LiveArrays(reals, spectra)
