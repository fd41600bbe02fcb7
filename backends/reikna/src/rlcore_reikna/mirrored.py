"""Filters of packed spectra along the first axis, in one pass: a column meets its mirror image in local memory.

What product_packed in kernels.cl does between transforms is done here inside of them. Frequency k of column (y, x)
goes with frequency -k of column (-y, -x), so half of a work-group's columns are the mirror images of the other half.
"""

from __future__ import annotations

from importlib.resources import files

from rlcore.transform_code.columns import Tiling, body, in_tile
from rlcore.transform_code.stages import Access, Statements


def groups_for(tiling: Tiling, lines: int, line: int) -> int:
    """Work-groups for a plane of so many lines."""
    return lines * -(-(line // 2 + 1) // (tiling.width // 2))


def source(tiling: Tiling) -> str:
    """OpenCL C of the kernel `columns`: value k of the column (y, x) is ``data[(k * lines + y) * line + x]``.

    It convolves or, if `mirrored`, correlates: one kernel, since compiling takes far longer than asking. A work-group
    has columns that lie side by side, and their mirror images.
    """
    half = tiling.width // 2
    return f"""{files(__package__).joinpath("packed.cl").read_text()}
kernel __attribute__((reqd_work_group_size({tiling.threads}, 1, 1)))
void columns(global float2* data, global const float2* transfer, global const float2* restrict turns,
             const int lines, const int line, const int mirrored, const float scale)
{{
    local float2 tile[{tiling.length * tiling.width}];
    const int c = get_local_id(0) % {tiling.width}, lane = get_local_id(0) / {tiling.width};
    const int parts = (line / 2 + {half}) / {half}, part = get_group_id(0) % parts;
    const int x1 = part * {half} + c % {half}, y1 = get_group_id(0) / parts;
    const int x2 = x1 ? line - x1 : 0, y2 = y1 ? lines - y1 : 0;
    const bool first = c < {half}, alone = x1 == x2 && y1 == y2;
    const bool inside = x1 <= line / 2 && (x1 != x2 || y1 <= y2) && (first || !alone);
    const int mate = alone ? c : c + {half};
    const long stride = (long)lines * line;
    const int own = first ? y1 * line + x1 : y2 * line + x2, other = y2 * line + x2;
    const float2 turn = turned(x1, line);
    data += own;
{body(tiling, "convolve", (_both_products(tiling), _fetch(tiling)))}
}}
"""


def _both_products(tiling: Tiling) -> Access:
    """Of a value and its mirror image, which goes to where that was: each column of the transfer is read once."""

    def access(name: str, at: str) -> Statements:
        yield "if (first) {"
        yield f"const int back = {at} ? {tiling.length} - {at} : 0;"
        there = in_tile(tiling, "back", "mate")
        yield "float2 even, odd;"
        yield f"packed_product({name}, {there}, transfer[{at} * stride + own],"
        yield "    transfer[back * stride + other], turn, mirrored, &even, &odd);"
        yield f"{name} = even + odd;"
        yield f"if (!alone) {there} = conjugate(even - odd);"
        yield "}"

    return access


def _fetch(tiling: Tiling) -> Access:
    """What a mirror image has come to."""

    def access(name: str, at: str) -> Statements:
        yield f"if (!first) {name} = {in_tile(tiling, at, 'c')};"

    return access
