"""The volumes of a run: image, starting estimate, working volumes and result."""
