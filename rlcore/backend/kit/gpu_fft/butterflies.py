"""Small discrete Fourier transforms in registers, written out in C.

A transform of a composite length is composed of shorter ones (Cooley & Tukey 1965); one of an odd prime length uses the
symmetry of its cosines and sines. Statements have the form ``float name = expression;`` and nothing else.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass, field

Complex = tuple[str, str]
"""Names of a real and an imaginary part."""

PRIMES = (2, 3, 5, 7, 11, 13)
"""Lengths that are transformed directly."""


@dataclass
class Registers:
    """Statements written so far; every result gets a name of its own."""

    prefix: str
    lines: list[str] = field(default_factory=list)

    def new(self, expression: str) -> str:
        """The name of a new register that holds the expression."""
        name = f"{self.prefix}{len(self.lines)}"
        self.lines.append(f"float {name} = {expression};")
        return name

    def add(self, a: Complex, b: Complex) -> Complex:
        return self.new(f"{a[0]} + {b[0]}"), self.new(f"{a[1]} + {b[1]}")

    def subtract(self, a: Complex, b: Complex) -> Complex:
        return self.new(f"{a[0]} - {b[0]}"), self.new(f"{a[1]} - {b[1]}")

    def times(self, a: Complex, turn: float) -> Complex:
        """``a * exp(2 pi i turn)``."""
        quarter = turn % 1.0 * 4
        if quarter == int(quarter):
            x, y = a
            return ((x, y), (f"(-{y})", x), (f"(-{x})", f"(-{y})"), (y, f"(-{x})"))[int(quarter)]
        c, s = _literal(math.cos(2 * math.pi * turn)), _literal(math.sin(2 * math.pi * turn))
        return self.new(f"{c} * {a[0]} - {s} * {a[1]}"), self.new(f"{c} * {a[1]} + {s} * {a[0]}")


def transform(registers: Registers, values: list[Complex], sign: int) -> list[Complex]:
    """Write the transform with kernel ``exp(sign 2 pi i j k / n)`` of n values; the names of its results."""
    n = len(values)
    if n == 1:
        return values
    if n in PRIMES:
        return _two(registers, values) if n == 2 else _odd(registers, values, sign)
    a = _divisor(n)
    b = n // a
    inner = [transform(registers, values[second::b], sign) for second in range(b)]
    results: list[Complex] = [("", "")] * n
    for first in range(a):
        turned = [registers.times(inner[second][first], sign * second * first / n) for second in range(b)]
        results[first::a] = transform(registers, turned, sign)
    return results


def is_product_of_primes(n: int) -> bool:
    """True if a length has only prime factors that can be transformed."""
    for prime in PRIMES:
        while n % prime == 0:
            n //= prime
    return n == 1


def _two(registers: Registers, values: list[Complex]) -> list[Complex]:
    return [registers.add(*values), registers.subtract(*values)]


def _odd(registers: Registers, values: list[Complex], sign: int) -> list[Complex]:
    n, half = len(values), range(1, len(values) // 2 + 1)
    sums = {j: registers.add(values[j], values[n - j]) for j in half}
    differences = {j: registers.subtract(values[j], values[n - j]) for j in half}
    first = values[0]
    for j in half:
        first = registers.add(first, sums[j])
    results = [first] + [("", "")] * (n - 1)
    for k in half:
        even = _weighted(registers, "cos", n, k, sums, values[0])
        odd = _weighted(registers, "sin", n, k, differences, None)
        turned = (f"(-{odd[1]})", odd[0]) if sign > 0 else (odd[1], f"(-{odd[0]})")
        results[k] = registers.add(even, turned)
        results[n - k] = registers.subtract(even, turned)
    return results


def _weighted(
    registers: Registers, wave: str, n: int, k: int, parts: dict[int, Complex], start: Complex | None
) -> Complex:
    function = math.cos if wave == "cos" else math.sin

    def sum_of(part: int) -> str:
        terms = [start[part]] if start else []
        terms += [f"{_literal(function(2 * math.pi * (j * k % n) / n))} * {parts[j][part]}" for j in parts]
        return registers.new(" + ".join(terms))

    return sum_of(0), sum_of(1)


def _divisor(n: int) -> int:
    """The factor to split off: 4 where it can, which saves multiplications, else the largest up to the square root."""
    if n % 4 == 0 and n > 4:
        return 4
    return max(d for d in divisors(n) if d * d <= n)


def divisors(n: int) -> Iterator[int]:
    """Divisors of n other than 1 and n."""
    return (d for d in range(2, n) if n % d == 0)


def _literal(value: float) -> str:
    return f"{value:.9e}f" if value >= 0 else f"({value:.9e}f)"
