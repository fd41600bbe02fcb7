"""Other programs' names over this engine: scripts change one import."""
