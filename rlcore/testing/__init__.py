"""What a backend's author tests with: `BackendTests`, the conformance kit; phantoms, optics and metrics.

The kit needs pytest and hypothesis (``pip install 'rlcore[testing]'``), so it is imported when it is first asked for.
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

    pytest.register_assert_rewrite(f"{__name__}.conformance")
    from rlcore.testing.conformance import BackendTests

    return BackendTests
