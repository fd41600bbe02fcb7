"""Elementwise steps as single kernels over rows of any spacing."""

from __future__ import annotations

import math
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from rlcore.backend import Fit, Summary
from rlcore.backend.boxes import Box
from rlcore_cupy.factors import FACTOR
from rlcore_cupy.layout import Padded, Ratio
from rlcore_cupy.library import cupy
from rlcore_cupy.small import on_device

THREADS = 256
EACH = 4
"""Voxels of a row that a thread does at a time."""

_LOOP = """
    const int begin = blockIdx.y * blockDim.y + threadIdx.y, steps = gridDim.y * blockDim.y;
    for (int row = begin; row < rows; row += steps) {
        FOR_ROW
        #pragma unroll
        for (int k = 0; k < EACH; ++k) {
            const int x = (blockIdx.x * EACH + k) * blockDim.x + threadIdx.x;
            if (x < n) { FOR_VOXEL }
        }
    }
"""


def row_kernel(name: str, parameters: str, begin: str, body: str) -> str:
    """CUDA C of a kernel that does something for every row, then for every voxel of it."""
    loop = _LOOP.replace("EACH", str(EACH)).replace("FOR_ROW", begin).replace("FOR_VOXEL", body)
    return f'extern "C" __global__ void {name}(const int n, const int rows, {parameters}) {{{loop}}}\n'


SOURCE = (
    FACTOR
    + row_kernel(
        "ratio",
        "float* out, const int lo, const float* image, const int li, const float* blurred, const int lb, "
        "const float background, const float least, const int ny, const int z0, const int z1, const int y0, "
        "const int y1, const int x0, const int x1",
        "float* o = out + (long long)row * lo; const float* g = image + (long long)row * li; "
        "const float* b = blurred + (long long)row * lb; const int z = row / ny, y = row % ny; "
        "const bool within = z >= z0 && z < z1 && y >= y0 && y < y1;",
        "o[x] = within && x >= x0 && x < x1 ? g[x] / fmaxf(b[x] + background, least) - 1.0f : 0.0f;",
    )
    + row_kernel(
        "quotient",
        "float* out, const int lo, const float* first, const int lf, const float* second, const int ls, "
        "const float least",
        "float* o = out + (long long)row * lo; const float* a = first + (long long)row * lf; "
        "const float* b = second + (long long)row * ls;",
        "o[x] = a[x] / fmaxf(b[x], least);",
    )
    + row_kernel(
        "predict",
        "float* out, const int lo, const float* estimate, const int le, const float* previous, const int lp, "
        "const float number, const double* sums, const float least",
        "float* o = out + (long long)row * lo; const float* e = estimate + (long long)row * le; "
        "const float* p = previous + (long long)row * lp; const float factor = factor_of(number, sums);",
        "o[x] = fmaxf(e[x] + factor * (e[x] - p[x]), least * e[x]);",
    )
    + row_kernel(
        "update",
        "float* out, const int lo, const float* estimate, const int le, const float* correction, const int lc",
        "float* o = out + (long long)row * lo; const float* e = estimate + (long long)row * le; "
        "const float* c = correction + (long long)row * lc;",
        "o[x] = e[x] * fmaxf(1.0f + c[x], 0.0f);",
    )
    + row_kernel(
        "weighted",
        "float* out, const int lo, const float* estimate, const int le, const float* correction, const int lc, "
        "const float* weight, const int lw",
        "float* o = out + (long long)row * lo; const float* e = estimate + (long long)row * le; "
        "const float* c = correction + (long long)row * lc; const float* v = weight + (long long)row * lw;",
        "o[x] = e[x] * fmaxf(1.0f + v[x] * c[x], 0.0f);",
    )
    + row_kernel(
        "tabled",
        "float* out, const int lo, const float* estimate, const int le, const float* correction, const int lc, "
        "const float* table, const int* first, const int* second, const int* third, const int ny, const int ty, "
        "const int tx",
        "float* o = out + (long long)row * lo; const float* e = estimate + (long long)row * le; "
        "const float* c = correction + (long long)row * lc; "
        "const float* v = table + (first[row / ny] * ty + second[row % ny]) * tx;",
        "o[x] = e[x] * fmaxf(1.0f + v[third[x]] * c[x], 0.0f);",
    )
    + row_kernel(
        "spread",
        "float* out, const int lo, const float* table, const int* first, const int* second, const int* third, "
        "const int ny, const int ty, const int tx",
        "float* o = out + (long long)row * lo; "
        "const float* v = table + (first[row / ny] * ty + second[row % ny]) * tx;",
        "o[x] = v[third[x]];",
    )
    + """
extern "C" __global__ void product(const long long n, float2* out, const float2* factor, const int conjugate,
                                   const float scale)
{
    const long long step = gridDim.x * (long long)blockDim.x;
    for (long long k = blockIdx.x * (long long)blockDim.x + threadIdx.x; k < n; k += step) {
        const float2 a = out[k], b = factor[k];
        const float y = conjugate ? -b.y : b.y;
        out[k] = make_float2((a.x * b.x - a.y * y) * scale, (a.x * y + a.y * b.x) * scale);
    }
}
extern "C" __global__ void look(const int n, const int rows, const float* array, const int line, double* found)
{
    __shared__ double least[256], most[256], total[256];
    double a = __int_as_float(0x7f800000), b = -a, s = 0.0;
    for (int row = blockIdx.x; row < rows; row += gridDim.x)
        for (int x = threadIdx.x; x < n; x += blockDim.x) {
            const double v = array[(long long)row * line + x];
            a = fmin(a, v); b = fmax(b, v); s += v;
        }
    const int t = threadIdx.x;
    least[t] = a; most[t] = b; total[t] = s;
    for (int half = blockDim.x / 2; half > 0; half /= 2) {
        __syncthreads();
        if (t < half) {
            least[t] = fmin(least[t], least[t + half]); most[t] = fmax(most[t], most[t + half]);
            total[t] += total[t + half];
        }
    }
    if (t == 0) {
        found[3 * blockIdx.x] = least[0]; found[3 * blockIdx.x + 1] = most[0]; found[3 * blockIdx.x + 2] = total[0];
    }
}
extern "C" __global__ void fit(const float* image, const int li, const float* blurred, const int lb,
                               const float background, const float least, const int ny, const int z0, const int z1,
                               const int y0, const int y1, const int x0, const int x1, double* found)
{
    __shared__ double divergences[256], lights[256], totals[256];
    double divergence = 0.0, light = 0.0, total = 0.0;
    const int high = y1 - y0, rows = (z1 - z0) * high;
    for (int k = blockIdx.x; k < rows; k += gridDim.x) {
        const long long row = (long long)(z0 + k / high) * ny + y0 + k % high;
        for (int x = x0 + threadIdx.x; x < x1; x += blockDim.x) {
            const float d = image[row * li + x], m = fmaxf(blurred[row * lb + x] + background, least);
            divergence += (double)(d > 0.0f ? d * logf(d / m) : 0.0f) + ((double)m - d);
            light += m; total += d;
        }
    }
    const int t = threadIdx.x;
    divergences[t] = divergence; lights[t] = light; totals[t] = total;
    for (int half = blockDim.x / 2; half > 0; half /= 2) {
        __syncthreads();
        if (t < half) {
            divergences[t] += divergences[t + half]; lights[t] += lights[t + half]; totals[t] += totals[t + half];
        }
    }
    if (t == 0) {
        found[3 * blockIdx.x] = divergences[0]; found[3 * blockIdx.x + 1] = lights[0];
        found[3 * blockIdx.x + 2] = totals[0];
    }
}
"""
)
"""CUDA C of all steps. Every array comes with the number of float32 from one of its rows to the next."""


def kernel(name: str, source: str = SOURCE) -> Any:
    """A compiled kernel for the current device."""
    return _compiled(name, source, cupy.cuda.runtime.getDevice())


@cache
def _compiled(name: str, source: str, device: int) -> Any:
    return cupy.RawModule(code=source).get_function(name)


@dataclass(frozen=True, slots=True)
class Spread:
    """A real array of few different values: a small table and three index vectors. It is read, never written."""

    shape: tuple[int, ...]
    arguments: tuple[Any, ...]
    """What kernels take of it: the table, an int32 index for each axis, 0 throughout for the first of a 2D array, rows
    of a plane, rows and columns of the table."""

    @classmethod
    def of(cls, table: Any, index: tuple[Any, ...]) -> Spread:
        """On the device, the table that stands for ``table[np.ix_(*index)]``."""
        three = (np.zeros(1, np.int32),) * (3 - len(index)) + tuple(index)
        values = on_device(table.reshape((1,) * (3 - table.ndim) + table.shape), np.float32)
        first, second, third = (on_device(axis, np.int32) for axis in three)
        sizes = map(np.int32, (len(second), *values.shape[1:]))
        return cls(tuple(map(len, index)), (values, first, second, third, *sizes))


def ratio(step: Ratio, blurred: Padded, out: Padded) -> Padded:
    """``image / max(blurred + background, floor) - 1`` inside the box, 0 outside it."""
    return run("ratio", out, step.image, blurred, also=step.numbers)


def run(name: str, out: Padded, *operands: Padded, also: tuple[Any, ...] = (), source: str = SOURCE) -> Padded:
    """Run a kernel over all rows of `out` and the operands."""
    n, rows = out.shape[-1], out.rows
    parts = math.ceil(n / (EACH * THREADS))
    wide = 32 * math.ceil(n / (32 * EACH * parts))
    tall = max(1, THREADS // wide)
    places = [part for array in (out, *operands) for part in (array.buffer, np.int32(array.line))]
    grid = (parts, min(math.ceil(rows / tall), 65535))
    kernel(name, source)(grid, (wide, tall), (np.int32(n), np.int32(rows), *places, *also))
    return out


def update(estimate: Padded, correction: Padded, weight: Padded | Spread | None, out: Padded) -> Padded:
    """``estimate * max(1 + weight * correction, 0)``."""
    if weight is None:
        return run("update", out, estimate, correction)
    if isinstance(weight, Spread):
        return run("tabled", out, estimate, correction, also=weight.arguments)
    return run("weighted", out, estimate, correction, weight)


def multiply(spectrum: Padded, transfer: Padded, *, conjugate: bool, scale: float) -> None:
    """Multiply a spectrum by another, or by its conjugate, in place."""
    count = spectrum.buffer.size // 2
    arguments = (np.int64(count), spectrum.buffer, transfer.buffer, np.int32(conjugate), np.float32(scale))
    kernel("product")((min(-(-count // THREADS), 1 << 16),), (THREADS,), arguments)


def summary(array: Padded) -> Summary:
    """Minimum, maximum and sum, in one look."""
    blocks = min(array.rows, 1056)
    found = cupy.empty((blocks, 3), cupy.float64)
    arguments = (np.int32(array.shape[-1]), np.int32(array.rows), array.buffer, np.int32(array.line), found)
    kernel("look")((blocks,), (THREADS,), arguments)
    host = found.get()
    return Summary(float(host[:, 0].min()), float(host[:, 1].max()), float(host[:, 2].sum()))


def fit(image: Padded, blurred: Padded, background: float, floor: float, inside: Box) -> Fit:
    """The image against the model ``max(blurred + background, floor)``, in a box."""
    step = Ratio(image, background, floor, inside)
    blocks = min(math.prod(inside.shape[:-1]), 1056)
    found = cupy.empty((blocks, 3), cupy.float64)
    places = [part for array in (image, blurred) for part in (array.buffer, np.int32(array.line))]
    kernel("fit")((blocks,), (THREADS,), (*places, *step.numbers, found))
    return Fit(*map(float, found.get().sum(axis=0)))
