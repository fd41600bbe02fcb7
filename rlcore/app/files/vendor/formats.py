"""Formats of microscope vendors: their endings, the packages of BioIO that read them, and these packages' licences."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from rlcore.errors import InputError


@dataclass(frozen=True, slots=True)
class Format:
    """A format, with the package that is to be installed for it; other readers of BioIO may read it too."""

    name: str
    """Name with its article, as in "a Leica LIF file"."""
    package: str
    licence: str
    """SPDX expression of the package, or of the library that it cannot do without."""
    needs: str = ""
    """Program that the package needs besides."""


_FREE, _GPL = "MIT or Apache-2.0", "GPL-2.0-or-later"
_OPENREADOUT, _BIOFORMATS = ("bioio-openreadout", _FREE), ("bioio-bioformats", _GPL, "Java")

FORMATS = {
    ".czi": Format("a Zeiss CZI file", "bioio-czi", "GPL-3.0"),
    ".lif": Format("a Leica LIF file", "bioio-lif", "BSD-3-Clause"),
    ".nd2": Format("a Nikon ND2 file", "bioio-nd2", "MIT"),
    ".dv": Format("a DeltaVision file", "bioio-dv", "MIT"),
    ".r3d": Format("a DeltaVision file", "bioio-dv", "MIT"),
    ".vsi": Format("an Olympus VSI file", "bioio-vsi", "BSD-3-Clause"),
    ".oir": Format("an Olympus OIR file", *_OPENREADOUT),
    ".oib": Format("an Olympus OIB file", *_OPENREADOUT),
    ".oif": Format("an Olympus OIF file", *_OPENREADOUT),
    ".ims": Format("an Imaris file", *_OPENREADOUT),
    ".zvi": Format("a Zeiss ZVI file", *_OPENREADOUT),
    ".sldy": Format("a SlideBook file", "bioio-sldy", "MIT"),
    ".sld": Format("a SlideBook file", *_BIOFORMATS),
    ".lei": Format("a Leica LEI file", *_BIOFORMATS),
    ".obf": Format("an Imspector file", *_BIOFORMATS),
    ".msr": Format("an Imspector file", *_BIOFORMATS),
    ".mvd2": Format("a Volocity file", *_BIOFORMATS),
    ".ics": Format("an ICS file", *_BIOFORMATS),
    ".ids": Format("an ICS file", *_BIOFORMATS),
    ".liff": Format("an Openlab file", *_BIOFORMATS),
    ".ipm": Format("an IPLab file", *_BIOFORMATS),
    ".ipl": Format("an IPLab file", *_BIOFORMATS),
    ".pic": Format("a Bio-Rad PIC file", *_BIOFORMATS),
}
"""Formats by ending. TIFFs of vendors, such as LSM and STK, are none of them: those are read as TIFF."""


def format_of(path: Path) -> Format | None:
    """Returns the vendor's format that a file has by its name; None if it is none."""
    return FORMATS.get(path.suffix.lower())


def not_installed(file: str, format_: Format) -> InputError:
    """Returns the error of a file whose reader is not installed."""
    licence = f"{format_.licence}, and needs {format_.needs}" if format_.needs else format_.licence
    return InputError(
        f"{file} is {format_.name}, which package {format_.package!r} ({licence}) reads; "
        f"try: pip install bioio {format_.package}"
    )


_BESIDE = {".vsi": "_{stem}_", ".oif": "{name}.files", ".sldy": "{stem}.dir"}
"""Names of folders beside a file that hold its voxels."""


def folder_beside(path: Path) -> Path | None:
    """Returns the folder that holds a file's voxels; None if the file holds them itself."""
    pattern = _BESIDE.get(path.suffix.lower())
    folder = None if pattern is None else path.parent / pattern.format(stem=path.stem, name=path.name)
    return folder if folder is not None and folder.is_dir() else None
