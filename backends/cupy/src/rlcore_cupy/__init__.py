"""The CUDA backend of rlcore."""

from rlcore_cupy.backend import CuPyBackend

__all__ = ["CuPyBackend"]
