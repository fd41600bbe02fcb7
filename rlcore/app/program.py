"""How every command ends: one sentence for what went wrong, and an exit code."""

from __future__ import annotations

import json
import sys
from collections.abc import Callable
from typing import Any

import click
from rich.console import Console
from rich.text import Text

from rlcore.app.stop import INTERRUPTED
from rlcore.errors import BudgetError, Cancelled, CheckpointError, InputError, RLCoreError

FAILED, BAD_INPUT = 1, 2
"""Exit codes: the run failed; it was refused before it began."""


class Program(click.Group):
    """A group of commands that tells errors as one line on stderr."""

    def main(self, *args: Any, **extra: Any) -> Any:
        extra["standalone_mode"] = False
        extra["prog_name"] = extra.get("prog_name") or "rlcore"
        try:
            code = super().main(*args, **extra)
        except click.ClickException as error:
            code = _tell(_usage(error), BAD_INPUT)
        except (Cancelled, KeyboardInterrupt, click.Abort) as stopped:
            code = _tell(str(stopped) or "stopped on request", INTERRUPTED, "")
        except (InputError, BudgetError, CheckpointError) as error:
            code = _tell(str(error), BAD_INPUT)
        except RLCoreError as error:
            code = _tell(str(error), FAILED)
        except MemoryError as error:
            code = _tell(f"memory ran out{f': {error}' if str(error) else ''}; give a smaller --memory", FAILED)
        except OSError as error:
            code = _tell(f"file {error.filename or ''!r} failed: {error.strerror or error}", FAILED)
        sys.exit(code if isinstance(code, int) else 0)


def print_json(value: object) -> None:
    """A result for programs, on stdout."""
    click.echo(json.dumps(value, indent=2))


def _usage(error: click.ClickException) -> str:
    message = error.format_message().rstrip(".")
    context = error.ctx if isinstance(error, click.UsageError) else None
    message = f"{message[:1].lower()}{message[1:]}"
    return f"{message}; see: {context.command_path} --help" if context else message


def _tell(message: str, code: int, kind: str = "error: ") -> int:
    Console(stderr=True, highlight=False, soft_wrap=True).print(Text.assemble((kind, "red"), message))
    return code


Options = Callable[[Callable[..., Any]], Callable[..., Any]]


def options(*each: Options) -> Options:
    """Several options as one decorator, in the order in which help shows them."""

    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(each):
            command = option(command)
        return command

    return add
