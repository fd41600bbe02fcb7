"""Functions with the names and signatures of other programs, over this engine: scripts change one import."""
