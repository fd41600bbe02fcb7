"""Fit of a model: sums over the planes of a box, shared among threads; the result does not depend on their number."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from rlcore.backend import Fit
from rlcore.backend.boxes import Box
from rlcore.backend.formulas import EPSILON
from rlcore.backend.formulas.fit import total
from rlcore_pyfftw.layout import Floats, Padded, Temporaries
from rlcore_pyfftw.team import Team
from rlcore_pyfftw.transforms import Transforms

_TOP = np.float32(np.inf)
_EPSILON = np.float32(EPSILON)
"""Minimum ratio, so that 0 log 0 is 0 and not NaN."""


def fit(
    transforms: Transforms, team: Team, image: Padded, blurred: Padded, background: float, floor: float, inside: Box
) -> Fit:
    """Divergence and light of a box; a pending blurred array is completed plane by plane."""
    planes, (first, last) = blurred.layout.planes, (inside.start[0], inside.stop[0])
    part = tuple(slice(a, b) for a, b in zip(inside.start[1:], inside.stop[1:], strict=True))
    sums = [Fit(0.0, 0.0, 0.0)] * len(planes)  # by batch, so that they are added in the same order by any threads

    def work(numbers: Iterator[int]) -> None:
        temporaries = Temporaries()
        with transforms.settling(blurred) as settle:
            for number in numbers:
                start, stop = planes[number]
                settle(start, stop)
                box = (slice(max(start, first), max(start, min(stop, last))), *part)
                sums[number] = _sums(temporaries, image.reals[box], blurred.reals[box], background, floor)

    team.run(work, len(planes))
    blurred.state = "real"
    return total(sums)


def _sums(temporaries: Temporaries, counts: Floats, blurred: Floats, background: float, floor: float) -> Fit:
    if not counts.size:
        return Fit(0.0, 0.0, 0.0)
    model, terms = temporaries.take("model", counts.shape), temporaries.take("terms", counts.shape)
    np.clip(np.add(blurred, np.float32(background), out=model), np.float32(floor), _TOP, out=model)
    np.clip(np.divide(counts, model, out=terms), _EPSILON, _TOP, out=terms)
    np.multiply(np.log(terms, out=terms), counts, out=terms)
    light = _total(model)
    np.subtract(model, counts, out=model)
    return Fit(_total(np.add(terms, model, out=terms)), light, _total(counts))


def _total(values: Floats) -> float:
    """Sum, within rows in single precision (pairwise, by NumPy), and of the rows in double."""
    return float(values.sum(axis=-1).sum(dtype=np.float64))
