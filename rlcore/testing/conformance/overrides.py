"""A suite that leaves standard tests out says so, and why."""

from __future__ import annotations

from collections.abc import Mapping
from typing import ClassVar


class Overrides:
    """Standard tests that a subclass replaces."""

    overrides: ClassVar[Mapping[str, str]] = {}
    """The name of each standard test that is replaced or left out, and the reason, which is printed."""

    def test_overrides_are_explained(self) -> None:
        """A standard test was replaced without a reason; name it in `overrides`, as ``{"test_...": "because ..."}``."""
        suite = type(self)
        standard = next(base for base in suite.__mro__ if base.__name__ == "BackendTests")
        names = [name for name in dir(standard) if name.startswith("test_")]
        replaced = {name for name in names if getattr(suite, name, None) is not getattr(standard, name)}
        silent = sorted(name for name in replaced if not self.overrides.get(name, "").strip())
        assert not silent, f"{suite.__name__} replaces {', '.join(silent)} without saying why in `overrides`"
        stale = sorted(set(self.overrides) - replaced)
        assert not stale, f"{suite.__name__} gives reasons for {', '.join(stale)}, which it does not replace"
        for name in sorted(replaced):
            print(f"{suite.__name__} replaces {name}: {self.overrides[name]}")  # noqa: T201 - for whoever reads the log
