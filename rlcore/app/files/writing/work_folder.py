"""Work folders: a hidden folder beside an output holds everything that a run makes until the output is complete."""

from __future__ import annotations

import contextlib
import errno
import hashlib
import os
import secrets
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

from rlcore.app.files.writing.durable import sync_names, sync_tree, write_whole
from rlcore.app.files.writing.left_overs import (
    GROWN,
    LOCK_PREFIX,
    OLD,
    OWNER,
    PREFIX,
    REAL,
    RESULT,
    UNPACKED,
    LeftOverWarning,
    discard,
    remove_entries,
    remove_unfinished,
    tidy,
    work_folders,
)
from rlcore.app.files.writing.lock import Lock
from rlcore.app.files.writing.owner import Owner
from rlcore.app.files.zarr.input import stranger_in_image
from rlcore.app.files.zarr.signs import is_zarr
from rlcore.app.files.zarr.zip_archive import becomes_archive
from rlcore.backend.host.interrupts import undisturbed
from rlcore.errors import OutputError, caution


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
        lock = self.output.parent / f"{LOCK_PREFIX}{_key(self.output.name, self.path)}"
        try:
            self._lock = Lock(lock, self.path, self.owner, f"output {str(output)!r}", force=force_unlock)
        except BaseException:
            remove_entries(self.path)
            raise

    @property
    def result(self) -> Path:
        """File or folder that becomes the output."""
        return self.path / RESULT

    @property
    def growing(self) -> Path:
        """File or folder that volumes are written to: the result, or the Zarr that is packed into it."""
        return self.path / UNPACKED if becomes_archive(self.output) else self.result

    @property
    def real(self) -> Path:
        """File of float32 that an integer result is made of."""
        return self.path / REAL

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
            for name in GROWN:
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
        except OSError as error:
            raise OutputError(
                f"output {str(self.named)!r} cannot be brought to the disk: {error.strerror or error}; run again"
            ) from error
        # in between, a signal would leave a result that counts as complete and without its name
        with undisturbed():
            with self._naming():
                # on a full disk the result has its name all the same: only a run that is killed here needs the note
                with contextlib.suppress(OSError):
                    self._note(replace(self.owner, finished=True))
                self._rename(force)
                sync_names(self.output.parent)
            with contextlib.suppress(OSError):
                self._note(replace(self.owner, finished=False))

    def leave(self) -> None:
        """Removes what this run made, except what a later one is to resume from, and releases the lock."""
        grown = GROWN if self.keep else (RESULT,) if self.owner.finished else ()
        needed = any(os.path.lexists(self.path / name) for name in grown)
        try:
            remove_entries(self.path, (OWNER, *grown) if needed else ())
            # later, since there may be no room for it before
            if needed:
                self._note(replace(self.owner, ended=True))
        except OSError as error:
            caution(f"work folder {str(self.path)!r} cannot be removed: {error.strerror or error}", LeftOverWarning)
        self._lock.release()

    @contextmanager
    def _naming(self) -> Iterator[None]:
        """Says of errors inside it that the result cannot have its name."""
        try:
            yield
        except OSError as error:
            raise OutputError(
                f"output {str(self.named)!r} cannot have its name: {error.strerror or error}; the result is complete "
                f"in {str(self.result)!r}: move it where you want it"
            ) from error

    def _note(self, owner: Owner) -> None:
        """Changes what `owner.json` says; the lock keeps saying what it said when it was taken."""
        self.owner = owner
        write_whole(self.path / OWNER, owner.to_json())

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
        old = self.path / OLD
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
    work = None
    try:
        with undisturbed():
            work = WorkFolder(output, force_unlock=force_unlock)
        for folder, owner in work_folders(work.output.parent):
            if owner is None:
                remove_unfinished(folder)
            elif owner.output == work.output.name and owner.gone:
                tidy(folder, owner)
        yield work
    finally:
        if work is not None:
            with undisturbed():
                work.leave()


def _claim(output: Path) -> tuple[Path, Owner]:
    """Makes a work folder that nobody has, and returns it with its owner."""
    while True:
        path = output.parent / f"{PREFIX}{secrets.token_hex(6)}"
        owner = Owner(output=output.name, folder=path.name)
        try:
            path.mkdir()
            write_whole(path / OWNER, owner.to_json())
            sync_names(output.parent)  # a run log must never speak of a folder that a loss of power took
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
