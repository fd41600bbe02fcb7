"""The command `rlcore check`: runs the conformance kit on an installed backend."""

from __future__ import annotations

from dataclasses import asdict

import click

from rlcore.app.command_group import FAILED, print_json
from rlcore.backend.discovery.registry import load_backend


def check(name: str, *, device: str | None, without: tuple[str, ...], as_json: bool) -> int:
    """Prints the verdict on a backend and returns the exit code: 0 if it passes, 1 if it fails.

    Parameters
    ----------
    name : str
        Name of the backend, as `rlcore backends` lists it.
    device : str, optional
        Index or part of the name of a device.
    without : tuple of str
        Groups of tests to leave out.
    as_json : bool
        Print JSON instead of Markdown.

    Raises
    ------
    BackendError
        If the backend cannot be loaded.
    ClickException
        If the kit is not installed.
    """
    # imported late: the kit needs pytest and hypothesis, which only the extra "testing" installs
    try:
        from rlcore.testing.verdict import examine
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        raise click.ClickException(
            f"command 'check' needs {missing!r}, which is not installed; try: pip install 'rlcore[testing]'"
        ) from error
    verdict = examine(load_backend(name, device), without=without)
    if as_json:
        print_json({**asdict(verdict), "passed": not verdict.failed})
    else:
        click.echo(str(verdict))
    return FAILED if verdict.failed else 0
