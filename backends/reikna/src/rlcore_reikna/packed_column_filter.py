"""Kernels that filter packed spectra along the first axis in one pass: transform, product and transform back.

They take the product of `product_packed` in arithmetic.cl between their transforms, in local memory. It combines
frequency k of column (y, x) with frequency -k of column (-y, -x), so half of a work-group's columns are the mirror
images of the other half.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache
from importlib.resources import files

from rlcore.backend.kit.gpu_fft import columns
from rlcore.backend.kit.gpu_fft.columns import MOST_VALUES, Meeting, Tiling, body, tilings
from rlcore.backend.kit.gpu_fft.stages import Statements
from rlcore_reikna.shapes import power_of_two

_LIMITS = (512, 3, 12), (512, 3, 16), (512, 4, 12), (512, 4, 16)
"""Limits of a tiling, tried in order: work-items of a group, stages, and values of a work-item. Products of a value and
its mirror image are short of registers, and two groups should fit a multiprocessor: 288 planes took a quarter longer
with 576 work-items."""
_HALVES = ((384, 3, MOST_VALUES),)
"""Limits where real and imaginary parts pass through local memory in turn, so that it holds 16 columns: 576 planes take
a quarter less time, if few work-items have many registers. Powers of two gain nothing."""


@lru_cache(maxsize=4096)
def tiling_for(length: int, local: int, threads: int) -> Tiling | None:
    """The widest tiling for columns of this length, within `local` bytes and `threads` work-items.

    Falls back to the tiling of a plain transform; None if there is none either.
    """
    # wide, since a mirror image lies across two cache lines
    for width, halves in ((32, False), (16, False), (16, True), (8, False), (4, False)):
        if (4 if halves else 8) * length * width > local or (halves and length == power_of_two(length)):
            continue
        for most, stages, values in _HALVES if halves else _LIMITS:
            counts = range(1, stages + 1)
            candidates = (each for count in counts for each in tilings(length, count, width, min(most, threads)))
            fitting = [each for each in candidates if each.values <= values]
            if fitting:
                best = min(fitting, key=lambda each: (len(each.radices), each.values, each.threads, each.radices))
                return replace(best, halves=halves)
    return columns.tiling_for(length, local, threads)


def groups_for(tiling: Tiling, lines: int, line: int) -> int:
    """Number of work-groups for a plane of `lines` lines of `line` values."""
    return lines * _parts(tiling, line) + 1


def source(tiling: Tiling, sized: str) -> str:
    """OpenCL C of the kernel `columns`: value k of the column (y, x) is ``data[(k * lines + y) * line + x]``.

    It convolves or, if `mirrored`, correlates: one kernel, since compiling takes far longer than an argument. A
    work-group has columns that lie side by side, and their mirror images. Column 0 is its own mirror image, on another
    line; so it is filtered for half of the lines, and the middle column of even lines takes its place in the others.
    The rest of the middle column is left to the last work-group. `sized` is the attribute that declares a group's size.
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
        # read again rather than kept: the group has fetched it for the mirror image, so it should be in the cache
        back = f"transfer[{mate(at)[0]} * stride + other]"
        yield f"{name} = packed_product({name}, {other}, {fetched}, {back}, turn, mirrored);"

    return Meeting(mate, fetch, product)
