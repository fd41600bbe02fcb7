"""Volumes of a series that cannot be restored: named by time and channel, and left empty if the run is to go on."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from rlcore.app.files.layout import Layout, Place
from rlcore.app.files.opening import Opened
from rlcore.backend.boxes import Shape, pieces
from rlcore.errors import InputError
from rlcore.execution.volumes.mapped import release
from rlcore.execution.volumes.statistics import chunks_of

_PIECE = 1 << 20
"""Voxels written at a time; more if a single chunk is larger."""


class BadVolumeWarning(UserWarning):
    """A volume cannot be restored, and is left empty."""


@dataclass(frozen=True, slots=True)
class BadVolume:
    """A volume that cannot be restored."""

    place: Place
    time: int
    """Time point, counted as in the file."""
    channel: int
    """Channel, counted as in the file."""
    reason: str

    @classmethod
    def of(cls, layout: Layout, place: Place, reason: str) -> BadVolume:
        return cls(place, layout.times[place.time], layout.channels[place.channel], reason)

    def __str__(self) -> str:
        return f"time {self.time}, channel {self.channel}"

    def to_dict(self) -> dict[str, Any]:
        """Returns the volume in types that JSON has."""
        return {"time": self.time, "channel": self.channel, "reason": self.reason}


def first_readable(image: Opened, *, keep_going: bool) -> Place:
    """Returns the first volume that can be read, or that is read by slices later.

    Raises
    ------
    InputError
        If there is none, or the first of all cannot be read and the run is not to go on.
    """
    failures = []
    for place in image.layout.places:
        try:
            image.volume(place)
        except InputError as error:
            failures.append(error)
            if not keep_going:
                raise in_sentence(error, image, place, None, 0) from error
        else:
            return place
    raise none_left([BadVolume.of(image.layout, Place(), str(failures[0]))], len(failures)) from failures[0]


def in_sentence(error: InputError, image: Opened, place: Place, checkpoint: Path | None, finished: int) -> InputError:
    """Returns the error of one volume of several, with its time and channel and with what can be done."""
    if len(image.layout.places) == 1:
        return error
    bad = BadVolume.of(image.layout, place, str(error))
    kept = ""
    if checkpoint is not None and finished:
        count = "1 finished volume is" if finished == 1 else f"{finished} finished volumes are"
        kept = f"; {count} kept by checkpoint {str(checkpoint)!r}"
    # some reasons end with what else can be done
    joint = ", or" if "; " in bad.reason else ";"
    return InputError(f"volume at {bad}: {bad.reason}{joint} give --keep-going to leave this volume empty{kept}")


def none_left(bad: Sequence[BadVolume], volumes: int) -> InputError:
    """Returns the error of a run that has no volume to restore."""
    return InputError(f"none of the {volumes} volumes can be restored; the first, at {bad[0]}: {bad[0].reason}")


def leave_empty(out: Any, value: float) -> None:
    """Fills a volume of an output with one value, by whole chunks."""
    shape: Shape = tuple(out.shape)
    for box in pieces(shape, chunks_of(out), _PIECE):
        out[box.slices((0,) * len(shape))] = np.float32(value)
        release(out)


def list_bad(bad: Sequence[BadVolume], volumes: int) -> str:
    """Returns a line that lists the volumes that were left empty."""
    verb = "was" if len(bad) == 1 else "were"
    return f"{len(bad)} of {volumes} volumes {verb} left empty: {'; '.join(map(str, bad))}"
