"""Axes of an image and its PSFs that are named otherwise than they must be meant, which only both together show.

A PSF of several planes along z restores volumes, one of a single plane restores planes, and no PSF has time points. So
an axis is taken for z in place of what its file calls it, with a warning,

- in a PSF's file if it is the only one besides y and x, and is one of time points; or one of channels that are not
  named and not as many as the image's, so that they cannot be one PSF a channel;
- in an image of planes beside a PSF of several planes if it is one of channels by default alone: its file says nothing
  of any channel, and they are more than `FEW`.

Whatever else does not go together is refused, in a sentence that names the options for both. Axes that the user names
are believed.
"""

from __future__ import annotations

import warnings
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import replace
from typing import Any

from rlcore.app.files.layout import ALL, Layout, Pick, counted
from rlcore.app.files.opening import Opened, open_file
from rlcore.app.files.remote.url import Location
from rlcore.errors import InputError, caution

FEW = 4
"""Most entries of an axis that may as well be channels as planes along z if nobody says which."""


class AxesWarning(UserWarning):
    """An axis is taken for another than its file calls it."""


def open_image(
    path: Location, psfs: Sequence[Location], *, pick: Pick = ALL, psf_axes: str | None = None, **how: Any
) -> Opened:
    """Opens an image with the axes that it must have beside its PSFs.

    Parameters
    ----------
    path : Path or Url
    psfs : sequence of Path or Url
        Files of PSFs. They are opened only if the image's axes are in doubt, and refused later if they cannot be.
    pick : Pick, optional
        The user's selection and axes.
    psf_axes : str, optional
        Axes of the PSFs as the user names them.
    how
        Other options of `open_file`.

    Warns
    -----
    AxesWarning
        If channels are taken for planes along z.

    Raises
    ------
    InputError
        If the file cannot be read, or its axes are probably not in the order that it states.
    """
    image = open_file(path, "image", pick=pick, **how)
    layout = image.layout
    if "C" not in layout.by_default or layout.size_in_file("C") <= FEW:
        return image
    said = f"{layout.size_in_file('C')} channels of which it says nothing"
    if (planes := layout.size_in_file("Z")) > 1:
        raise InputError(
            f"image {str(path)!r} has {planes} planes along z and {said}, as files have whose axes were named by "
            f"default; say what they are by {pick.option}, such as {pick.option} {_letters(layout)}"
        )
    if not any(_may_have_depth(psf, layout) for psf in _peeked(psfs, psf_axes)):
        axes = _letters(layout.with_depth("C"))
        note = f"its {said} would be planes along z beside a psf of several planes; {pick.option} {axes} says so"
        return replace(image, notes=(*image.notes, note))
    how_else = f"if they are channels give {pick.option} {_letters(layout)} and a psf of one plane"
    return _taken(image, "C", f"image {str(path)!r}", f"{said}, beside a psf of several planes", how_else)


def open_psf(
    path: Location, image: Opened | None = None, *, axes: str | None = None, option: str = "--psf-axes"
) -> Opened:
    """Opens a file of a PSF with the axes that it must have.

    Parameters
    ----------
    path : Path or Url
    image : Opened, optional
        The image's file; None if there is no image.
    axes : str, optional
        Axes of the file as the user names them.
    option : str
        Option by which the user names them.

    Warns
    -----
    AxesWarning
        If time points or channels are taken for planes along z.

    Raises
    ------
    InputError
        If the file cannot be read, or does not go together with the image.
    """
    psf = open_file(path, "psf", pick=Pick(axes=axes, option=option))
    file, layout = f"psf {str(path)!r}", psf.layout
    letter = _depth_of_psf(layout, None if image is None else image.layout)
    if image is not None and letter is None:
        _check_few(layout, image, file, option)
    meant = layout if letter is None else layout.with_depth(letter)
    if image is not None:
        _check_together(meant, image, file, option)
    if letter is None:
        return psf
    beside = " and the image does not have" if image is not None else ""
    reason = "which no psf has" if letter == "T" else f"which it does not name{beside}"
    how_else = f"if they are something else say so by {option}, or save the plane that you want"
    return _taken(psf, letter, file, f"{counted(layout)}, {reason}", how_else)


def open_stack(path: Location, what: str, pick: Pick) -> Opened:
    """Opens a file of one volume, whose unnamed channels are planes along z if they are more than `FEW`."""
    opened = open_file(path, what, pick=pick)
    layout = opened.layout
    if layout.by_default == "C" and layout.size_in_file("C") > FEW and layout.size_in_file("Z") == 1:
        how_else = f"if they are channels pick one by {pick.option} {_letters(layout)} and --channel"
        return _taken(opened, "C", f"{what} {str(path)!r}", f"{counted(layout)}, which it does not name", how_else)
    return opened


def _taken(opened: Opened, letter: str, file: str, said: str, how_else: str) -> Opened:
    """Returns an open file with an axis taken for z, and warns of it."""
    caution(f"{file} has {said}; they are taken for planes along z, and {how_else}", AxesWarning)
    note = f"its {said}, are taken for planes along z"
    missing = None if opened.missing is None else opened.missing.with_depth(letter)
    return replace(opened, layout=opened.layout.with_depth(letter), missing=missing, notes=(*opened.notes, note))


def _peeked(paths: Sequence[Location], axes: str | None) -> list[Layout]:
    """Returns the layouts of files without their warnings and faults, which are reported when they are opened."""
    found = []
    for path in paths:
        with warnings.catch_warnings(), suppress(InputError):
            warnings.simplefilter("ignore")
            found.append(open_file(path, "psf", pick=Pick(axes=axes)).layout)
    return found


def _may_have_depth(psf: Layout, image: Layout) -> bool:
    """Returns whether a PSF has several planes along z, under whatever name its file gives them."""
    if psf.size_in_file("Z") > 1:
        return True
    if (letter := _only_long(psf)) is None or letter in psf.sure:
        return False
    # as many channels as the image's are one PSF each, unless both have them by default
    return psf.size_in_file("C") != image.size_in_file("C") or "C" in psf.by_default


def _depth_of_psf(psf: Layout, image: Layout | None) -> str | None:
    """Returns the letter of the axis that is z under another name; None if the axes are as the file says."""
    letter = _only_long(psf)
    if letter != "C" or letter in psf.sure:
        return None if letter is None or letter in psf.sure else letter
    count = psf.size_in_file("C")
    if image is None:
        return "C" if count > FEW else None
    theirs = image.size_in_file("C")
    # channels of one plane are no PSFs of volumes, and none at all if the image has not as many
    if image.size_in_file("Z") > 1:
        return "C" if count > FEW or theirs == 1 else None
    return "C" if count > FEW and count != theirs else None


def _check_few(psf: Layout, image: Opened, file: str, option: str) -> None:
    """Raises InputError if as many channels of image and PSF are named by default alone, and may be planes along z."""
    count, layout = psf.size_in_file("C"), image.layout
    if (
        _only_long(psf) == "C"
        and "C" in psf.by_default
        and "C" in layout.by_default
        and (count, 1) == (layout.size_in_file("C"), layout.size_in_file("Z"))
    ):
        raise InputError(
            f"image {str(image.path)!r} and {file} have {count} channels each, of which their files say nothing, and "
            f"which may be planes along z; give --axes ZYX and {option} ZYX for planes, or --axes CYX and {option} CYX "
            "for channels"
        )


def _only_long(layout: Layout) -> str | None:
    """Returns the letter of the only axis of several entries besides y and x, if it is one of time or channels."""
    long = [letter for letter in "TCZ" if layout.size_in_file(letter) > 1]
    return long[0] if len(long) == 1 and long != ["Z"] else None


def _check_together(psf: Layout, opened: Opened, file: str, option: str) -> None:
    """Raises InputError if one of PSF and image has several planes along z, and the other one."""
    image, name = opened.layout, f"image {str(opened.path)!r}"
    planes, depth = image.size_in_file("Z"), psf.size_in_file("Z")
    if (planes > 1) == (depth > 1):
        return
    axes = f"say what their axes are by --axes and {option}"
    if planes > 1:
        apart = next((_letters(image).replace("Z", letter) for letter in "TC" if letter not in image.file_axes), "")
        single = f", such as --axes {apart} to restore planes one by one" if apart else ""
        raise InputError(
            f"{name} has {planes} planes along z and {file} has one; give a psf of several planes, or {axes}{single}"
        )
    words = counted(image)
    long = [letter for letter in "TC" if image.size_in_file(letter) > 1]
    meant = _letters(image.with_depth(long[0])) if words and len(long) == 1 else ""
    stack = f"if these are planes along z give --axes {meant}, else " if meant.endswith("ZYX") else ""
    raise InputError(
        f"{name} has {f'{words} of one plane' if words else 'one plane'} and {file} has {depth} planes along z; "
        f"{stack}give a psf of one plane, or {axes}"
    )


def _letters(layout: Layout) -> str:
    """Returns the letters of a file's axes as an option has them."""
    return "".join(letter for letter in layout.file_axes if letter in "TCZYX")
