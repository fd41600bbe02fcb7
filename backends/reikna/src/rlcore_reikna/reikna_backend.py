"""The backend `reikna`: OpenCL without anything to compile at installation."""

from __future__ import annotations

from functools import lru_cache

from rlcore_reikna.backend import OpenCLBackend
from rlcore_reikna.packed import PackedTransforms


class ReiknaBackend(OpenCLBackend):
    """Richardson-Lucy on any OpenCL device, transforms by reikna along lines, which are padded to powers of two."""

    name = "reikna"
    _transforms_on = staticmethod(lru_cache(maxsize=None)(PackedTransforms))
