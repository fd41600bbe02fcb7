"""Options of cameras as the user has written them: numbers, "auto" or files, for one channel or for all."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from rlcore.api.camera_options import AUTO, CameraOptions
from rlcore.app.channels import channel_of
from rlcore.app.files.opening import Opened
from rlcore.app.files.remote.url import Location, Url, location
from rlcore.errors import InputError

FINITE, FIND, KEEP = "finite", "find", "keep"
"""Values of --weights and --hot-pixels that are no files."""

LEAST_GAIN = 1e-12
"""Least gain in image units per photon; its inverse is the greatest."""

_ROLES = {"offset": "dark frame", "gain": "gain map"}


@dataclass(frozen=True, slots=True)
class Said:
    """Camera of one channel as the user has given it; of a file its path or URL."""

    offset: Any = AUTO
    gain: Any = AUTO
    """A number, "auto", a file, or a pair of gain and offset."""
    background: Any = AUTO

    def check(self) -> None:
        """Raises InputError if a number is out of range, or two options contradict each other."""
        gain, offset = self.gain, self.offset
        if isinstance(gain, tuple) and not is_auto(offset):
            raise InputError(
                f"gain {','.join(f'{each:g}' for each in gain)!r} gives an offset too; leave --offset out, or give "
                "--gain a number"
            )
        # a file is checked when it is opened
        numbers = {"offset": offset, "gain": gain, "background": self.background}
        CameraOptions.of((1, 1), **{key: each for key, each in numbers.items() if not isinstance(each, (Path, Url))})

    @property
    def settled(self) -> Said:
        """The same with a pair of gain and offset in their places."""
        if not isinstance(self.gain, tuple):
            return self
        return Said(self.gain[1], self.gain[0], self.background)


@dataclass(frozen=True, slots=True, kw_only=True)
class CameraTexts:
    """Options of cameras as texts, named as those of `rlcore deconvolve`."""

    offsets: tuple[str, ...] = ()
    """Offset of each channel as ``0=100``, or of all as ``100``: a number, ``auto`` or a file."""
    gains: tuple[str, ...] = ()
    """Image units per photon, likewise; or a pair of gain and offset, as ``0.46,100``."""
    backgrounds: tuple[str, ...] = ()
    """Light that is not the object's, likewise; a number or ``auto``."""
    weights: str | None = None
    """A file of data weights, or ``finite``."""
    hot_pixels: str = FIND
    """``find``, ``keep``, or a file."""

    @property
    def by_option(self) -> dict[str, tuple[str, ...]]:
        """The options that may be given by channel."""
        return {"offset": self.offsets, "gain": self.gains, "background": self.backgrounds}

    def check(self) -> None:
        """Raises InputError for options that no image can have; channels are checked when the image is open."""
        for option, texts in self.by_option.items():
            for text in texts:
                Said(**{option: _value(option, _split(text)[1])}).check()

    def files(self) -> Iterator[tuple[str, Location]]:
        """Yields the role and the place of every file, without opening it."""
        for option, texts in self.by_option.items():
            for text in texts:
                value = _value(option, _split(text)[1])
                if isinstance(value, (Path, Url)):
                    yield _ROLES[option], value
        if self.weights not in (None, FINITE):
            yield "weights", location(str(self.weights))
        if self.hot_pixels not in (FIND, KEEP):
            yield "map of hot pixels", location(self.hot_pixels)

    def shown(self) -> dict[str, str | None]:
        """Returns all options as text for metadata, with the defaults that they have; of files the names alone."""
        defaults = {"offset": AUTO, "gain": AUTO, "background": AUTO}
        said = {
            option: ", ".join(_without_folder(option, text) for text in texts) or defaults[option]
            for option, texts in self.by_option.items()
        }
        weights = self.weights if self.weights in (None, FINITE) else location(str(self.weights)).name
        hot = self.hot_pixels if self.hot_pixels in (FIND, KEEP) else location(self.hot_pixels).name
        return {**said, "weights": weights, "hot_pixels": hot}

    def of_channels(self, image: Opened) -> list[Said]:
        """Returns what was said of each selected channel.

        Raises
        ------
        InputError
            If a channel does not exist, or is given an option twice.
        """
        found: dict[str, dict[int | None, Any]] = {}
        for option, texts in self.by_option.items():
            found[option] = _by_channel(option, texts, image)
        said = []
        for channel in image.layout.channels:
            given = {key: values.get(channel, values.get(None)) for key, values in found.items()}
            one = Said(**{key: value for key, value in given.items() if value is not None})
            one.check()
            said.append(one.settled)
        return said


def _by_channel(option: str, texts: Sequence[str], image: Opened) -> dict[int | None, Any]:
    """Returns the values of an option by the channel's index in the file; None stands for all others."""
    found: dict[int | None, Any] = {}
    for text in texts:
        channel, value = _split(text)
        number = None if channel is None else channel_of(channel, image, f"--{option} {text!r}", "VALUE")
        if number in found:
            which = "for all channels" if number is None else "for its channel"
            raise InputError(f"--{option} {text!r} is the second {which}; give one")
        found[number] = _value(option, value)
    return found


def _split(text: str) -> tuple[str | None, str]:
    """Returns the channel, None for all, and the value."""
    channel, equals, value = text.partition("=")
    return (channel, value) if equals else (None, text)


def _without_folder(option: str, text: str) -> str:
    channel, value = _split(text)
    parsed = _value(option, value)
    value = parsed.name if isinstance(parsed, (Path, Url)) else value
    return value if channel is None else f"{channel}={value}"


def _value(option: str, text: str) -> Any:
    """Parses a number, "auto", a pair, or the place of a file."""
    if text == AUTO:
        return AUTO
    try:
        numbers = tuple(map(float, text.split(",")))
    except ValueError:
        if option == "background":
            raise InputError(f"background {text!r} is neither a number nor 'auto'") from None
        return location(text)
    # beyond these no camera counts, and photons would overflow or vanish in float32
    if option == "gain" and not LEAST_GAIN <= numbers[0] <= 1 / LEAST_GAIN:
        raise InputError(f"gain {text!r} is not between {LEAST_GAIN:g} and {1 / LEAST_GAIN:g} image units per photon")
    if len(numbers) == 1:
        return numbers[0]
    if option != "gain" or len(numbers) > 2:
        raise InputError(f"{option} {text!r} is no number{' and no pair of gain and offset' * (option == 'gain')}")
    return numbers


def is_auto(value: object) -> bool:
    """Test for the word that has something found out."""
    return isinstance(value, str) and value == AUTO
