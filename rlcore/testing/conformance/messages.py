"""What a backend says when it cannot do what it is asked."""

from __future__ import annotations

from typing import Any

import pytest

from rlcore.backend import Backend
from rlcore.errors import BackendUnavailable

NOWHERE = "no such device"


class Messages:
    """Errors that a user can act on."""

    def test_an_unknown_device_is_refused_by_name(self, backend: Backend[Any], factory: Any) -> None:
        """A device that does not exist is taken, or refused by another error than `BackendUnavailable`, or by one that
        does not name the backend; `auto` goes on to the next backend only after a `BackendUnavailable`."""
        with pytest.raises(BackendUnavailable) as refused:
            factory(NOWHERE)
        assert backend.name in str(refused.value)
        assert "\n" not in str(refused.value).strip(), "the message is not one sentence"
