"""Run log: progress of a run from file to file on disk, so that a killed run resumes after its last volume."""

from __future__ import annotations

import json
import re
import secrets
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rlcore.app.files.durable import write_whole
from rlcore.app.files.left_overs import LeftOverWarning
from rlcore.app.files.lock import LOCK, Lock
from rlcore.app.files.owner import Owner
from rlcore.errors import CheckpointError, caution
from rlcore.planner import Plan

_STATE, _LOCKED, _VOLUME = "run.json", "run.lock", "volume-"
_VOLUME_FILES = re.compile(
    r"state\.json|lock-[0-9a-f]{16}(-[0-9a-f]{16}\.new|\.json)"
    r"|(start|result|ratio|other-ratio|estimate-\d+|point-\d+)\.npy|[a-z0-9-]+-[0-9a-f]{16}\.new"
)
"""Names of what the checkpoint of a volume holds."""


class RunLog:
    """A folder with the state of a run over volumes, and a checkpoint of the volume in progress.

    Parameters
    ----------
    folder : Path
        Created if absent. A folder that holds anything other than a run's state is refused.
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

    def __init__(self, folder: Path, owner: Owner, identity: Mapping[str, Any], *, force_unlock: bool = False) -> None:
        # a round trip through JSON turns tuples into lists, so that it compares equal to what is read back
        self.folder, self._identity = folder, json.loads(json.dumps(identity))
        self.finished = 0
        """Number of volumes that are written, in the order of the run."""
        self.plan: Plan | None = None
        """Plan that the run began with. Resuming by another plan could change the result within rounding."""
        self.run = secrets.token_hex(8)
        """Identifier of the run, by which its work folder is found again."""
        self.output: list[int] | None = None
        """Mark of the complete output, by which it is known under its final name; None while it is incomplete."""
        self.size: int | None = None
        """Size in bytes of the file that volumes are written to; None for a Zarr, whose chunks come and go."""
        self.step: float | None = None
        """Value of one step of an integer output that is complete."""
        self._prepare()
        self._lock = Lock(folder / _LOCKED, folder, owner, f"checkpoint {str(folder)!r}", force=force_unlock)
        try:
            if (folder / _STATE).exists():
                self._read()
                # killed between the state and the checkpoint of the volume before, a run leaves that behind
                for number in range(self.finished):
                    _remove_volume(self.volume(number))
        except BaseException:
            self._lock.release()
            raise

    def volume(self, number: int) -> Path:
        """Returns the folder for the checkpoint of a volume; each has its own, so that none is taken for another's."""
        return self.folder / f"{_VOLUME}{number}"

    def begin(self, plan: Plan, size: int | None) -> None:
        """Starts a new run by this plan, into a file of this size."""
        self.plan, self.size = plan, size
        self._write()

    def reach(self, finished: int) -> None:
        """Records that `finished` volumes are written and on the disk."""
        self.finished = finished
        self._write()

    def complete(self, output: Path, step: float | None) -> None:
        """Records that the output is complete, just before it gets its final name."""
        self.output, self.step = mark(output), step
        self._write()

    def close(self) -> None:
        """Lets other processes use the log."""
        self._lock.release()
        if self.plan is None and self._made:
            self._remove_folder()  # the run was stopped before there was anything to log

    def remove(self) -> None:
        """Removes what the run has put in the folder, then the folder if nothing else is in it."""
        for number in range(self.finished + 1):
            _remove_volume(self.volume(number))
        (self.folder / _STATE).unlink(missing_ok=True)
        for path in self.folder.iterdir():
            if path.name.startswith((_STATE + ".", LOCK)):
                path.unlink()  # of a write that was interrupted
        self._lock.release()
        if not self._remove_folder():
            caution(
                f"checkpoint folder {str(self.folder)!r} stays, since it holds {_first(self.folder)!r}, which the run "
                "has not made",
                LeftOverWarning,
            )

    def _remove_folder(self) -> bool:
        if _first(self.folder) is None:
            self.folder.rmdir()
            return True
        return False

    def _prepare(self) -> None:
        try:
            self._made = not self.folder.exists()
            self.folder.mkdir(exist_ok=True)
            names = sorted(path.name for path in self.folder.iterdir())
        except OSError as error:
            raise CheckpointError(f"checkpoint folder {str(self.folder)!r} cannot be used: {error.strerror}") from error
        # left-overs of writes that were interrupted before the first state was complete are ours
        foreign = [name for name in names if name != _LOCKED and not name.startswith((_STATE + ".", LOCK))]
        if foreign and _STATE not in names:
            raise CheckpointError(
                f"checkpoint folder {str(self.folder)!r} holds {foreign[0]!r}, no run of files; name another"
            )

    def _read(self) -> None:
        try:
            found = json.loads((self.folder / _STATE).read_text("utf-8"))
            plan, finished, identity = Plan.from_dict(found["plan"]), int(found["finished"]), dict(found["identity"])
            self.run, self.output = str(found["run"]), found["output"]
            self.size, self.step = found["size"], found["step"]
            if not 0 <= finished <= len(identity["order"]):
                raise ValueError(f"it has {finished} finished volumes of {len(identity['order'])}")
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise CheckpointError(
                f"checkpoint {str(self.folder)!r} cannot be read: {error}; remove it to start anew"
            ) from error
        if other := [key for key, value in self._identity.items() if identity.get(key) != value]:
            said = ", ".join(f"{key}{_differ(identity.get(key), self._identity[key])}" for key in other)
            raise CheckpointError(
                f"checkpoint {str(self.folder)!r} is of another run, with other {said}; remove it or name another"
            )
        self.plan, self.finished = plan, finished

    def _write(self) -> None:
        assert self.plan is not None
        content = {
            "identity": self._identity,
            "plan": asdict(self.plan),
            "finished": self.finished,
            "run": self.run,
            "output": self.output,
            "size": self.size,
            "step": self.step,
        }
        write_whole(self.folder / _STATE, json.dumps(content))


def mark(output: Path) -> list[int]:
    """Returns what tells a file or a Zarr from any other, under whatever name it has."""
    stat = output.stat()
    content = (output / "zarr.json").stat() if output.is_dir() else stat
    return [stat.st_dev, stat.st_ino, content.st_size, content.st_mtime_ns]


def is_output_of(folder: Path | None, output: Path) -> bool:
    """Returns whether a checkpoint is of a run that has written this output, and was killed before it could say so."""
    try:
        found = json.loads((folder / _STATE).read_text("utf-8"))["output"] if folder is not None else None
        return found is not None and bool(found == mark(output))
    except (OSError, ValueError, KeyError, TypeError):
        return False


def _differ(there: object, now: object) -> str:
    """Describes two values if they are short enough to be read."""
    texts = repr(there), repr(now)
    return f" (there {texts[0]}, now {texts[1]})" if max(map(len, texts)) <= 24 else ""


def _first(folder: Path) -> str | None:
    return next((path.name for path in folder.iterdir()), None)


def _remove_volume(folder: Path) -> None:
    """Removes the checkpoint of a volume file by file; a file of somebody else stays, and its folder with it."""
    if not folder.is_dir() or folder.is_symlink():
        return
    # the state goes last: killed meanwhile, the rest is still known as a checkpoint
    for path in sorted(folder.iterdir(), key=lambda path: path.suffix == ".json"):
        if _VOLUME_FILES.fullmatch(path.name):
            path.unlink()
    if _first(folder) is None:
        folder.rmdir()
