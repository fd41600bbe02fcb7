"""Which PSF restores which channel: one for all, one a channel, or a PSF file that has as many channels."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from rlcore.app.files.layout import Place
from rlcore.app.files.opening import Opened, open_file
from rlcore.errors import InputError
from rlcore.psf import PSF


@dataclass(frozen=True, slots=True, eq=False)
class ChannelPSF:
    """A PSF file, and which of its volumes is meant."""

    opened: Opened
    place: Place


def open_psfs(one: Path | None, several: Sequence[str], image: Opened) -> list[ChannelPSF]:
    """The PSF of every channel that is wanted, in their order."""
    if (one is None) == (not several):
        problem = "is missing" if one is None else "is given twice"
        raise InputError(f"psf {problem}; name a file after the image, or one a channel by --psf 0=FILE --psf 1=FILE")
    if one is not None:
        return _shared(open_file(one, "psf"), image)
    named = _by_channel(several, image)
    opened = {path: open_file(path, "psf") for path in dict.fromkeys(named.values())}
    for file in opened.values():
        file.only("psf")
    missing = [channel for channel in image.layout.channels if channel not in named]
    if missing:
        raise InputError(f"channel {missing[0]} has no psf; give it one by --psf {missing[0]}=FILE, or leave it out")
    return [ChannelPSF(opened[named[channel]], Place()) for channel in image.layout.channels]


def files_of(one: Path | None, several: Sequence[str]) -> list[Path]:
    """The files, before anything is opened."""
    return [*([one] if one else []), *(Path(text.partition("=")[2]) for text in several)]


def _shared(psf: Opened, image: Opened) -> list[ChannelPSF]:
    """One for all, or a channel each of a file that has as many channels as the image's file."""
    wanted = image.layout.channels
    if 1 < len(psf.layout.places) == len(psf.layout.channels) == image.layout.size_in_file("C"):
        return [ChannelPSF(psf, Place(channel=channel)) for channel in wanted]
    psf.only("psf")
    return [ChannelPSF(psf, Place())] * len(wanted)


def _by_channel(several: Sequence[str], image: Opened) -> dict[int, Path]:
    """The file by the channel's number in the image's file."""
    size, names = image.layout.size_in_file("C"), image.about.channels
    found: dict[int, Path] = {}
    for text in several:
        channel, equals, file = text.partition("=")
        number = names.index(channel) if channel in names else int(channel) if channel.isdigit() else -1
        if not equals or not file or not 0 <= number < size:
            known = f" or {', '.join(map(repr, names))}" if names else ""
            raise InputError(f"--psf {text!r} is not CHANNEL=FILE with a channel from 0 to {size - 1}{known}")
        if number in found:
            raise InputError(f"--psf {text!r} is the second for its channel; give each channel one")
        found[number] = Path(file)
    return found


def to_one_extent(psfs: Sequence[PSF]) -> list[PSF]:
    """The same PSFs with zeros around them, so that their extent and centre agree and one plan serves all."""
    before = np.max([psf.centre for psf in psfs], axis=0)
    after = np.max([np.subtract(psf.values.shape, psf.centre) for psf in psfs], axis=0)
    return [_padded(psf, before - psf.centre, after - np.subtract(psf.values.shape, psf.centre)) for psf in psfs]


def _padded(psf: PSF, before: np.ndarray, after: np.ndarray) -> PSF:
    if not before.any() and not after.any():
        return psf
    values = np.pad(psf.values, list(zip(before, after, strict=True)))
    values.setflags(write=False)
    return replace(psf, values=values, centre=tuple(int(c + b) for c, b in zip(psf.centre, before, strict=True)))
