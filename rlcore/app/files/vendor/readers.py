"""Readers of BioIO that are installed, and the one that opens a file."""

from __future__ import annotations

import inspect
import re
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from rlcore.app.files.boundary import reason_of
from rlcore.app.files.vendor.contained import contained
from rlcore.app.files.vendor.czi_structure import check_czi
from rlcore.app.files.vendor.formats import Format, not_installed
from rlcore.errors import InputError, caution
from rlcore.execution.volumes.image import ImageWarning

_JAVA = re.compile(r"JVM|JAVA_HOME|Failed to download Java|cjdk|\bjvm\b", re.ASCII)
"""Words of an error that says that no Java is there; Java's own errors have other ones."""


def open_reader(path: Path, file: str, format_: Format) -> Any:
    """Returns a reader that has opened a file: the first of those installed, the most specialized first.

    Parameters
    ----------
    path : Path
    file : str
        The file's role and name in messages.
    format_ : Format
        Its format, by its name.

    Raises
    ------
    InputError
        If no reader of the format is installed, or none can open the file.
    """
    installed = _installed(path, file, format_)
    if path.suffix.lower() == ".czi":
        check_czi(path, file)
    failures: list[tuple[str, Exception]] = []
    for package, make in installed:
        try:
            with contained():
                reader = _made(make.get_reader(), path)
                if not reader.scenes:
                    raise ValueError("it holds no image")
        except Exception as error:  # noqa: BLE001  # readers raise whatever a damaged file leads them to
            failures.append((package, error))
        else:
            if failures:
                caution(f"{file} is read by {package!r}: {_said(failures)}", ImageWarning)
            return reader
    raise InputError(f"{file} cannot be read: {_said(failures)}") from failures[0][1]


def _installed(path: Path, file: str, format_: Format) -> Sequence[tuple[str, Any]]:
    """Returns the readers of a format that are installed, by the names of their packages."""
    try:
        with contained():
            from bioio.plugins import get_plugins

            found = get_plugins(use_cache=False).get(path.suffix.lower(), [])
    except ImportError as error:
        if (error.name or "").partition(".")[0] == "bioio":
            raise not_installed(file, format_) from error
        raise InputError(f"package {error.name!r}, which BioIO needs, is not installed; install it") from error
    if not found:
        raise not_installed(file, format_)
    return [(plugin.entrypoint.name, plugin.metadata) for plugin in found]


def _made(reader: Any, path: Path) -> Any:
    """Returns a reader whose chunks are planes if it can have such: larger ones take memory beside the volume."""
    takes = inspect.signature(reader.__init__).parameters
    passes_on = any(each.kind is each.VAR_KEYWORD for each in takes.values())
    if "chunk_dims" in takes or passes_on:
        try:
            return reader(str(path), chunk_dims=["Y", "X"])
        except TypeError:
            if not passes_on:
                raise
    return reader(str(path))


def _said(failures: Sequence[tuple[str, Exception]]) -> str:
    """Returns why readers have failed, in one sentence, with the remedy."""
    texts, remedies = [], []
    for package, error in failures:
        if _lacks_java(error):
            texts.append(f"{package!r} needs Java, which is not there")
            remedies.append("install a JDK of version 11 or newer")
        else:
            texts.append(f"{package!r} says: {reason_of(error)}")
            remedies.append("get it again from where it came")
    return "; ".join([*texts, remedies[-1]])


def _lacks_java(error: BaseException | None) -> bool:
    while error is not None:
        if _JAVA.search(f"{type(error).__name__} {error}"):
            return True
        error = error.__cause__ or error.__context__
    return False
