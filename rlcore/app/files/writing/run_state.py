"""State of a run over volumes, as `run.json` in its checkpoint folder keeps it.

It says, in format 2:

    program, format     "rlcore deconvolve" and 2
    identity            everything that the result depends on
    plan                the plan that the run began with
    cameras             of each channel what was found of its camera, and the number of iterations
    run                 token of the run, by which its work folder and its own files are known
    frame               size and checksum of what the growing output has beside its voxels; empty while that is written
                        anew, at the end of a run that may leave volumes empty
    done                by number, in the order of the run, the checksum of each volume that is on the disk
    output, step        mark of the complete output, and the value of one step of its integers
    sum                 checksum of all of this

The folder goes after the output has its name. The last thing to go is this state, which for that moment lies beside the
folder: a run that is killed at the very end is known by it as complete.
"""

from __future__ import annotations

import contextlib
import hashlib
import os
import re
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from rlcore.app.camera.found import CameraFound
from rlcore.app.files.writing.stamps import files_in, stamp
from rlcore.execution.durable import read_own, sync_folder, write_whole
from rlcore.execution.sealed import seal, unseal
from rlcore.planner import Plan

STATE = "run.json"
LAST = ".rlcore-done-"
"""Beginning of the name of a state beside its folder."""
_PROGRAM, _FORMAT = "rlcore deconvolve", 2
_TOKEN = re.compile("[0-9a-f]{16}")
_LARGEST = 1 << 28
"""Bytes of the largest state that is read: no run has so many volumes."""


@dataclass(slots=True)
class RunState:
    """State of a run over volumes."""

    identity: Mapping[str, Any]
    plan: Plan
    cameras: list[CameraFound]
    run: str
    frame: list[int]
    done: dict[int, int] = field(default_factory=dict)
    bad: dict[int, str] = field(default_factory=dict)
    """Volumes that cannot be restored, and why; an unfinished run tries them again."""
    output: list[Any] | None = None
    step: float | None = None

    def has_written(self, output: Path) -> bool:
        """Returns whether a file or a Zarr is the complete output of the run, and as the run has left it."""
        try:
            return self.output is not None and self.output == mark(output)
        except OSError:
            return False

    def write(self, folder: Path) -> None:
        """Brings the state to the disk."""
        content = {name: getattr(self, name) for name in ("identity", "run", "frame", "output", "step")}
        content |= {"plan": asdict(self.plan), "cameras": [each.to_dict() for each in self.cameras]}
        content |= {"done": sorted(self.done.items())}
        content |= {"bad": sorted(self.bad.items())}
        write_whole(folder / STATE, seal(_PROGRAM, _FORMAT, content), self.run)


def read_state(path: Path) -> RunState:
    """Reads a state.

    Raises
    ------
    FileNotFoundError
        If there is none.
    OSError, ValueError
        If it cannot be read, or is not as it was written; the message is a part of a sentence.
    """
    if path.lstat().st_size > _LARGEST:
        raise ValueError("its state is not one of rlcore's")
    found = unseal(read_own(path), _PROGRAM, _FORMAT)
    try:
        state = RunState(
            dict(found["identity"]), Plan.from_dict(found["plan"]),
            [CameraFound.from_dict(each) for each in found["cameras"]], str(found["run"]), list(found["frame"]),
            {int(number): int(checksum) for number, checksum in found["done"]},
            {int(number): str(reason) for number, reason in found["bad"]}, found["output"], found["step"],
        )  # fmt: skip
        known = range(len(state.identity["order"]))
        channels = {channel for _, channel in state.identity["order"]}
    except (AttributeError, KeyError, TypeError, ValueError) as error:
        raise ValueError("its state is not complete") from error
    # names of files are made of the token
    if not _TOKEN.fullmatch(state.run) or any(number not in known for number in [*state.done, *state.bad]):
        raise ValueError("its state names unknown volumes")
    if len(state.cameras) != len(channels):
        raise ValueError("its state has not one camera for each channel")
    return state


def state_of(folder: Path | None, output: Path) -> RunState | None:
    """Returns the state in a checkpoint folder, or a last one beside it of a run that has written this output.

    Returns None if there is none that can be read.
    """
    if folder is None:
        return None
    inside = os.path.lexists(folder / STATE)
    for path in [folder / STATE] if inside else lasts(folder):
        with contextlib.suppress(OSError, ValueError):
            state = read_state(path)
            if inside or state.has_written(output):
                return state
    return None


def lasts(folder: Path) -> list[Path]:
    """Returns the last states of runs that were killed just after their checkpoint folder of this name had gone."""
    beside = _beside(folder, "")
    if not beside.parent.is_dir():
        return []
    return sorted(path for path in beside.parent.iterdir() if path.name.startswith(beside.name))


def readable_lasts(folder: Path) -> list[Path]:
    """Returns the last states in a folder of outputs, of whatever checkpoint; files that only look like one are not."""
    found = []
    for path in sorted(path for path in folder.iterdir() if path.name.startswith(LAST)):
        with contextlib.suppress(OSError, ValueError):
            read_state(path)
            found.append(path)
    return found


def move_out(folder: Path, run: str) -> Path:
    """Moves the state out of its folder, so that the folder can go first, and returns where it is then."""
    beside = _beside(folder, run)
    try:
        (folder / STATE).rename(beside)  # nobody else knows the token that ends its name
    except OSError:
        return folder / STATE  # another disk, or a folder that may not be written
    sync_folder(beside.parent)
    return beside


def mark(path: Path) -> list[Any]:
    """Returns what tells a file or a Zarr from any other, under whatever name it has."""
    stat = path.stat()
    return [stat.st_dev, stat.st_ino, stamp(files_in(path), path)]


def is_output_of(folder: Path | None, output: Path) -> bool:
    """Returns whether a checkpoint is of a run that has written this output, and was killed before it could say so."""
    state = state_of(folder, output)
    return state is not None and state.has_written(output)


def resumes(folder: Path, run: str) -> bool:
    """Returns whether the run in a checkpoint folder may be this one; a state that cannot be read may be of any."""
    try:
        return read_state(folder / STATE).run == run
    except (FileNotFoundError, NotADirectoryError):
        return False
    except (OSError, ValueError):
        return True


def _beside(folder: Path, run: str) -> Path:
    """Returns the name of a last state beside a folder of this name."""
    real = Path(os.path.realpath(folder))
    key = hashlib.sha256(os.fsencode(real.name)).hexdigest()[:16]
    return real.with_name(f"{LAST}{key}-{run}")
