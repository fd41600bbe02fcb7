"""Stores that a Zarr is read from: folders, archives and objects behind URLs; errors are never missing chunks."""

from __future__ import annotations

import threading
import zipfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from rlcore.app.files.boundary import check_kind, reading, reason_of
from rlcore.app.files.remote.failures import asking
from rlcore.app.files.remote.objects import Entry, file_of, library, store_at
from rlcore.app.files.remote.url import Location, Url
from rlcore.app.files.zarr.signs import SIGNS, Folder, is_zarr
from rlcore.app.files.zarr.zip_archive import check_readable, is_archive, root_in
from rlcore.errors import InputError, RLCoreError

_FILES = (".tif", ".tiff", ".npy")


def store_of(path: Location, file: str) -> Any:
    """Returns the store that a Zarr is read from, at its root.

    Parameters
    ----------
    path : Path or Url
        A folder, or an archive, on this machine or elsewhere.
    file : str
        The role and name in messages.

    Raises
    ------
    InputError
        If no Zarr is there.
    """
    if is_archive(path):
        return _archive(path, file)
    if isinstance(path, Path):
        return _regular_files(path)
    if path.suffix.lower() in _FILES:
        raise InputError(f"{file} is no OME-Zarr, which alone is read by its URL; download the file, and name its path")
    if not is_zarr(Entry.at(path)):
        signs = " nor ".join(map(repr, SIGNS[:2]))
        raise InputError(f"{file} is no Zarr, since neither {signs} is there; check the URL")
    return _objects(path)


def open_root(path: Location, file: str) -> Any:
    """Opens the group at the root of a Zarr; raises InputError if an array is there, or it cannot be read."""
    import zarr
    from zarr.errors import ContainsArrayError

    with reading(file), understanding(file, "at its root"):
        try:
            return zarr.open_group(store_of(path, file), mode="r")
        except ContainsArrayError as error:
            raise InputError(
                f"{file} is a single array of a Zarr, without axes and scale; name the folder of the image that it is "
                "a level of"
            ) from error


@contextmanager
def understanding(file: str, where: str) -> Iterator[None]:
    """Raises InputError for errors that metadata of a group or an array lead to if they are not those of a Zarr."""
    try:
        yield
    except RLCoreError:
        raise
    except (ValueError, TypeError, AttributeError) as error:
        raise InputError(
            f"{file} cannot be read, since the metadata {where} are damaged ({reason_of(error)}); get it again from "
            "where it came"
        ) from error


def folder_of(path: Location, file: str) -> Folder:
    """Returns a Zarr as a folder of files: that on this machine, that behind a URL, or that in an archive."""
    if is_archive(path):
        archive = _opened(path, file)
        root = root_in(set(archive.namelist()), file)
        within: Folder = zipfile.Path(archive, f"{root}/" if root else "")
        return within
    return Entry.at(path) if isinstance(path, Url) else path


def _opened(path: Location, file: str) -> zipfile.ZipFile:
    """Opens an archive; raises InputError if it is none, or one that cannot be read."""
    if isinstance(path, Path):
        check_kind(path, file)
    try:
        archive = zipfile.ZipFile(file_of(path) if isinstance(path, Url) else path)
    except FileNotFoundError as error:
        raise InputError(f"{file} does not exist; check the URL") from error
    except zipfile.BadZipFile as error:
        # the library takes an answer that fails for the end of the file
        if isinstance(error.__context__, OSError):
            raise error.__context__ from None
        raise InputError(f"{file} is no whole zip archive; get it again from where it came") from error
    check_readable(archive.infolist(), file)
    return archive


def _regular_files(path: Path) -> Any:
    """Returns a store that reads regular files alone: a pipe in place of a chunk would block for ever."""
    from zarr.storage import LocalStore

    class RegularFiles(LocalStore):  # type: ignore[misc, unused-ignore]  # Any where zarr is not installed
        async def get(self, key: str, *args: Any, **options: Any) -> Any:
            file = self.root / key
            if file.exists() and not file.is_file() and not file.is_dir():
                raise OSError(f"{key!r} is a pipe, a socket or a device")
            return await super().get(key, *args, **options)

    return RegularFiles(path, read_only=True)


def _archive(path: Location, file: str) -> Any:
    from zarr.storage import StorePath, ZipStore

    archive = _opened(path, file)

    class Archive(ZipStore):  # type: ignore[misc, unused-ignore]  # Any where zarr is not installed
        def _sync_open(self) -> None:
            self._lock = threading.RLock()
            self._zf = archive
            self._is_open = True

    store = Archive(Path(path.name), mode="r")
    store._sync_open()
    return StorePath(store, root_in(set(archive.namelist()), file))


def _objects(url: Url) -> Any:
    """Returns a store of objects, in which only one that does not exist is a missing chunk."""
    from zarr.storage import ObjectStore

    class Objects(ObjectStore):  # type: ignore[misc, type-arg, unused-ignore]  # Any where zarr is not installed
        async def get(self, key: str, prototype: Any, byte_range: Any = None) -> Any:
            try:
                with asking(url):
                    if byte_range is not None:
                        return await super().get(key, prototype, byte_range)
                    found = await library().get_async(self.store, key)
                    return prototype.buffer.from_bytes(await found.bytes_async())
            except FileNotFoundError:
                return None

    return Objects(store_at(url), read_only=True)
