"""Check that what a run writes is apart from what it reads, through links and other spellings of a path too."""

from __future__ import annotations

import os
import unicodedata
from collections.abc import Sequence
from pathlib import Path

from rlcore.app.files.remote.url import Location, Url
from rlcore.errors import InputError

Named = tuple[str, Location]
"""A path or a URL with its role in messages: output, report, checkpoint, picture, image, psf."""

_LEVELS = 3
"""Depth to which links inside an input folder are followed: a Zarr group, its arrays, and their entries."""


def check_apart(written: Sequence[Named], read: Sequence[Named]) -> None:
    """Checks that nothing written is, contains, or lies in anything else that is written or read.

    Parameters
    ----------
    written, read : sequence of (str, Path or Url)
        Paths and URLs with their roles. The first of `written` in a pair is the one to be named differently.

    Raises
    ------
    InputError
        If two of them are not apart.
    """
    for number, (role, path) in enumerate(written):
        for other_role, other in [*written[number + 1 :], *read]:
            name, other_name = f"{role} {str(path)!r}", f"{other_role} {str(other)!r}"
            input_ = (other_role, other) in read
            if _same(path, other):
                whose = "one of the inputs" if input_ else f"the {other_role} too"
                raise InputError(f"{name} is {whose}; name another file")
            if any(_within(place, path) for place in (_reached(other) if input_ else [other])):
                raise InputError(f"{name} contains {other_name}; name another")
            if _within(path, other):
                raise InputError(f"{name} lies in {other_name}; name another")


def check_runs_apart(runs: Sequence[Sequence[Named]]) -> None:
    """Checks that nothing written by one of several runs is, contains, or lies in what another one writes.

    Names that differ may be links to one file; each run by itself is checked by `check_apart`.

    Parameters
    ----------
    runs : sequence of sequence of (str, Path or Url)
        Paths and URLs that each run writes, with their roles.

    Raises
    ------
    InputError
        If those of two runs are not apart.
    """
    owners: dict[object, tuple[int, str, Location]] = {}
    for number, written in enumerate(runs):
        for role, path in written:
            owners.setdefault(_identities(path)[0], (number, role, path))
    for number, written in enumerate(runs):
        for role, path in written:
            for place in _identities(path):
                other, other_role, other_path = owners.get(place, (number, role, path))
                if other != number:
                    raise InputError(
                        f"{role} {str(path)!r} leads to the same place as {other_role} {str(other_path)!r} of another "
                        "image; remove the link, or name others"
                    )


def _reached(path: Location) -> list[Location]:
    """Returns an input, and what links inside it point to: a Zarr group may have its arrays elsewhere."""
    found: list[Location] = [path]
    folders = [path] if isinstance(path, Path) and path.is_dir() else []
    for _ in range(_LEVELS):
        entries = [entry for folder in folders for entry in os.scandir(folder)]
        found += [Path(os.path.realpath(entry.path)) for entry in entries if entry.is_symlink()]
        folders = [Path(entry.path) for entry in entries if entry.is_dir()]
    return found


def _same(one: Location, other: Location) -> bool:
    return _identities(one)[0] == _identities(other)[0]


def _within(inner: Location, outer: Location) -> bool:
    """Returns whether a path is another one, or lies in it."""
    return _identities(outer)[0] in _identities(inner)


def _identities(path: Location) -> list[object]:
    """Returns what identifies a path or a URL, and each folder above it; the same for every spelling of them."""
    if isinstance(path, Url):
        return list(path.lineage())
    real = Path(os.path.realpath(path))
    found: list[object] = []
    for each in (*reversed(real.parents), real):
        try:
            stat = each.stat()
        except OSError:
            # not there yet: known by its folder and its name, which some file systems do not tell from other spellings
            found.append((found[-1], unicodedata.normalize("NFC", each.name).casefold()))
        else:
            found.append((stat.st_dev, stat.st_ino))
    return found[::-1]
