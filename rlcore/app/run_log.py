"""Run log: progress of a run over several volumes on disk, so that a killed run resumes after its last volume."""

from __future__ import annotations

import json
import shutil
from collections.abc import Mapping
from dataclasses import asdict
from pathlib import Path
from typing import Any

from rlcore.errors import CheckpointError
from rlcore.planner import Plan

_STATE = "run.json"


class RunLog:
    """A folder with the state of a run over several volumes, and the checkpoint of the volume in progress.

    Parameters
    ----------
    folder : Path
        Created if absent. A folder that holds anything other than a run's state is refused.
    identity : mapping
        Everything that the result depends on, in types that JSON has. A state of another identity is refused.
    growing : Path
        The file or folder that holds the finished volumes.

    Raises
    ------
    CheckpointError
        If the folder cannot be used, belongs to another run, or its output is gone.
    """

    def __init__(self, folder: Path, identity: Mapping[str, Any], growing: Path) -> None:
        # a round trip through JSON turns tuples into lists, so that it compares equal to what is read back
        self.folder, self._identity = folder, json.loads(json.dumps(identity))
        self.finished = 0
        """Number of volumes that are written, in the order of the run."""
        self.plan: Plan | None = None
        """Plan that the run began with. Resuming by another plan could change the result within rounding."""
        if (folder / _STATE).exists():
            self._read()
        else:
            self._make()
        if self.finished and not growing.exists():
            raise CheckpointError(
                f"output {str(growing)!r} of the run in checkpoint {str(folder)!r} is gone; remove the checkpoint to "
                "start anew"
            )

    @property
    def volume(self) -> Path:
        """Folder for the checkpoint of the volume in progress."""
        return self.folder / "volume"

    def begin(self, plan: Plan) -> None:
        """Starts a new run by this plan."""
        self.plan = plan
        self._write()

    def reach(self, finished: int) -> None:
        """Records that `finished` volumes are written."""
        self.finished = finished
        self._write()

    def remove(self) -> None:
        """Removes the folder after the run has finished."""
        shutil.rmtree(self.folder)

    def _make(self) -> None:
        try:
            self.folder.mkdir(exist_ok=True)
            # a leftover of a write that was interrupted before the first state was complete is ours
            foreign = next((path for path in self.folder.iterdir() if path.name != _STATE + ".new"), None)
        except OSError as error:
            raise CheckpointError(f"checkpoint folder {str(self.folder)!r} cannot be used: {error.strerror}") from error
        if foreign is not None:
            raise CheckpointError(
                f"checkpoint folder {str(self.folder)!r} holds {foreign.name!r}, no run of several volumes; "
                "name another"
            )

    def _read(self) -> None:
        try:
            found = json.loads((self.folder / _STATE).read_text())
            plan, finished, identity = Plan.from_dict(found["plan"]), int(found["finished"]), dict(found["identity"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            raise CheckpointError(
                f"checkpoint {str(self.folder)!r} cannot be read: {error}; remove it to start anew"
            ) from error
        if other := [key for key, value in self._identity.items() if identity.get(key) != value]:
            raise CheckpointError(
                f"checkpoint {str(self.folder)!r} is of another run, with other {', '.join(other)}; remove it or name "
                "another"
            )
        self.plan, self.finished = plan, finished

    def _write(self) -> None:
        assert self.plan is not None
        # renaming is atomic: a kill leaves the old state or the new one, never half of it
        partial = self.folder / (_STATE + ".new")
        content = {"identity": self._identity, "plan": asdict(self.plan), "finished": self.finished}
        partial.write_text(json.dumps(content))
        partial.replace(self.folder / _STATE)
