"""The OpenCL backends of rlcore: one set of kernels, and transforms by reikna or by VkFFT."""

from rlcore_reikna.reikna_backend import ReiknaBackend
from rlcore_reikna.vkfft_backend import VkFFTBackend

__all__ = ["ReiknaBackend", "VkFFTBackend"]
