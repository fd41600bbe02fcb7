"""Owners of work folders and locks: which process made them, for which output."""

from __future__ import annotations

import json
import os
from dataclasses import asdict, dataclass, field
from importlib.metadata import version
from pathlib import Path
from typing import Self

from rlcore.execution.durable import open_regular
from rlcore.execution.holder import LONGEST, Holder


@dataclass(frozen=True, kw_only=True)
class Owner(Holder):
    """A process that writes an output, as `owner.json` and locks describe it."""

    output: str
    """Name of the output, without its folder."""
    folder: str = ""
    """Name of the work folder; tells apart two runs of one process."""
    version: str = field(default_factory=lambda: version("rlcore"))
    checkpoint: str = ""
    """Folder of the run log that resumes from this work folder; empty if none does."""
    run: str = ""
    """Identifier in that run log."""
    ended: bool = False
    """True if the run has ended and left something on purpose, though its process may go on."""
    finished: bool = False
    """True if the work folder holds a complete result that could not be given its name."""

    @classmethod
    def parse(cls, text: str | bytes) -> Self | None:
        """Returns the owner that a file describes; None if it is no such file."""
        owner = super().parse(text)
        # a name that leads elsewhere is none that a run has written
        return owner if owner is not None and _is_name(owner.output) else None

    @classmethod
    def read(cls, path: Path) -> Self | None:
        """Returns the owner that a file names; None if it is gone, no regular file, or names none."""
        try:
            with os.fdopen(open_regular(path), "rb") as file:
                return cls.parse(file.read(LONGEST))
        except OSError:
            return None

    def to_json(self) -> str:
        """Returns the text of `owner.json`."""
        return json.dumps(asdict(self), indent=1)

    @property
    def runs(self) -> bool:
        """True if the run is known to go on."""
        return not self.ended and super().runs

    @property
    def gone(self) -> bool:
        """True if the run is known to have ended; of another host or container that is not known."""
        return self.ended or super().gone


def _is_name(text: str) -> bool:
    return text not in ("", "..") and "\0" not in text and Path(text).name == text
