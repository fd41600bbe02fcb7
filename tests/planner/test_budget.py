"""Budgets, and sizes as people write them."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

import rlcore
from rlcore.backend.host.memory import format_bytes, host_free, processors
from rlcore.planner.budget import RESERVE, budget_from_free, parse_memory


@pytest.mark.parametrize(
    ("text", "size"),
    [
        ("4 GiB", 4 << 30), ("4GiB", 4 << 30), (" 4 gib ", 4 << 30), ("1.5 GiB", 3 << 29), ("800 MB", 800_000_000),
        ("800M", 800 << 20), ("2 TB", 2 * 10**12), ("1 TiB", 1 << 40), ("12 kB", 12_000), ("64 KiB", 65_536),
        ("17", 17), ("17 B", 17), (".5 MiB", 1 << 19), ("50%", 0.5), ("100 %", 1.0), ("12.5%", 0.125),
        (12, 12), (12.0, 12), (0.25, 0.25), (1.0, 1.0), (1, 1),
    ],
)  # fmt: skip
def test_sizes_are_read_as_people_write_them(text, size):
    read = parse_memory(text)
    assert read == size
    assert type(read) is type(size)


@pytest.mark.parametrize(
    "text",
    ["", "GiB", "4 GiB free", "-4 GiB", "0", "0%", "101%", "0.5", "4 XiB", "1e9", "4,5 GiB", "½", "nan", "inf",
     0, 0.0, -1, 1.5, math.nan, math.inf, -math.inf, None, [4], 2j],
    ids=repr,
)  # fmt: skip
def test_what_is_no_size_is_refused_with_the_value(text):
    with pytest.raises(rlcore.InputError) as error:
        parse_memory(text)
    assert repr(text) in str(error.value)


@given(st.integers(1, 1 << 50))
def test_any_number_of_bytes_is_itself(count):
    assert parse_memory(count) == count == parse_memory(str(count)) == parse_memory(f"{count} B")


def test_a_budget_is_what_is_free_less_a_reserve_or_what_the_caller_asks_for():
    free = budget_from_free(1000, "the machine", None)
    assert free.bytes == int(1000 * (1 - RESERVE)) == 900
    assert free.source == "the machine, 10% kept in reserve"
    half = budget_from_free(1000, "the machine", 0.5)
    assert (half.bytes, half.source) == (500, "50% of what the machine says is free")
    asked = budget_from_free(1000, "the machine", "4 GiB")
    assert (asked.bytes, asked.source) == (4 << 30, "asked for by the caller")
    assert str(asked) == "4.0 GiB (asked for by the caller)"


@pytest.mark.parametrize(
    ("size", "text"),
    [(0, "0 B"), (1023, "1023 B"), (1536, "1.5 KiB"), (3 << 20, "3.0 MiB"), (5 << 30, "5.0 GiB"), (7 << 40, "7.0 TiB")],
)
def test_bytes_for_people(size, text):
    assert format_bytes(size) == text


def test_this_machine_has_memory_and_processors():
    free, source = host_free()
    assert free > 0
    assert source
    assert processors() >= 1
