"""The two backends: the same arrays and kernels, with transforms by reikna or by VkFFT."""

from __future__ import annotations

import contextlib
import threading
from functools import cache
from importlib import import_module

from rlcore.errors import BackendUnavailable
from rlcore_reikna.opencl_backend import OpenCLBackend
from rlcore_reikna.runtime import Runtime
from rlcore_reikna.transforms import Transforms


class ReiknaBackend(OpenCLBackend):
    """Richardson-Lucy on any OpenCL device, with transforms by reikna along lines, which are padded to powers of two.

    Nothing is compiled when it is installed.
    """

    name = "reikna"

    def __init__(self, device: str | int | None = None) -> None:
        # importing reikna takes half a second, so it is done while the driver compiles our first kernels
        threading.Thread(target=_import_reikna).start()
        super().__init__(device)

    @staticmethod
    @cache
    def _transforms_on(runtime: Runtime) -> Transforms:
        from rlcore_reikna.reikna_transforms import PackedTransforms

        return PackedTransforms(runtime)


class VkFFTBackend(OpenCLBackend):
    """Richardson-Lucy on any OpenCL device, with real transforms by VkFFT, fast for all products of primes up to 13.

    Raises
    ------
    BackendUnavailable
        If pyvkfft is not installed, or there is no such device.
    """

    name = "vkfft"

    def __init__(self, device: str | int | None = None) -> None:
        _check_vkfft()
        super().__init__(device)

    @staticmethod
    @cache
    def _transforms_on(runtime: Runtime) -> Transforms:
        from rlcore_reikna.vkfft_transforms import HalfTransforms

        return HalfTransforms(runtime)


def _import_reikna() -> None:
    # a failure is raised again where the transforms are made
    with contextlib.suppress(ImportError):
        import_module("rlcore_reikna.reikna_transforms")


def _check_vkfft() -> None:
    try:
        import pyvkfft.opencl  # noqa: F401
    except (ImportError, OSError) as error:
        raise BackendUnavailable(
            f"backend 'vkfft' needs pyvkfft with its OpenCL library ({error}); try: pip install 'rlcore-reikna[vkfft]'"
            ", which compiles it and needs a C++ compiler and the headers of OpenCL"
        ) from error
