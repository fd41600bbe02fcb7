"""Containment of readers that are not ours: their prints, warnings and log go nowhere, and their exits are errors."""

from __future__ import annotations

import io
import logging
import warnings
from collections.abc import Iterator
from contextlib import contextmanager, redirect_stdout


@contextmanager
def contained() -> Iterator[None]:
    """Keeps a reader from writing to the program's stdout and stderr, and from ending it.

    Raises
    ------
    RuntimeError
        In place of exceptions that are no errors, such as SystemExit and the panics of compiled readers.
    """
    # without any handler, logging prints warnings on stderr
    log, nowhere = logging.getLogger(), logging.NullHandler()
    log.addHandler(nowhere)
    try:
        with warnings.catch_warnings(), redirect_stdout(io.StringIO()):
            warnings.simplefilter("ignore")
            yield
    except (Exception, KeyboardInterrupt, GeneratorExit):
        raise
    except BaseException as error:
        raise RuntimeError(f"{type(error).__name__}: {error}") from error
    finally:
        log.removeHandler(nowhere)
