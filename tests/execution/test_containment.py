"""Backends at work are contained: whatever goes wrong in one is an error that names it, and nothing else is."""

import contextlib
import gc
import os
import re
import signal
import weakref

import numpy as np
import pytest
from fixtures.plans import IMAGE, PSF, in_blocks

import rlcore
from rlcore.backend import Backend, adapter, overrides
from rlcore.backend.discovery.containment import called, contain
from rlcore.backend.numpy_backend import NumPyBackend
from rlcore.testing import no_camera

METHODS = ("upload", "download", "fft", "ifft", "multiply", "add", "divide", "clamp", "predict", "read", "write")


def wrong(operation, change, after=0):
    """NumPy's backend, with one operation whose results are changed from some call on."""
    calls = []

    def changed(self, *args, **options):
        calls.append(1)
        result = getattr(NumPyBackend, operation)(self, *args, **options)
        return result if len(calls) <= after else change(result)

    return type("Wrong", (NumPyBackend,), {operation: changed})()


def failing(operation, error, after=0):
    def fail(_):
        raise error

    return wrong(operation, fail, after)


def restore(backend, **options):
    return no_camera.deconvolve(IMAGE, PSF, backend=backend, iterations=4, **options)


@pytest.mark.parametrize("error", [RuntimeError, ValueError, SystemExit, GeneratorExit, StopIteration, AttributeError])
@pytest.mark.parametrize("operation", ["fft", "divide", "read"])
@pytest.mark.parametrize("blocks", [False, True])
def test_errors_of_any_kind_name_the_backend_and_its_operation(error, operation, blocks):
    cause = error("the fan stopped")
    with pytest.raises(rlcore.BackendError) as caught:
        restore(failing(operation, cause), plan=in_blocks(overlap=True) if blocks else None)
    assert str(caught.value) == f"backend 'numpy' failed in `{operation}`: {error.__name__}: the fan stopped"
    assert caught.value.__cause__ is cause


def test_errors_that_backends_raise_on_purpose_pass():
    error = rlcore.BackendError("b")
    with pytest.raises(rlcore.BackendError) as caught:
        restore(failing("fft", error))
    assert caught.value is error


@pytest.mark.parametrize("error", [rlcore.InputError, rlcore.Cancelled, KeyboardInterrupt])
@pytest.mark.parametrize("blocks", [False, True])
def test_a_backend_can_blame_neither_the_input_nor_the_user(error, blocks):
    with pytest.raises(rlcore.BackendError, match=rf"^backend 'numpy' failed in `fft`: {error.__name__}: me\?$"):
        restore(failing("fft", error("me?"), after=3), plan=in_blocks(overlap=True) if blocks else None)


@pytest.mark.skipif(os.name != "posix", reason="signals are POSIX's")
def test_ctrl_c_of_the_user_ends_a_run_as_such():
    before = signal.signal(signal.SIGINT, signal.default_int_handler)

    def interrupt(result):
        signal.raise_signal(signal.SIGINT)
        return result

    try:
        with pytest.raises(KeyboardInterrupt):
            restore(wrong("fft", interrupt, after=3))
        assert signal.getsignal(signal.SIGINT) is signal.default_int_handler
    finally:
        signal.signal(signal.SIGINT, before)


def test_what_a_run_has_held_goes_with_it_at_once():
    """Without waiting for Python's collection of cycles: a backend's plans and work areas may be volumes."""
    backend = NumPyBackend()
    gone, contained = weakref.ref(backend), contain(backend)
    assert contained.upload(IMAGE).shape == IMAGE.shape
    gc.disable()
    try:
        del backend, contained
        assert gone() is None
    finally:
        gc.enable()


def test_a_lack_of_memory_keeps_its_meaning():
    with pytest.warns(rlcore.ReplanWarning):
        restore(once(MemoryError("no room")), memory="100 MiB")


def once(error):
    calls = []

    def fail(result):
        calls.append(1)
        if len(calls) == 3:
            raise error
        return result

    return wrong("fft", fail)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("value", [np.nan, np.inf, -5.0])
@pytest.mark.parametrize("options", [{}, {"out": True}, {"plan": True}, {"plan": True, "out": True}])
def test_results_that_no_estimate_is_are_never_returned(value, options):
    def spoil(result):
        result[..., 3] = value
        return result

    chosen = {}
    if "plan" in options:
        chosen["plan"] = in_blocks()
    if "out" in options:
        chosen["out"] = np.empty(IMAGE.shape, np.float32)
    with pytest.raises(rlcore.BackendError, match=r"backend 'numpy' returned .* for a sound image"):
        restore(wrong("multiply" if value < -1 and np.isfinite(value) else "ifft", spoil, after=6), **chosen)


@pytest.mark.parametrize("operation", ["ifft", "multiply", "predict"])
@pytest.mark.parametrize("blocks", [False, True])
def test_arrays_of_another_shape_are_found(operation, blocks):
    backend = wrong(operation, lambda result: result[..., :-1].copy())
    with pytest.raises(rlcore.BackendError):
        restore(backend, plan=in_blocks() if blocks else None)


class Lazy:
    """An array of the caller's that fails when it is read or written."""

    dtype = np.dtype(np.float32)

    def __init__(self, error, after):
        self.shape, self.error, self.calls = IMAGE.shape, error, after

    def __getitem__(self, index):
        self._count()
        return IMAGE[index]

    def __setitem__(self, index, value):
        self._count()

    def _count(self):
        self.calls -= 1
        if self.calls < 0:
            raise self.error


@pytest.mark.parametrize("place", ["image", "out"])
def test_errors_of_the_callers_arrays_are_not_blamed_on_the_backend(place):
    mine = OSError("the disk is gone")
    image = Lazy(mine, 2) if place == "image" else IMAGE
    out = Lazy(mine, 0) if place == "out" else None
    with pytest.raises(OSError, match="the disk is gone") as caught:
        no_camera.deconvolve(image, PSF, backend="numpy", iterations=4, plan=in_blocks(), out=out)
    assert caught.value is mine


def test_a_contained_backend_overrides_what_the_backend_does():
    for backend in (NumPyBackend(), rlcore.load_backend("pyfftw")):
        contained = contain(backend)
        for name in METHODS + ("convolve", "ratio", "summary", "smooth", "halve", "paste"):
            assert overrides(contained, name) == overrides(backend, name), name
        assert contained == contain(backend)
        assert (contained.name, contained.device, contained.facts) == (backend.name, backend.device, backend.facts)


def test_the_distribution_is_named_where_one_brought_the_backend():
    assert called(contain(rlcore.load_backend("pyfftw"))).startswith("backend 'pyfftw' of rlcore-pyfftw ")
    assert called(failing("fft", ValueError())) == "backend 'numpy'"


GARBAGE = (None, "text", (), np.zeros((0,)), float("nan"), object(), -1)


@pytest.mark.filterwarnings("ignore::RuntimeWarning")
@pytest.mark.parametrize("method", adapter.METHODS)
@pytest.mark.parametrize(
    "options", [{}, {"acceleration": "biggs", "stop": "relative-change"}, {"regularization": "tv"}]
)
def test_whatever_a_method_returns_is_no_error_of_another_kind(method, options):
    """Numbers that are merely wrong are for the conformance kit to find."""
    for answer in GARBAGE:
        backend = type("Garbage", (NumPyBackend,), {method: lambda self, *_, _answer=answer, **__: _answer})()
        with contextlib.suppress(rlcore.BackendError, rlcore.BudgetError):
            assert restore(backend, **options).shape == IMAGE.shape


def test_an_answer_of_another_kind_is_named_with_what_was_wanted():
    for method, answer, said in [
        ("download", "text", "an object of type 'str' from `download` instead of an array of NumPy"),
        ("footprint", None, "None from `footprint` instead of a Footprint"),
        ("fast_shape", 7, "7 from `fast_shape` instead of a shape"),
    ]:
        methods = {"write": Backend.write, method: lambda self, *_, _answer=answer, **__: _answer}
        backend = type("Garbage", (NumPyBackend,), methods)()
        with pytest.raises(rlcore.BackendError, match=re.escape(f"backend 'numpy' returned {said}")):
            restore(backend)
