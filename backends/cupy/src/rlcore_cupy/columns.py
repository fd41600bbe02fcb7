"""The kernel that transforms columns of spectra, in CUDA C."""

from __future__ import annotations

from rlcore.backend.kit.gpu_fft.columns import Kind, Tiling, body


def source(tiling: Tiling, kind: Kind) -> str:
    """CUDA C of the kernel `columns`, which works in place.

    Value k of column c of plane p is ``data[p * plane + k * stride + c]``; blocks along y are planes.
    """
    return f"""
extern "C" __global__ void __launch_bounds__({tiling.threads})
columns(float2* __restrict__ data, const float2* __restrict__ transfer, const float2* __restrict__ turns,
        const int columns, const long long stride, const long long plane, const float scale)
{{
    extern __shared__ float2 tile[];
    const int c = threadIdx.x % {tiling.width}, lane = threadIdx.x / {tiling.width};
    const int column = blockIdx.x * {tiling.width} + c;
    const bool inside = column < columns;
    data += blockIdx.y * plane + column;
    transfer += column;
{body(tiling, kind)}
}}
"""
