"""PSFs assigned to channels: one for all, one for each, a file with as many channels, or computed PSFs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np

from rlcore.app.channels import channel_of
from rlcore.app.files.layout import Place
from rlcore.app.files.likely_axes import open_psf
from rlcore.app.files.metadata.scale import believed
from rlcore.app.files.opening import Opened
from rlcore.app.files.remote.url import Location, location
from rlcore.app.psf.generating import compute_for
from rlcore.errors import InputError
from rlcore.optics.generate import DEFAULT_MODEL
from rlcore.optics.psf import PSF

AUTO = "auto"
"""Replaces a file name: the PSF is then computed from the microscope in the image's metadata."""

_ONLY = Place()


@dataclass(frozen=True, slots=True, eq=False)
class ChannelPSF:
    """A PSF file and the volume in it that is used."""

    opened: Opened
    place: Place = _ONLY
    computed: str = ""
    """Parameters that the PSF was computed from, with their sources; empty for a PSF read from a file."""


def open_psfs(
    one: Location | None,
    several: Sequence[str],
    image: Opened,
    model: str | None = None,
    voxel: str | None = None,
    axes: str | None = None,
) -> list[ChannelPSF]:
    """Returns the PSF of every selected channel, in channel order.

    Parameters
    ----------
    one : Path, Url or None
        The PSF file given as the second argument, for all channels.
    several : sequence of str
        Values of ``--psf``: ``FILE``, ``auto`` or ``CHANNEL=FILE``.
    image : Opened
        The image, with its selected channels.
    model : str, optional
        Model of computed PSFs.
    voxel : str, optional
        Size of the voxels of PSFs in files, in place of their own.
    axes : str, optional
        Axes of PSFs in files, in place of their own.

    Raises
    ------
    InputError
        If a channel has no PSF or two, or a file cannot be read.
    """
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
        return _shared(_open(one, image, voxel, axes), image)
    named = dict.fromkeys(image.layout.channels, AUTO) if tuple(several) == (AUTO,) else _by_channel(several, image)
    missing = [channel for channel in image.layout.channels if channel not in named]
    if missing:
        raise InputError(f"channel {missing[0]} has no psf; give it one by --psf {missing[0]}=FILE, or leave it out")
    files = {
        name: ChannelPSF(_open(location(name), image, voxel, axes))
        for name in dict.fromkeys(named.values())
        if name != AUTO
    }
    for option, given in (("voxel", voxel), ("axes", axes)):
        if given is not None and not files:
            raise InputError(
                f"--psf-{option} {given!r} is for psfs in files; leave it out, or give --{option} for the image"
            )
    # a file with several volumes is refused now, not after other channels have been computed
    for file in files.values():
        file.opened.only("psf", "--psf-axes")
    return [
        files.get(named[channel]) or _computed(image, channel, model or DEFAULT_MODEL)
        for channel in image.layout.channels
    ]


def _open(path: Location, image: Opened, voxel: str | None, axes: str | None) -> Opened:
    return believed(open_psf(path, image, axes=axes), f"psf {str(path)!r}", voxel, "--psf-voxel")


def _one_for_all(one: Location | None, several: Sequence[str]) -> tuple[Location | None, Sequence[str]]:
    """Treats a single ``--psf FILE`` as the PSF of all channels."""
    if one is None and len(several) == 1 and several[0] != AUTO and "=" not in several[0]:
        return location(several[0]), ()
    return one, several


def report_computed(psfs: Sequence[ChannelPSF], say: Callable[[str], None]) -> None:
    """Prints the parameters of every computed PSF, each line once."""
    for line in dict.fromkeys(psf.computed for psf in psfs if psf.computed):
        say(line)


def files_of(one: Location | None, several: Sequence[str]) -> list[Location]:
    """Returns the paths and URLs of all PSF files without opening them."""
    one, several = _one_for_all(one, several)
    named = [text.partition("=")[2] for text in several if text != AUTO]
    return [*([one] if one else []), *(location(name) for name in named if name not in ("", AUTO))]


def _computed(image: Opened, channel: int, model: str) -> ChannelPSF:
    opened, parameters = compute_for(image, channel, model)
    return ChannelPSF(opened, computed=parameters)


def _shared(psf: Opened, image: Opened) -> list[ChannelPSF]:
    """Assigns one PSF file to all channels, or channel by channel if it has as many channels as the image's file."""
    wanted = image.layout.channels
    # compared with all channels of the file, not the selected ones: channel 2 takes PSF 2 whatever is selected
    if 1 < len(psf.layout.places) == len(psf.layout.channels) == image.layout.size_in_file("C"):
        return [ChannelPSF(psf, Place(channel=channel)) for channel in wanted]
    psf.only("psf", "--psf-axes")
    return [ChannelPSF(psf)] * len(wanted)


def _by_channel(several: Sequence[str], image: Opened) -> dict[int, str]:
    """Parses ``CHANNEL=FILE`` into the file, or AUTO, by the channel's index in the image's file."""
    found: dict[int, str] = {}
    for text in several:
        channel, equals, file = text.partition("=")
        # a text without a channel or a file names none
        number = channel_of(channel if equals and file else "", image, f"--psf {text!r}", "FILE")
        if number in found:
            raise InputError(f"--psf {text!r} is the second for its channel; give each channel one")
        found[number] = file
    return found


def to_one_extent(psfs: Sequence[PSF]) -> list[PSF]:
    """Pads PSFs with zeros to one shape and centre, so that one plan serves all channels."""
    before = np.max([psf.centre for psf in psfs], axis=0)
    after = np.max([np.subtract(psf.values.shape, psf.centre) for psf in psfs], axis=0)
    return [_padded(psf, before - psf.centre, after - np.subtract(psf.values.shape, psf.centre)) for psf in psfs]


def _padded(psf: PSF, before: np.ndarray, after: np.ndarray) -> PSF:
    if not before.any() and not after.any():
        return psf
    values = np.pad(psf.values, list(zip(before, after, strict=True)))
    values.setflags(write=False)  # a prepared PSF is immutable: its fingerprint goes into provenance and run log
    return replace(psf, values=values, centre=tuple(int(c + b) for c, b in zip(psf.centre, before, strict=True)))
