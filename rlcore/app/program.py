"""Entry point of the program `rlcore`, which says what to install if a package of its extra `app` is missing."""

from __future__ import annotations

import sys

_PACKAGES = ("click", "rich", "tifffile", "matplotlib", "platformdirs")
"""Packages of the extra `app`. Other programs bring some of them, so any one may be the first that is missing."""


def main() -> None:
    """Runs the command line."""
    try:
        from rlcore.app.main import main as command_line

        command_line()
    except ModuleNotFoundError as error:
        package = (error.name or "").partition(".")[0]
        if package not in _PACKAGES:
            raise
        missing = f"error: package {package!r} of the command line is not installed"
        sys.stderr.write(f'{missing}; try: pip install "rlcore[app]"\n')
        sys.exit(2)
