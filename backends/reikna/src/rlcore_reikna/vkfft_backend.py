"""The backend `vkfft`: the same arrays and kernels, transforms by VkFFT."""

from __future__ import annotations

from functools import cache

from rlcore.errors import BackendUnavailable
from rlcore_reikna.backend import OpenCLBackend
from rlcore_reikna.runtime import Runtime
from rlcore_reikna.transforms import Transforms


class VkFFTBackend(OpenCLBackend):
    """Richardson-Lucy on any OpenCL device, transforms by VkFFT: real ones, and as good at 2, 3, 5 and 7.

    Raises
    ------
    BackendUnavailable
        If pyvkfft is not installed, or there is no such device.
    """

    name = "vkfft"

    def __init__(self, device: str | int | None = None) -> None:
        _check_library()
        super().__init__(device)

    @staticmethod
    @cache
    def _transforms_on(runtime: Runtime) -> Transforms:
        from rlcore_reikna.half import HalfTransforms

        return HalfTransforms(runtime)


def _check_library() -> None:
    try:
        import pyvkfft.opencl  # noqa: F401
    except (ImportError, OSError) as error:
        raise BackendUnavailable(
            f"backend 'vkfft' needs pyvkfft with its OpenCL library ({error}); try: pip install 'rlcore-reikna[vkfft]'"
            ", which compiles it and needs a C++ compiler and the headers of OpenCL"
        ) from error
