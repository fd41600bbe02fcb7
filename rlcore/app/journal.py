"""How far a run over several volumes is: killed at any moment, it goes on from the last finished volume."""

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


class Journal:
    """A folder with a small state file, replaced whole after every volume, beside the state of the volume under way.

    Parameters
    ----------
    folder : Path
        Made if absent. One that holds anything but a run's state is refused.
    identity : mapping
        What the run depends on, in types that JSON has. A state of another identity is refused.
    growing : Path
        The file or folder that finished volumes are in.
    """

    def __init__(self, folder: Path, identity: Mapping[str, Any], growing: Path) -> None:
        self.folder, self._identity = folder, json.loads(json.dumps(identity))
        self.finished = 0
        """Volumes that are written, in the order of the run."""
        self.plan: Plan | None = None
        """The plan that the run began with: another might end with other bits."""
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
        """The folder for the state of the volume under way."""
        return self.folder / "volume"

    def begin(self, plan: Plan) -> None:
        """Begin a new run by this plan."""
        self.plan = plan
        self._write()

    def reach(self, finished: int) -> None:
        """Note that so many volumes are written."""
        self.finished = finished
        self._write()

    def remove(self) -> None:
        """The run is finished."""
        shutil.rmtree(self.folder)

    def _make(self) -> None:
        try:
            self.folder.mkdir(exist_ok=True)
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
        beside = self.folder / (_STATE + ".new")
        content = {"identity": self._identity, "plan": asdict(self.plan), "finished": self.finished}
        beside.write_text(json.dumps(content))
        beside.replace(self.folder / _STATE)
