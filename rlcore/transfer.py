"""The transfer spectrum of a PSF, made once for runs that follow each other with the same one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import numpy as np

from rlcore.backend import Backend, Shape
from rlcore.kernel import on_device
from rlcore.psf import PSF
from rlcore.steps import Steps


@dataclass(slots=True)
class _Kept:
    """The spectrum made last, and what of; nothing at first."""

    made_of: tuple[Backend[Any], PSF, Shape] | None = None
    transfer: Any = None

    def serves(self, backend: Backend[Any], psf: PSF, shape: Shape) -> bool:
        if self.made_of is None:
            return False
        engine, other, size = self.made_of
        alike = psf.centre == other.centre and np.array_equal(psf.values, other.values)
        return engine is backend and size == shape and alike


_KEPT: ContextVar[_Kept | None] = ContextVar("rlcore transfer", default=None)


@contextmanager
def one_transfer() -> Iterator[None]:
    """Within it, a run takes the transfer spectrum of the run before if backend, PSF and block are the same.

    One is kept, and it goes before another is made: runs need no more memory than their plans say.
    """
    token = _KEPT.set(_Kept())
    try:
        yield
    finally:
        _KEPT.reset(token)


def transfer_of(backend: Backend[Any], steps: Steps[Any], psf: PSF, shape: Shape) -> Any:
    """What convolves a block of this shape with the PSF: made here, or kept by `one_transfer`."""
    kept = _KEPT.get()
    if kept is None:
        return steps.transfer(on_device(backend, psf, shape))
    if not kept.serves(backend, psf, shape):
        kept.made_of = kept.transfer = None
        kept.transfer = steps.transfer(on_device(backend, psf, shape))
        kept.made_of = backend, psf, shape
    return kept.transfer
