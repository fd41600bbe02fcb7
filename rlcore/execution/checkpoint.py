"""Checkpoints: the state of a run on disk, from which it goes on with the parts that are not done yet.

A folder holds `state.json`, a file for each working volume, and a lock. The state says, in format 1:

    program, format     "rlcore" and 1
    identity            everything that the result depends on
    plan, sweeps        the plan, and what else the order of sweeps depends on
    done                for each sweep the numbers of the parts (blocks) that are done, as ranges
    volumes             for each volume shape, dtype and first voxel; for each part that is done its box and checksum
    momentum, history   sums over parts
    sum                 checksum of all of this

What is done is a set, so parts may be done in any order, and by several workers. The order of writes makes each state
that is found true, after a kill or a loss of power at any moment: voxels come to the disk before the state that speaks
of them, and a volume that a state needs is not overwritten before a later state, which needs it no more, is on the
disk. A thread does this while blocks are computed.
"""

from __future__ import annotations

import contextlib
import json
import os
import re
import secrets
import threading
import time
from collections import deque
from collections.abc import Mapping
from dataclasses import asdict, dataclass, field
from pathlib import Path
from types import TracebackType
from typing import Any

import numpy as np

from rlcore.backend import Box, Shape, Volume
from rlcore.errors import CheckpointError, CheckpointWriteError, caution
from rlcore.execution.durable import read_own, reserve, sync_folder, write_whole
from rlcore.execution.lock import Lock, clear_unfinished, is_lock
from rlcore.execution.sealed import ranges, seal, unseal
from rlcore.execution.volumes.kept import KeptVolume
from rlcore.planner.plan import Plan

FORMAT = 1
STATE = "state.json"
_PROGRAM = "rlcore"
_VOLUME = re.compile(r"estimate-\d+|point-\d+|ratio|other-ratio|result")
_TOKEN = re.compile("[0-9a-f]{16}")
FIRST_STATE = re.compile(r"state-[0-9a-f]{16}\.new")
"""A first state that was never finished, by a process whose token nobody knows any more."""
_INTERVAL = 0.5
"""Seconds between writes of the state within a sweep: the most that is computed again after a kill, and long enough
for the disk to be the run's in between."""


class CheckpointWarning(UserWarning):
    """A run is finished, but its checkpoint could not be removed."""


@dataclass(frozen=True, slots=True)
class Order:
    """Properties beside the plan that the order of sweeps depends on; a run goes on with those that it began with."""

    chunks: Shape
    """Shape of the result's chunks."""
    gather: bool
    """True if the last estimate stays in its own volume."""


@dataclass(slots=True)
class Progressed:
    """The part of the state that changes while a run goes on."""

    done: dict[int, set[int]] = field(default_factory=dict)
    """By sweep, from 1, the numbers of the parts that are done."""
    momentum: Mapping[str, Any] = field(default_factory=lambda: {"momentum": [], "products": []})
    history: Mapping[str, Any] = field(default_factory=lambda: {"known": [], "partial": []})


@dataclass(frozen=True, slots=True)
class _Reached:
    """A part of a sweep that is done, with the boxes of volumes that it has written."""

    sweep: int
    part: int
    boxes: Mapping[str, Box]
    momentum: Mapping[str, Any]
    history: Mapping[str, Any] | None


class Checkpoint:
    """A folder with the working volumes and a small state file, held by this process until it is closed.

    Parameters
    ----------
    folder : path
        Made if absent. One that holds anything but a checkpoint is refused.
    identity : mapping
        Everything that the run depends on: data, PSF, settings. A checkpoint of another identity is refused.

    Raises
    ------
    CheckpointError
        If the folder cannot be used, another process uses it, or what it holds is of another run, damaged or unknown.
    """

    def __init__(self, folder: str | os.PathLike[str], identity: Mapping[str, Any]) -> None:
        self.folder = Path(folder)
        self.plan: Plan | None = None
        """The plan of the run that is continued; None for a new run."""
        self.order = Order((), gather=False)
        self.state = Progressed()
        self._identity = json.loads(json.dumps(identity))
        self._token = secrets.token_hex(8)
        self._volumes: dict[str, KeptVolume] = {}
        self._changed = threading.Condition()
        self._version = self._kept = 0
        """Changes of the state, and those of them that are on the disk."""
        self._urgent = self._closing = self._closed = self._must_settle = False
        self._reached: deque[_Reached] = deque()
        """Parts that are done, and not in the state yet: their checksums are taken while others are computed."""
        self._resumes = False
        self._error: OSError | None = None
        self._writer: threading.Thread | None = None
        try:
            self._made = _make_folder(self.folder)
            self._lock = Lock(self.folder)
        except OSError as error:
            raise _unusable(self.folder, error) from error
        try:
            self._open()
        except BaseException as error:
            self.close()
            # a folder or a foreign file system, where a file is to be removed
            if isinstance(error, OSError):
                raise _unusable(self.folder, error) from error
            raise

    def __enter__(self) -> Checkpoint:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self.close()
        if kind is None:
            self._check()

    def start(self, plan: Plan, order: Order) -> None:
        """Begin a new run by this plan."""
        self.plan, self.order = plan, order
        self._change()
        self._settle()

    def done(self, sweep: int) -> frozenset[int]:
        """Numbers of the parts of a sweep that are done; sweeps count from 1."""
        return frozenset(self.state.done.get(sweep, ()))

    def finished(self, parts: list[int]) -> int:
        """Number of sweeps that are done, of sweeps of so many parts each."""
        numbers = range(1, len(parts) + 1)
        return next((n - 1 for n, count in zip(numbers, parts, strict=True) if len(self.done(n)) < count), len(parts))

    def begin(self, sweep: int, reads: list[str], writes: list[str]) -> None:
        """Begin or continue a sweep that reads and writes these volumes.

        Raises
        ------
        CheckpointError
            If one that it reads is not complete.
        """
        if self._resumes:
            self._resumes = False
            for name in reads:
                self.check_complete(name)
        if done := self.done(sweep):
            if any(name not in self._volumes or done != set(self._volumes[name].parts) for name in writes[:1]):
                raise self._damaged(f"its volume {writes[0]!r} is not complete")
            return
        with self._changed:
            for name in writes:
                if name in self._volumes:
                    self._volumes[name].parts.clear()
            self._must_settle = True
        self._change()

    def check_complete(self, name: str) -> None:
        """Refuse to go on if a volume lacks parts."""
        if self._version > self._kept:
            self._settle()
        if name not in self._volumes or not self._volumes[name].is_complete:
            raise self._damaged(f"its volume {name!r} is not complete")

    def before_saving(self) -> None:
        """Wait until no state on the disk needs what is overwritten now."""
        if self._must_settle:
            self._settle()
            self._must_settle = False

    def reach(
        self,
        sweep: int,
        part: int,
        boxes: Mapping[str, Box],
        momentum: Mapping[str, Any],
        history: Mapping[str, Any] | None,
    ) -> None:
        """Note that a part of a sweep is done, and has written these boxes of volumes."""
        with self._changed:
            self._reached.append(_Reached(sweep, part, boxes, momentum, history))
        self._change()

    def volume(self, name: str, box: Box, dtype: np.dtype[Any]) -> Volume:
        """A working volume in the folder: the one of the earlier run if there is one."""
        with self._changed:
            known = self._volumes.setdefault(name, KeptVolume(self.folder / f"{name}.npy", box, dtype))
        if (known.box, known.dtype) != (box, dtype):
            raise self._damaged(f"its volume {name!r} has another shape or dtype")
        if known.array is None:
            # a state that names the volume goes before its file, so that a file is known whenever the run is killed
            self._change()
            self._settle()
            try:
                known.make(self._token)
            except OSError as error:
                raise _unwritable(known.path, error) from error
        volume: Volume = known.array
        return volume

    def remove(self) -> None:
        """Remove the checkpoint of a run that is finished, and nothing but what it has made; warns if that fails.

        The state says so before the first volume goes, and goes after them: a run that is killed meanwhile and started
        again does not go on with volumes that are no longer there.
        """
        self._stop()
        try:
            names = sorted(self._volumes)
            self._write({"finished": names})
            for volume in self._volumes.values():
                volume.close()
            self._clear(names)
            self._end()
            self.folder.rmdir()
        except OSError as error:
            self._end()
            caution(
                f"the run is finished, but its checkpoint folder {str(self.folder)!r} could not be removed: "
                f"{error.strerror}; remove it by hand",
                CheckpointWarning,
            )

    def close(self) -> None:
        """Bring the last state to the disk, and give the folder free."""
        if self._closed:
            return
        try:
            self._stop(write=True)
        finally:
            self._end()
        if self.plan is None and self._made:
            with contextlib.suppress(OSError):
                self.folder.rmdir()

    def _end(self) -> None:
        """Give files and folder free."""
        self._closed = True
        for volume in self._volumes.values():
            volume.close()
        self._lock.release()

    def _clear(self, volumes: list[str]) -> None:
        """Remove the files of volumes, and then the state."""
        for name in volumes:
            (self.folder / f"{name}.npy").unlink(missing_ok=True)
        (self.folder / STATE).unlink()

    def _is_unfinished(self, name: str) -> bool:
        return name.endswith(f"-{self._token}.new") or bool(FIRST_STATE.fullmatch(name))

    def _open(self) -> None:
        clear_unfinished(self.folder)
        if os.path.lexists(self.folder / STATE):
            self._read()
        else:
            self._refuse_others("no checkpoint; name another")

    def _refuse_others(self, why: str, known: frozenset[str] = frozenset()) -> None:
        """Refuse a folder with files that are not of this checkpoint."""
        names = sorted(path.name for path in self.folder.iterdir())
        for name in names:
            if not (name == STATE or name in known or is_lock(name) or self._is_unfinished(name)):
                raise CheckpointError(f"checkpoint folder {str(self.folder)!r} holds {name!r}, {why}")
        for name in filter(self._is_unfinished, names):
            (self.folder / name).unlink()

    def _read(self) -> None:
        try:
            found = decode_state(read_own(self.folder / STATE))
        except (OSError, ValueError, TypeError) as error:
            what = error.strerror if isinstance(error, OSError) else error
            raise CheckpointError(
                f"checkpoint {str(self.folder)!r} cannot be read: {what}; remove it to start anew, or name another"
            ) from error
        self._token = found["token"]
        if "finished" in found:
            names = frozenset(f"{name}.npy" for name in found["finished"])
            self._refuse_others("which is not of the finished run; move it elsewhere, or name another", names)
            self._clear(found["finished"])
            return
        identity = found["identity"]
        if other := [key for key, value in self._identity.items() if identity.get(key) != value]:
            what = ", ".join(
                f"{key} (there {_short(identity.get(key))}, now {_short(self._identity[key])})" for key in other
            )
            raise CheckpointError(
                f"checkpoint {str(self.folder)!r} is of another run, with other {what}; remove it or name another"
            )
        try:
            self._load(found)
        except (AttributeError, KeyError, TypeError, ValueError) as error:
            raise self._damaged("its state is not complete") from error
        files = frozenset(f"{name}.npy" for name in self._volumes)
        self._refuse_others("which is not of this run; move it elsewhere", files)
        self._verify()

    def _load(self, found: Mapping[str, Any]) -> None:
        self.plan, self._resumes = Plan.from_dict(found["plan"]), True
        self.order = Order(tuple(found["sweeps"]["chunks"]), gather=found["sweeps"]["gather"])
        done = {int(n): {p for a, b in ranges for p in range(a, b + 1)} for n, ranges in found["done"].items()}
        self.state = Progressed(done, found["momentum"], found["history"])
        self._volumes = {
            name: KeptVolume.from_dict(self.folder / f"{name}.npy", entry) for name, entry in found["volumes"].items()
        }

    def _verify(self) -> None:
        """Check each volume against the state, and open it."""
        for name, volume in self._volumes.items():
            try:
                volume.open()
            except FileNotFoundError as error:
                if volume.parts:
                    raise self._damaged(f"its volume {name!r} is missing") from error
            except (OSError, ValueError) as error:
                what = error.strerror if isinstance(error, OSError) else error
                raise self._damaged(f"its volume {name!r} cannot be used: {what}") from error

    def _damaged(self, what: str) -> CheckpointError:
        return CheckpointError(f"checkpoint {str(self.folder)!r} is damaged: {what}; remove it to start anew")

    def _change(self) -> None:
        """Have the state written, soon."""
        self._check()
        with self._changed:
            self._version += 1
            if self._writer is None:
                self._writer = threading.Thread(target=self._keep_writing, name="rlcore-checkpoint", daemon=True)
                self._writer.start()
            self._changed.notify_all()

    def _settle(self) -> None:
        """Wait until the state, and all that it speaks of, is on the disk."""
        with self._changed:
            wanted, self._urgent = self._version, True
            self._changed.notify_all()
            self._changed.wait_for(lambda: self._kept >= wanted or self._error is not None)
        self._check()

    def _check(self) -> None:
        if self._error is not None:
            raise _unwritable(self.folder / STATE, self._error) from self._error

    def _stop(self, *, write: bool = False) -> None:
        """End the thread, after a last write if there is something to write."""
        with self._changed:
            self._closing = True
            if not write:
                self._kept = self._version
                self._reached.clear()
            self._changed.notify_all()
        if self._writer is not None:
            self._writer.join()

    def _note(self, reached: _Reached) -> None:
        """Take the checksums of a part that is done into the state."""
        sums = {name: self._volumes[name].sum_of(box) for name, box in reached.boxes.items()}
        with self._changed:
            for name, entry in sums.items():
                if entry is not None:
                    self._volumes[name].parts[reached.part] = entry
                    self._volumes[name].touched = True
            self.state.done.setdefault(reached.sweep, set()).add(reached.part)
            self.state.momentum = reached.momentum
            self.state.history = self.state.history if reached.history is None else reached.history

    def _keep_writing(self) -> None:
        last = 0.0
        while True:
            with self._changed:
                self._changed.wait_for(lambda: self._closing or self._kept < self._version)
                reached = self._reached.popleft() if self._reached else None
            if reached is not None:
                self._note(reached)
                continue
            with self._changed:
                if self._reached:
                    continue
                if self._kept == self._version:
                    return
                rest = last + _INTERVAL - time.monotonic()
                if rest > 0 and not self._closing and not self._urgent:
                    self._changed.wait(rest)
                    continue
                version, content, self._urgent = self._version, self._content(), False
                touched = [volume for volume in self._volumes.values() if volume.touched]
                for volume in touched:
                    volume.touched = False
            try:
                for volume in touched:
                    volume.sync()
                self._write(content)
            except OSError as error:
                with self._changed:
                    self._error = error
                    self._changed.notify_all()
                return
            last = time.monotonic()
            with self._changed:
                self._kept = max(self._kept, version)
                self._changed.notify_all()

    def _content(self) -> dict[str, Any]:
        assert self.plan is not None
        return {
            "identity": self._identity,
            "plan": asdict(self.plan),
            "sweeps": asdict(self.order),
            "done": {str(sweep): ranges(parts) for sweep, parts in self.state.done.items()},
            "volumes": {name: volume.to_dict() for name, volume in self._volumes.items()},
            "momentum": self.state.momentum,
            "history": self.state.history,
        }

    def _write(self, content: Mapping[str, Any]) -> None:
        sealed = seal(_PROGRAM, FORMAT, {"token": self._token, **content})
        write_whole(self.folder / STATE, sealed, self._token)


def _make_folder(folder: Path) -> bool:
    """Make a folder, unless it is there; returns whether it was made."""
    try:
        folder.mkdir()
    except FileExistsError:
        if not folder.is_dir():
            raise
        return False
    sync_folder(folder.parent)
    return True


def decode_state(text: bytes) -> dict[str, Any]:
    """The state that a file holds; raises ValueError, with the reason, if it is not as it was written."""
    found = unseal(text, _PROGRAM, FORMAT)
    try:
        names = [*found.get("finished", ()), *found.get("volumes", ())]
        # names of files are made of these
        known = all(map(_VOLUME.fullmatch, names)) and _TOKEN.fullmatch(found.get("token", ""))
    except TypeError:
        known = False
    if not known:
        raise ValueError("its state names unknown files")
    return found


def open_volume(path: Path, shape: Shape, dtype: np.dtype[Any]) -> Volume:
    """A volume in a .npy file, mapped to memory; made, with its disk space, if it is not there yet."""
    if path.exists():
        return np.lib.format.open_memmap(path, mode="r+")
    beside = path.with_suffix(".new")
    volume = np.lib.format.open_memmap(beside, mode="w+", dtype=dtype, shape=shape)
    reserve(beside)
    beside.replace(path)
    return volume


def _unusable(folder: Path, error: OSError) -> CheckpointError:
    return CheckpointError(f"checkpoint folder {str(folder)!r} cannot be used: {error.strerror or error}")


def _unwritable(path: Path, error: OSError) -> CheckpointWriteError:
    return CheckpointWriteError(
        f"checkpoint file {str(path)!r} cannot be written: {error.strerror}; mend this, and run again to go on"
    )


def _short(value: object) -> str:
    text = repr(value)
    return text if len(text) <= 24 else text[:12] + "..."
