"""Outputs by URL: checked before a run, and locked, so that one run writes an output at a time."""

from __future__ import annotations

import secrets
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from typing import Any

from rlcore.app.files.remote.failures import asking
from rlcore.app.files.remote.objects import LOCK, Entry, library, store_at
from rlcore.app.files.remote.url import WEB, Url
from rlcore.app.files.writing.apart import Named, check_apart
from rlcore.app.files.writing.lock import refuse_held
from rlcore.app.files.writing.owner import Owner
from rlcore.app.files.zarr.input import stranger_in_image
from rlcore.app.files.zarr.signs import is_zarr
from rlcore.app.files.zarr.zip_archive import ARCHIVES, becomes_archive
from rlcore.errors import InputError, caution
from rlcore.execution.holder import LONGEST


class NoLockWarning(UserWarning):
    """A server has no means to lock an output."""


def check_remote_output(output: Url, inputs: Sequence[Named], *, force: bool, others: tuple[Named, ...] = ()) -> None:
    """Checks that an output can be uploaded, before anything is run; parameters as of `check_output`.

    Raises
    ------
    InputError
        If its URL, what is there or another path of the run rules the output out.
    """
    name = f"output {str(output)!r}"
    if output.kind in WEB:
        raise InputError(f"{name} is at a web server, which is only read; give a path, or a URL like s3:// or gs://")
    if not output.key:
        raise InputError(f"{name} is a whole bucket; name an image in it, like {output}/restored.ome.zarr")
    if not output.name.lower().endswith((".zarr", *ARCHIVES)):
        raise InputError(f"{name} has no ending of an OME-Zarr; by URL choose one of .zarr, {', '.join(ARCHIVES)}")
    # asked before --force: replacing an input is never meant
    check_apart([("output", output), *others], inputs)
    with looking_at(name):
        _check_there(output, name, force)


@contextmanager
def looking_at(name: str) -> Iterator[None]:
    """Raises InputError, with the name of an output, for errors of the network."""
    try:
        yield
    except ConnectionError as error:
        raise InputError(f"{name} cannot be used: {error}") from error


def _check_there(output: Url, name: str, force: bool) -> None:
    exists = InputError(f"{name} exists; give --force to replace it")
    if becomes_archive(output):
        if not force and (Entry.at(output.parent) / output.name).exists():
            raise exists
        return
    folder = Entry.at(output)
    if next(folder.iterdir(), None) is None:
        return
    # an upload that was cut short has left its lock, and nothing that counts as an image
    cut_short = not is_zarr(folder) and (folder / LOCK).exists()
    if not force and not cut_short:
        raise exists
    if not cut_short and not is_zarr(folder):
        raise InputError(f"{name} exists and is no Zarr; name another")
    if stranger := stranger_in_image(folder):
        raise InputError(f"{name} holds {stranger!r}, which is no part of an image that rlcore replaces; name another")


class RemoteLock:
    """A lock that this process holds until it is released: an object that is made only if there is none.

    Parameters
    ----------
    output : Url
        The output; the lock lies in it, or beside an archive.
    force : bool
        Take a lock over whose process runs on another host, where nobody here knows whether it still does.

    Raises
    ------
    InputError
        If nothing can be written there.
    OutputError
        If another process holds it.
    """

    def __init__(self, output: Url, *, force: bool = False) -> None:
        self._url = output.parent if becomes_archive(output) else output
        self._key = f"{output.name}{LOCK}" if becomes_archive(output) else LOCK
        self._store, self._owner = store_at(self._url), Owner(output=output.name, folder=secrets.token_hex(6))
        name = f"output {str(output)!r}"
        with looking_at(name):
            while not self._taken(name, force):
                pass

    @property
    def held(self) -> bool:
        """True if the lock is still this run's; false once another has taken it by force."""
        found = self._read()
        return found is not None and found[0] == self._owner

    def release(self) -> None:
        """Removes the lock, unless another run has taken it by force."""
        if self.held:
            with asking(self._url):
                library().delete(self._store, self._key)

    def leave(self) -> None:
        """Leaves the lock as a sign of an upload that was cut short, for any run to take over."""
        if self.held:
            self._owner = replace(self._owner, ended=True)
            self._put("overwrite")

    def _taken(self, name: str, force: bool) -> bool:
        """Tries to take the lock once; false if it has changed meanwhile."""
        errors = library().exceptions
        try:
            self._put("create")
        except (errors.AlreadyExistsError, errors.PreconditionError):
            pass
        except (errors.NotSupportedError, NotImplementedError):
            caution(f"{name} cannot be locked by its server; let no other run write it", NoLockWarning)
            self._put("overwrite")
            return True
        else:
            return True
        found = self._read()
        if found is None:
            return False
        holder, mark = found
        refuse_held(self._url / self._key, holder, name, force)
        try:
            self._put(mark)
        except errors.PreconditionError:
            return False
        return True

    def _put(self, mode: Any) -> None:
        """Writes the lock: "create", "overwrite", or in place of the object with a mark."""
        errors = library().exceptions
        try:
            with asking(self._url, errors.AlreadyExistsError, errors.PreconditionError, errors.NotSupportedError):
                library().put(self._store, self._key, self._owner.to_json().encode(), mode=mode)
        except ConnectionError as error:
            if "501" in str(error):
                raise NotImplementedError from error
            raise

    def _read(self) -> tuple[Owner | None, dict[str, str]] | None:
        """Returns the holder of the lock, and the mark of the object; None if there is no lock."""
        try:
            with asking(self._url):
                found = library().get(self._store, self._key)
                text = bytes(found.bytes())
        except FileNotFoundError:
            return None
        marks = {name: found.meta[name] for name in ("e_tag", "version") if found.meta.get(name)}
        return Owner.parse(text[:LONGEST]), marks
