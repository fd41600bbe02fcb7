"""Containment of backends at work: whatever one raises becomes an error that names it and its distribution.

Errors that backends raise on purpose pass, as do those of memory, which make a run go on by a smaller plan, and an
interrupt from the keyboard. Only the backend's own methods are contained: errors of the caller's arrays and callback
arise outside of them.
"""

from __future__ import annotations

from collections.abc import Callable
from functools import cache
from types import TracebackType
from typing import Any

from rlcore.backend import Backend
from rlcore.backend.adapter import METHODS
from rlcore.backend.discovery.answers import ANSWERS
from rlcore.backend.discovery.plugins import owner, say
from rlcore.backend.discovery.registry import installed
from rlcore.backend.host.interrupts import is_of_the_user
from rlcore.errors import BackendError

_PASS = (BackendError, MemoryError)


def contain(backend: Backend[Any]) -> Backend[Any]:
    """A backend that hands the methods of another on, and contains their errors; it overrides what the other does."""
    if isinstance(backend, _Contained):
        return backend
    contained: Backend[Any] = _container(_overridden(backend))(backend)
    return contained


def called(backend: Backend[Any]) -> str:
    """``backend 'pyfftw' of rlcore-pyfftw 0.1.0``, or its name alone if no distribution brought it."""
    plain = backend.plain if isinstance(backend, _Contained) else backend
    plain = getattr(plain, "plain", plain)  # of an adapted class
    package = type(plain).__module__.partition(".")[0]
    for entry in installed():
        if entry.name == backend.name and entry.value.partition(":")[0].partition(".")[0] == package:
            return f"backend {backend.name!r} of {owner(entry)}"
    return f"backend {backend.name!r}"


class _Contained(Backend[Any]):
    """A backend whose methods are those of another, contained; equal to any other one of the same backend."""

    def __init__(self, plain: Backend[Any]) -> None:
        self.plain, self.name, self.device, self.facts = plain, plain.name, plain.device, plain.facts
        # in the instance, so that a call costs one function more and no look-up
        for name in {*_overridden(plain), *(name for name in METHODS if name in vars(plain))}:
            # of the plain backend: functions that referred to this one would keep its plans and work areas after it
            vars(self)[name] = _contained(getattr(plain, name), name, plain)

    def __getattr__(self, name: str) -> Any:
        return getattr(vars(self)["plain"], name)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Contained) and bool(other.plain == self.plain)

    def __hash__(self) -> int:
        return hash(self.plain)


def _overridden(backend: Backend[Any]) -> tuple[str, ...]:
    """The names of a backend's own methods: those that are required, overrides, and options."""
    kind = type(backend)
    return tuple(
        name
        for name in METHODS
        if callable(getattr(kind, name, None)) and getattr(kind, name) is not getattr(Backend, name, None)
    )


@cache
def _container(own: tuple[str, ...]) -> Any:
    """The class of contained backends with these methods, so that `overrides` tells of them what it told before."""
    return type("ContainedBackend", (_Contained,), dict.fromkeys(own, _in_the_instance))


def _in_the_instance(*_: Any, **__: Any) -> Any:
    raise NotImplementedError  # never called: every instance has a function of this name


def _contained(method: Callable[..., Any], name: str, backend: Backend[Any]) -> Callable[..., Any]:
    wanted = ANSWERS.get(name)

    def contained(*args: Any, **options: Any) -> Any:
        try:
            answer = method(*args, **options)
            if wanted is not None and not wanted.fits(answer):
                raise BackendError(f"{called(backend)} returned {_kind(answer)} from `{name}` instead of {wanted.noun}")
            return answer
        except _PASS:
            raise
        except BaseException as error:
            if is_of_the_user(error):
                raise
            raise _failure(backend, name, error) from error

    if name != "stream":
        return contained
    return lambda: _Stream(contained(), backend)


def _kind(answer: Any) -> str:
    """What came instead of an answer: its value if that is short, else its type."""
    return (
        repr(answer)
        if answer is None or isinstance(answer, int | float)
        else f"an object of type {type(answer).__name__!r}"
    )


def _failure(backend: Backend[Any], name: str, error: BaseException) -> BackendError:
    return BackendError(f"{called(backend)} failed in `{name}`: {say(error)}")


class _Stream:
    """A backend's stream, of which beginning and end are contained; the work enclosed has errors of its own."""

    def __init__(self, stream: Any, backend: Backend[Any]) -> None:
        self._stream, self._backend = stream, backend

    def __enter__(self) -> None:
        try:
            self._stream.__enter__()
        except _PASS:
            raise
        except BaseException as error:
            if is_of_the_user(error):
                raise
            raise _failure(self._backend, "stream", error) from error

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> bool | None:
        try:
            return self._stream.__exit__(kind, error, trace)  # type: ignore[no-any-return]
        except _PASS:
            raise
        except BaseException as failure:
            if failure is error or is_of_the_user(failure):
                raise
            raise _failure(self._backend, "stream", failure) from failure
