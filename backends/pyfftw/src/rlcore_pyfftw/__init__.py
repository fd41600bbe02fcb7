"""The FFTW backend of rlcore."""

from rlcore_pyfftw.backend import PyFFTWBackend

__all__ = ["PyFFTWBackend"]
