"""The backend `reikna`: OpenCL without anything to compile at installation."""

from __future__ import annotations

import contextlib
import threading
from functools import cache
from importlib import import_module

from rlcore_reikna.backend import OpenCLBackend
from rlcore_reikna.runtime import Runtime
from rlcore_reikna.transforms import Transforms


class ReiknaBackend(OpenCLBackend):
    """Richardson-Lucy on any OpenCL device, transforms by reikna along lines, which are padded to powers of two."""

    name = "reikna"

    def __init__(self, device: str | int | None = None) -> None:
        threading.Thread(target=_import_reikna).start()
        super().__init__(device)

    @staticmethod
    @cache
    def _transforms_on(runtime: Runtime) -> Transforms:
        from rlcore_reikna.packed import PackedTransforms

        return PackedTransforms(runtime)


def _import_reikna() -> None:
    """Half a second's work, done beside the device's compiler; what goes wrong with it is told where it is needed."""
    with contextlib.suppress(ImportError):
        import_module("rlcore_reikna.packed")
