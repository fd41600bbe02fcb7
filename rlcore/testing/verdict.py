"""A run of the conformance kit on one backend, and the report of its outcome."""

from __future__ import annotations

import contextlib
import inspect
import io
import re
import tempfile
from collections.abc import Collection
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import pytest
from hypothesis.configuration import set_hypothesis_home_dir

from rlcore.backend import Backend

_LONGEST = 240
"""Maximum characters of a detail."""

_DEFAULT = " is not overridden"
"""Last words of the reason for which a test of an override is skipped."""

State = Literal["passed", "failed", "skipped"]


@dataclass(frozen=True, slots=True)
class Outcome:
    """Outcome of one test."""

    group: str
    """Group of tests that it belongs to, such as ``arithmetic``."""
    test: str
    """Name of the test, with its parameters in brackets."""
    state: State
    meaning: str
    """Meaning of a failure, from the test's docstring."""
    detail: str
    """Reason for a failure or a skip; empty if the test passed."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """Outcomes of the kit for a backend. ``print(verdict)`` gives them in Markdown, for a README."""

    backend: str
    device: str
    outcomes: tuple[Outcome, ...]

    @property
    def failed(self) -> tuple[Outcome, ...]:
        return tuple(outcome for outcome in self.outcomes if outcome.state == "failed")

    def __str__(self) -> str:
        ran = [outcome for outcome in self.outcomes if outcome.state != "skipped"]
        says = f"fails {len(self.failed)} of {len(ran)} tests" if self.failed else f"passes all {len(ran)} tests"
        lines = [f"Backend `{self.backend}` on {self.device} {says}.", "", "| group | verdict |", "|---|---|"]
        lines += [f"| {group} | {self._of_group(group)} |" for group in dict.fromkeys(o.group for o in self.outcomes)]
        reported: set[str] = set()  # parameters of one test mostly fail alike, so one of them is reported
        for outcome in self.failed:
            name = _bare(outcome.test)
            if name not in reported:
                lines += ["", f"- `{name}` failed: {outcome.meaning}", f"  ({outcome.detail})"]
            reported.add(name)
        return "\n".join(lines)

    def _of_group(self, group: str) -> str:
        ended = [outcome for outcome in self.outcomes if outcome.group == group]
        count = {state: sum(outcome.state == state for outcome in ended) for state in ("passed", "failed", "skipped")}
        said = [f"{count[state]} {state}" for state in ("failed", "passed") if count[state]]
        reasons = dict.fromkeys(outcome.detail for outcome in ended if outcome.state == "skipped")
        names = [reason.removesuffix(_DEFAULT) for reason in reasons if reason.endswith(_DEFAULT)]
        if len(names) > 1:  # the operations in one sentence, instead of a sentence for each
            reasons = {reason: None for reason in reasons if not reason.endswith(_DEFAULT)}
            said.append(f"{', '.join(names)} are not overridden")
        return "; ".join([*said, *reasons])


def examine(backend: Backend[Any], *, without: Collection[str] = ()) -> Verdict:
    """Run the conformance kit on a backend, without output.

    Parameters
    ----------
    backend : Backend
    without : collection of str
        Groups to leave out, by the names that a verdict gives them.

    Returns
    -------
    Verdict

    Raises
    ------
    RuntimeError
        If the kit itself could not run; the message holds the output of pytest.
    """
    listener = _Listener(backend, without)
    with tempfile.TemporaryDirectory() as folder:
        # An empty configuration, so that options and caches of the caller's own project do not interfere.
        settings = Path(folder) / "pytest.ini"
        settings.write_text("[pytest]\n")
        set_hypothesis_home_dir(folder)
        options = ["-c", str(settings), "--rootdir", folder, "-p", "no:cacheprovider", "--tb=line", "--pyargs"]
        output = io.StringIO()
        with contextlib.redirect_stdout(output), contextlib.redirect_stderr(output):
            code = pytest.main([*options, "rlcore.testing.conformance.subject"], plugins=[listener])
    if code not in (pytest.ExitCode.OK, pytest.ExitCode.TESTS_FAILED):
        raise RuntimeError(f"the conformance kit did not run: {output.getvalue()}")
    return Verdict(backend.name, backend.device, tuple(listener.outcomes))


class _Listener:
    """Plugin of pytest that passes the backend to the tests and collects their outcomes."""

    def __init__(self, backend: Backend[Any], without: Collection[str]) -> None:
        self.outcomes: list[Outcome] = []
        self._backend, self._without = backend, without

    def pytest_configure(self, config: pytest.Config) -> None:
        _suite()
        from rlcore.testing.conformance.subject import SUBJECT

        config.stash[SUBJECT] = self._backend

    def pytest_collection_modifyitems(self, items: list[pytest.Item]) -> None:
        items[:] = [item for item in items if _group(_bare(item.name)) not in self._without]

    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        # A test reports set-up, call and tear-down; only the call counts, unless one of the others fails or skips.
        if report.when != "call" and report.outcome == "passed":
            return
        test = report.nodeid.rpartition("::")[2]
        name = _bare(test)
        self.outcomes.append(Outcome(_group(name), test, report.outcome, _meaning(name), _detail(report)))


def _suite() -> type:
    """Conformance kit, imported while pytest runs, so that its asserts are rewritten to show what they compare."""
    from rlcore.testing import BackendTests

    return BackendTests


def _bare(test: str) -> str:
    return test.partition("[")[0]


def _group(name: str) -> str:
    """Name of the class that defines the test, in words."""
    owner = next(base for base in _suite().__mro__ if name in vars(base))
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", owner.__name__).lower()


def _meaning(name: str) -> str:
    return " ".join((inspect.getdoc(getattr(_suite(), name)) or "").split())


def _detail(report: pytest.TestReport) -> str:
    if isinstance(report.longrepr, tuple):
        return report.longrepr[2].removeprefix("Skipped: ")
    # Some errors, such as that of a missing fixture, have no `reprcrash` with a short message.
    crash = getattr(report.longrepr, "reprcrash", None)
    text = " ".join((crash.message if crash else report.longreprtext).split())
    return text if len(text) <= _LONGEST else f"{text[:_LONGEST]} ..."
