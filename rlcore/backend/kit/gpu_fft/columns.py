"""Transforms along the first or the middle axis: columns of a spectrum, in one pass over memory.

A block of threads takes a tile of neighbouring columns into shared memory, so that however many stages a length takes,
its columns are read and written once. Along the first axis the same kernel multiplies by the transfer and transforms
back before it writes. The transforms are Stockham's: every stage reads values a stride apart and writes them in order.
The last stage forward and the first stage back use the same values, so the product is taken in registers; where it
needs values of other columns too, they meet in shared memory.
"""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import lru_cache
from typing import Literal

from rlcore.backend.kit.gpu_fft.butterflies import is_product_of_primes
from rlcore.backend.kit.gpu_fft.stages import Access, Stage, indented, stages_of, through, times

LARGEST_RADIX = 16
"""Longest transform that a thread holds in its registers."""
SHARED_BYTES = 160 << 10
"""Shared memory that a block may take, at most."""
THREADS, MOST_THREADS = 512, 768
"""Largest number of threads in a block: usually, and if no other tiling is possible."""
MOST_VALUES = 32
"""Complex values that a thread may hold at once."""

Kind = Literal["forward", "backward", "convolve", "correlate", "transform", "filter"]
"""A "transform" goes either way, and so does a "filter": the variable `way` tells when it runs, 1 for forward or
convolve, -1 for backward or correlate. That costs nothing beside memory, and spares compiling one kernel of two."""


@dataclass(frozen=True, slots=True)
class Tiling:
    """The work of a block of threads on columns of one length."""

    length: int
    radices: tuple[int, ...]
    """Lengths of the transforms in registers, stage by stage; their product is the length."""
    width: int
    """Columns in a tile."""
    threads: int
    halves: bool = False
    """True if values pass through shared memory in halves, real parts first, so that twice as many columns fit."""

    @property
    def shared_bytes(self) -> int:
        return (4 if self.halves else 8) * self.length * self.width if len(self.radices) > 1 else 0

    def rounds(self, radix: int) -> int:
        """Transforms of one stage that each thread does."""
        return math.ceil(self.length // radix * self.width / self.threads)

    @property
    def values(self) -> int:
        """Complex values a thread holds at most."""
        return max(self.rounds(radix) * radix for radix in self.radices)


@lru_cache(maxsize=4096)
def tiling_for(length: int, shared: int = SHARED_BYTES, threads: int = MOST_THREADS) -> Tiling | None:
    """The tiling for columns of this length; None if it has a large prime factor or is too long for shared memory.

    `shared` bytes and `threads` are what a block may have on the device.
    """
    if length < 2 or not is_product_of_primes(length):
        return None
    if length <= LARGEST_RADIX:
        return Tiling(length, (length,), 128, 128)
    for stages, width, most in itertools.product((2, 3, 4), (16, 8, 4), (THREADS, MOST_THREADS)):
        if 8 * length * width > min(shared, SHARED_BYTES >> (width > 8)):
            continue
        ways = list(tilings(length, stages, width, min(most, threads)))
        if ways:
            return min(ways, key=lambda way: (way.values, way.threads, way.radices))
    return None


def tilings(length: int, stages: int, width: int, threads: int) -> Iterator[Tiling]:
    """Tilings of so many stages and columns, for at most so many threads."""
    for radices in factored(length, stages):
        yield from _teams(length, radices, width, threads)


def factored(length: int, stages: int) -> Iterator[tuple[int, ...]]:
    """Candidates to write a length as a product of so many radices, the largest first."""
    if stages == 1:
        if 1 < length <= LARGEST_RADIX:
            yield (length,)
        return
    for radix in range(2, LARGEST_RADIX + 1):
        if length % radix == 0:
            for rest in factored(length // radix, stages - 1):
                if rest[0] <= radix:
                    yield (radix, *rest)


def _teams(length: int, radices: tuple[int, ...], width: int, most: int) -> Iterator[Tiling]:
    """Numbers of threads that leave few of them idle."""
    for radix, share in itertools.product(radices, (1, 2, 3, 4)):
        threads = width * math.ceil(length // radix / share)
        tiling = Tiling(length, radices, width, threads)
        if threads <= most and tiling.values <= MOST_VALUES:
            yield tiling


@dataclass(frozen=True, slots=True)
class Meeting:
    """A product of every value with another of the tile."""

    mate: Callable[[str], tuple[str, str]]
    """Gives the place and the column of the other value, for the place of a value."""
    fetch: Callable[[str, str], Iterator[str]]
    """Reads what the product takes besides into a variable, given its name and the place."""
    product: Callable[[str, str, str, str], Iterator[str]]
    """Changes a value, given the other, what was fetched, and the place."""


def body(tiling: Tiling, kind: Kind, meeting: Meeting | None = None) -> str:
    """Statements of a kernel that works in place, on value k of its column at ``data[k * stride]``.

    They use the variables `data`, `transfer` (both at the column), `stride`, `scale` (not for "forward"), maybe `way`,
    `turns`, the shared array `tile`, and for each thread `c`, its column in the tile, `lane`, its number in the column,
    and `inside`, whether there is such a column. The tile is of float2, or of float if values pass in halves. It must
    have room even for lengths of one stage if a filter's product is a `meeting`.
    """
    return indented(_statements(tiling, kind, meeting))


def turns(length: int) -> list[complex]:
    """The table `turns` of the kernel: ``exp(-2 pi i k / length)``."""
    return [complex(math.cos(2 * math.pi * k / length), -math.sin(2 * math.pi * k / length)) for k in range(length)]


def _statements(tiling: Tiling, kind: Kind, meeting: Meeting | None) -> Iterator[str]:
    """The stages, one after the other; a filter turns round in the middle, with the values in registers."""
    lanes, filters = tiling.threads // tiling.width, kind in ("convolve", "correlate", "filter")
    stages = stages_of(tiling.length, lanes, tiling.radices, +1 if kind == "backward" else -1, "a")
    yield from stages[0].read(_from_memory(either_way=kind == "transform"), "inside")
    yield from stages[0].compute()
    passages = [_Passage(tiling, part) for part in (("x", "y") if tiling.halves else ("",))]
    both = [(passage.load(), passage.store()) for passage in passages]
    yield from through(stages, both)
    if filters:
        back = stages_of(tiling.length, lanes, tiling.radices[::-1], +1, "b")
        if meeting is None:
            yield from stages[-1].change(_product(kind), "inside")
        else:
            yield from _meet(stages[-1], passages, meeting)
        yield from stages[-1].following(back[0])
        yield from back[0].compute()
        yield from through(back, both)
        stages = back
    yield from stages[-1].change(_to_memory(kind), "inside")


def _meet(stage: Stage, passages: list[_Passage], meeting: Meeting) -> Iterator[str]:
    """The last stage's values are multiplied with others of the tile.

    What that takes besides is fetched before they meet, if values pass in halves: the few threads that then have a
    multiprocessor hide nothing. Where there are more, registers are worth more than time.
    """
    early = len(passages) > 1

    def multiply(name: str, at: str) -> Iterator[str]:
        yield "{"
        if not early:
            yield from meeting.fetch(f"const float2 {_fetched(name)}", at)
        yield from passages[-1].load(_mate, meeting.mate)(name, at)
        yield from meeting.product(name, _mate(name), _fetched(name), at)
        yield "}"

    yield from stage.declare(_mate)
    if early:
        yield from stage.declare(_fetched)
        yield from stage.change(lambda name, at: meeting.fetch(_fetched(name), at), "inside")
    for passage in passages:
        yield from stage.change(passage.store())
        yield "__syncthreads();"
        last = passage is passages[-1]
        yield from stage.change(multiply if last else passage.load(_mate, meeting.mate), "inside")
        yield "__syncthreads();"


def _mate(name: str) -> str:
    return f"m{name}"


def _fetched(name: str) -> str:
    return f"f{name}"


@dataclass(frozen=True, slots=True)
class _Passage:
    """Through shared memory, columns side by side: threads of a warp never meet in a bank."""

    tiling: Tiling
    part: str
    """The part of a value that passes; all of it if empty."""

    def load(
        self,
        named: Callable[[str], str] = lambda name: name,
        place: Callable[[str], tuple[str, str]] = lambda at: (at, "c"),
    ) -> Access:
        return lambda name, at: iter([f"{self._of(named(name))} = {self._at(*place(at))};"])

    def store(self) -> Access:
        return lambda name, at: iter([f"{self._at(at, 'c')} = {self._of(name)};"])

    def _at(self, at: str, column: str) -> str:
        return f"tile[{at} * {self.tiling.width} + {column}]"

    def _of(self, name: str) -> str:
        return f"{name}.{self.part}" if self.part else name


def _product(kind: Kind) -> Access:
    def access(name: str, at: str) -> Iterator[str]:
        yield f"float2 t{name} = __ldg(transfer + {at} * stride);"
        if kind == "filter":
            yield f"t{name}.y *= way;"
        yield f"{name} = {times(name, 't' + name, conjugate=kind == 'correlate')};"

    return access


def _from_memory(*, either_way: bool) -> Access:
    """A transform back is one forward between two conjugations."""

    def access(name: str, at: str) -> Iterator[str]:
        yield f"{name} = data[{at} * stride];"
        if either_way:
            yield f"{name}.y *= way;"

    return access


def _to_memory(kind: Kind) -> Access:
    def access(name: str, at: str) -> Iterator[str]:
        scaled = f"{name}.x * scale", f"{name}.y * scale" + (" * way" if kind == "transform" else "")
        value = name if kind == "forward" else f"make_float2({', '.join(scaled)})"
        yield f"data[{at} * stride] = {value};"

    return access
