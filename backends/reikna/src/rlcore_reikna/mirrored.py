"""Filters of packed spectra along the first axis, in one pass: a column meets its mirror image in local memory.

What product_packed in kernels.cl does between transforms is done here inside of them. Frequency k of column (y, x)
goes with frequency -k of column (-y, -x), so half of a work-group's columns are the mirror images of the other half.
"""

from __future__ import annotations

from importlib.resources import files

from rlcore.transform_code.columns import Tiling, body, in_tile
from rlcore.transform_code.stages import Access, Statements


def pairs(lines: int, line: int) -> int:
    """Columns of a plane of so many lines that are told apart from their mirror images, and a few that are not."""
    return lines * (line // 2 + 1)


def source(tiling: Tiling) -> str:
    """OpenCL C of the kernel `columns`: value k of the column (y, x) is ``data[(k * lines + y) * line + x]``.

    It convolves or, if `mirrored`, correlates: one kernel, since compiling takes far longer than asking.
    """
    half = tiling.width // 2
    return f"""{files(__package__).joinpath("packed.cl").read_text()}
kernel __attribute__((reqd_work_group_size({tiling.threads}, 1, 1)))
void columns(global float2* data, global const float2* transfer, global const float2* restrict turns,
             const int lines, const int line, const int mirrored, const float scale)
{{
    local float2 tile[{tiling.length * tiling.width}];
    const int c = get_local_id(0) % {tiling.width}, lane = get_local_id(0) / {tiling.width};
    const int pair = get_group_id(0) * {half} + c % {half};
    const int x1 = pair % (line / 2 + 1), y1 = pair / (line / 2 + 1);
    const int x2 = x1 ? line - x1 : 0, y2 = y1 ? lines - y1 : 0;
    const bool first = c < {half}, alone = x1 == x2 && y1 == y2;
    const bool inside = y1 < lines && (x1 != x2 || y1 <= y2) && (first || !alone);
    const int mate = alone ? c : first ? c + {half} : c - {half};
    const long stride = (long)lines * line;
    const int own = first ? y1 * line + x1 : y2 * line + x2, other = first ? y2 * line + x2 : y1 * line + x1;
    const float2 turn = turned(first ? x1 : x2, line);
    data += own;
{body(tiling, "convolve", _product(tiling))}
}}
"""


def _product(tiling: Tiling) -> Access:
    def access(name: str, at: str) -> Statements:
        yield "{"
        yield f"const int back = {at} ? {tiling.length} - {at} : 0;"
        yield "float2 even, odd;"
        yield f"packed_product({name}, {in_tile(tiling, 'back', 'mate')}, transfer[{at} * stride + own],"
        yield "    transfer[back * stride + other], turn, mirrored, &even, &odd);"
        yield f"{name} = even + odd;"
        yield "}"

    return access
