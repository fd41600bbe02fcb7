"""Boundary around libraries that read files: every error there becomes one sentence that names the file."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from rlcore.errors import InputError, RLCoreError

_LONGEST = 300
"""Characters of a library's own message that are kept; some quote the damaged content itself."""


@contextmanager
def reading(file: str, where: str = "") -> Iterator[None]:
    """Raises InputError for every error inside the context; the error itself stays its cause, for ``--debug``.

    Parameters
    ----------
    file : str
        The file's role and name in messages, as ``image 'cells.tif'``.
    where : str, optional
        The part of the file that is read, as ``at plane 3``.
    """
    try:
        yield
    except RLCoreError:
        raise
    # file libraries raise whatever damaged content leads them to, from struct.error to RecursionError: a list of their
    # errors is never complete
    except Exception as error:
        raise InputError(f"{file} cannot be read{f' {where}' if where else ''}: {reason_of(error)}") from error


def reason_of(error: BaseException) -> str:
    """Returns an error in one line."""
    lines = str(error).strip().splitlines()
    text = lines[0][:_LONGEST] if lines else ""
    # messages of the system and of values are sentences; those of other errors make sense only beside their name
    if text and isinstance(error, OSError | ValueError):
        return text
    return f"{type(error).__name__}: {text}" if text else type(error).__name__


def check_kind(path: Path, file: str) -> None:
    """Raises InputError unless a path is a regular file: others may block for ever, or never end."""
    if path.is_file():
        return
    if path.exists():
        raise InputError(f"{file} is neither a file nor a folder, but a pipe, a socket or a device; name a file")
    if path.is_symlink():
        raise InputError(f"{file} is a link to a file that does not exist")
    raise InputError(f"{file} does not exist")
