"""Stores that a Zarr is read from: folders, archives and objects behind URLs; errors are never missing chunks."""

from __future__ import annotations

import threading
import zipfile
from pathlib import Path
from typing import Any

from rlcore.app.files.boundary import check_kind
from rlcore.app.files.remote.failures import asking
from rlcore.app.files.remote.objects import Entry, file_of, library, store_at
from rlcore.app.files.remote.url import Location, Url
from rlcore.app.files.zarr_signs import SIGNS, is_zarr
from rlcore.app.files.zip_archive import is_archive, root_in
from rlcore.errors import InputError

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

    if isinstance(path, Path):
        check_kind(path, file)

    class Archive(ZipStore):  # type: ignore[misc, unused-ignore]  # Any where zarr is not installed
        def _sync_open(self) -> None:
            self._lock = threading.RLock()
            self._zf = zipfile.ZipFile(file_of(path) if isinstance(path, Url) else path)
            self._is_open = True

    store = Archive(Path(path.name), mode="r")
    try:
        store._sync_open()
    except FileNotFoundError as error:
        raise InputError(f"{file} does not exist; check the URL") from error
    except zipfile.BadZipFile as error:
        raise InputError(f"{file} is no whole zip archive; get it again from where it came") from error
    return StorePath(store, root_in(set(store._zf.namelist()), file))


def _objects(url: Url) -> Any:
    """Returns a store of objects, in which only one that does not exist is a missing chunk."""
    from zarr.storage import ObjectStore

    class Objects(ObjectStore):  # type: ignore[misc, type-arg, unused-ignore]  # Any where zarr is not installed
        async def get(self, key: str, prototype: Any, byte_range: Any = None) -> Any:
            with asking(url):
                if byte_range is not None:
                    return await super().get(key, prototype, byte_range)
                try:
                    found = await library().get_async(self.store, key)
                    return prototype.buffer.from_bytes(await found.bytes_async())
                except FileNotFoundError as error:
                    # a bucket that is gone has every object missing
                    if "NoSuchBucket" in str(error):
                        raise
                    return None

    return Objects(store_at(url), read_only=True)
