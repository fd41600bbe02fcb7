"""The suite as `examine` runs it, on a backend that is handed over."""

from __future__ import annotations

from typing import Any

import pytest

from rlcore.backend import Backend
from rlcore.testing.conformance import BackendTests

SUBJECT = pytest.StashKey[Backend[Any]]()


class TestBackend(BackendTests):
    """The whole kit on the backend in the stash of pytest's configuration."""

    @pytest.fixture
    def backend(self, request: pytest.FixtureRequest) -> Backend[Any]:
        return request.config.stash[SUBJECT]
