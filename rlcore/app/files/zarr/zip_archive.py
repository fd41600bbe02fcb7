"""Zipped OME-Zarr: a single file, whose entries are the files of the Zarr, stored as they are."""

from __future__ import annotations

import json
import shutil
import zipfile
from collections.abc import Collection, Sequence
from pathlib import Path

from rlcore.app.files.remote.url import Location, Url
from rlcore.app.files.zarr.signs import SIGNS
from rlcore.errors import InputError

ARCHIVES = (".zarr.zip", ".ozx")
"""Endings of archives that are written; every .zip is read."""
ENTRY = 512
"""Bytes of an archive for each file beside its content, generously."""
# RFC-9 of OME-Zarr, as far as readers rely on it
_COMMENT = {"ome": {"version": "0.5", "zipFile": {"centralDirectory": {"jsonFirst": True}}}}
"""Comment of an archive: the version of OME-Zarr, and that entries of metadata come before all chunks."""
_ENCRYPTED = 1
"""Bit of an entry's flags."""
_METHODS = {zipfile.ZIP_STORED, zipfile.ZIP_DEFLATED, zipfile.ZIP_BZIP2, zipfile.ZIP_LZMA}
_PIECE = 1 << 20
"""Bytes that are copied at a time."""


def is_archive(path: Location) -> bool:
    """Returns whether an input is an archive, by its ending."""
    return path.suffix.lower() in (".zip", ".ozx") and (isinstance(path, Url) or not path.is_dir())


def becomes_archive(output: Location) -> bool:
    """Returns whether an output is to be an archive, by its ending."""
    return output.name.lower().endswith(ARCHIVES)


def root_in(names: Collection[str], file: str) -> str:
    """Returns the folder of an archive that its Zarr is in; empty for the root of the archive.

    Parameters
    ----------
    names : collection of str
        Names of all entries.
    file : str
        The archive's role and name in messages.

    Raises
    ------
    InputError
        If it holds no Zarr, or several.
    """
    if any(sign in names for sign in SIGNS):
        return ""
    folders = dict.fromkeys(name.partition("/")[0] for name in names if "/" in name)
    found = [folder for folder in folders if any(f"{folder}/{sign}" in names for sign in SIGNS)]
    if len(found) == 1:
        return found[0]
    if not found:
        raise InputError(
            f"{file} is an archive without an OME-Zarr at its root or in one folder; if it is deeper inside, unpack it "
            "and name its folder"
        )
    raise InputError(f"{file} is an archive of several Zarrs, {', '.join(map(repr, found))}; unpack the one you want")


def check_readable(entries: Sequence[zipfile.ZipInfo], file: str) -> None:
    """Raises InputError if entries of an archive are encrypted, or compressed by a method that Python lacks."""
    if any(entry.flag_bits & _ENCRYPTED for entry in entries):
        raise InputError(f"{file} is an archive with a password; unpack it, and name the folder of the image")
    if unknown := {entry.compress_type for entry in entries} - _METHODS:
        raise InputError(
            f"{file} is an archive whose entries are compressed by a method that is not known here (number "
            f"{min(unknown)}); unpack it, and name the folder of the image"
        )


def pack(folder: Path, archive: Path) -> None:
    """Writes a Zarr folder as an archive: metadata first, from the root on, then all chunks; nothing is compressed."""
    names = {path.relative_to(folder).as_posix(): path for path in folder.rglob("*") if path.is_file()}
    with zipfile.ZipFile(archive, "x", zipfile.ZIP_STORED) as made:
        made.comment = json.dumps(_COMMENT).encode()
        for name in sorted(names, key=lambda name: (not name.endswith("zarr.json"), name.count("/"), name)):
            entry = zipfile.ZipInfo.from_file(names[name], name, strict_timestamps=False)
            with names[name].open("rb") as source, made.open(entry, "w") as out:
                shutil.copyfileobj(source, out, _PIECE)
