"""Host fallbacks: operations of an option that NumPy does on the host since the backend has no version of its own."""

from __future__ import annotations

from typing import Any

from rlcore.algorithm.acceleration import ADAPTIVE, Acceleration
from rlcore.algorithm.regularization import Regularization
from rlcore.backend import Backend, overrides
from rlcore.errors import caution


class HostFallbackWarning(UserWarning):
    """A part of every iteration is done on the host, which takes longer."""


def warn_of_host_fallback(backend: Backend[Any], acceleration: Acceleration, regularization: Regularization) -> None:
    """Warn once for each chosen option, naming the operations that the backend does not override."""
    needed = {
        f"acceleration {acceleration!r}": ("inner_products",) if acceleration in ADAPTIVE else (),
        f"regularization {regularization!r}": {"tv": ("smooth",), "consensus": ("halve", "agree")}.get(
            regularization, ()
        ),
    }
    for option, operations in needed.items():
        missing = [name for name in operations if not overrides(backend, name)]
        if missing:
            caution(
                f"backend {backend.name!r} does not override {' and '.join(missing)}, so {option} uses NumPy on the "
                "host in every iteration; the result is the same, another backend may be faster",
                HostFallbackWarning,
            )
