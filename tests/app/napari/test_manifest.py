"""What napari is told of the plugin before any of it is imported."""

import importlib.util
import subprocess
import sys

import pytest

pytestmark = [
    pytest.mark.skipif(
        importlib.util.find_spec("npe2") is None, reason="npe2 is not installed; nox -s napari runs this"
    ),
    pytest.mark.filterwarnings("ignore::DeprecationWarning"),  # of npe2, while it is imported
]


@pytest.fixture
def manifest():
    import npe2

    return npe2.PluginManifest.from_distribution("rlcore")


def test_the_manifest_is_valid():
    done = subprocess.run([sys.executable, "-m", "npe2", "validate", "rlcore"], capture_output=True, text=True)
    assert done.returncode == 0, done.stdout + done.stderr


def test_it_names_what_is_there(manifest):
    assert manifest.contributions.readers is None
    assert "napari/layers/filter" in manifest.contributions.menus


def test_commands_can_be_imported(manifest):
    pytest.importorskip("napari", reason="napari is not installed; nox -s napari runs this test")
    manifest.validate_imports()
