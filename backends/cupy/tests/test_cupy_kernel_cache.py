"""Entries of the kernel cache are made once, when needed or ahead of time, and those that failed are tried again."""

import contextlib
import threading
from functools import partial
from types import SimpleNamespace

import pytest

from rlcore_cupy import kernel_cache
from rlcore_cupy.kernel_cache import CAPACITY, KernelCache


class Device(contextlib.nullcontext):
    def synchronize(self):
        pass


@pytest.fixture(autouse=True)
def without_a_device(monkeypatch):
    monkeypatch.setattr(kernel_cache, "cupy", SimpleNamespace(cuda=SimpleNamespace(Device=Device)))


def test_an_entry_made_ahead_is_used():
    cache, threads = KernelCache(), []
    cache.make_ahead("kernel", lambda: threads.append(threading.get_ident()) or "compiled")
    for _ in range(2):
        assert cache.get("kernel", lambda: pytest.fail("it was made ahead")) == "compiled"
    cache.make_ahead("kernel", lambda: pytest.fail("it is there"))
    assert cache.get("kernel", lambda: pytest.fail("it is there")) == "compiled"
    assert len(threads) == 1
    assert threads[0] != threading.get_ident()


def test_several_entries_are_made_at_once(monkeypatch):
    monkeypatch.setattr(kernel_cache, "processors", lambda: 3)
    cache, together = KernelCache(), threading.Barrier(3)

    def meet(number):
        together.wait(timeout=60)
        return number

    for number in range(3):
        cache.make_ahead(number, partial(meet, number))
    assert [cache.get(number, pytest.fail) for number in range(3)] == [0, 1, 2]


def test_a_failure_is_raised_and_tried_again():
    cache = KernelCache()

    def refuse():
        raise MemoryError("no room")

    cache.make_ahead("table", refuse)
    with pytest.raises(MemoryError, match="no room"):
        cache.get("table", lambda: pytest.fail("it was tried ahead"))
    assert cache.get("table", lambda: "there") == "there"


def test_the_least_recent_entries_are_dropped():
    cache = KernelCache()
    for number in range(3 * CAPACITY):
        cache.make_ahead(number, lambda number=number: number)
    assert len(cache) == CAPACITY
    assert cache.get(0, lambda: "made anew") == "made anew"
