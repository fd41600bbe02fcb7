"""Running a plan: sweeps over blocks, transfers, progress, cancelling, checkpoints."""

from rlcore.execution.engine import ReplanWarning, Run, execute
from rlcore.execution.progress import Progress

__all__ = ["Progress", "ReplanWarning", "Run", "execute"]
