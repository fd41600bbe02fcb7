"""The kernels that transform rows: real to half spectrum and back, with an elementwise step in between.

A row of n voxels is transformed as n / 2 complex numbers and put right at the ends (Cooley, Lewis & Welch 1970).
Several rows share a block of threads. Rows that are spectra, are needed as voxels for one elementwise step, and as
spectra again after it, go through all of that in one pass over memory. With acceleration a step starts from a point
ahead of the newest estimate: it is made where it is needed, of the last two estimates, and never stored.
"""

from __future__ import annotations

from rlcore.backend.kit.gpu_fft.stages import Access, Statements, indented, stages_of, through, times
from rlcore_cupy.factors import FACTOR
from rlcore_cupy.row_steps import (
    FETCH,
    KEPT,
    Form,
    Step,
    begin,
    from_point,
    goes_on,
    next_point,
    parameters,
    ratio,
    to_estimate,
    updates,
)
from rlcore_cupy.row_tilings import RowTiling
from rlcore_cupy.sums import TOTAL

_ORIGIN = {False: "row * from", True: "first_plane + row / high * between + row % high * from"}


def row_source(tiling: RowTiling, origin: Form, step: Step, target: Form) -> str:
    """CUDA C of the kernel `rows`.

    It takes rows from `source`, as voxels or half spectra, and brings them to `target`, which may be the same. A step
    reads `first` (the image, or the estimate) too and, for "weighted", `second`; any of them may be the target.
    For a point ahead, what is read as the estimate is the one before, and `newest` is the other. An update that goes on
    to half spectra, those of the next point, writes the new estimate to `first`.
    """
    return f"""{FACTOR}{FETCH + TOTAL if step.endswith(KEPT) else ""}
extern "C" __global__ void __launch_bounds__({tiling.threads})
rows(const float* source, const long long from, float* target, const long long to, const int count,
     const float2* __restrict__ turns, const float2* __restrict__ ends{parameters(step, target)})
{{
    extern __shared__ float2 tile[];
    const int lane = threadIdx.x % {tiling.lanes}, local = threadIdx.x / {tiling.lanes};
    const int row = blockIdx.x * {tiling.rows} + local;
    const bool inside = row < count;
    const float2* origin = (const float2*)(source + {_ORIGIN[step.endswith(KEPT)]});
    float2* goal = (float2*)(target + row * to);
    float2* own = tile + local * {tiling.pitch};
    {begin(step, target, tiling.length, tiling.lanes)}
{indented(_statements(tiling, origin, step, target))}
}}
"""


def _statements(tiling: RowTiling, origin: Form, step: Step, target: Form) -> Statements:
    n, (load, store) = tiling.length, _tile(tiling.gap)
    back = stages_of(n, tiling.lanes, tiling.radices, +1, "b")
    on = stages_of(n, tiling.lanes, tiling.radices[::-1] if origin == "halves" else tiling.radices, -1, "a")
    if origin == "halves":
        yield from back[0].read(_from_halves(n), "inside")
        yield from back[0].compute()
        yield "__syncthreads();"
        yield from through(back, [(load, store)])
        if step != "none":
            yield from back[-1].change(ratio if step == "ratio" else updates(step), "inside")
        if target == "halves" and step not in ("none", "ratio"):  # after all loads, which cannot pass stores
            yield from back[-1].change(to_estimate, "inside")
        if goes_on(step, target):
            yield from back[-1].change(next_point, "inside")
        if target == "reals":
            yield from back[-1].change(_to_reals, "inside")
            if step.endswith(KEPT):
                yield f"if (past) total(seen, {tiling.threads}, (InnerProducts*)tile, found, sums_told, through);"
            return
        yield from back[-1].following(on[0])
    else:
        yield from on[0].read(from_point if step == "point" else _from_reals, "inside")
    yield from on[0].compute()
    yield "__syncthreads();"
    yield from through(on, [(load, store)])
    yield from on[-1].change(store)
    yield "__syncthreads();"
    yield from _to_halves(tiling)


def _tile(gap: int) -> tuple[Access, Access]:
    """Load from and store to the row's shared memory."""
    return (
        lambda name, at: iter([f"{name} = own[{_place(at, gap)}];"]),
        lambda name, at: iter([f"own[{_place(at, gap)}] = {name};"]),
    )


def _place(at: str, gap: int) -> str:
    return f"{at} + ({at} >> {gap})"


def _from_reals(name: str, at: str) -> Statements:
    yield f"{name} = origin[{at}];"


def _to_reals(name: str, at: str) -> Statements:
    yield f"goal[{at}] = {name};"


def _from_halves(n: int) -> Access:
    """Two voxels a value, n times too large: ``(X_k + conj X_m) + i (X_k - conj X_m) exp(2 pi i k / n)``."""

    def access(name: str, at: str) -> Statements:
        yield "{"
        yield f"const float2 x = origin[{at}], y = origin[{n} - {at}], e = __ldg(ends + {at});"
        yield "const float2 d = make_float2(x.x - y.x, x.y + y.y);"
        yield f"const float2 t = {times('d', 'e', conjugate=True)};"
        yield f"{name} = make_float2(x.x + y.x - t.y, x.y - y.y + t.x);"
        yield "}"

    return access


def _to_halves(tiling: RowTiling) -> Statements:
    """The half spectrum out of the transform of pairs, which is in shared memory."""
    n = tiling.length
    yield f"if (inside) for (int k = lane; k <= {n}; k += {tiling.lanes}) {{"
    yield f"const int p = k == {n} ? 0 : k, m = k == 0 ? 0 : {n} - k;"
    yield f"const float2 x = own[{_place('p', tiling.gap)}], y = own[{_place('m', tiling.gap)}], e = __ldg(ends + k);"
    yield "const float2 d = make_float2(x.x - y.x, x.y + y.y);"
    yield f"const float2 t = {times('d', 'e')};"
    yield "goal[k] = make_float2(0.5f * (x.x + y.x + t.y), 0.5f * (x.y - y.y - t.x));"
    yield "}"
