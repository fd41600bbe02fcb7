"""Elementwise steps on the way between two transforms of rows: what they take, and what they do with every value."""

from __future__ import annotations

from typing import Literal, get_args

from rlcore.backend.kit.gpu_fft.stages import Access, Statements

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
these are so far apart. With `past`, the point before, it also tells how alike the two steps are in a box."""

_BOX = "const int z0, const int z1, const int y0, const int y1, const int x0, const int x1"
_WITHIN = "z >= z0 && z < z1 && y >= y0 && y < y1"
"""A box, and whether a row lies in it."""
_PARAMETERS = {
    "none": "",
    "ratio": ", const float* first, const long long line, const float background, const float least, const int ny, "
    + _BOX,
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
    name + KEPT: _PARAMETERS[name] + ", const int high, const long long first_plane, const long long between, "
    f"const float* past, const long long gone, const int wide, {_BOX}, "
    "InnerProducts* found, InnerProducts* sums_told, unsigned* through"
    for name in get_args(Ahead)
}
_NEXT = ", const float number_next, const double* sums_next"
"""How far the next point lies ahead: a number, or of sums."""

_FIRST = "const float2* operand = (const float2*)(first + row * line);"
_ESTIMATE = "float2* operand = (float2*)(first + row * line);"
_BEGIN = {
    "none": "",
    "ratio": _FIRST + f" const int z = row / ny, y = row % ny; const bool within = {_WITHIN};",
    "point": "const float2* latest = (const float2*)(newest + row * apart); "
    "const float factor = factor_of(number, sums);",
    "update": _ESTIMATE,
    "weighted": _ESTIMATE + " const float2* weight = (const float2*)(second + row * other);",
    "tabled": _ESTIMATE
    + " const float* weights = inside ? table + (planes[row / ny] * ty + lines[row % ny]) * tx : table;",
}
_BEGIN |= {name + AHEAD: f"{_BEGIN[name]} {_BEGIN['point']}" for name in get_args(Weighing)}
_BEGIN |= {
    name + KEPT: _BEGIN[name]
    + " const float2* ago = past ? (const float2*)(past + row * gone) : latest; InnerProducts seen = {0.0, 0.0}; "
    f"const int z = row / wide, y = row % wide; const bool counted = past && {_WITHIN};"
    for name in get_args(Ahead)
}


FETCH = """
static __device__ void fetch(const float2* row, const int length, const int lane, const int lanes)
{
#ifdef __CUDA_ARCH__
    for (int k = 16 * lane; k < length; k += 16 * lanes) asm volatile("prefetch.global.L2 [%0];" :: "l"(row + k));
#endif
}
"""
"""CUDA C: have a row brought to the L2 cache while its spectrum is transformed. Where the rows are few nothing else
hides what waiting for memory takes."""


def parameters(step: Step, target: Form) -> str:
    """What the kernel of a step takes besides rows and tables, as text to go on with."""
    return _PARAMETERS[step] + (_NEXT if goes_on(step, target) else "")


def begin(step: Step, target: Form, length: int, lanes: int) -> str:
    """Where a row's operands are, for rows of so many pairs of voxels and threads."""
    statements = [_BEGIN[step]]
    if step.endswith(KEPT):
        fetched = (f"fetch({row}, {length}, lane, {lanes});" for row in ("operand", "latest", "ago"))
        statements.append(f"if (inside) {{ {' '.join(fetched)} }}")
    if goes_on(step, target):
        statements.append("const float next = factor_of(number_next, sums_next);")
    return " ".join(statements)


def goes_on(step: Step, target: Form) -> bool:
    """Whether a point is made of the estimate that an update has made."""
    return step.endswith(AHEAD) and target == "halves"


def ratio(name: str, at: str) -> Statements:
    """``first / max(value + background, least) - 1`` in the box, 0 outside it."""
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


def from_point(name: str, at: str) -> Statements:
    """The point ahead of the newest estimate."""
    yield f"{{ const float2 a = latest[{at}], b = origin[{at}]; {name} = {_ahead('a', 'b', 'factor')}; }}"


def next_point(name: str, at: str) -> Statements:
    """Reads what was the newest estimate again, from a cache: registers for it would be at the expense of threads."""
    yield f"{{ const float2 b = latest[{at}]; {name} = {_ahead(name, 'b', 'next')}; }}"


def to_estimate(name: str, at: str) -> Statements:
    """The new estimate in its place."""
    yield f"operand[{at}] = {name};"


def updates(step: Step) -> Access:
    """``point * max(1 + weight * value, 0)``, the point as it is or ahead of the newest estimate."""
    kept = step.endswith(KEPT)
    weighing = step.removesuffix(KEPT).removesuffix(AHEAD)

    def read(array: str, at: str) -> str:
        return f"__ldg({array} + {at})" if kept else f"{array}[{at}]"

    def weight(at: str) -> str:
        if weighing == "weighted":
            return read("weight", at)
        places = (read("places", f"2 * {at}{more}") for more in ("", " + 1"))
        return f"make_float2({', '.join(read('weights', place) for place in places)})"

    def access(name: str, at: str) -> Statements:
        yield "{"
        if AHEAD in step:
            yield f"const float2 a = {read('latest', at)}, b = operand[{at}], f = {_ahead('a', 'b', 'factor')};"
        else:
            yield f"const float2 f = operand[{at}];"
        if weighing != "update":
            yield f"const float2 w = {weight(at)};"
        for part in "xy":
            change = f"{name}.{part}" if weighing == "update" else f"w.{part} * {name}.{part}"
            yield f"{name}.{part} = f.{part} * fmaxf(1.0f + {change}, 0.0f);"
        if kept:
            yield from _kept(name, at)
        yield "}"

    return access


def _kept(name: str, at: str) -> Statements:
    """The point in its place, and what a voxel says of how alike the steps are. What is only read may be read before
    what is written."""
    yield f"operand[{at}] = f; const float2 o = __ldg(ago + {at});"
    for number, part in enumerate("xy"):
        x = f"2 * {at} + {number}"
        yield f"if (counted && {x} >= x0 && {x} < x1) compare(seen, {name}.{part}, f.{part}, a.{part}, o.{part});"
