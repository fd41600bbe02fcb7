"""One stage of a Stockham transform of columns, as CUDA C."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass

from rlcore_cupy.butterflies import Complex, Registers, transform


@dataclass
class Stage:
    """``length / radix`` short transforms for each column of the tile, shared among the threads in rounds."""

    length: int
    width: int
    threads: int
    radix: int
    sign: int
    before: int
    """Product of the radices of earlier stages."""
    number: int = 0
    product: str = ""
    """"convolve" or "correlate" where the stage multiplies by the transfer and begins the way back."""

    def turn_round(self, kind: str) -> None:
        """Multiply by the transfer, and be the first stage of the way back too."""
        self.product = kind

    @property
    def items(self) -> int:
        return self.length // self.radix

    @property
    def _lanes(self) -> int:
        return self.threads // self.width

    @property
    def _rounds(self) -> range:
        return range(math.ceil(self.items / self._lanes))

    def read(self, *, from_memory: bool) -> Iterator[str]:
        """Values a stride apart, from device memory or from the tile."""
        for turn in self._rounds:
            for r in range(self.radix):
                yield f"    float2 {self._name(turn, r)} = make_float2(0.0f, 0.0f);"
            yield f"    if ({self._guard(turn, from_memory)}) {{"
            for r in range(self.radix):
                at = f"({self._item(turn)} + {r * self.items})"
                place = f"data[{at} * stride]" if from_memory else f"tile[{at} * {self.width} + c]"
                yield f"        {self._name(turn, r)} = {place};"
            yield "    }"

    def compute(self) -> Iterator[str]:
        """Turn the values and transform them; turning round, multiply by the transfer and transform again."""
        for turn in self._rounds:
            yield f"    if ({self._guard(turn, bool(self.product))}) {{"
            if self.before > 1:
                yield from self._turn(turn)
            yield from self._transform(turn, self.sign, f"a{self.number}_{turn}_")
            if self.product:
                yield from self._multiply(turn)
                yield from self._transform(turn, +1, f"b{self.number}_{turn}_")
            yield "    }"

    def write(self, *, to_memory: bool, scaled: bool) -> Iterator[str]:
        """Results in order, to device memory or to the tile; after turning round the order starts anew."""
        before = 1 if self.product else self.before
        for turn in self._rounds:
            yield f"    if ({self._guard(turn, to_memory)}) {{"
            item = self._item(turn)
            for r in range(self.radix):
                name = self._name(turn, r)
                if to_memory:
                    value = f"make_float2({name}.x * scale, {name}.y * scale)" if scaled else name
                    yield f"        data[({item} + {r * self.items}) * stride] = {value};"
                else:
                    base = f"({item} / {before}) * {before * self.radix} + {item} % {before}"
                    yield f"        tile[({base} + {r * before}) * {self.width} + c] = {name};"
            yield "    }"

    def _name(self, turn: int, r: int) -> str:
        return f"v{self.number}_{turn}_{r}"

    def _item(self, turn: int) -> str:
        return f"(lane + {turn * self._lanes})" if turn else "lane"

    def _guard(self, turn: int, memory: bool) -> str:
        conditions = ["inside"] if memory else []
        if (turn + 1) * self._lanes > self.items:
            conditions.append(f"{self._item(turn)} < {self.items}")
        return " && ".join(conditions) or "true"

    def _turn(self, turn: int) -> Iterator[str]:
        step = self.length // (self.before * self.radix)
        yield f"        const int place = {self._item(turn)} % {self.before} * {step};"
        for r in range(1, self.radix):
            name, factor = self._name(turn, r), f"w{r}"
            yield f"        const float2 {factor} = __ldg(turns + place * {r});"
            yield f"        {name} = {_times(name, factor, conjugate=self.sign > 0)};"

    def _transform(self, turn: int, sign: int, prefix: str) -> Iterator[str]:
        registers = Registers(prefix)
        names = [self._name(turn, r) for r in range(self.radix)]
        values: list[Complex] = [(f"{name}.x", f"{name}.y") for name in names]
        results = transform(registers, values, sign)
        yield from (f"        {line}" for line in registers.lines)
        for name, (x, y) in zip(names, results, strict=True):
            yield f"        const float2 {prefix}{name} = make_float2({x}, {y});"
        for name in names:
            yield f"        {name} = {prefix}{name};"

    def _multiply(self, turn: int) -> Iterator[str]:
        for r in range(self.radix):
            yield f"        const float2 t{r} = __ldg(transfer + ({self._item(turn)} + {r * self.items}) * stride);"
        for r in range(self.radix):
            name = self._name(turn, r)
            yield f"        {name} = {_times(name, f't{r}', conjugate=self.product == 'correlate')};"


def _times(a: str, b: str, *, conjugate: bool) -> str:
    """The product of two complex numbers, of the second's conjugate if asked."""
    y = f"(-{b}.y)" if conjugate else f"{b}.y"
    return f"make_float2({a}.x * {b}.x - {a}.y * {y}, {a}.x * {y} + {a}.y * {b}.x)"
