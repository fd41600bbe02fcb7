"""Which backend runs when none, or one, is named."""

import logging

import pytest

import rlcore
from rlcore.backend.numpy_backend import NumPyBackend
from rlcore.testing import no_camera


@pytest.fixture(autouse=True)
def plain_environment(monkeypatch):
    for name in ("RLCORE_BACKEND", "RLCORE_DEVICE"):
        monkeypatch.delenv(name, raising=False)


def test_the_environment_names_the_default_backend(monkeypatch):
    monkeypatch.setenv("RLCORE_BACKEND", "numpy")
    choice = rlcore.choose_backend()
    assert choice.backend.name == "numpy"
    assert str(choice) == "backend 'numpy' on CPU: RLCORE_BACKEND names it"
    assert no_camera.make_plan((8, 8), (3, 3)).backend == "numpy"


def test_an_argument_goes_before_the_environment(monkeypatch):
    monkeypatch.setenv("RLCORE_BACKEND", "no-such-backend")
    assert rlcore.choose_backend("numpy").backend.name == "numpy"
    with pytest.raises(rlcore.BackendError, match="'no-such-backend' is unknown"):
        rlcore.choose_backend()


def test_the_environment_names_the_default_device(monkeypatch):
    monkeypatch.setenv("RLCORE_DEVICE", "nowhere")
    with pytest.raises(rlcore.BackendUnavailable, match="no device 'nowhere'"):
        rlcore.choose_backend("numpy")
    assert rlcore.choose_backend("numpy", "cpu").backend.device == "CPU"


def test_auto_says_at_level_info_what_it_took_and_what_it_passed_over(monkeypatch, caplog):
    only_numpy = tuple(entry for entry in rlcore.backend.discovery.selection.installed() if entry.name == "numpy")
    monkeypatch.setattr("rlcore.backend.discovery.selection.installed", lambda: only_numpy)
    with caplog.at_level(logging.INFO, logger="rlcore"):
        choice = rlcore.choose_backend("auto")
    assert choice.backend.name == "numpy"
    assert choice.passed[0] == "cupy is not installed"
    assert "pyfftw is not installed" in caplog.text


def test_a_backend_itself_is_taken_as_it_is():
    backend = NumPyBackend()
    assert rlcore.choose_backend(backend).backend is backend
