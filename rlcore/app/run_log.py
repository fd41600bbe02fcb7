"""Run log: progress of a run from file to file on disk, so that a killed run resumes after its last volume."""

from __future__ import annotations

import json
import os
import re
import secrets
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from stat import S_ISREG
from types import TracebackType
from typing import Any

from rlcore.app.camera.found import CameraFound
from rlcore.app.files.writing.left_overs import LeftOverWarning
from rlcore.app.files.writing.lock import LOCK, Lock
from rlcore.app.files.writing.owner import Owner
from rlcore.app.files.writing.run_state import STATE, RunState, lasts, mark, move_out, read_state
from rlcore.errors import CheckpointError, caution
from rlcore.execution.durable import sync_folder, unfinished
from rlcore.execution.kept_checkpoints import discard
from rlcore.planner import Plan

_LOCKED, _VOLUME = "run.lock", "volume-"
_FIRST_STATE = re.compile(r"run-[0-9a-f]{16}\.new")
"""A first state that was never finished, by a process whose token nobody knows any more."""
_UNFINISHED_LOCK = re.compile(rf"{re.escape(LOCK)}[a-z0-9_]{{8}}")


class VolumeWarning(UserWarning):
    """A finished volume was damaged before its run was resumed, and is restored again."""


class RunLog:
    """A folder with the state of a run over volumes, and a checkpoint of the volume in progress.

    As a context it is closed on an error, and otherwise removed, with nothing but what the run has made.

    Parameters
    ----------
    folder : Path
        Created if absent. A folder that holds anything other than a run's state is refused.
    output : Path
        Final path of the run's output.
    owner : Owner
        This process; another that writes the same log is refused.
    identity : mapping
        Everything that the result depends on, in types that JSON has. A state of another identity is refused.
    force_unlock : bool
        Take over the log of a run on another host.

    Raises
    ------
    CheckpointError
        If the folder cannot be used, or belongs to another run.
    OutputError
        If another process writes it.
    """

    def __init__(
        self, folder: Path, output: Path, owner: Owner, identity: Mapping[str, Any], *, force_unlock: bool = False
    ) -> None:
        # a round trip through JSON turns tuples into lists, so that it compares equal to what is read back
        self.folder, self._output, self._identity = folder, output, json.loads(json.dumps(identity))
        self._state: RunState | None = None
        self.run = secrets.token_hex(8)
        """Token of the run, by which its work folder and its own files are found again."""
        self._prepare()
        self._lock = Lock(folder / _LOCKED, folder, owner, f"checkpoint {str(folder)!r}", force=force_unlock)
        try:
            self._find_last()
            if os.path.lexists(folder / STATE):
                self._read()
            self._clear_unfinished()
            # killed between the state and the checkpoint of the volume before, a run leaves that behind
            for number in self.done:
                discard(self.volume(number))
        except OSError as error:
            self._lock.release()
            raise self._unusable(error) from error
        except BaseException:
            self._lock.release()
            raise

    def __enter__(self) -> RunLog:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        if kind is None:
            self.remove()
        else:
            self.close()

    @property
    def plan(self) -> Plan | None:
        """Plan that the run began with; None before it. Another could change the result within rounding."""
        return None if self._state is None else self._state.plan

    @property
    def done(self) -> frozenset[int]:
        """Numbers of the volumes that are written and on the disk, in the order of the run."""
        return frozenset(() if self._state is None else self._state.done)

    @property
    def bad(self) -> dict[int, str]:
        """Numbers of the volumes that cannot be restored, each with the reason."""
        return {} if self._state is None else dict(self._state.bad)

    @property
    def frame(self) -> list[int]:
        """What is known of the growing output beside its voxels."""
        return self._begun.frame

    @property
    def step(self) -> float | None:
        """Value of one step of an integer output that is complete."""
        return self._begun.step

    @property
    def _begun(self) -> RunState:
        assert self._state is not None
        return self._state

    def volume(self, number: int) -> Path:
        """Returns the folder for the checkpoint of a volume; each has its own, so that none is taken for another's."""
        return self.folder / f"{_VOLUME}{number}"

    def begin(self, plan: Plan, cameras: Sequence[CameraFound], frame: list[int]) -> None:
        """Starts a new run by this plan and with these cameras of its channels, into a file with this frame."""
        self._state = RunState(self._identity, self.plan or plan, list(cameras), self.run, frame)
        self._begun.write(self.folder)

    def know_frame(self, frame: list[int]) -> None:
        """Records what the growing output has beside its voxels; an empty list while that is written anew."""
        self._begun.frame = frame
        self._begun.write(self.folder)

    def reach(self, number: int, checksum: int) -> None:
        """Records that a volume is written and on the disk."""
        self._begun.done[number] = checksum
        self._begun.bad.pop(number, None)
        self._begun.write(self.folder)

    def give_up(self, number: int, reason: str) -> None:
        """Records that a volume cannot be restored, and is empty on the disk; it does not count as finished."""
        self._begun.bad[number] = reason
        self._begun.write(self.folder)
        discard(self.volume(number))

    def verify(self, checksum: Callable[[int], int]) -> None:
        """Compares each finished volume with its record, and forgets those that are damaged; warns of each."""
        damaged = [number for number, known in sorted(self._begun.done.items()) if _read_sum(checksum, number) != known]
        for number in damaged:
            del self._begun.done[number]
            caution(
                f"volume {number + 1} of {len(self._identity['order'])} was damaged since it was finished, and is "
                "restored again",
                VolumeWarning,
            )
        if damaged:
            self._begun.write(self.folder)

    def complete(self, output: Path, step: float | None) -> None:
        """Records that the output is complete, just before it gets its final name."""
        self._begun.output, self._begun.step = mark(output), step
        self._begun.write(self.folder)

    def close(self) -> None:
        """Lets other processes use the log."""
        self._lock.release()
        if self._state is None and self._made:
            self._remove_folder()  # the run was stopped before there was anything to log

    def remove(self) -> None:
        """Removes what the run has put in the folder, then the folder if nothing else is in it, and its state last."""
        try:
            for number in range(len(self._identity["order"])):
                discard(self.volume(number))
            last = move_out(self.folder, self.run)
            self._lock.release()
            if not self._remove_folder(last):
                caution(
                    f"checkpoint folder {str(self.folder)!r} stays, since it holds "
                    f"{_first(self.folder, last)!r}, which the run has not made",
                    LeftOverWarning,
                )
            last.unlink(missing_ok=True)
            if last.parent == self.folder:
                self._remove_folder()
        except (OSError, CheckpointError) as error:
            self._lock.release()
            what = getattr(error, "strerror", None) or error
            caution(
                f"the output is complete, but its checkpoint folder {str(self.folder)!r} could not be removed: {what}; "
                "remove it by hand",
                LeftOverWarning,
            )

    def _remove_folder(self, last: Path | None = None) -> bool:
        """Removes the folder if it holds nothing but the last state, and returns whether it does."""
        if _first(self.folder, last) is not None:
            return False
        # a link to a folder is the user's, and so is the folder that it points to
        if (last is None or last.parent != self.folder) and not self.folder.is_symlink():
            self.folder.rmdir()
            sync_folder(self.folder.parent)
        return True

    def _prepare(self) -> None:
        try:
            self._made = not self.folder.exists()
            self.folder.mkdir(exist_ok=True)
            # a state must not outlive, on the disk, the name of the folder that it is in
            sync_folder(self.folder.parent)
            names = sorted(path.name for path in self.folder.iterdir())
        except OSError as error:
            raise self._unusable(error) from error
        if STATE in names:
            return
        for name in names:
            if name != _LOCKED and not _FIRST_STATE.fullmatch(name) and not _is_unfinished_lock(self.folder / name):
                raise CheckpointError(
                    f"checkpoint folder {str(self.folder)!r} holds {name!r}, no run of files; name another"
                )

    def _unusable(self, error: OSError) -> CheckpointError:
        return CheckpointError(f"checkpoint folder {str(self.folder)!r} cannot be used: {error.strerror or error}")

    def _clear_unfinished(self) -> None:
        """Removes what writes of this run left that were cut short: files that carry its token, or a gone owner's."""
        ours = unfinished(self.folder / STATE, self.run).name
        for path in self.folder.iterdir():
            first = self._state is None and _FIRST_STATE.fullmatch(path.name)
            if path.name == ours or first or _is_unfinished_lock(path):
                path.unlink()

    def _find_last(self) -> None:
        """Moves the state of a run back that was killed as it ended; one of another output, or an old one, goes."""
        for path in lasts(self.folder):
            try:
                state = read_state(path)
            except (OSError, ValueError):
                continue  # nobody knows whose it is
            if state.has_written(self._output) and not os.path.lexists(self.folder / STATE):
                path.rename(self.folder / STATE)
            else:
                path.unlink()

    def _read(self) -> None:
        try:
            state = read_state(self.folder / STATE)
        except (OSError, ValueError) as error:
            what = error.strerror if isinstance(error, OSError) else error
            raise CheckpointError(
                f"checkpoint {str(self.folder)!r} cannot be read: {what}; remove it to start anew, or name another"
            ) from error
        if other := [key for key, value in self._identity.items() if state.identity.get(key) != value]:
            said = ", ".join(f"{key}{_differ(state.identity.get(key), self._identity[key])}" for key in other)
            raise CheckpointError(
                f"checkpoint {str(self.folder)!r} is of another run, with other {said}; remove it or name another"
            )
        self._state, self.run = state, state.run


def _read_sum(checksum: Callable[[int], int], number: int) -> int | None:
    """Returns the checksum of a volume; None if it cannot be read any more."""
    try:
        return checksum(number)
    except OSError:
        return None


def _is_unfinished_lock(path: Path) -> bool:
    """Returns whether a file is a lock of an ended process that never got its name."""
    # it may have the lock's own name too, and is no larger than what any owner writes
    if not _UNFINISHED_LOCK.fullmatch(path.name) or not S_ISREG(path.lstat().st_mode) or path.lstat().st_size > 4096:
        return False
    text = path.read_bytes()
    owner = Owner.parse(text)
    return not text or (owner is not None and owner.gone)


def _differ(there: object, now: object) -> str:
    """Describes two values if they are short enough to be read."""
    texts = repr(there), repr(now)
    return f" (there {texts[0]}, now {texts[1]})" if max(map(len, texts)) <= 24 else ""


def _first(folder: Path, besides: Path | None = None) -> str | None:
    """Returns the name of something in a folder, besides one path; None if there is nothing."""
    return next((path.name for path in folder.iterdir() if path != besides), None)
