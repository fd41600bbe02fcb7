"""The conformance kit run on an installed backend."""

from __future__ import annotations

from dataclasses import asdict

import click

from rlcore.app.program import FAILED, print_json
from rlcore.registry import load_backend


def check(name: str, *, device: str | None, without: tuple[str, ...], as_json: bool) -> int:
    """Print the verdict on a backend; the exit code is 0 if it passes, 1 if it fails.

    Raises
    ------
    BackendError
        If the backend cannot be loaded.
    ClickException
        If the kit is not installed.
    """
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
