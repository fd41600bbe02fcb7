"""Work folders: a hidden folder beside an output holds everything that a run makes until the output is complete."""

from __future__ import annotations

import errno
import hashlib
import os
import secrets
import shutil
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from rlcore.app.files.durable import sync_names, sync_tree, write_whole
from rlcore.app.files.lock import LOCK, Lock
from rlcore.app.files.owner import Owner
from rlcore.app.files.zarr_input import is_zarr, stranger_in_image
from rlcore.errors import OutputError, caution

PREFIX = ".rlcore-work-"
_LOCK = ".rlcore-lock-"
_OWNER, _RESULT, _REAL, _OLD = "owner.json", "result", "float32.npy", "old"
_OURS = (_OWNER, _RESULT, _REAL, "float32.new", _OLD, "decoded.npy", "decoded.new", "reserved")
_BEGINNINGS = (f"{_OWNER}.", LOCK, ".rlcore-scratch-")
"""Beginnings of names with a random end: files that are not complete yet, and scratch files of the library."""


class LeftOverWarning(UserWarning):
    """Something stays that a run made, or in a folder that a run made."""


class WorkFolder:
    """A work folder, and the lock of its output; made by `working_on`.

    Parameters
    ----------
    output : Path
        File or folder to be written. A link is followed: what it points to is written.
    force_unlock : bool
        Take over the lock of a run on another host.

    Raises
    ------
    OutputError
        If another run writes the output.
    """

    def __init__(self, output: Path, *, force_unlock: bool = False) -> None:
        self.named, self._force = output, force_unlock
        self.output = Path(os.path.realpath(output))
        self.keep = False
        """True if a later run is to resume from the result and the float32 file."""
        self.path, self.owner = _claim(self.output)
        lock = self.output.parent / f"{_LOCK}{_key(self.output.name, self.path)}"
        try:
            self._lock = Lock(lock, self.path, self.owner, f"output {str(output)!r}", force=force_unlock)
        except BaseException:
            remove_entries(self.path)
            raise

    @property
    def result(self) -> Path:
        """File or folder that becomes the output."""
        return self.path / _RESULT

    @property
    def real(self) -> Path:
        """File of float32 that an integer result is made of."""
        return self.path / _REAL

    @property
    def decoded(self) -> Path:
        """File for a volume of the image that cannot be mapped where it is."""
        return self.path / "decoded.npy"

    @property
    def reserved(self) -> Path:
        """File that holds disk space until it is needed."""
        return self.path / "reserved"

    def belong_to(self, checkpoint: Path, run: str) -> None:
        """Notes the run log that resumes from this work folder, and takes over what an earlier part of it has made."""
        self._note(replace(self.owner, checkpoint=str(checkpoint.absolute()), run=run))
        for folder, owner in work_folders(self.output.parent):
            ended = owner is not None and (owner.gone or (self._force and not owner.runs))
            if owner is None or not ended or owner.run != run or owner.output != self.output.name:
                continue
            for name in (_RESULT, _REAL):
                if os.path.lexists(folder / name) and not os.path.lexists(self.path / name):
                    (folder / name).rename(self.path / name)
            sync_names(self.path)
            discard(folder, owner)

    def publish(self, *, force: bool) -> None:
        """Gives the complete result the output's name, once it is on the disk.

        Parameters
        ----------
        force : bool
            Replace an output that exists.

        Raises
        ------
        OutputError
            If it cannot have the name; the result stays in the work folder, and the message says where.
        """
        try:
            sync_tree(self.result)
            self._note(replace(self.owner, finished=True))
            self._rename(force)
            sync_names(self.output.parent)
        except OSError as error:
            raise OutputError(
                f"output {str(self.named)!r} cannot have its name: {error.strerror or error}; the result is complete "
                f"in {str(self.result)!r}: move it where you want it"
            ) from error
        self._note(replace(self.owner, finished=False))

    def leave(self) -> None:
        """Removes what this run made, except what a later one is to resume from, and releases the lock."""
        needed = (self.keep or self.owner.finished) and any(map(os.path.lexists, (self.result, self.real)))
        kept = (_OWNER, _RESULT, _REAL) if needed else ()
        try:
            if needed:
                self._note(replace(self.owner, ended=True))
            remove_entries(self.path, kept)
        except OSError as error:
            caution(f"work folder {str(self.path)!r} cannot be removed: {error.strerror or error}", LeftOverWarning)
        self._lock.release()

    def _note(self, owner: Owner) -> None:
        """Changes what `owner.json` says; the lock keeps saying what it said when it was taken."""
        write_whole(self.path / _OWNER, owner.to_json())
        self.owner = owner

    def _rename(self, force: bool) -> None:
        if not self._lock.held:
            raise OSError(None, "another run has taken its lock by force")
        if not force or not os.path.lexists(self.output):
            _rename_to_new(self.result, self.output)
            return
        if not self.result.is_dir():
            # never replaces a folder: the system refuses, and the folder stays
            self.result.replace(self.output)
            return
        # looked at again, since it may have changed in the hours of a run
        if not is_zarr(self.output) or stranger_in_image(self.output) is not None:
            raise OSError(None, "what has it holds more than an image")
        # no call of every system replaces a full folder in one step; `restore_old` undoes a half-done replacement
        old = self.path / _OLD
        self.output.rename(old)
        try:
            self.result.rename(self.output)
        except BaseException:
            old.rename(self.output)
            raise


@contextmanager
def working_on(output: Path, *, force_unlock: bool = False) -> Iterator[WorkFolder]:
    """Yields a work folder for an output, and removes it at the end; left-overs of ended runs of it go first.

    Raises
    ------
    OutputError
        If another run writes the output.
    """
    work = WorkFolder(output, force_unlock=force_unlock)
    try:
        for folder, owner in work_folders(work.output.parent):
            if owner is not None and owner.output == work.output.name and owner.gone:
                _tidy(folder, owner)
        yield work
    finally:
        work.leave()


def work_folders(folder: Path) -> list[tuple[Path, Owner | None]]:
    """Returns the work folders in a folder, each with its owner; None if it does not say whose it is."""
    found = sorted(path for path in folder.iterdir() if path.name.startswith(PREFIX))
    return [(path, _read(path / _OWNER)) for path in found if path.is_dir() and not path.is_symlink()]


def is_unfinished_owner(entry: Path) -> bool:
    """Returns whether a file in a work folder is what a run wrote of its owner when it was killed."""
    return entry.name.startswith(f"{_OWNER}.") and entry.is_file() and not entry.is_symlink()


def locks(folder: Path) -> list[tuple[Path, Owner | None]]:
    """Returns the locks in a folder, each with its owner; None if it does not say whose it is."""
    found = sorted(path for path in folder.iterdir() if path.name.startswith(_LOCK))
    return [(path, _read(path)) for path in found if path.is_file() and not path.is_symlink()]


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
    if owner.finished and os.path.lexists(folder / _RESULT):
        return f"it holds the complete result {str(folder / _RESULT)!r}"
    log = Path(owner.checkpoint) / "run.json"
    if owner.run and _mentions(log, owner.run):
        return f"the run of checkpoint {owner.checkpoint!r} resumes from it"
    return None


def discard(folder: Path, owner: Owner) -> bool:
    """Removes the work folder of an ended run, and returns whether nothing else was in it."""
    restore_old(folder, owner)
    return remove_entries(folder)


def restore_old(folder: Path, owner: Owner) -> None:
    """Gives an output that was to be replaced its name back, if the run was killed before the new one had it."""
    old, output = folder / _OLD, folder.parent / owner.output
    if os.path.lexists(old) and not os.path.lexists(output):
        old.rename(output)
        sync_names(folder.parent)


def remove_entries(folder: Path, kept: tuple[str, ...] = ()) -> bool:
    """Removes what runs put in a work folder, then the folder, and returns whether it is gone.

    Anything else in it, which somebody has put there, stays.
    """
    # the owner goes last: killed meanwhile, the folder still says whose it is
    for entry in sorted(folder.iterdir(), key=lambda path: path.name == _OWNER):
        ours = entry.name in _OURS or entry.name.startswith(_BEGINNINGS)
        if ours and entry.name not in kept:
            remove(entry)
        elif not ours:
            kept = (*kept, _OWNER)
    if kept:
        return False
    folder.rmdir()
    return True


def _claim(output: Path) -> tuple[Path, Owner]:
    """Makes a work folder that nobody has, and returns it with its owner."""
    while True:
        path = output.parent / f"{PREFIX}{secrets.token_hex(6)}"
        owner = Owner(output=output.name, folder=path.name)
        try:
            path.mkdir()
            write_whole(path / _OWNER, owner.to_json())
        except OSError as error:
            # the name is taken, or `rlcore clean` has removed the folder while it was still empty
            if error.errno in (errno.EEXIST, errno.ENOENT) and output.parent.is_dir():
                continue
            if path.is_dir():
                path.rmdir()
            raise OutputError(
                f"output folder {str(output.parent)!r} cannot be written to: {error.strerror or error}; choose another"
            ) from error
        return path, owner


def _tidy(folder: Path, owner: Owner) -> None:
    """Removes the left-overs of an ended run, or warns of a complete result among them."""
    if reason_to_keep(folder, owner) is None:
        discard(folder, owner)
        return
    restore_old(folder, owner)
    if owner.finished and not owner.run:
        caution(
            f"an earlier run was killed before its complete result {str(folder / _RESULT)!r} had its name; move it "
            "where you want it, or remove it by rlcore clean --force",
            LeftOverWarning,
        )


def _rename_to_new(result: Path, output: Path) -> None:
    """Renames a file or a folder to a name that is free; one that appears at the last moment is not replaced."""
    if os.path.lexists(output):
        raise FileExistsError(None, "it has appeared since the run began")
    if result.is_dir():
        result.rename(output)  # replaces nothing but an empty folder
        return
    try:
        # unlike renaming, linking never replaces a file
        os.link(result, output)
    except FileExistsError as error:
        raise FileExistsError(None, "it has appeared since the run began") from error
    except OSError:
        result.rename(output)  # a file system without links
    else:
        result.unlink()


def _key(name: str, folder: Path) -> str:
    """Returns a text for the name of a lock: the same for names that the file system does not tell apart."""
    # of a fixed length, since a file name has a limit that the output's may reach
    if folder.with_name(folder.name.upper()).exists():
        name = unicodedata.normalize("NFC", name).casefold()
    return hashlib.sha256(os.fsencode(name)).hexdigest()[:16]


def _read(path: Path) -> Owner | None:
    try:
        return Owner.parse(path.read_bytes())
    except OSError:
        return None


def _mentions(log: Path, run: str) -> bool:
    """Returns whether a run log is there and has this identifier."""
    try:
        return run in log.read_text("utf-8")
    except (OSError, ValueError):
        return False


def remove(path: Path) -> None:
    """Removes a file, a link or a folder if it exists."""
    if path.is_dir() and not path.is_symlink():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)
