"""A scene in files, and caches of its own."""

import pytest
import tifffile
from fixtures.commands import IMAGE, PSF


@pytest.fixture(autouse=True)
def own_cache(tmp_path_factory, monkeypatch):
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path_factory.mktemp("cache")))
    for name in ("RLCORE_BACKEND", "RLCORE_DEVICE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def files(tmp_path):
    tifffile.imwrite(tmp_path / "image.tif", IMAGE, metadata={"axes": "ZYX"})
    tifffile.imwrite(tmp_path / "psf.tif", PSF, metadata={"axes": "ZYX"})
    return tmp_path
