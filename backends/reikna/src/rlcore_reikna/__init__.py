"""The OpenCL backends of rlcore: one set of kernels, and transforms by reikna or by VkFFT."""

from rlcore_reikna.backends import ReiknaBackend, VkFFTBackend

__all__ = ["ReiknaBackend", "VkFFTBackend"]
