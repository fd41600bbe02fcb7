"""Tests for authors of backends: `BackendTests`, the conformance kit; and phantoms, optics and metrics for any test.

The kit needs pytest and hypothesis (``pip install 'rlcore[testing]'``), so it is imported at its first use.
"""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from rlcore.testing.conformance import BackendTests as BackendTests

__all__ = ["BackendTests"]


def __getattr__(name: str) -> Any:
    if name != "BackendTests":
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    import pytest

    # Before the import: pytest rewrites only modules not yet loaded, so that failed asserts show what they compared.
    pytest.register_assert_rewrite(f"{__name__}.conformance")
    from rlcore.testing.conformance import BackendTests

    return BackendTests
