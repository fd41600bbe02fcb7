"""Delivery of a result to its URL: made in a folder of this machine, and uploaded once it is complete."""

from __future__ import annotations

import contextlib
import hashlib
import os
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor, as_completed
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import platformdirs

from rlcore.app.files.remote.destination import RemoteLock, check_remote_output
from rlcore.app.files.remote.failures import asking
from rlcore.app.files.remote.objects import LOCK, library, store_at
from rlcore.app.files.remote.url import Location, Url
from rlcore.app.files.writing.left_overs import LeftOverWarning, remove
from rlcore.app.files.writing.stamps import files_in
from rlcore.app.files.zarr.signs import METADATA
from rlcore.errors import Cancelled, InputError, OutputError, caution
from rlcore.execution.progress import CancelEvent

_AT_ONCE = 8
"""Number of files that are uploaded at the same time."""


def place_on_this_machine(output: Location, checkpoint: Path | None) -> Path:
    """Returns where a result is made: its path, or for a URL one beside the checkpoint or in the cache of the user."""
    if isinstance(output, Path):
        return output
    key = hashlib.sha256(output.lineage()[0].encode()).hexdigest()[:16]
    if checkpoint is not None:
        return checkpoint.parent / f".rlcore-upload-{key}" / output.name
    return Path(platformdirs.user_cache_dir("rlcore")) / "uploads" / key / output.name


@dataclass(frozen=True, slots=True)
class Delivery:
    """Way of a result from where it is made to its URL; made by `delivery`."""

    output: Url
    made: Path
    again: str
    """What is to be done if the upload fails, as the end of a sentence."""
    lock: RemoteLock
    cancel: CancelEvent | None

    def upload(self) -> None:
        """Uploads the complete result: chunks first and the metadata of its root last, so none sees half an image.

        Raises
        ------
        Cancelled
            If the run was stopped.
        OutputError
            If it fails; the result stays complete on this machine, and the message says where.
        """
        try:
            if not self.lock.held:
                raise ConnectionError("another run has taken its lock by force")
            if self.made.is_dir():
                self._upload_folder()
            else:
                self._put(store_at(self.output.parent), self.output.name, self.made)
        except Cancelled as stopped:
            raise Cancelled(f"{stopped}; {self._kept}") from stopped
        except (OSError, InputError) as error:
            raise OutputError(f"output {str(self.output)!r} cannot be uploaded: {error}; {self._kept}") from error

    @property
    def _kept(self) -> str:
        return f"the result is complete in {str(self.made)!r}; {self.again}"

    def _upload_folder(self) -> None:
        # looked at again, since it may have changed in the hours of a run
        check_remote_output(self.output, [], force=True)
        self._clear()
        files = {path.relative_to(self.made).as_posix(): path for path in files_in(self.made)}
        last = [name for name in METADATA if name in files]
        rest = {name: path for name, path in files.items() if name not in last}
        # those of arrays come first: chunks without them would be nobody's, and be refused to the next run
        arrays = {name: path for name, path in rest.items() if path.name in METADATA}
        self._put_all(arrays)
        self._put_all({name: path for name, path in rest.items() if name not in arrays})
        if self._there() != {name: path.stat().st_size for name, path in rest.items()}:
            raise ConnectionError("what is there is not what was uploaded")
        for name in last:
            self._put(store_at(self.output), name, files[name])

    def _clear(self) -> None:
        """Removes an image that is replaced, or what an upload has left; no half of it ever counts as an image."""
        there, store = self._there(), store_at(self.output)
        root = [name for name in there if name in METADATA]
        arrays = [name for name in there if name not in root and name.rpartition("/")[2] in METADATA]
        chunks = [name for name in there if name not in (*root, *arrays)]
        with asking(self.output):
            for names in root, chunks, arrays:
                library().delete(store, names)

    def _there(self) -> dict[str, int]:
        """Returns the sizes of all objects of the output by their keys."""
        with asking(self.output):
            found = [each for part in library().list(store_at(self.output)) for each in part]
        return {each["path"]: each["size"] for each in found if each["path"] != LOCK}

    def _put_all(self, files: dict[str, Path]) -> None:
        store = store_at(self.output)  # one for all, which keeps its connections
        with ThreadPoolExecutor(_AT_ONCE) as pool:
            try:
                for done in as_completed([pool.submit(self._put, store, *each) for each in files.items()]):
                    done.result()
                    if self.cancel is not None and self.cancel.is_set():
                        raise Cancelled("stopped on request during the upload")
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise

    def _put(self, store: Any, name: str, path: Path) -> None:
        with asking(self.output):
            library().put(store, name, path)


@contextmanager
def delivery(
    output: Location,
    checkpoint: Path | None,
    *,
    force: bool,
    force_unlock: bool,
    resumes: bool,
    cancel: CancelEvent | None,
    say: Callable[[str], None] | None,
) -> Iterator[Callable[[], None]]:
    """Yields a function that brings the complete result to its URL; for a path it does nothing.

    Parameters
    ----------
    output : Path or Url
        The output.
    checkpoint : Path or None
        Folder that a later run resumes from.
    force, force_unlock : bool
        Options of the run.
    resumes : bool
        The result that is there, if any, is that of the run's own checkpoint.
    cancel : event or None
        Stops the upload.
    say : callable or None
        Receives a line that says where the result is made.

    Raises
    ------
    InputError
        If nothing can be written at the URL, or an earlier result waits to be uploaded.
    OutputError
        If another run writes the output.
    """
    if isinstance(output, Path):
        yield lambda: None
        return
    made = place_on_this_machine(output, checkpoint)
    if os.path.lexists(made) and not (force or resumes):
        raise InputError(
            f"output {str(output)!r} has a complete result in {str(made)!r} that an earlier run could not upload; "
            f"{_by_hand(made)}, or give --force to make it anew"
        )
    _make_folder(made.parent)
    lock = RemoteLock(output, force=force_unlock)
    if say is not None:
        say(f"the result is made in {str(made.parent)!r}, and then uploaded to {output}")
    again = _by_hand(made) if checkpoint is None else "give the same command again to upload it"
    with _held(lock, output, made):
        yield Delivery(output, made, again, lock, cancel).upload
    remove(made)
    _remove_folder(made.parent)


def _by_hand(made: Path) -> str:
    return "copy it there by hand" + (", zarr.json at its top last" if made.is_dir() or made.suffix == ".zarr" else "")


def _make_folder(folder: Path) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise InputError(f"folder {str(folder)!r} cannot be made: {error.strerror or error}; see to it") from error


@contextmanager
def _held(lock: RemoteLock, output: Url, made: Path) -> Iterator[None]:
    """Releases a lock at the end; after an upload that was cut short it stays as a sign of that."""
    try:
        yield
    except BaseException:
        with contextlib.suppress(ConnectionError):  # what has failed may fail again
            (lock.leave if os.path.lexists(made) else lock.release)()
        _remove_folder(made.parent)
        raise
    try:
        lock.release()
    except ConnectionError as error:
        caution(f"the lock of output {str(output)!r} cannot be removed: {error}", LeftOverWarning)


def _remove_folder(folder: Path) -> None:
    """Removes a folder unless something is in it."""
    with contextlib.suppress(OSError):
        folder.rmdir()
