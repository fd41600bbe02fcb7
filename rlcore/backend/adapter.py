"""Backends written as plain classes: wrapped once, so that everything else meets only `Backend`."""

from __future__ import annotations

from functools import cache
from typing import Any

import numpy as np

from rlcore.backend.contract import Backend, Interchange, Streams
from rlcore.backend.facts import Facts
from rlcore.errors import IncompleteBackend

REQUIRED = (*(name for name in vars(Backend) if name in Backend.__abstractmethods__), "name", "device")
"""Members that every backend has."""

_OPTIONS = tuple(name for option in (Streams, Interchange) for name in vars(option) if not name.startswith("_"))
METHODS = (
    tuple(name for name, value in vars(Backend).items() if callable(value) and not name.startswith("_")) + _OPTIONS
)


def adapt(backend: Any) -> Backend[Any]:
    """The backend itself if it inherits from `Backend`; else a backend that hands its own methods on.

    Raises
    ------
    IncompleteBackend
        If it lacks a required member; the message names all that it lacks.
    """
    if missing := [name for name in REQUIRED if not hasattr(backend, name)]:
        raise IncompleteBackend(f"backend of type {type(backend).__name__!r} lacks {', '.join(missing)}")
    if isinstance(backend, Backend):
        return backend
    own = tuple(name for name in METHODS if callable(getattr(backend, name, None)))
    adapted: Backend[Any] = _adapter(own)(backend)
    return adapted


def _facts_of(backend: Any) -> Facts:
    """The facts of a plain class: its own, or made of its attributes `dtype`, `on_host` and `buffer_limit`."""
    if isinstance(found := getattr(backend, "facts", None), Facts):
        return found
    limit = getattr(backend, "buffer_limit", None)
    return Facts(
        dtype=np.dtype(getattr(backend, "dtype", np.float32)),
        on_host=bool(getattr(backend, "on_host", False)),
        buffer_limit=limit() if callable(limit) else limit,
    )


class _Adapted(Backend[Any]):
    """A backend that consists of a plain object's methods; equal to any other one of the same object."""

    def __init__(self, plain: Any) -> None:
        self.plain, self.name, self.device, self.facts = plain, plain.name, plain.device, _facts_of(plain)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Adapted) and other.plain is self.plain

    def __hash__(self) -> int:
        return id(self.plain)


@cache
def _adapter(own: tuple[str, ...]) -> Any:
    """The class of backends that hand these methods on to a plain object."""

    return type("AdaptedBackend", (_Adapted,), {name: _handing_on(name) for name in own})


def _handing_on(name: str) -> Any:
    def method(self: Any, *args: Any, **options: Any) -> Any:
        return getattr(self.plain, name)(*args, **options)

    method.__name__ = name
    return method
