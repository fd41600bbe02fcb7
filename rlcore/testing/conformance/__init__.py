"""The conformance kit: `BackendTests`, composed of one small class for each idea."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any, ClassVar

import pytest

from rlcore.backend import Backend
from rlcore.backend.adapter import adapt
from rlcore.backend.discovery.registry import find_factory
from rlcore.testing.conformance.memory import Memory
from rlcore.testing.conformance.operations.defaults import Defaults
from rlcore.testing.conformance.operations.outputs import Outputs
from rlcore.testing.conformance.operations.regularization import Regularization
from rlcore.testing.conformance.operations.required import Adjoint, Arithmetic, Transfers, Transforms
from rlcore.testing.conformance.operations.steps import Steps
from rlcore.testing.conformance.operations.sums import Sums
from rlcore.testing.conformance.operations.volumes import Volumes
from rlcore.testing.conformance.planning import Devices, Planning
from rlcore.testing.conformance.restorations import Blocks, Truth
from rlcore.testing.conformance.threads import ForeignArrays, Streaming, Threads


class Replacements:
    """Standard tests that a subclass replaces or leaves out."""

    overrides: ClassVar[Mapping[str, str]] = {}
    """Name of each standard test that is replaced or left out, and the reason, which is printed."""

    def test_overrides_are_explained(self) -> None:
        """A standard test is replaced without a reason; name it in `overrides`, as ``{"test_...": "because ..."}``."""
        suite = type(self)
        standard = next(base for base in suite.__mro__ if base.__name__ == "BackendTests")
        names = [name for name in dir(standard) if name.startswith("test_")]
        replaced = {name for name in names if getattr(suite, name, None) is not getattr(standard, name)}
        silent = sorted(name for name in replaced if not self.overrides.get(name, "").strip())
        assert not silent, f"{suite.__name__} replaces {', '.join(silent)} without saying why in `overrides`"
        stale = sorted(set(self.overrides) - replaced)
        assert not stale, f"{suite.__name__} gives reasons for {', '.join(stale)}, which it does not replace"
        for name in sorted(replaced):
            print(f"{suite.__name__} replaces {name}: {self.overrides[name]}")  # noqa: T201 - for readers of the log


class BackendTests(
    ForeignArrays,
    Streaming,
    Threads,
    Memory,
    Blocks,
    Truth,
    Regularization,
    Sums,
    Volumes,
    Steps,
    Defaults,
    Outputs,
    Adjoint,
    Transforms,
    Arithmetic,
    Transfers,
    Devices,
    Planning,
    Replacements,
):
    """All tests of a backend; a subclass with a fixture `backend` runs them.

    Examples
    --------
    A whole test module::

        class TestMine(rlcore.testing.BackendTests):
            @pytest.fixture
            def backend(self):
                return MyBackend()

    The docstring of each test says what its failure means. A subclass that replaces a test names it, with the reason,
    in `overrides`. A subclass whose library counts memory itself overrides `measure_peak`.
    """

    @pytest.fixture
    def backend(self) -> Any:
        """The backend to be tested. If it is slow to make, define the fixture as a class method, of class scope."""
        raise NotImplementedError(f"{type(self).__name__} gives no backend; write a fixture `backend` that returns it")

    @pytest.fixture
    def engine(self, backend: Any) -> Backend[Any]:
        """The backend itself, or an adapter if it does not inherit from `rlcore.backend.Backend`."""
        return adapt(backend)

    @pytest.fixture
    def factory(self, backend: Any) -> Any:
        """The callable that is registered, ``(device) -> Backend``: by the backend's name, or else its class."""
        # an adapter holds the object of the plain class as `plain`
        return find_factory(backend.name) or type(getattr(backend, "plain", backend))
