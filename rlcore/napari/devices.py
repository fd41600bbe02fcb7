"""What a run may be put on: every backend and device that the survey knows, and why some cannot be chosen."""

from __future__ import annotations

from dataclasses import dataclass

from rlcore.registry import Finding, survey


@dataclass(frozen=True, slots=True)
class Engine:
    """A backend on one of its devices."""

    backend: str = "auto"
    device: int | None = None
    where: str = "the first that works"
    reason: str = ""
    """Why it cannot be chosen; empty where it can."""

    def __str__(self) -> str:
        return f"{self.backend}: {self.where if not self.reason else 'not available'}"


AUTO = Engine()


def engines() -> list[Engine]:
    """All of them, those that can be chosen first."""
    found = [engine for finding in survey() for engine in _of(finding)]
    return [AUTO, *sorted(found, key=lambda engine: bool(engine.reason))]


def _of(finding: Finding) -> list[Engine]:
    if finding.state != "usable":
        return [Engine(finding.name, reason=finding.reason)]
    if len(finding.devices) < 2:
        return [Engine(finding.name, where=finding.device)]
    return [Engine(finding.name, device.index, device.name) for device in finding.devices]
