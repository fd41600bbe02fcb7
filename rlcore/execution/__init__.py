"""Running a plan: sweeps over blocks, transfers, progress, cancelling, checkpoints."""
