"""Choices of backend and device for a run, with the reasons why some are unavailable."""

from __future__ import annotations

from dataclasses import dataclass

from rlcore.backend.discovery.registry import Finding, survey


@dataclass(frozen=True, slots=True)
class DeviceChoice:
    """A backend on one of its devices."""

    backend: str = "auto"
    device: int | None = None
    where: str = "the first that works"
    reason: str = ""
    """Reason why it cannot be chosen; empty if it can."""

    def __str__(self) -> str:
        return f"{self.backend}: {self.where if not self.reason else 'not available'}"


AUTO = DeviceChoice()


def device_choices() -> list[DeviceChoice]:
    """Lists all choices, available ones first."""
    found = [choice for finding in survey() for choice in _of(finding)]
    return [AUTO, *sorted(found, key=lambda choice: bool(choice.reason))]


def _of(finding: Finding) -> list[DeviceChoice]:
    if finding.state != "usable":
        return [DeviceChoice(finding.name, reason=finding.reason)]
    if len(finding.devices) < 2:
        return [DeviceChoice(finding.name, where=finding.device)]
    return [DeviceChoice(finding.name, device.index, device.name) for device in finding.devices]
