"""CUDA C of the kernels that transform rows: real to half spectrum and back, with an elementwise step in between.

A row of n voxels is transformed as n / 2 complex numbers and corrected at the ends (Cooley, Lewis & Welch 1970).
Several rows share a block of threads. Rows that are spectra, are needed as voxels for one elementwise step, and as
spectra again after it, go through all of that in one pass over memory. With acceleration a step starts from a point
that is extrapolated from the last two estimates: it is computed where it is needed, and never stored.
"""

from __future__ import annotations

from typing import Literal, NamedTuple

from rlcore.backend.kit.gpu_fft.stages import Access, Statements, indented, stages_of, through, times
from rlcore_cupy.row_tilings import RowTiling

Form = Literal["reals", "halves"]
"""Form of rows: voxels, or the half spectrum of each row."""
Weighting = Literal["update", "weighted", "tabled"]
"""Updates: without a weight, with an array of weights, with a table of weights."""


class RowPass(NamedTuple):
    """A pass over rows: one variant of the kernel."""

    origin: Form
    step: Literal["none", "ratio", "point", Weighting]
    target: Form
    extrapolated: bool = False
    """The update starts from the point extrapolated from `newest`; the older estimate is in the update's place."""
    sampled: bool = False
    """The target holds only some planes, each so many after the one before; all else that is read holds all planes."""

    @property
    def updates(self) -> bool:
        return self.step in _WEIGHTS

    @property
    def goes_on(self) -> bool:
        """True if the next point is made of the estimate that an update has made."""
        return self.extrapolated and self.target == "halves"


_ESTIMATE = ", float* first, const long long line"
_WEIGHTS: dict[str, str] = {
    "update": "",
    "weighted": ", const float* second, const long long other",
    "tabled": ", const float* table, const int* planes, const int* lines, const int* places, "
    "const int ny, const int ty, const int tx",
}
_POINT = ", const float* newest, const long long apart, const float given, const float* stored, const float share"
_SAMPLED = ", const int height, const int begin, const int every"
_PARAMETERS = {
    "none": "",
    "ratio": ", const float* first, const long long line, const float background, const float floor, "
    "const int ny, const int z0, const int z1, const int y0, const int y1, const int x0, const int x1",
    "point": _POINT,
} | {step: _ESTIMATE + weight for step, weight in _WEIGHTS.items()}
"""Kernel parameters of the steps, after those that all kernels of rows have."""

_BEGIN_POINT = (
    "const float2* latest = (const float2*)(newest + row * apart); const float momentum = stored ? *stored : given;"
)
_BEGIN = {
    "none": "",
    "ratio": "const float2* operand = (const float2*)(first + row * line); "
    "const int z = row / ny, y = row % ny; const bool within = z >= z0 && z < z1 && y >= y0 && y < y1;",
    "point": _BEGIN_POINT,
    "update": "float2* operand = (float2*)(first + row * line);",
}
_BEGIN["weighted"] = _BEGIN["update"] + " const float2* weight = (const float2*)(second + row * other);"
_BEGIN["tabled"] = (
    _BEGIN["update"]
    + " const float* weights = inside ? table + (planes[row / ny] * ty + lines[row % ny]) * tx : table;"
)
"""Statements that find a row's operands."""


def row_source(tiling: RowTiling, row_pass: RowPass) -> str:
    """CUDA C of the kernel `rows`.

    It takes rows from `source`, as voxels or half spectra, and brings them to `target`, which may be the same. A step
    reads `first` (the image, or the estimate) too and, for "weighted", `second`; any of them may be the target. For an
    extrapolated point, `first` is the older estimate and `newest` the other. An update to half spectra writes the new
    estimate to `first`, and the spectra are those of the estimate or of the next point. A sampled pass counts rows of
    the target, which are those of planes `begin`, `begin` + `every` and so on, of `height` rows, of all other arrays.
    """
    parameters, begin = _PARAMETERS[row_pass.step], _BEGIN[row_pass.step]
    if row_pass.extrapolated:
        parameters, begin = parameters + _POINT, f"{begin} {_BEGIN_POINT}"
    if row_pass.goes_on:
        parameters += ", const float next_given, const float* next_stored"
        begin += " const float next_momentum = next_stored ? *next_stored : next_given;"
    row = "number"
    if row_pass.sampled:
        parameters, row = parameters + _SAMPLED, "(number / height * every + begin) * height + number % height"
    return f"""
extern "C" __global__ void __launch_bounds__({tiling.threads})
rows(const float* source, const long long from, float* target, const long long to, const int count,
     const float2* __restrict__ turns, const float2* __restrict__ ends{parameters})
{{
    extern __shared__ float2 tile[];
    const int lane = threadIdx.x % {tiling.lanes}, local = threadIdx.x / {tiling.lanes};
    const int number = blockIdx.x * {tiling.rows} + local, row = {row};
    const bool inside = number < count;
    const float2* origin = (const float2*)(source + row * from);
    float2* goal = (float2*)(target + number * to);
    float2* own = tile + local * {tiling.pitch};
    {begin}
{indented(_statements(tiling, row_pass))}
}}
"""


def _statements(tiling: RowTiling, row_pass: RowPass) -> Statements:
    n, (load, store) = tiling.length, _tile(tiling.gap)
    from_halves = row_pass.origin == "halves"
    back = stages_of(n, tiling.lanes, tiling.radices, +1, "b")
    on = stages_of(n, tiling.lanes, tiling.radices[::-1] if from_halves else tiling.radices, -1, "a")
    if from_halves:
        yield from back[0].read(_from_halves(n), "inside")
        yield from back[0].compute()
        yield "__syncthreads();"
        yield from through(back, [(load, store)])
        if row_pass.step != "none":
            yield from back[-1].change(_updated(row_pass) if row_pass.updates else _ratio, "inside")
        # stores come after all loads, which the compiler cannot move before them
        if row_pass.updates and row_pass.target == "halves":
            yield from back[-1].change(_to_estimate, "inside")
        if row_pass.goes_on:
            yield from back[-1].change(_next_point, "inside")
        if row_pass.target == "reals":
            yield from back[-1].change(_to_reals, "inside")
            return
        yield from back[-1].following(on[0])
    else:
        yield from on[0].read(_from_point if row_pass.step == "point" else _from_reals, "inside")
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


def _ratio(name: str, at: str) -> Statements:
    """``first / max(value + background, floor) - 1`` in the box, 0 outside it."""
    yield "if (within) {"
    yield f"const float2 g = operand[{at}];"
    for number, part in enumerate("xy"):
        value = f"g.{part} / fmaxf({name}.{part} + background, floor) - 1.0f"
        place = f"2 * {at} + {number}"
        yield f"{name}.{part} = {place} >= x0 && {place} < x1 ? {value} : 0.0f;"
    yield f"}} else {name} = make_float2(0.0f, 0.0f);"


def _extrapolated(newest: str, before: str, momentum: str) -> str:
    """The extrapolated point of two estimates."""
    parts = [(f"{newest}.{part}", f"{before}.{part}") for part in "xy"]
    return f"make_float2({', '.join(f'fmaxf({a} + {momentum} * ({a} - {b}), share * {a})' for a, b in parts)})"


def _from_point(name: str, at: str) -> Statements:
    """The point extrapolated from the newest estimate."""
    yield f"{{ const float2 a = latest[{at}], b = origin[{at}]; {name} = {_extrapolated('a', 'b', 'momentum')}; }}"


def _next_point(name: str, at: str) -> Statements:
    """The next point. What was the newest estimate is read again, from a cache: to keep it in registers would leave
    room for fewer threads."""
    yield f"{{ const float2 b = latest[{at}]; {name} = {_extrapolated(name, 'b', 'next_momentum')}; }}"


def _to_estimate(name: str, at: str) -> Statements:
    yield f"operand[{at}] = {name};"


def _updated(row_pass: RowPass) -> Access:
    """``point * max(1 + weight * value, 0)``; the point is read, or extrapolated from the newest estimate."""

    def access(name: str, at: str) -> Statements:
        yield "{"
        if row_pass.extrapolated:
            yield f"const float2 a = latest[{at}], b = operand[{at}], f = {_extrapolated('a', 'b', 'momentum')};"
        else:
            yield f"const float2 f = operand[{at}];"
        if row_pass.step == "weighted":
            yield f"const float2 w = weight[{at}];"
        elif row_pass.step == "tabled":
            yield f"const float2 w = make_float2(weights[places[2 * {at}]], weights[places[2 * {at} + 1]]);"
        for part in "xy":
            change = f"{name}.{part}" if row_pass.step == "update" else f"w.{part} * {name}.{part}"
            yield f"{name}.{part} = f.{part} * fmaxf(1.0f + {change}, 0.0f);"
        yield "}"

    return access
