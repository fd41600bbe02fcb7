"""The picture of the architecture is that of the code, and the top level of the package stays small."""

import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]


@pytest.mark.skipif(not (ROOT / "backends").exists(), reason="the picture shows the whole repository")
def test_the_picture_is_that_of_the_code():
    """Run `python docs/draw_architecture.py` and look at docs/images/architecture.svg."""
    assert subprocess.run([sys.executable, ROOT / "docs/draw_architecture.py", "--check"]).returncode == 0


def test_the_top_level_has_at_most_ten_entries():
    entries = {path.name for path in (ROOT / "rlcore").iterdir()} - {"__init__.py", "py.typed", "__pycache__"}
    assert len(entries) <= 10
