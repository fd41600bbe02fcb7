"""Command group of the program: reports every error as one sentence on stderr, with an exit code."""

from __future__ import annotations

import contextlib
import json
import sys
import traceback
from collections.abc import Callable, Container, Sequence
from typing import Any

import click
from click.core import ParameterSource
from rich.console import Console
from rich.text import Text

from rlcore.app.interruption import INTERRUPTED, interruptible
from rlcore.backend.discovery.patience import hangs_end
from rlcore.errors import BudgetError, Cancelled, CheckpointError, CheckpointWriteError, InputError, RLCoreError

FAILED, BAD_INPUT, PARTLY = 1, 2, 3
"""Exit codes: the run failed; the input was refused; the run is done but for volumes that it was told to leave out."""


class CommandGroup(click.Group):
    """A group of commands that prints errors as one line on stderr instead of a traceback."""

    def main(self, *args: Any, **extra: Any) -> Any:
        extra["standalone_mode"] = False  # else click prints errors its own way and exits
        given = args[0] if args else extra.get("args")
        extra["prog_name"] = extra.get("prog_name") or "rlcore"
        try:
            _check_arguments(sys.argv[1:] if given is None else given)
            with interruptible(), hangs_end():
                code = super().main(*args, **extra)
        except click.ClickException as error:
            code = _fail(_usage(error), BAD_INPUT)
        except (Cancelled, KeyboardInterrupt, click.Abort) as stopped:
            code = _fail(str(stopped) or "stopped on request", INTERRUPTED, "")
        except CheckpointWriteError as error:
            code = _fail(str(error), FAILED)  # the run had begun, while other checkpoints are refused before that
        except (InputError, BudgetError, CheckpointError) as error:
            code = _fail(str(error), BAD_INPUT)
        except RLCoreError as error:
            code = _fail(str(error), FAILED)
        except MemoryError as error:
            code = _fail(f"memory ran out{f': {error}' if str(error) else ''}; give a smaller --memory", FAILED)
        except OSError as error:
            code = _fail(f"file {error.filename or ''!r} failed: {error.strerror or error}", FAILED)
        # click returns the command's own return value, which is an exit code only if it is a number
        sys.exit(code if isinstance(code, int) else 0)

    def invoke(self, ctx: click.Context) -> Any:
        """Runs a command; with ``--debug`` prints the traceback of an error before it is told in one sentence."""
        try:
            return super().invoke(ctx)
        except KeyboardInterrupt as stopped:
            raise Cancelled("stopped on request") from stopped  # before click prints an empty line for it
        except Exception:
            if ctx.params.get("debug"):
                traceback.print_exc()
            raise


def _check_arguments(arguments: Sequence[str]) -> None:
    """Raises InputError for arguments that no option and no file name can be.

    Names of files that are not UTF-8 cannot be written into metadata, and an empty text is mostly a variable of a shell
    that is not set.
    """
    for before, argument in zip(["", *arguments], arguments, strict=False):
        if "\0" in argument:
            raise InputError(f"argument {argument!r} contains a null character; leave it out")
        try:
            argument.encode()
        except UnicodeEncodeError as error:
            raise InputError(f"argument {argument!r} is not UTF-8; rename the file, or write it in UTF-8") from error
        if not argument.strip() or (argument.startswith("--") and argument.endswith("=")):
            of = f" after {before!r}" if before else ""
            raise InputError(f"argument {argument!r}{of} is empty; give it a value or leave it out")


def print_json(value: object) -> None:
    """Prints a result as JSON on stdout."""
    click.echo(json.dumps(value, indent=2))


def _usage(error: click.ClickException) -> str:
    message = error.format_message().rstrip(".")
    context = error.ctx if isinstance(error, click.UsageError) else None
    message = f"{message[:1].lower()}{message[1:]}"
    return f"{message}; see: {context.command_path} --help" if context else message


def _fail(message: str, code: int, kind: str = "error: ") -> int:
    # messages of plugins and of file libraries may have several lines
    line = " ".join(message.split())
    # a terminal that was closed takes no message, and the exit code says enough
    with contextlib.suppress(OSError):
        Console(stderr=True, highlight=False, soft_wrap=True).print(Text.assemble((kind, "red"), line))
    return code


def refuse_given(context: click.Context, names: Container[str], where: str) -> None:
    """Raises InputError if one of these parameters is given on the command line, where it has no effect."""
    for parameter in context.command.params:
        name = parameter.name or ""
        if name in names and context.get_parameter_source(name) is ParameterSource.COMMANDLINE:
            raise InputError(f"{max(parameter.opts, key=len)} has an effect only with {where}; leave it out")


Options = Callable[[Callable[..., Any]], Callable[..., Any]]


def options(*each: Options) -> Options:
    """Combines several options into one decorator, in the order in which help lists them."""

    def add(command: Callable[..., Any]) -> Callable[..., Any]:
        for option in reversed(each):  # the decorator applied last is listed first
            command = option(command)
        return command

    return add
