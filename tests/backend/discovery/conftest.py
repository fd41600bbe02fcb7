"""A folder of packages for the tests of discovery."""

import sys
from pathlib import Path

import pytest


@pytest.fixture
def site(tmp_path, monkeypatch):
    """A folder that packages are found in."""
    monkeypatch.syspath_prepend(tmp_path)
    yield tmp_path
    for name in [name for name in sys.modules if getattr(sys.modules[name], "__file__", None)]:
        if Path(sys.modules[name].__file__).is_relative_to(tmp_path):
            del sys.modules[name]
