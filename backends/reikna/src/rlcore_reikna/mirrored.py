"""Filters of packed spectra along the first axis, in one pass: a column meets its mirror image in local memory.

What product_packed in kernels.cl does between transforms is done here inside of them. Frequency k of column (y, x)
goes with frequency -k of column (-y, -x), so half of a work-group's columns are the mirror images of the other half.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from importlib.resources import files

from rlcore.backend.kit.gpu_fft import columns
from rlcore.backend.kit.gpu_fft.columns import MOST_VALUES, Meeting, Tiling, body, tilings
from rlcore.backend.kit.gpu_fft.stages import Statements
from rlcore_reikna.arrays import power_of_two

_LIMITS = (512, 3, 12), (512, 3, 16), (512, 4, 12), (512, 4, 16)
"""Work-items of a group, stages, and values of a work-item, at most: the first that there is. Registers are what a
product of a value and its mirror image is short of, and two groups shall have room in a multiprocessor: with 576 for
288 planes it took a quarter longer."""
_HALVES = ((384, 3, MOST_VALUES),)
"""The same where values pass through local memory in halves, so that 16 columns have room: of 576 planes that takes a
quarter less, if few work-items have many registers. Powers of two gain nothing."""


@lru_cache(maxsize=4096)
def tiling_for(length: int, local: int, threads: int) -> Tiling | None:
    """The tiling for columns of this length, as wide as can be, since a mirror image lies across two cache lines; where
    that is not to be had with so little local memory and so few work-items, that of any transform, if there is one."""
    for width, halves in ((32, False), (16, False), (16, True), (8, False), (4, False)):
        if (4 if halves else 8) * length * width > local or (halves and length == power_of_two(length)):
            continue
        for most, stages, values in _HALVES if halves else _LIMITS:
            ways = (way for count in range(1, stages + 1) for way in tilings(length, count, width, min(most, threads)))
            fitting = [way for way in ways if way.values <= values]
            if fitting:
                best = min(fitting, key=lambda way: (len(way.radices), way.values, way.threads, way.radices))
                return replace(best, halves=halves)
    return columns.tiling_for(length, local, threads)


def groups_for(tiling: Tiling, lines: int, line: int) -> int:
    """Work-groups for a plane of so many lines."""
    return lines * _parts(tiling, line) + 1


def source(tiling: Tiling, sized: str) -> str:
    """OpenCL C of the kernel `columns`: value k of the column (y, x) is ``data[(k * lines + y) * line + x]``.

    It convolves or, if `mirrored`, correlates: one kernel, since compiling takes far longer than asking. A work-group
    has columns that lie side by side from 0 on, and their mirror images. Column 0 is its own, on another line; so it is
    done for half of the lines, and the column in the middle of even lines takes its place in the others, but for what
    is left of that to the last work-group. `sized` is what the compiler is told of their size.
    """
    half = tiling.width // 2
    return f"""{files(__package__).joinpath("packed.cl").read_text()}
kernel {sized}
void columns(global float2* data, global const float2* transfer, global const float2* restrict turns,
             const int lines, const int line, const int mirrored, const float scale)
{{
    local {"float" if tiling.halves else "float2"} tile[{tiling.length * tiling.width}];
    const int c = get_local_id(0) % {tiling.width}, lane = get_local_id(0) / {tiling.width};
    const int parts = ((line + 1) / 2 + {half - 1}) / {half}, group = get_group_id(0);
    const bool even = line % 2 == 0, left = group == lines * parts;
    int x1 = left ? line / 2 : group % parts * {half} + c % {half};
    int y1 = left ? c % {half} * (lines / 2) : group / parts;
    bool there = left ? even && (c % {half} == 0 || (c % {half} == 1 && lines % 2 == 0)) : x1 < (line + 1) / 2;
    if (!left && x1 == 0 && y1 > lines / 2) {{ x1 = line / 2; y1 -= lines / 2; there = even; }}
    const int x2 = x1 ? line - x1 : 0, y2 = y1 ? lines - y1 : 0;
    const bool first = c < {half}, alone = x1 == x2 && y1 == y2, inside = there && (first || !alone);
    const int mate = alone ? c : first ? c + {half} : c - {half};
    const uint stride = (uint)lines * (uint)line;
    const uint own = first ? y1 * line + x1 : y2 * line + x2, other = first ? y2 * line + x2 : y1 * line + x1;
    const float2 turn = turned(first ? x1 : x2, line);
    data += own;
{body(tiling, "convolve", _meeting(tiling))}
}}
"""


def _parts(tiling: Tiling, line: int) -> int:
    half = tiling.width // 2
    return -(-((line + 1) // 2) // half)


def _meeting(tiling: Tiling) -> Meeting:
    def mate(at: str) -> tuple[str, str]:
        return f"({at} ? {tiling.length} - {at} : 0)", "mate"

    def fetch(name: str, at: str) -> Statements:
        yield f"{name} = transfer[{at} * stride + own];"

    def product(name: str, other: str, fetched: str, at: str) -> Statements:
        """What the transfer has at -k the group has fetched too, for the mirror image."""
        back = f"transfer[{mate(at)[0]} * stride + other]"
        yield f"{name} = packed_product({name}, {other}, {fetched}, {back}, turn, mirrored);"

    return Meeting(mate, fetch, product)
