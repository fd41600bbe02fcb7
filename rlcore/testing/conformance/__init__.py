"""The conformance kit: `BackendTests`, one class out of one small class for each idea."""

from __future__ import annotations

from typing import Any

import pytest

from rlcore.backend import Backend
from rlcore.backend.discovery.registry import find_factory
from rlcore.testing.conformance.adjoint import Adjoint
from rlcore.testing.conformance.arithmetic import Arithmetic
from rlcore.testing.conformance.blocks import Blocks
from rlcore.testing.conformance.memory import Memory
from rlcore.testing.conformance.messages import Messages
from rlcore.testing.conformance.outputs import Outputs
from rlcore.testing.conformance.overrides import Overrides
from rlcore.testing.conformance.planning import Planning
from rlcore.testing.conformance.powers import Powers
from rlcore.testing.conformance.threads import Threads
from rlcore.testing.conformance.transfers import Transfers
from rlcore.testing.conformance.transforms import Transforms
from rlcore.testing.conformance.truth import Truth


class BackendTests(
    Powers,
    Messages,
    Threads,
    Memory,
    Blocks,
    Truth,
    Adjoint,
    Outputs,
    Transforms,
    Arithmetic,
    Transfers,
    Planning,
    Overrides,
):
    """Everything that rlcore expects of a backend; a subclass with a fixture `backend` runs it all.

    Examples
    --------
    A whole test module::

        class TestMine(rlcore.testing.BackendTests):
            @pytest.fixture
            def backend(self):
                return MyBackend()

    Each test's docstring says what its failure means. A subclass that replaces a test names it, with the reason, in
    `overrides`; one whose library counts memory itself overrides `measure_peak`.
    """

    @pytest.fixture
    def backend(self) -> Backend[Any]:
        """The backend to be tested; one that is slow to make is a class method, of class scope."""
        raise NotImplementedError(f"{type(self).__name__} gives no backend; write a fixture `backend` that returns it")

    @pytest.fixture
    def factory(self, backend: Backend[Any]) -> Any:
        """The callable that is registered, ``(device) -> Backend``: by the backend's name, or else its class."""
        return find_factory(backend.name) or type(backend)
