"""Objects behind URLs, through obstore: stores, files, folders, and marks by which an image is known again."""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

from rlcore.app.files.remote.failures import asking
from rlcore.app.files.remote.url import ENDPOINTS, WEB, Url
from rlcore.app.files.zarr.signs import METADATA
from rlcore.app.files.zarr.zip_archive import is_archive
from rlcore.errors import InputError

LOCK = ".rlcore-lock"
"""Name of the object that says which run writes an output."""

RETRIES: Any = {"max_retries": 6, "retry_timeout": timedelta(minutes=2)}
"""Repetitions of a request that a server or the network did not answer; their pauses grow to some ten seconds."""
CLIENT: Any = {"timeout": "120s", "connect_timeout": "15s"}
"""Times after which a request, or a connection that nobody answers, has failed."""

_CREDENTIALS = {
    "s3": (
        "AWS_ACCESS_KEY_ID", "AWS_WEB_IDENTITY_TOKEN_FILE", "AWS_CONTAINER_CREDENTIALS_RELATIVE_URI",
        "AWS_CONTAINER_CREDENTIALS_FULL_URI", "AWS_SKIP_SIGNATURE",
    ),
    "gs": (
        "GOOGLE_APPLICATION_CREDENTIALS", "GOOGLE_SERVICE_ACCOUNT", "GOOGLE_SERVICE_ACCOUNT_PATH",
        "GOOGLE_SERVICE_ACCOUNT_KEY", "GOOGLE_SKIP_SIGNATURE",
    ),
}  # fmt: skip
"""Variables of the environment that say who asks; without any of them a bucket is taken for a public one."""
_PART = 1 << 16
"""Bytes of an archive that are read at least; its directory is read in such parts."""
_GCLOUD = ".config/gcloud/application_default_credentials.json"


def library() -> Any:
    """Imports obstore; raises InputError with the remedy if it is not installed."""
    try:
        import obstore
    except ImportError as error:
        raise InputError(
            f"package {error.name!r}, which URLs need, is not installed; try: pip install 'rlcore[cloud]'"
        ) from error
    return obstore


def store_at(url: Url) -> Any:
    """Returns the store of all objects whose keys begin with a URL."""
    library()
    from obstore import store

    client: Any = {**CLIENT}
    if url.kind in WEB:
        return store.HTTPStore.from_url(
            str(url), client_options=client | {"allow_http": url.kind == "http"}, retry_config=RETRIES
        )
    options: dict[str, Any] = {"prefix": url.key or None, "retry_config": RETRIES}
    if _is_anonymous(url.kind):
        options["skip_signature"] = True
    if url.kind == "gs":
        return store.GCSStore(url.place, client_options=client, **options)
    if any(os.environ.get(name, "").startswith("http:") for name in ENDPOINTS):
        client["allow_http"] = True  # which the user has named
    return store.S3Store(url.place, client_options=client, **options)


def _is_anonymous(kind: str) -> bool:
    """Returns whether nothing says who asks; the library would look for a server of the cloud, and wait for it."""
    if kind == "gs" and (Path.home() / _GCLOUD).is_file():
        return False
    return not any(os.environ.get(name) for name in _CREDENTIALS[kind])


class ObjectFile(io.RawIOBase):
    """An object that is read by parts, as a file that can be read at any place."""

    def __init__(self, url: Url) -> None:
        self._url, self._store, self._at = url, store_at(url.parent), 0
        with asking(url):
            self._size = int(library().head(self._store, url.name)["size"])

    def readable(self) -> bool:
        return True

    def seekable(self) -> bool:
        return True

    def seek(self, offset: int, whence: int = os.SEEK_SET) -> int:
        self._at = max(0, offset + {os.SEEK_SET: 0, os.SEEK_CUR: self._at, os.SEEK_END: self._size}[whence])
        return self._at

    def tell(self) -> int:
        return self._at

    def readinto(self, buffer: Any) -> int:
        end = min(self._at + len(buffer), self._size)
        if end <= self._at:
            return 0
        with asking(self._url):
            found = bytes(library().get_range(self._store, self._url.name, start=self._at, end=end))
        buffer[: len(found)] = found
        self._at += len(found)
        return len(found)


def file_of(url: Url) -> io.BufferedReader:
    """Returns a file that reads an object by parts; raises FileNotFoundError if there is none."""
    return io.BufferedReader(ObjectFile(url), _PART)


@dataclass(frozen=True, slots=True)
class Entry:
    """A key of a store, with the methods of a path: it is a file if there is an object, a folder if keys go on."""

    url: Url
    store: Any
    key: str = ""
    is_folder: bool = True

    @classmethod
    def at(cls, url: Url) -> Entry:
        return cls(url, store_at(url))

    @property
    def name(self) -> str:
        return self.key.rpartition("/")[2]

    def __truediv__(self, name: str) -> Entry:
        return Entry(self.url, self.store, f"{self.key}/{name}".lstrip("/"), False)

    def iterdir(self) -> Iterator[Entry]:
        """Yields what is in a folder, except a lock."""
        with asking(self.url):
            found = library().list_with_delimiter(self.store, self.key or None)
        for name in found["common_prefixes"]:
            yield Entry(self.url, self.store, str(name).strip("/"))
        for each in found["objects"]:
            if not each["path"].endswith(LOCK):
                yield Entry(self.url, self.store, each["path"], False)

    def is_dir(self) -> bool:
        return self.is_folder

    def is_file(self) -> bool:
        return self.exists()

    def exists(self) -> bool:
        """Returns whether there is an object of this key."""
        try:
            with asking(self.url):
                library().head(self.store, self.key)
        except FileNotFoundError:
            return False
        return True

    def read_bytes(self) -> bytes:
        with asking(self.url):
            return bytes(library().get(self.store, self.key).bytes())


def stamp_of_objects(url: Url, array: str) -> str:
    """Returns a digest of the names, sizes and marks of what an image is read from.

    Where a listing is possible these are the metadata and all chunks of an array; elsewhere the metadata alone.

    Parameters
    ----------
    url : Url
        A Zarr, or a file.
    array : str
        Path of the array in the Zarr.
    """
    found = _listed(url, array)
    digest = hashlib.sha256()
    for each in sorted(found, key=lambda each: str(each["path"])):
        mark = each["e_tag"] or each["last_modified"]
        digest.update(f"{each['path']}\0{each['size']}\0{mark}\n".encode())
    return digest.hexdigest()


def _listed(url: Url, array: str) -> list[dict[str, Any]]:
    obstore, store = library(), store_at(url)
    if is_archive(url):
        with asking(url):
            return [dict(obstore.head(store_at(url.parent), url.name))]
    if url.kind not in WEB:
        try:
            with asking(url):
                root = list(obstore.list_with_delimiter(store)["objects"])
                return root + [each for part in obstore.list(store, array) for each in part]
        except ConnectionError:
            pass  # many public buckets let nobody list them
    found = []
    for key in [f"{folder}{name}" for folder in ("", f"{array}/") for name in METADATA]:
        try:
            with asking(url):
                found.append(dict(obstore.head(store, key)))
        except FileNotFoundError:
            continue
    return found
