"""Channels in options such as ``--psf 0=FILE``: by number, or by the name that the file gives them."""

from __future__ import annotations

from rlcore.app.files.opening import Opened
from rlcore.app.whole_numbers import whole_number
from rlcore.errors import InputError


def channel_of(text: str, image: Opened, option: str, value: str) -> int:
    """Returns the index of a channel in the image's file.

    Parameters
    ----------
    text : str
        Number or name of the channel.
    image : Opened
    option, value : str
        The option as it was written, and what it takes behind the channel, for messages.

    Raises
    ------
    InputError
        If the file has no such channel.
    """
    size, names = image.layout.size_in_file("C"), image.about.channels
    # names come first, as a channel may be named "488"
    number = names.index(text) if text and text in names else whole_number(text)
    if number is None or number >= size:
        known = f" or {', '.join(map(repr, names))}" if names else ""
        raise InputError(f"{option} is not CHANNEL={value} with a channel from 0 to {size - 1}{known}")
    return number
