"""Checkpoints: the state of a run on disk, from which it goes on after the last finished block."""

from __future__ import annotations

import json
import os
import shutil
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field, replace
from pathlib import Path
from typing import Any

import numpy as np

from rlcore.backend import Shape, Volume
from rlcore.errors import CheckpointError
from rlcore.planner.plan import Plan

_STATE = "state.json"
_FINISHED = {"finished": True}


@dataclass(frozen=True, slots=True)
class State:
    """The progress of a run: finished sweeps, and written blocks of the sweep under way."""

    sweep: int = 0
    blocks: int = 0
    momentum: Mapping[str, Any] = field(default_factory=lambda: {"momentum": [], "products": []})
    """State of the momentum schedule at that time."""


class Checkpoint:
    """A folder with the working volumes and a small state file that is replaced whole after every block.

    Parameters
    ----------
    folder : path
        Made if absent. One that holds anything but a checkpoint is refused.
    identity : mapping
        What the run depends on: data, PSF, settings. A checkpoint of another identity is refused.
    """

    def __init__(self, folder: str | os.PathLike[str], identity: Mapping[str, Any]) -> None:
        self.folder = Path(folder)
        self._identity = dict(identity)
        self.state = State()
        self.plan: Plan | None = None
        """The plan of the run that is continued; None for a new run."""
        if (self.folder / _STATE).exists():
            self._read()
        else:
            self._make()

    def start(self, plan: Plan) -> None:
        """Begin a new run by this plan."""
        self.plan = plan
        self._write()

    def reach(self, sweep: int, blocks: int, momentum: Mapping[str, Any]) -> None:
        """Note that so many sweeps are finished, and so many blocks of the next are written."""
        self.state = replace(self.state, sweep=sweep, blocks=blocks, momentum=momentum)
        self._write()

    def volume(self, name: str, shape: Shape, dtype: np.dtype[Any]) -> Volume:
        """A working volume in the folder: the one of the earlier run if there is one."""
        return open_volume(self.folder / f"{name}.npy", shape, dtype)

    def remove(self) -> None:
        """The run is finished: nothing is left to continue.

        The state file says so before the first volume goes, and goes last: a run that is killed meanwhile and started
        again does not go on with volumes that are no longer there.
        """
        self._replace(_FINISHED)
        self._clear()
        shutil.rmtree(self.folder)

    def _clear(self) -> None:
        """Remove everything but the state file."""
        for path in self.folder.iterdir():
            if path.name != _STATE:
                path.unlink()

    def _make(self) -> None:
        try:
            self.folder.mkdir(exist_ok=True)
            foreign = next(self.folder.iterdir(), None)
        except OSError as error:
            raise CheckpointError(f"checkpoint folder {str(self.folder)!r} cannot be used: {error.strerror}") from error
        if foreign is not None and foreign.name != _STATE + ".new":
            raise CheckpointError(
                f"checkpoint folder {str(self.folder)!r} holds {foreign.name!r}, no checkpoint; name another"
            )

    def _read(self) -> None:
        try:
            found = json.loads((self.folder / _STATE).read_text())
            if found == _FINISHED:
                self._clear()
                return
            state, plan, identity = State(**found["state"]), Plan.from_dict(found["plan"]), found["identity"]
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise CheckpointError(
                f"checkpoint {str(self.folder)!r} cannot be read: {error}; remove it to start anew"
            ) from error
        ours = json.loads(json.dumps(self._identity))
        other = [key for key in ours if ours[key] != identity.get(key)]
        if other:
            what = ", ".join(f"{key} (there {_short(identity.get(key))}, now {_short(ours[key])})" for key in other)
            raise CheckpointError(
                f"checkpoint {str(self.folder)!r} is of another run, with other {what}; remove it or name another"
            )
        self.state, self.plan = state, plan

    def _write(self) -> None:
        assert self.plan is not None
        self._replace({"identity": self._identity, "plan": asdict(self.plan), "state": asdict(self.state)})

    def _replace(self, content: Mapping[str, Any]) -> None:
        beside = self.folder / (_STATE + ".new")
        beside.write_text(json.dumps(content))
        beside.replace(self.folder / _STATE)


def open_volume(path: Path, shape: Shape, dtype: np.dtype[Any]) -> Volume:
    """A volume in a .npy file, mapped to memory; made, with its disk space, if it is not there yet."""
    if path.exists():
        return np.lib.format.open_memmap(path, mode="r+")
    beside = path.with_suffix(".new")
    volume = np.lib.format.open_memmap(beside, mode="w+", dtype=dtype, shape=shape)
    reserve(beside)
    beside.replace(path)
    return volume


def reserve(path: Path) -> None:
    """Claim the disk space of a file's whole length, so that a full disk shows now and not as a crash later."""
    if hasattr(os, "posix_fallocate"):
        with path.open("r+b") as file:
            try:
                os.posix_fallocate(file.fileno(), 0, path.stat().st_size)
            except OSError as error:
                raise OSError(error.errno, error.strerror, str(path)) from error  # which does not know the file's name


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 24 else text[:12] + "..."
