"""The errors that rlcore raises, and warnings that point at the caller's line.

Every message is one sentence that its reader can act on.
"""

from __future__ import annotations

import sys
import warnings
from pathlib import Path

_PACKAGE = str(Path(__file__).parent)


class RLCoreError(Exception):
    """Root of every error that rlcore raises on purpose."""


class InputError(RLCoreError, ValueError):
    """The image, the PSF or an option cannot be used as given."""


class BackendError(RLCoreError, RuntimeError):
    """A backend is unknown, cannot run here, or failed while running."""


class BackendUnavailable(BackendError):
    """The backend is installed but has nothing to run on: no driver, no device."""


class IncompleteBackend(BackendError):
    """A backend that lacks members of the contract."""


class PSFModelError(RLCoreError, RuntimeError):
    """A model of a point spread function is unknown, or failed."""


class PSFModelUnavailable(PSFModelError):
    """The model is installed but lacks a library or data that it needs."""


class OutOfMemory(BackendError, MemoryError):
    """A device refused an allocation that the plan had allowed."""


class BudgetError(RLCoreError, MemoryError):
    """No plan fits the memory that was given; the message names the smallest that would do."""


class CheckpointError(RLCoreError):
    """A checkpoint belongs to another run, is in use by another process, is damaged, or cannot be read or written."""


class OutputError(RLCoreError):
    """An output cannot be completed: another run writes it, the disk is full, or its name was taken meanwhile."""


class CheckpointWriteError(CheckpointError):
    """A run cannot write its checkpoint any more; what was written before is there to resume from."""


class Cancelled(RLCoreError):
    """The run was stopped by its callback or cancel event."""


def caution(message: str, category: type[UserWarning]) -> None:
    """Warn on behalf of the first caller outside this package, however deep inside it the warning arises."""
    frame, level = sys._getframe(1), 2
    while frame.f_back is not None and frame.f_code.co_filename.startswith(_PACKAGE):
        frame, level = frame.f_back, level + 1
    warnings.warn(message, category, stacklevel=level)
