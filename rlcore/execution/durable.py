"""Files that outlast a kill and a loss of power: made exclusively, written whole, and on the disk before they count."""

from __future__ import annotations

import contextlib
import errno
import os
import stat
from pathlib import Path
from typing import BinaryIO

_PIECE = 1 << 20
"""Bytes that are written at a time."""
_CANNOT_RESERVE = (errno.EOPNOTSUPP, errno.ENOSYS, errno.EINVAL)
"""Answers of file systems that cannot reserve space."""

_FLAGS = getattr(os, "O_NOFOLLOW", 0) | getattr(os, "O_CLOEXEC", 0) | getattr(os, "O_BINARY", 0)
"""A link is never followed: it may lead to someone else's file."""


def claim(path: Path) -> int:
    """A new file, open for reading and writing; one that exists already, even as a link, is an error."""
    return os.open(path, os.O_RDWR | os.O_CREAT | os.O_EXCL | _FLAGS, 0o666)


def open_own(path: Path, *, write: bool = False) -> int:
    """A file that exists, opened for reading, or for writing too.

    Raises
    ------
    OSError
        If it is a link, has another name elsewhere, or is no regular file: then it may be someone else's.
    """
    handle = open_regular(path, write=write)
    if os.fstat(handle).st_nlink > 1:
        os.close(handle)
        raise _not_regular(path)
    return handle


def open_regular(path: Path, *, write: bool = False) -> int:
    """A file that exists, opened for reading, or for writing too; never waits for a pipe, or asks a device.

    Raises
    ------
    OSError
        If it is a link or no regular file.
    """
    if not stat.S_ISREG(os.lstat(path).st_mode):  # before opening, which may already do something to a device
        raise _not_regular(path)
    # it may have changed meanwhile
    handle = os.open(path, (os.O_RDWR if write else os.O_RDONLY) | _FLAGS | getattr(os, "O_NONBLOCK", 0))
    if not stat.S_ISREG(os.fstat(handle).st_mode):
        os.close(handle)
        raise _not_regular(path)
    return handle


def read_own(path: Path, *, most: int = -1) -> bytes:
    """All bytes of a file that is no link, or the first ones."""
    with os.fdopen(open_own(path), "rb") as file:
        return file.read(most)


def write_whole(path: Path, content: bytes, token: str) -> None:
    """Replace a file in one step: a kill or a loss of power leaves the old content or the new, never a part of it.

    `token` is the writer's own; a file of that name is left from a write of its that was cut short.
    """
    beside = unfinished(path, token)
    beside.unlink(missing_ok=True)
    handle = claim(beside)
    try:
        try:
            rest = memoryview(content)
            while rest:
                rest = rest[os.write(handle, rest) :]
            os.fsync(handle)
        finally:
            os.close(handle)
        beside.replace(path)
    except OSError:
        with contextlib.suppress(OSError):
            beside.unlink()
        raise
    sync_folder(path.parent)


def reserve(path: Path) -> None:
    """Claim the disk space of a file's whole length, as `reserve_file` does.

    Raises
    ------
    OSError
        If the disk is full, with the file's name.
    """
    try:
        with path.open("r+b") as file:
            reserve_file(file, path.stat().st_size)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error  # some calls do not know the file's name


def reserve_file(file: BinaryIO, size: int) -> None:
    """Claim the disk space of an open file of this size, so that a full disk shows now and not as a crash later.

    Where the system or the file's disk cannot do that, the file's bytes are written where they are, which finds room
    for those that were never written.
    """
    try:
        os.posix_fallocate(file.fileno(), 0, size)
    except (AttributeError, OSError) as error:  # the first of a system without it
        if isinstance(error, OSError) and error.errno not in _CANNOT_RESERVE:
            raise
        _write_again(file, size)


def _write_again(file: BinaryIO, size: int) -> None:
    for start in range(0, size, _PIECE):
        file.seek(start)
        piece = file.read(min(_PIECE, size - start))
        file.seek(start)
        file.write(piece.ljust(min(_PIECE, size - start), b"\0"))
    file.flush()
    os.fsync(file.fileno())


def unfinished(path: Path, token: str) -> Path:
    """The name of a file that is not complete yet."""
    return path.with_name(f"{path.stem}-{token}.new")


def sync_folder(folder: Path) -> None:
    """Bring the names of a folder's files to the disk, where the system can."""
    if os.name == "nt":  # which opens no folders, and keeps names in its journal
        return
    try:
        handle = os.open(folder, os.O_RDONLY)
    except PermissionError:  # a folder may be for writing only
        return
    try:
        os.fsync(handle)
    except OSError as error:
        # some file systems of networks have no such thing for folders
        if error.errno not in (errno.EINVAL, errno.ENOTSUP, errno.EBADF):
            raise
    finally:
        os.close(handle)


def _not_regular(path: Path) -> OSError:
    return OSError(errno.EINVAL, f"{path.name!r} is a link or no regular file", str(path))
