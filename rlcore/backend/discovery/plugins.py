"""Plugins: additions to rlcore that installed packages bring, found by entry points and loaded only when named.

A kind of plugin is a group of entry points with the words that its messages use. A plugin that fails to load disturbs
nothing until someone names it; then its own error is told.
"""

from __future__ import annotations

import difflib
import sys
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache
from importlib.metadata import Distribution, EntryPoint, entry_points
from pathlib import Path
from typing import Any, Literal

from rlcore.backend.discovery.patience import answering, limit
from rlcore.backend.host.interrupts import interrupts_noted, is_of_the_user
from rlcore.errors import RLCoreError

State = Literal["usable", "unavailable", "broken", "incomplete", "ambiguous"]
"""unavailable: lacks what it runs on; broken: cannot be loaded; incomplete: lacks members; ambiguous: claimed twice."""

_LONGEST = 500
"""Characters of a plugin's own message that are kept."""


@dataclass(frozen=True, slots=True)
class Plugins:
    """One kind of plugin."""

    group: str
    """Group of entry points, as ``rlcore.backends``."""
    noun: str
    """Noun for one in messages: "backend"."""
    error: type[RLCoreError]
    unavailable: type[RLCoreError]
    incomplete: type[RLCoreError]
    """Raised for one that cannot be used, lacks what it runs on, or lacks members; the last two are of the first."""
    published: Mapping[str, str]
    """The package that brings each name of ours: such a name that is not found is merely not installed."""

    def installed(self) -> tuple[EntryPoint, ...]:
        """Entry points of every installed one, by name; loads none of them."""
        return _installed(self.group, tuple((path, _changed(path)) for path in sys.path))

    def by_name(self) -> Iterator[tuple[str, list[EntryPoint]]]:
        """Every name that is claimed, with all that claim it."""
        entries = self.installed()
        for name in dict.fromkeys(entry.name for entry in entries):
            yield name, [entry for entry in entries if entry.name == name]

    def find(self, name: str) -> EntryPoint | None:
        """The only entry point of this name, if there is one."""
        found = [entry for entry in self.installed() if entry.name == name]
        if len(found) > 1:
            raise self.error(f"{self.noun} {name!r} is {claimed(found)}")
        return found[0] if found else None

    def find_or_refuse(self, name: str) -> EntryPoint:
        """The only entry point of this name; says what there is if there is none."""
        entry = self.find(name)
        if entry is None:
            raise self.error(self._unknown(name))
        return entry

    def load(self, entry: EntryPoint) -> Callable[..., Any]:
        """The registered callable, imported; an error names the distribution that brought it."""
        called, seconds = self.called(entry), limit()
        with contained(self.error, f"{called} cannot be imported"), answering(called, seconds):
            thing = entry.load()
        if not callable(thing):
            raise self.incomplete(f"{self.called(entry)} is not callable: {entry.value}")
        return thing  # type: ignore[no-any-return]

    def called(self, entry: EntryPoint) -> str:
        """``backend 'pyfftw' of rlcore-pyfftw 0.1.0``."""
        return f"{self.noun} {entry.name!r} of {owner(entry)}"

    def trouble(self, error: BaseException) -> tuple[State, str]:
        """The state that an error puts a plugin in, and the reason for messages."""
        if isinstance(error, self.unavailable):
            return "unavailable", _line(error)
        if isinstance(error, self.incomplete):
            return "incomplete", _line(error)
        return "broken", _line(error) if isinstance(error, self.error) else say(error)

    def _unknown(self, name: str) -> str:
        names = sorted({entry.name for entry in self.installed()})
        if brings := self.published.get(name):
            quoted = f"'{brings}'" if "[" in brings else brings
            return f"{self.noun} {name!r} is not installed; try: pip install {quoted}"
        near = difflib.get_close_matches(name, [*names, *self.published], n=1)
        hint = f" (did you mean {near[0]!r}?)" if near else ""
        return f"{self.noun} {name!r} is unknown{hint}; installed are {', '.join(map(repr, names))}"


@lru_cache(maxsize=8)
def _installed(group: str, _where: tuple[tuple[str, int], ...]) -> tuple[EntryPoint, ...]:
    """Looking through every installed distribution takes longer than a small restoration."""
    return tuple(sorted(entry_points(group=group), key=lambda entry: entry.name))


def _changed(path: str) -> int:
    """When a folder that modules are found in last changed."""
    try:
        return Path(path or ".").stat().st_mtime_ns
    except OSError:
        return 0


def owner(entry: EntryPoint) -> str:
    """The distribution that brought it, as ``rlcore-pyfftw 0.1.0``."""
    return _title(entry.dist) if entry.dist else "an unnamed distribution"


@lru_cache(maxsize=64)
def _title(distribution: Distribution) -> str:
    """Name and version of a distribution: every use of a backend's name asks, and reading them takes milliseconds."""
    return f"{distribution.name} {distribution.version}"


def owners(entries: list[EntryPoint]) -> str:
    """The distributions that brought it."""
    return " and ".join(owner(entry) for entry in entries)


def claimed(entries: list[EntryPoint]) -> str:
    """The complaint about a name that several distributions claim."""
    return f"claimed by {owners(entries)}; uninstall all but one"


@contextmanager
def contained(kind: type[RLCoreError], what: str, *passing: type[Exception]) -> Iterator[None]:
    """Raises `kind` for whatever a plugin raises inside the context; the plugin's own error stays its cause.

    That includes SystemExit, GeneratorExit and KeyboardInterrupt raised by the plugin's own code: none may end the
    program that asks it. A KeyboardInterrupt of the user goes on.

    Parameters
    ----------
    kind : type
        Error to raise.
    what : str
        Beginning of its message, which names the distribution.
    *passing : type
        Errors that go on unchanged.
    """
    with interrupts_noted():
        try:
            yield
        except passing:
            raise
        except BaseException as error:
            if is_of_the_user(error):
                raise
            raise kind(f"{what}: {say(error)}") from error


def _line(error: BaseException) -> str:
    return " ".join(str(error).split())


def say(error: BaseException) -> str:
    """An error in one line."""
    try:
        text = " ".join(str(error).split())[:_LONGEST]
    except Exception:  # noqa: BLE001 - the error is a plugin's, and so is its text
        text = ""
    return f"{type(error).__name__}: {text}" if text else type(error).__name__
