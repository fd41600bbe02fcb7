"""Running a plan: sweeps over blocks, transfers, progress, cancelling, checkpoints."""

from rlcore.execution.engine import ReplanWarning, Run, execute
from rlcore.execution.progress import Progress
from rlcore.execution.record import Info

__all__ = ["Info", "Progress", "ReplanWarning", "Run", "execute"]
