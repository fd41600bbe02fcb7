"""Which PSF restores which channel: one for all, one a channel, a file that has as many, or computed ones."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

import numpy as np

from rlcore.app.files.layout import Place
from rlcore.app.files.opening import Opened, open_file
from rlcore.app.psf.generating import compute_for
from rlcore.errors import InputError
from rlcore.optics.generate import DEFAULT_MODEL
from rlcore.psf import PSF

AUTO = "auto"
"""Instead of a file: a PSF computed from what the image says of its microscope."""

_ONLY = Place()


@dataclass(frozen=True, slots=True, eq=False)
class ChannelPSF:
    """A PSF file, and which of its volumes is meant."""

    opened: Opened
    place: Place = _ONLY
    computed: str = ""
    """What it was computed from, and who said so; empty for a file's."""


def open_psfs(one: Path | None, several: Sequence[str], image: Opened, model: str | None = None) -> list[ChannelPSF]:
    """The PSF of every channel that is wanted, in their order."""
    one, several = _one_for_all(one, several)
    if (one is None) == (not several):
        problem = "is missing" if one is None else "is given twice"
        raise InputError(
            f"psf {problem}; name a file after the image, or one a channel by --psf 0=FILE --psf 1=FILE, or give "
            "--psf auto to have it computed from the image's metadata"
        )
    if model is not None and not any(text.endswith(AUTO) for text in several):
        raise InputError(f"--psf-model {model!r} is for psfs that are computed; give --psf auto with it")
    if one is not None:
        return _shared(open_file(one, "psf"), image)
    named = dict.fromkeys(image.layout.channels, AUTO) if tuple(several) == (AUTO,) else _by_channel(several, image)
    missing = [channel for channel in image.layout.channels if channel not in named]
    if missing:
        raise InputError(f"channel {missing[0]} has no psf; give it one by --psf {missing[0]}=FILE, or leave it out")
    files = {name: ChannelPSF(open_file(Path(name), "psf")) for name in dict.fromkeys(named.values()) if name != AUTO}
    for file in files.values():
        file.opened.only("psf")
    return [
        files.get(named[channel]) or _computed(image, channel, model or DEFAULT_MODEL)
        for channel in image.layout.channels
    ]


def _one_for_all(one: Path | None, several: Sequence[str]) -> tuple[Path | None, Sequence[str]]:
    """A single ``--psf FILE`` is the one for all channels."""
    if one is None and len(several) == 1 and several[0] != AUTO and "=" not in several[0]:
        return Path(several[0]), ()
    return one, several


def tell(psfs: Sequence[ChannelPSF], say: Callable[[str], None]) -> None:
    """Say what those that are computed were computed from."""
    for line in dict.fromkeys(psf.computed for psf in psfs if psf.computed):
        say(line)


def files_of(one: Path | None, several: Sequence[str]) -> list[Path]:
    """The files, before anything is opened."""
    one, several = _one_for_all(one, several)
    named = [text.partition("=")[2] for text in several if text != AUTO]
    return [*([one] if one else []), *(Path(name) for name in named if name != AUTO)]


def _computed(image: Opened, channel: int, model: str) -> ChannelPSF:
    opened, told = compute_for(image, channel, model)
    return ChannelPSF(opened, computed=told)


def _shared(psf: Opened, image: Opened) -> list[ChannelPSF]:
    """One for all, or a channel each of a file that has as many channels as the image's file."""
    wanted = image.layout.channels
    if 1 < len(psf.layout.places) == len(psf.layout.channels) == image.layout.size_in_file("C"):
        return [ChannelPSF(psf, Place(channel=channel)) for channel in wanted]
    psf.only("psf")
    return [ChannelPSF(psf)] * len(wanted)


def _by_channel(several: Sequence[str], image: Opened) -> dict[int, str]:
    """The file, or AUTO, by the channel's number in the image's file."""
    size, names = image.layout.size_in_file("C"), image.about.channels
    found: dict[int, str] = {}
    for text in several:
        channel, equals, file = text.partition("=")
        number = names.index(channel) if channel in names else int(channel) if channel.isdigit() else -1
        if not equals or not file or not 0 <= number < size:
            known = f" or {', '.join(map(repr, names))}" if names else ""
            raise InputError(f"--psf {text!r} is not CHANNEL=FILE with a channel from 0 to {size - 1}{known}")
        if number in found:
            raise InputError(f"--psf {text!r} is the second for its channel; give each channel one")
        found[number] = file
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
