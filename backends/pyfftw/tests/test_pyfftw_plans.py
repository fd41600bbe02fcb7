"""Plans and wisdom: kept, bounded, and never in the way."""

import contextlib
import gc
import itertools
import logging
import threading
import weakref
from types import SimpleNamespace

import numpy as np
import pyfftw
import pytest

from rlcore.errors import BackendError, BackendUnavailable
from rlcore_pyfftw import PyFFTWBackend
from rlcore_pyfftw.layout import layout_of
from rlcore_pyfftw.plans import Plans, column_key
from rlcore_pyfftw.wisdom import WisdomFile


@pytest.fixture(autouse=True)
def _ignorant():
    """FFTW as in a new process."""
    pyfftw.forget_wisdom()


def round_trip(backend, shape=(24, 30, 32)):
    volume = np.random.default_rng(0).random(shape, np.float32)
    restored = backend.download(backend.ifft(backend.fft(backend.upload(volume)), shape))
    np.testing.assert_allclose(restored, volume, atol=1e-6)
    return restored


@pytest.fixture
def all_the_time(monkeypatch):
    """No plan is cut short, however slow the machine, so that each is measured."""
    monkeypatch.setattr("rlcore_pyfftw.plans.SECONDS_PER_BYTE", 1.0)
    monkeypatch.setattr("rlcore_pyfftw.plans.MOST_SECONDS", 600.0)


@pytest.fixture
def measures_nothing():
    """Has FFTW refuse plans that it would have to measure."""

    @contextlib.contextmanager
    def made():
        plan = pyfftw.FFTW

        def known(*arrays, flags, **options):
            return plan(*arrays, flags=(*flags, "FFTW_WISDOM_ONLY"), **options)

        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("rlcore_pyfftw.plans.pyfftw.FFTW", known)
            yield

    return made


@pytest.mark.usefixtures("all_the_time")
def test_wisdom_is_kept_and_spares_measuring(tmp_path, measures_nothing):
    first = round_trip(PyFFTWBackend(wisdom=WisdomFile(tmp_path)))
    pyfftw.forget_wisdom()
    with measures_nothing():
        second = round_trip(PyFFTWBackend(wisdom=WisdomFile(tmp_path)))
        pyfftw.forget_wisdom()
        with pytest.raises(RuntimeError, match="wisdom"):
            round_trip(PyFFTWBackend(wisdom=WisdomFile(tmp_path / "elsewhere")))
    np.testing.assert_array_equal(first, second)
    assert [path.name for path in tmp_path.iterdir()] == [WisdomFile(tmp_path).path.name]


@pytest.mark.parametrize(
    ("spoil", "note"),
    [
        (lambda content: content[: len(content) // 2], "corrupt"),
        (lambda content: content.split(b"\n")[0] + b"\n\x00\xff garbage", "corrupt"),
        (lambda content: b"rlcore-pyfftw wisdom 1; another FFTW\n" + content.partition(b"\n")[2], "another FFTW"),
        (lambda content: b"", "another FFTW"),
    ],
    ids=["cut short", "garbage", "foreign", "empty"],
)
def test_a_spoilt_file_is_ignored_with_a_note_and_replaced(tmp_path, caplog, spoil, note):
    file = WisdomFile(tmp_path)
    round_trip(PyFFTWBackend(wisdom=file))
    good = file.path.read_bytes()
    file.path.write_bytes(spoil(good))
    pyfftw.forget_wisdom()
    with caplog.at_level(logging.WARNING, "rlcore"):
        round_trip(PyFFTWBackend(wisdom=file))
    assert note in caplog.text
    caplog.clear()
    pyfftw.forget_wisdom()
    round_trip(PyFFTWBackend(wisdom=file))
    assert not caplog.records


def test_a_folder_that_cannot_be_written_costs_only_a_note(tmp_path, caplog):
    (tmp_path / "file").write_text("where a folder should be")
    with caplog.at_level(logging.WARNING, "rlcore"):
        round_trip(PyFFTWBackend(wisdom=WisdomFile(tmp_path / "file" / "cache")))
    assert "cannot be" in caplog.text


def test_plans_are_bounded_and_the_least_recently_used_go_first(tmp_path, monkeypatch):
    """By a clock that counts how often it is looked at: each plan that is made takes a second."""
    clock = itertools.count()
    monkeypatch.setattr("rlcore_pyfftw.plans.time", SimpleNamespace(perf_counter=lambda: next(clock)))
    plans = Plans(WisdomFile(tmp_path), kept=2)
    a, b, c = (column_key("down columns", layout_of((length, 6, 6)), 8) for length in (4, 5, 6))
    for key in (a, b, a, c):
        with plans.lend(key):
            pass
    assert len(plans) == 2
    assert plans.seconds == 3
    with plans.lend(a):
        assert plans.seconds == 3
    with plans.lend(b):
        assert plans.seconds == 4


def test_threads_may_use_one_backend_at_the_same_time():
    backend = PyFFTWBackend(threads=2)
    alone = round_trip(backend)
    results = []
    threads = [threading.Thread(target=lambda: results.append(round_trip(backend))) for _ in range(4)]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(results) == 4
    for result in results:
        np.testing.assert_array_equal(result, alone)


def test_cached_plans_keep_no_volume_alive():
    """A plan holds on to the arrays it last saw; it must have been given others."""
    backend = PyFFTWBackend(threads=2)
    array = backend.upload(np.ones((24, 30, 32), np.float32))
    memory = weakref.ref(array.columns.base)
    backend.fft(array)
    del array
    gc.collect()
    assert memory() is None


def test_bad_arguments_are_refused():
    with pytest.raises(BackendUnavailable, match="no device 'gpu'"):
        PyFFTWBackend("gpu")
    with pytest.raises(BackendError, match="threads 0"):
        PyFFTWBackend(threads=0)
    backend = PyFFTWBackend()
    with pytest.raises(BackendError, match="cannot take"):
        backend.fft(backend.full((4, 4), 1.0), out=backend.full((4, 5), 0.0))


@pytest.mark.parametrize("shape", [(94, 542, 542), (1, 1, 1), (1087, 2111), (7, 13, 17)], ids=str)
def test_fast_shapes_hold_what_was_asked_and_cost_less_than_primes(shape):
    backend = PyFFTWBackend()
    fast = backend.fast_shape(shape)
    assert all(f >= n for f, n in zip(fast, shape, strict=True))
    assert fast[-1] % 2 == 0
    assert backend.fast_shape(fast) == fast
    assert backend.cost((96, 576, 576)) < backend.cost((97, 577, 577)) / 2
