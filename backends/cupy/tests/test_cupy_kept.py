"""What is kept is made once, in time or ahead of it, and what failed is tried again."""

import contextlib
import threading
from functools import partial
from types import SimpleNamespace

import pytest

from rlcore_cupy import kept
from rlcore_cupy.kept import KEPT, Kept


class Device(contextlib.nullcontext):
    def synchronize(self):
        pass


@pytest.fixture(autouse=True)
def without_a_device(monkeypatch):
    monkeypatch.setattr(kept, "cupy", SimpleNamespace(cuda=SimpleNamespace(Device=Device)))


def test_what_was_made_ahead_is_what_is_used():
    store, threads = Kept(), []
    store.make_ahead("kernel", lambda: threads.append(threading.get_ident()) or "compiled")
    for _ in range(2):
        assert store.get("kernel", lambda: pytest.fail("it was made ahead")) == "compiled"
    store.make_ahead("kernel", lambda: pytest.fail("it is there"))
    assert store.get("kernel", lambda: pytest.fail("it is there")) == "compiled"
    assert len(threads) == 1
    assert threads[0] != threading.get_ident()


def test_several_are_made_at_once(monkeypatch):
    monkeypatch.setattr(kept, "processors", lambda: 3)
    store, together = Kept(), threading.Barrier(3)

    def meet(number):
        together.wait(timeout=60)
        return number

    for number in range(3):
        store.make_ahead(number, partial(meet, number))
    assert [store.get(number, pytest.fail) for number in range(3)] == [0, 1, 2]


def test_what_failed_is_told_and_tried_again():
    store = Kept()

    def refuse():
        raise MemoryError("no room")

    store.make_ahead("table", refuse)
    with pytest.raises(MemoryError, match="no room"):
        store.get("table", lambda: pytest.fail("it was tried ahead"))
    assert store.get("table", lambda: "there") == "there"


def test_no_more_is_kept_than_is_told():
    store = Kept()
    for number in range(3 * KEPT):
        store.make_ahead(number, lambda number=number: number)
    assert len(store) == KEPT
    assert store.get(0, lambda: "made anew") == "made anew"
