"""Elementwise steps as single kernels over rows of any spacing, and the compilation of the `.cu` files."""

from __future__ import annotations

import math
from functools import cache
from importlib.resources import files
from typing import Any, Literal

import numpy as np

from rlcore_cupy.arrays import Array, Padded, Ratio, Spread
from rlcore_cupy.library import cupy

THREADS = 256
"""Threads of a block."""
EACH = 4
"""Voxels of a row that a thread handles at a time."""

File = Literal["elementwise", "sums", "regularization"]
"""The files of kernels, without `.cu`."""


def kernel(name: str, file: File) -> Any:
    """A compiled kernel for the current device."""
    return _compiled(name, file, cupy.cuda.runtime.getDevice())


@cache
def _compiled(name: str, file: File, device: int) -> Any:
    return cupy.RawModule(code=source(file)).get_function(name)


@cache
def source(file: File) -> str:
    """CUDA C of a file, with the parts that all files share."""
    common, own = (files("rlcore_cupy").joinpath(part).read_text("utf-8") for part in ("common.cuh", f"{file}.cu"))
    return f"#define EACH {EACH}\n#define THREADS {THREADS}\n{common}\n{own}"


def run(name: str, out: Padded, *operands: Padded, also: tuple[Any, ...] = (), file: File = "elementwise") -> Padded:
    """Run a kernel over all rows of `out` and the operands."""
    n, rows = out.shape[-1], out.rows
    parts = math.ceil(n / (EACH * THREADS))
    wide = 32 * math.ceil(n / (32 * EACH * parts))
    tall = max(1, THREADS // wide)
    grid = (parts, min(math.ceil(rows / tall), 65535))
    kernel(name, file)(grid, (wide, tall), (np.int32(n), np.int32(rows), *lines(out, *operands), *also))
    return out


def lines(*arrays: Padded) -> list[Any]:
    """Kernel arguments of arrays: where each is, and the spacing of its rows."""
    return [part for array in arrays for part in (array.buffer, np.int32(array.line))]


def ratio(step: Ratio, blurred: Padded, out: Padded) -> Padded:
    """``image / max(blurred + background, floor) - 1`` inside the box, 0 outside it."""
    return run("ratio", out, step.image, blurred, also=step.numbers)


def update(estimate: Padded, correction: Padded, weight: Array | None, out: Padded) -> Padded:
    """``estimate * max(1 + weight * correction, 0)``."""
    if weight is None:
        return run("update", out, estimate, correction)
    if isinstance(weight, Spread):
        return run("tabled", out, estimate, correction, also=weight.arguments)
    return run("weighted", out, estimate, correction, weight)


def multiply(spectrum: Padded, factor: Padded, *, conjugate: bool, scale: float) -> None:
    """Multiply a spectrum by another, or by its conjugate, in place."""
    count = spectrum.buffer.size // 2
    arguments = (np.int64(count), spectrum.buffer, factor.buffer, np.int32(conjugate), np.float32(scale))
    kernel("product", "elementwise")((min(-(-count // THREADS), 1 << 16),), (THREADS,), arguments)
