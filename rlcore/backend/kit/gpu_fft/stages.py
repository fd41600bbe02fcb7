"""One stage of a Stockham transform in C: short transforms in registers, the same for columns and for rows."""

from __future__ import annotations

import itertools
import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

from rlcore.backend.kit.gpu_fft.butterflies import Complex, Registers, transform

Statements = Iterator[str]
Access = Callable[[str, str], Statements]
"""Writes what loads or stores a value: takes the value's name and its place along the axis."""


@dataclass(frozen=True, slots=True)
class Stage:
    """``length / radix`` short transforms, shared in rounds among the threads, of which this one is `lane`."""

    length: int
    lanes: int
    """Threads that share a column or a row."""
    radix: int
    sign: int
    before: int
    """Product of the radices of earlier stages."""
    label: str
    """Keeps names of different stages apart."""

    @property
    def items(self) -> int:
        return self.length // self.radix

    def declare(self, named: Callable[[str], str] = lambda name: name) -> Statements:
        """Variables for all values, or for what is named after them; 0."""
        for turn in self._rounds:
            for r in range(self.radix):
                yield f"float2 {named(self._name(turn, r))} = make_float2(0.0f, 0.0f);"

    def read(self, load: Access, inside: str = "") -> Statements:
        """Values a stride apart; 0 where a thread has none."""
        yield from self.declare()
        yield from self.change(load, inside)

    def compute(self) -> Statements:
        """Turn the values by their place among the stages, and transform them."""
        for turn in self._rounds:
            yield f"if ({self._guard(turn, '')}) {{"
            if self.before > 1:
                yield from self._turn(turn)
            yield from self._transform(turn)
            yield "}"

    def change(self, access: Access, inside: str = "") -> Statements:
        """Do something to every value of a last stage, or of a first one, which are at the same places."""
        for turn in self._rounds:
            yield f"if ({self._guard(turn, inside)}) {{"
            for r in range(self.radix):
                yield from access(self._name(turn, r), f"({self._item(turn)} + {r * self.items})")
            yield "}"

    def write(self, store: Access, inside: str = "") -> Statements:
        """Results in order: those of a last stage come to the places that its values came from."""
        for turn in self._rounds:
            yield f"if ({self._guard(turn, inside)}) {{"
            item = self._item(turn)
            base = f"({item} / {self.before} * {self.before * self.radix} + {item} % {self.before})"
            for r in range(self.radix):
                yield from store(self._name(turn, r), f"({base} + {r * self.before})")
            yield "}"

    def following(self, first: Stage) -> Statements:
        """The values of a last stage under the names of a first one of the same radix, which goes on with them."""
        for turn in self._rounds:
            for r in range(self.radix):
                yield f"float2 {first._name(turn, r)} = {self._name(turn, r)};"

    @property
    def _rounds(self) -> range:
        return range(math.ceil(self.items / self.lanes))

    def _name(self, turn: int, r: int) -> str:
        return f"{self.label}_{turn}_{r}"

    def _item(self, turn: int) -> str:
        return f"(lane + {turn * self.lanes})" if turn else "lane"

    def _guard(self, turn: int, inside: str) -> str:
        conditions = [inside] if inside else []
        if (turn + 1) * self.lanes > self.items:
            conditions.append(f"{self._item(turn)} < {self.items}")
        return " && ".join(conditions) or "true"

    def _turn(self, turn: int) -> Statements:
        step = self.length // (self.before * self.radix)
        yield f"const int place = {self._item(turn)} % {self.before} * {step};"
        for r in range(1, self.radix):
            name, factor = self._name(turn, r), f"w{r}"
            yield f"const float2 {factor} = __ldg(turns + place * {r});"
            yield f"{name} = {times(name, factor, conjugate=self.sign > 0)};"

    def _transform(self, turn: int) -> Statements:
        registers = Registers(f"{self.label}_{turn}t")
        names = [self._name(turn, r) for r in range(self.radix)]
        values: list[Complex] = [(f"{name}.x", f"{name}.y") for name in names]
        results = transform(registers, values, self.sign)
        yield from registers.lines
        for name, (x, y) in zip(names, results, strict=True):
            yield f"const float2 r{name} = make_float2({x}, {y});"
        for name in names:
            yield f"{name} = r{name};"


def stages_of(length: int, lanes: int, radices: Sequence[int], sign: int, label: str) -> list[Stage]:
    """All stages of a transform, in order."""
    return [
        Stage(length, lanes, radix, sign, math.prod(radices[:number]), f"{label}{number}")
        for number, radix in enumerate(radices)
    ]


def through(stages: Sequence[Stage], passages: Sequence[tuple[Access, Access]]) -> Statements:
    """Pass values from each stage to the next through shared memory: from the first, computed, to the last, computed.

    One passage after another, each of which loads and stores a part of every value, or all of it.
    """
    for earlier, later in itertools.pairwise(stages):
        yield from later.declare()
        for number, (load, store) in enumerate(passages):
            if number:
                yield "__syncthreads();"
            yield from earlier.write(store)
            yield "__syncthreads();"
            yield from later.change(load)
        yield from later.compute()
        yield "__syncthreads();"


def times(a: str, b: str, *, conjugate: bool = False) -> str:
    """The product of two complex numbers, of the second's conjugate if asked."""
    y = f"(-{b}.y)" if conjugate else f"{b}.y"
    return f"make_float2({a}.x * {b}.x - {a}.y * {y}, {a}.x * {y} + {a}.y * {b}.x)"


def indented(statements: Statements) -> str:
    """Statements as the body of a function."""
    return "\n".join("    " + statement for statement in statements)
