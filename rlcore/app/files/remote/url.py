"""URLs of images: parsed, and compared with each other whatever their spelling."""

from __future__ import annotations

import os
import re
from dataclasses import dataclass
from pathlib import Path, PurePosixPath
from urllib.parse import unquote

from rlcore.errors import InputError

WEB = ("https", "http")
"""Kinds of URLs that can be read and not written."""
_KINDS = ("s3", "gs", *WEB)
_URL = re.compile(r"([A-Za-z][A-Za-z0-9+.-]*)://(.*)", re.DOTALL)
ENDPOINTS = ("AWS_ENDPOINT_URL_S3", "AWS_ENDPOINT_URL", "AWS_ENDPOINT")
"""Variables of the environment that name a server of buckets other than Amazon's."""
_HOSTS = (
    ("s3", re.compile(r"(?:(?P<bucket>.+)\.)?s3[a-z0-9.-]*\.amazonaws\.com")),
    ("gs", re.compile(r"(?:(?P<bucket>.+)\.)?storage\.googleapis\.com")),
)
"""Hosts that serve the objects of a bucket by https too; without a bucket in its name the path begins with it."""


@dataclass(frozen=True, slots=True)
class Url:
    """URL of an image; the part after the bucket or host has no slash at its ends."""

    kind: str
    """Its beginning: s3, gs, https or http."""
    place: str
    """Bucket, or host with its port."""
    key: str

    def __str__(self) -> str:
        return f"{self.kind}://{self.place}/{self.key}".rstrip("/")

    @property
    def name(self) -> str:
        """Last part, as the name of a file is the last part of its path."""
        return PurePosixPath(self.key).name or self.place

    @property
    def suffix(self) -> str:
        """Ending of the name, with its dot."""
        return PurePosixPath(self.name).suffix

    @property
    def parent(self) -> Url:
        """URL without its last part."""
        return Url(self.kind, self.place, self.key.rpartition("/")[0])

    def __truediv__(self, name: str) -> Url:
        return Url(self.kind, self.place, f"{self.key}/{name}".lstrip("/"))

    def lineage(self) -> list[str]:
        """Returns texts for the URL and everything that it lies in; the same for all URLs of one object."""
        kind, place, key = self._canonical()
        parts = key.split("/") if key else []
        return ["/".join([f"{kind}://{place}", *parts[:count]]) for count in range(len(parts), -1, -1)]

    def _canonical(self) -> tuple[str, str, str]:
        """Returns the bucket of an object that has a web address too, and the host in lower case of all others."""
        if self.kind not in WEB:
            return self.kind, self.place, self.key
        host, key = self.place.lower(), unquote(self.key)
        if f"{self.kind}://{host}" in _endpoints():
            return "s3", *_split(key)
        for kind, pattern in _HOSTS:
            if found := pattern.fullmatch(host):
                return (kind, found["bucket"], key) if found["bucket"] else (kind, *_split(key))
        return "web", host, key


Location = Path | Url
"""A place that a user names: a path on this machine, or a URL."""


def location(text: str) -> Location:
    """Returns the path or the URL that a text is; raises InputError for a URL that cannot be used."""
    found = _URL.fullmatch(text)
    if found is None:
        return Path(text)
    kind, (place, key) = found[1].lower(), _split(found[2])
    key = key.rstrip("/")
    if kind not in _KINDS:
        known = ", ".join(f"{each}://" for each in _KINDS)
        raise InputError(f"URL {text!r} is of a kind that is not known; give a path, or a URL with one of {known}")
    if not place:
        raise InputError(f"URL {text!r} names no bucket or host; write it like s3://bucket/image.ome.zarr")
    if "@" in place:
        raise InputError("a URL with a user or a password would be written into metadata; leave them out")
    if kind in WEB and any(mark in key for mark in "?#"):
        raise InputError(f"URL {text!r} has a query or a fragment, which the parts of a Zarr cannot have; leave it out")
    if key and any(part in ("", ".", "..") for part in key.split("/")):
        raise InputError(f"URL {text!r} has an empty part, '.' or '..'; write it without")
    return Url(kind, place, key)


def local(text: str, what: str) -> Path:
    """Returns the path that a text is; raises InputError for a URL."""
    found = location(text)
    if isinstance(found, Url):
        raise InputError(f"{what} {text!r} is a URL; name a path on this machine")
    return found


def _split(rest: str) -> tuple[str, str]:
    place, _, key = rest.partition("/")
    return place, key


def _endpoints() -> list[str]:
    """Returns the servers whose paths begin with a bucket, as the environment names them."""
    return [text.rstrip("/").lower() for name in ENDPOINTS if (text := os.environ.get(name))]
