"""Left-overs of runs: work folders and locks, whose they are, and which of them nobody needs any more."""

from __future__ import annotations

import contextlib
import os
import re
import shutil
from pathlib import Path

from rlcore.app.files.writing.durable import sync_names
from rlcore.app.files.writing.lock import LOCK
from rlcore.app.files.writing.owner import Owner
from rlcore.app.files.writing.run_state import resumes
from rlcore.errors import caution
from rlcore.execution.durable import open_regular

PREFIX = ".rlcore-work-"
_FOLDER = re.compile(re.escape(PREFIX) + "[0-9a-f]{12}")
LOCK_PREFIX = ".rlcore-lock-"
OWNER, RESULT, REAL, OLD, UNPACKED = "owner.json", "result", "float32.npy", "old", "unpacked"
GROWN = (RESULT, REAL, UNPACKED)
"""Names of files and folders that a later run resumes from."""
_OURS = (OWNER, *GROWN, "float32.new", OLD, "decoded.npy", "decoded.new", "reserved")
_BEGINNINGS = (f"{OWNER}.", LOCK, ".rlcore-scratch-", ".rlcore-photons-")
"""Beginnings of names with a random end: files that are not complete yet, and scratch files of the library."""
_UNFINISHED = re.compile(re.escape(OWNER) + r"\.[a-z0-9_]{8}")
_TEXT = b'{\n "host"'
"""Beginning of `owner.json`."""


class LeftOverWarning(UserWarning):
    """Something stays that a run made, or in a folder that a run made."""


def work_folders(folder: Path) -> list[tuple[Path, Owner | None]]:
    """Returns the work folders in a folder, each with its owner; None if it does not say whose it is."""
    found = sorted(path for path in folder.iterdir() if path.name.startswith(PREFIX))
    found = [path for path in found if path.is_dir() and not path.is_symlink()]
    owners = [Owner.read(path / OWNER) for path in found]
    # a copy that somebody has made is not the run's
    return [
        (path, owner if owner and owner.folder == path.name else None)
        for path, owner in zip(found, owners, strict=True)
    ]


def locks(folder: Path) -> list[tuple[Path, Owner | None]]:
    """Returns the locks in a folder, each with its owner; None if it does not say whose it is."""
    found = sorted(path for path in folder.iterdir() if path.name.startswith(LOCK_PREFIX))
    return [(path, Owner.read(path)) for path in found if path.is_file() and not path.is_symlink()]


def reason_to_keep(folder: Path, owner: Owner, *, force: bool = False) -> str | None:
    """Returns why a work folder must stay; None if its run has ended and nothing in it is needed.

    Parameters
    ----------
    folder : Path
        The work folder.
    owner : Owner
        Its owner.
    force : bool
        Count runs on other hosts as ended, and results and finished volumes as not needed.
    """
    if owner.runs or not (owner.gone or force):
        return f"it is of {owner}" + ("" if owner.runs else ", which may still run")
    if force:
        return None
    if owner.finished and os.path.lexists(folder / RESULT):
        return f"it holds the complete result {str(folder / RESULT)!r}"
    if owner.run and resumes(Path(owner.checkpoint), owner.run):
        return f"the run of checkpoint {owner.checkpoint!r} resumes from it"
    return None


def discard(folder: Path, owner: Owner) -> bool:
    """Removes the work folder of an ended run, and returns whether nothing else was in it."""
    restore_old(folder, owner)
    return remove_entries(folder)


def restore_old(folder: Path, owner: Owner) -> None:
    """Gives an output that was to be replaced its name back, if the run was killed before the new one had it."""
    old, output = folder / OLD, folder.parent / owner.output
    if os.path.lexists(old) and not os.path.lexists(output):
        old.rename(output)
        sync_names(folder.parent)


def remove_entries(folder: Path, kept: tuple[str, ...] = ()) -> bool:
    """Removes what runs put in a work folder, then the folder, and returns whether it is gone.

    Anything else in it, which somebody has put there, stays.
    """
    # the owner goes last: killed meanwhile, the folder still says whose it is
    for entry in sorted(folder.iterdir(), key=lambda path: path.name == OWNER):
        ours = entry.name in _OURS or entry.name.startswith(_BEGINNINGS)
        if ours and entry.name not in kept:
            remove(entry)
        elif not ours:
            kept = (*kept, OWNER)
    if kept:
        return False
    folder.rmdir()
    return True


def remove_unfinished(folder: Path, *, dry_run: bool = False) -> bool:
    """Removes a work folder whose run was killed while it made the folder, and returns whether it is one.

    If that run goes on after all it finds its folder gone, and makes another; until it has named its owner there is
    nothing else in it.
    """
    entries = list(folder.iterdir())
    if not _FOLDER.fullmatch(folder.name) or not all(map(_may_be_unfinished, entries)):
        return False
    if not dry_run:
        for entry in entries:
            entry.unlink(missing_ok=True)
        with contextlib.suppress(OSError):  # it goes on, or another run has removed it
            folder.rmdir()
    return dry_run or not folder.exists()


def _may_be_unfinished(path: Path) -> bool:
    """Returns whether a file is an `owner.json` that had no name yet, of no process that is known to run."""
    if not _UNFINISHED.fullmatch(path.name):
        return False
    try:
        with os.fdopen(open_regular(path), "rb") as file:
            text = file.read()
    except OSError:
        return False
    owner = Owner.parse(text)
    return _TEXT.startswith(text[: len(_TEXT)]) if owner is None else owner.gone


def remove(path: Path) -> None:
    """Removes a file, a link or a folder if it exists."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def tidy(folder: Path, owner: Owner) -> None:
    """Removes the left-overs of an ended run, or warns of a complete result among them."""
    if reason_to_keep(folder, owner) is None:
        discard(folder, owner)
        return
    restore_old(folder, owner)
    if owner.finished and not owner.run:
        caution(
            f"an earlier run was killed before its complete result {str(folder / RESULT)!r} had its name; move it "
            "where you want it, or remove it by rlcore clean --force",
            LeftOverWarning,
        )
