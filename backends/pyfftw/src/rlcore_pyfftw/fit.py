"""How well a model fits: sums over the planes of a box, each thread taking planes; which of them does not show."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from rlcore.backend import Fit
from rlcore.backend.boxes import Box
from rlcore.backend.formulas.fit import LEAST_RATIO, total
from rlcore_pyfftw.layout import Floats, Padded, Temporaries
from rlcore_pyfftw.team import Team
from rlcore_pyfftw.transforms import Transforms

_TOP = np.float32(np.inf)
_LEAST_RATIO = np.float32(LEAST_RATIO)
"""For the logarithm of what is multiplied by 0."""


def fit(
    transforms: Transforms, team: Team, image: Padded, blurred: Padded, background: float, floor: float, inside: Box
) -> Fit:
    """Divergence and light of a box; what is pending of the blurred array is settled on the way."""
    planes, (first, last) = blurred.layout.planes, (inside.start[0], inside.stop[0])
    part = tuple(slice(a, b) for a, b in zip(inside.start[1:], inside.stop[1:], strict=True))
    told = [Fit(0.0, 0.0, 0.0)] * len(planes)

    def lane(numbers: Iterator[int]) -> None:
        temporaries = Temporaries()
        with transforms.settling(blurred) as settle:
            for number in numbers:
                start, stop = planes[number]
                settle(start, stop)
                box = (slice(max(start, first), max(start, min(stop, last))), *part)
                told[number] = _sums(temporaries, image.reals[box], blurred.reals[box], background, floor)

    team.run(lane, len(planes))
    blurred.state = "real"
    return total(told)


def _sums(temporaries: Temporaries, counts: Floats, blurred: Floats, background: float, floor: float) -> Fit:
    if not counts.size:
        return Fit(0.0, 0.0, 0.0)
    model, terms = temporaries.take("model", counts.shape), temporaries.take("terms", counts.shape)
    np.clip(np.add(blurred, np.float32(background), out=model), np.float32(floor), _TOP, out=model)
    np.clip(np.divide(counts, model, out=terms), _LEAST_RATIO, _TOP, out=terms)
    np.multiply(np.log(terms, out=terms), counts, out=terms)
    light = _total(model)
    np.subtract(model, counts, out=model)
    return Fit(_total(np.add(terms, model, out=terms)), light, _total(counts))


def _total(values: Floats) -> float:
    """The sum, rows in single precision by pairs, and the rows in double."""
    return float(values.sum(axis=-1).sum(dtype=np.float64))
