"""The kernels that transform rows: real to half spectrum and back, with an elementwise step in between.

A row of n voxels is transformed as n / 2 complex numbers and put right at the ends (Cooley, Lewis & Welch 1970).
Several rows share a block of threads. Rows that are spectra, are needed as voxels for one elementwise step, and as
spectra again after it, go through all of that in one pass over memory. With acceleration a step starts from a point
ahead of the newest estimate: it is made where it is needed, of the last two estimates, and never stored.
"""

from __future__ import annotations

from typing import Literal, get_args

from rlcore.transform_code.stages import Access, Statements, indented, stages_of, through, times
from rlcore_cupy.factors import FACTOR
from rlcore_cupy.row_tilings import RowTiling

Form = Literal["reals", "halves"]
"""Voxels, or the half spectrum of each row."""
Weighing = Literal["update", "weighted", "tabled"]
"""Updates, by how they are weighed."""
Ahead = Literal["update, ahead", "weighted, ahead", "tabled, ahead"]
Kept = Literal["update, ahead, kept", "weighted, ahead, kept", "tabled, ahead, kept"]
Step = Literal["none", "ratio", "point", Weighing, Ahead, Kept]
AHEAD = ", ahead"
"""Marks an update of the point ahead of the newest estimate; its place is that of the estimate before."""
KEPT = ", kept"
"""Marks one that puts the point in that place, and the update elsewhere; its rows are of planes `high` rows high, and
these are so far apart."""
_ORIGIN = {False: "row * from", True: "first_plane + row / high * between + row % high * from"}


def row_source(tiling: RowTiling, origin: Form, step: Step, target: Form) -> str:
    """CUDA C of the kernel `rows`.

    It takes rows from `source`, as voxels or half spectra, and brings them to `target`, which may be the same. A step
    reads `first` (the image, or the estimate) too and, for "weighted", `second`; any of them may be the target.
    For a point ahead, what is read as the estimate is the one before, and `newest` is the other. An update that goes on
    to half spectra, those of the next point, writes the new estimate to `first`.
    """
    return f"""{FACTOR}
extern "C" __global__ void __launch_bounds__({tiling.threads})
rows(const float* source, const long long from, float* target, const long long to, const int count,
     const float2* __restrict__ turns, const float2* __restrict__ ends{_parameters(step, target)})
{{
    extern __shared__ float2 tile[];
    const int lane = threadIdx.x % {tiling.lanes}, local = threadIdx.x / {tiling.lanes};
    const int row = blockIdx.x * {tiling.rows} + local;
    const bool inside = row < count;
    const float2* origin = (const float2*)(source + {_ORIGIN[step.endswith(KEPT)]});
    float2* goal = (float2*)(target + row * to);
    float2* own = tile + local * {tiling.pitch};
    {_begin(step, target)}
{indented(_statements(tiling, origin, step, target))}
}}
"""


_PARAMETERS = {
    "none": "",
    "ratio": ", const float* first, const long long line, const float background, const float least, const int ny, "
    "const int z0, const int z1, const int y0, const int y1, const int x0, const int x1",
    "update": ", float* first, const long long line",
}
_PARAMETERS["weighted"] = _PARAMETERS["update"] + ", const float* second, const long long other"
_PARAMETERS["tabled"] = (
    _PARAMETERS["update"] + ", const float* table, const int* planes, const int* lines, const int* places, "
    "const int ny, const int ty, const int tx"
)
_PARAMETERS["point"] = (
    ", const float* newest, const long long apart, const float number, const double* sums, const float share"
)
_PARAMETERS |= {name + AHEAD: _PARAMETERS[name] + _PARAMETERS["point"] for name in get_args(Weighing)}
_PARAMETERS |= {
    name + KEPT: _PARAMETERS[name] + ", const int high, const long long first_plane, const long long between"
    for name in get_args(Ahead)
}
_NEXT = ", const float number_next, const double* sums_next"
"""How far the next point lies ahead: a number, or of sums."""

_FIRST = "const float2* operand = (const float2*)(first + row * line);"
_ESTIMATE = "float2* operand = (float2*)(first + row * line);"
_BEGIN = {
    "none": "",
    "ratio": _FIRST
    + " const int z = row / ny, y = row % ny; const bool within = z >= z0 && z < z1 && y >= y0 && y < y1;",
    "point": "const float2* latest = (const float2*)(newest + row * apart); "
    "const float factor = factor_of(number, sums);",
    "update": _ESTIMATE,
    "weighted": _ESTIMATE + " const float2* weight = (const float2*)(second + row * other);",
    "tabled": _ESTIMATE
    + " const float* weights = inside ? table + (planes[row / ny] * ty + lines[row % ny]) * tx : table;",
}
_BEGIN |= {name + AHEAD: f"{_BEGIN[name]} {_BEGIN['point']}" for name in get_args(Weighing)}
_BEGIN |= {name + KEPT: _BEGIN[name] for name in get_args(Ahead)}


def _parameters(step: Step, target: Form) -> str:
    return _PARAMETERS[step] + (_NEXT if _goes_on(step, target) else "")


def _begin(step: Step, target: Form) -> str:
    return _BEGIN[step] + (" const float next = factor_of(number_next, sums_next);" if _goes_on(step, target) else "")


def _goes_on(step: Step, target: Form) -> bool:
    """Whether a point is made of the estimate that an update has made."""
    return step.endswith(AHEAD) and target == "halves"


def _statements(tiling: RowTiling, origin: Form, step: Step, target: Form) -> Statements:
    n, (load, store) = tiling.length, _tile(tiling.gap)
    back = stages_of(n, tiling.lanes, tiling.radices, +1, "b")
    on = stages_of(n, tiling.lanes, tiling.radices[::-1] if origin == "halves" else tiling.radices, -1, "a")
    if origin == "halves":
        yield from back[0].read(_from_halves(n), "inside")
        yield from back[0].compute()
        yield "__syncthreads();"
        yield from through(back, load, store)
        if step != "none":
            yield from back[-1].change(_ratio if step == "ratio" else _updates(step, target), "inside")
        if target == "halves" and step not in ("none", "ratio"):  # after all loads, which cannot pass stores
            yield from back[-1].change(_to_estimate, "inside")
        if _goes_on(step, target):
            yield from back[-1].change(_next_point, "inside")
        if target == "reals":
            yield from back[-1].change(_to_reals, "inside")
            return
        yield from back[-1].following(on[0])
    else:
        yield from on[0].read(_from_point if step == "point" else _from_reals, "inside")
    yield from on[0].compute()
    yield "__syncthreads();"
    yield from through(on, load, store)
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


def _ratio(name: str, at: str) -> Statements:
    yield "if (within) {"
    yield f"const float2 g = operand[{at}];"
    for number, part in enumerate("xy"):
        value = f"g.{part} / fmaxf({name}.{part} + background, least) - 1.0f"
        place = f"2 * {at} + {number}"
        yield f"{name}.{part} = {place} >= x0 && {place} < x1 ? {value} : 0.0f;"
    yield f"}} else {name} = make_float2(0.0f, 0.0f);"


def _ahead(newest: str, before: str, factor: str) -> str:
    """The point ahead of an estimate."""
    parts = [(f"{newest}.{part}", f"{before}.{part}") for part in "xy"]
    return f"make_float2({', '.join(f'fmaxf({a} + {factor} * ({a} - {b}), share * {a})' for a, b in parts)})"


def _from_point(name: str, at: str) -> Statements:
    yield f"{{ const float2 a = latest[{at}], b = origin[{at}]; {name} = {_ahead('a', 'b', 'factor')}; }}"


def _next_point(name: str, at: str) -> Statements:
    """Reads what was the newest estimate again, from a cache: registers for it would be at the expense of threads."""
    yield f"{{ const float2 b = latest[{at}]; {name} = {_ahead(name, 'b', 'next')}; }}"


def _to_estimate(name: str, at: str) -> Statements:
    yield f"operand[{at}] = {name};"


def _updates(step: Step, target: Form) -> Access:
    weight = {
        "update": "",
        "weighted": "const float2 w = weight[{at}];",
        "tabled": "const float2 w = make_float2(weights[places[2 * {at}]], weights[places[2 * {at} + 1]]);",
    }[step.removesuffix(KEPT).removesuffix(AHEAD)]
    point = _ahead("a", "b", "factor")

    def access(name: str, at: str) -> Statements:
        yield "{"
        if AHEAD in step:
            yield f"const float2 a = latest[{at}], b = operand[{at}], f = {point}; {weight.format(at=at)}"
        else:
            yield f"const float2 f = operand[{at}]; {weight.format(at=at)}"
        if step.endswith(KEPT):
            yield f"operand[{at}] = f;"
        for part in "xy":
            change = f"w.{part} * {name}.{part}" if weight else f"{name}.{part}"
            yield f"{name}.{part} = f.{part} * fmaxf(1.0f + {change}, 0.0f);"
        yield "}"

    return access
