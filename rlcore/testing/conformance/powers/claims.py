"""Which optional powers a backend claims: those whose members it has."""

from __future__ import annotations

from typing import Any

import pytest

from rlcore import backend as protocol
from rlcore.backend import Backend

POWERS = tuple(value for name, value in vars(protocol).items() if name.startswith("Supports"))


def needs(backend: object, power: type) -> Any:
    """The backend, if it claims the power; the test is skipped otherwise."""
    if not isinstance(backend, power):
        pytest.skip(f"{power.__name__} is optional and not claimed")
    return backend


class Claims:
    """A power is had whole or not at all."""

    def test_powers_are_claimed_whole(self, backend: Backend[Any]) -> None:
        """Some members of an optional power are there and others are not, so it is never used; look for a misspelt or
        missing method."""
        for power in POWERS:
            members = [name for name in vars(power) if not name.startswith("_")]
            missing = [name for name in members if not hasattr(backend, name)]
            there = len(members) - len(missing)
            assert not there or not missing, f"{power.__name__} lacks {', '.join(missing)}"
