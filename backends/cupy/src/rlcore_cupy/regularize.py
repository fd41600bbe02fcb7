"""Steps of accelerated and regularized runs that look beyond a voxel's own values, as single kernels."""

from __future__ import annotations

import math

import numpy as np

from rlcore.backend import InnerProducts, Shape
from rlcore.backend.boxes import Box
from rlcore_cupy.elementwise import THREADS, kernel, row_kernel, run
from rlcore_cupy.layout import Padded, box_of
from rlcore_cupy.sums import TOTAL, Total

_BOX = "const int ny, const int z0, const int z1, const int y0, const int y1, const int x0, const int x1"
"""What kernels take of a box: rows of a plane of the array, and its ends."""

SOURCE = (
    TOTAL
    + """
typedef unsigned long long word_t;

// Forward differences of a voxel along x, y and z, divided by their common length; none across the faces of the box,
// unless it wraps.
__device__ float3 slopes(const float* f, const int line, const int wraps, const float slack,
    const float least, """
    + _BOX
    + """, const int z, const int y, const int x)
{
    const int zn = z + 1 < z1 ? z + 1 : wraps ? z0 : z;
    const int yn = y + 1 < y1 ? y + 1 : wraps ? y0 : y;
    const int xn = x + 1 < x1 ? x + 1 : wraps ? x0 : x;
    const float* row = f + ((long long)z * ny + y) * line;
    const float here = row[x];
    const float dx = row[xn] - here;
    const float dy = f[((long long)z * ny + yn) * line + x] - here;
    const float dz = f[((long long)zn * ny + y) * line + x] - here;
    const float flat = slack * here;
    const float length = sqrtf(dx * dx + dy * dy + dz * dz + flat * flat) + least;
    return make_float3(dx / length, dy / length, dz / length);
}
"""
    + row_kernel(
        "smooth",
        "float* out, const int lo, const float* array, const int la, const float* estimate, const int le, "
        f"const float share, const float slack, const float least, const int wraps, {_BOX}",
        "float* o = out + (long long)row * lo; const float* a = array + (long long)row * la; "
        "const int z = row / ny, y = row % ny; const bool within = z >= z0 && z < z1 && y >= y0 && y < y1;",
        "if (!within || x < x0 || x >= x1) { o[x] = a[x]; continue; } "
        "const float3 s = slopes(estimate, le, wraps, slack, least, ny, z0, z1, y0, y1, x0, x1, z, y, x); "
        "float d = s.x + s.y + s.z; "
        "if (wraps || x > x0) "
        "d -= slopes(estimate, le, wraps, slack, least, ny, z0, z1, y0, y1, x0, x1, z, y, x > x0 ? x - 1 : x1 - 1).x; "
        "if (wraps || y > y0) "
        "d -= slopes(estimate, le, wraps, slack, least, ny, z0, z1, y0, y1, x0, x1, z, y > y0 ? y - 1 : y1 - 1, x).y; "
        "if (wraps || z > z0) "
        "d -= slopes(estimate, le, wraps, slack, least, ny, z0, z1, y0, y1, x0, x1, z > z0 ? z - 1 : z1 - 1, y, x).z; "
        "o[x] = a[x] / (1.0f - share * d);",
    )
    + row_kernel(
        "halve",
        "float* out, const int lo, const float* image, const int li, const float sign, const word_t key, "
        "const int ny, const int sz, const int sy, const int sx, const int mz, const int my, const int mx",
        "float* o = out + (long long)row * lo; const float* g = image + (long long)row * li; "
        "const word_t first = ((word_t)((row / ny + sz) % mz) * my + (row % ny + sy) % my) * mx;",
        "word_t word = (first + (x + sx) % mx) * 0x9E3779B97F4A7C15ULL + key; "
        "word = (word ^ (word >> 30)) * 0xBF58476D1CE4E5B9ULL; "
        "word = (word ^ (word >> 27)) * 0x94D049BB133111EBULL; word ^= word >> 31; "
        "const float counts = g[x]; float excess; "
        "if (counts > 64.0f) { excess = sqrtf(counts) * ((float)__popcll(word) - 32.0f) * 0.25f; } "
        "else { const int whole = (int)counts; const word_t few = whole < 64 ? (1ULL << whole) - 1ULL : ~0ULL; "
        "const float coin = (float)((word >> min(whole, 63)) & 1ULL); "
        "excess = 2.0f * (float)__popcll(word & few) - (float)whole "
        "+ (counts - (float)whole) * (2.0f * coin - 1.0f); } "
        "o[x] = counts + sign * excess;",
    )
    + row_kernel(
        "agree",
        "float* out, const int lo, const float* first, const int lf, const float* second, const int ls",
        "float* o = out + (long long)row * lo; const float* a = first + (long long)row * lf; "
        "const float* b = second + (long long)row * ls;",
        "const float m = 0.5f * (a[x] + b[x]); "
        "o[x] = m * fminf(fmaxf(5.0f * a[x] * b[x] / fmaxf(m * m, 1e-30f), 0.0f), 1.0f);",
    )
    + """
extern "C" __global__ void inner_products(const float* estimate, const int le, const float* point, const int lp,
                                    const float* previous, const int lr, const float* before, const int lb,
                                    const int ny, const int z0, const int z1, const int y0, const int y1,
                                    const int x0, const int x1, InnerProducts* found, InnerProducts* sums, unsigned* through)
{
    __shared__ InnerProducts room[256];
    InnerProducts seen = {0.0, 0.0};
    const int high = y1 - y0, rows = (z1 - z0) * high;
    for (int k = blockIdx.x; k < rows; k += gridDim.x) {
        const long long row = (long long)(z0 + k / high) * ny + y0 + k % high;
        for (int x = x0 + threadIdx.x; x < x1; x += blockDim.x)
            compare(seen, estimate[row * le + x], point[row * lp + x], previous[row * lr + x], before[row * lb + x]);
    }
    total(seen, blockDim.x, room, found, sums, through);
}
"""
)
"""CUDA C of all steps."""


def smooth(
    out: Padded, array: Padded, estimate: Padded, share: float, slack: float, least: float, inside: Box | None
) -> Padded:
    """``array / (1 - share * div(slopes of the estimate))`` in the box, the array outside it."""
    box = inside or Box((0,) * len(out.shape), out.shape)
    numbers = *map(np.float32, (share, slack, least)), np.int32(inside is None), *box_of(out.shape, box)
    return run("smooth", out, array, estimate, also=numbers, source=SOURCE)


def halve(out: Padded, image: Padded, key: int, start: Shape, shape: Shape, *, other: bool) -> Padded:
    """Twice one half of the counts, or twice the other."""
    lead = (0,) * (3 - len(shape))
    whole = (1,) * len(lead) + tuple(shape)
    first = (at % n for at, n in zip(lead + tuple(start), whole, strict=True))
    numbers = np.int32(image.shape[-2]), *map(np.int32, first), *map(np.int32, whole)
    sign = np.float32(-1.0 if other else 1.0)
    return run("halve", out, image, also=(sign, np.uint64(key), *numbers), source=SOURCE)


def agree(out: Padded, first: Padded, second: Padded) -> Padded:
    """The mean of two corrections, less the more they differ."""
    return run("agree", out, first, second, source=SOURCE)


def inner_products(arrays: tuple[Padded, ...], inside: Box) -> InnerProducts:
    """As `SupportsLikeness.inner_products`: estimate, point, previous and before."""
    blocks = min(math.prod(inside.shape[:-1]), 264)
    places = [part for array in arrays for part in (array.buffer, np.int32(array.line))]
    total = Total(blocks)
    kernel("inner_products", SOURCE)((blocks,), (THREADS,), (*places, *box_of(arrays[0].shape, inside), *total.arguments))
    return total.inner_products
