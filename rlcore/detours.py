"""What goes through NumPy on the host since the backend cannot do it itself: said before a run."""

from __future__ import annotations

from typing import Any

from rlcore.acceleration import TELLING, Acceleration
from rlcore.backend import Backend, SupportsAgreement, SupportsHalving, SupportsLikeness, SupportsVariation
from rlcore.caution import caution
from rlcore.regularization import Regularization


class DetourWarning(UserWarning):
    """A part of every iteration is done on the host, which takes longer."""


def warn_of_detours(backend: Backend[Any], acceleration: Acceleration, regularization: Regularization) -> None:
    """Name the powers that the options call for and the backend has not."""
    wanted: list[tuple[str, type]] = []
    if acceleration in TELLING:
        wanted.append((f"acceleration {acceleration!r}", SupportsLikeness))
    if regularization == "tv":
        wanted.append(("regularization 'tv'", SupportsVariation))
    if regularization == "consensus":
        wanted += [("regularization 'consensus'", power) for power in (SupportsHalving, SupportsAgreement)]
    for option in dict.fromkeys(option for option, _ in wanted):
        missing = [power.__name__ for name, power in wanted if name == option and not isinstance(backend, power)]
        if missing:
            caution(
                f"backend {backend.name!r} lacks {' and '.join(missing)}, so {option} goes through NumPy on the "
                "host in every iteration; the result is the same, another backend may be faster",
                DetourWarning,
            )
