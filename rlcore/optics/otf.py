"""The optical transfer function (OTF) of a PSF, made once for consecutive runs with the same one."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from typing import Any

import numpy as np

from rlcore.backend import Backend, Shape
from rlcore.optics.psf import PSF
from rlcore.optics.psf_on_grid import on_device


@dataclass(slots=True)
class _Kept:
    """The OTF made last, with everything that it depends on; empty at first."""

    made_of: tuple[Backend[Any], PSF, Shape] | None = None
    otf: Any = None

    def serves(self, backend: Backend[Any], psf: PSF, shape: Shape) -> bool:
        if self.made_of is None:
            return False
        engine, other, size = self.made_of
        alike = psf.centre == other.centre and np.array_equal(psf.values, other.values)
        return engine == backend and size == shape and alike


_KEPT: ContextVar[_Kept | None] = ContextVar("rlcore otf", default=None)


@contextmanager
def one_otf() -> Iterator[None]:
    """Within it, a run reuses the OTF of the previous run if backend, PSF and block shape are the same.

    One OTF is kept, and released before another is made, so runs need no more memory than their plans say.
    """
    token = _KEPT.set(_Kept())
    try:
        yield
    finally:
        _KEPT.reset(token)


def otf_for(backend: Backend[Any], psf: PSF, shape: Shape) -> Any:
    """The OTF for blocks of this shape: made here, or kept by `one_otf`."""
    kept = _KEPT.get()
    if kept is None:
        return backend.otf(on_device(backend, psf, shape), shape)
    if not kept.serves(backend, psf, shape):
        kept.made_of = kept.otf = None
        kept.otf = backend.otf(on_device(backend, psf, shape), shape)
        kept.made_of = backend, psf, shape
    return kept.otf
