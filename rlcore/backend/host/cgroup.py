"""Limits of a container: those along the whole chain of control groups, version 1 and 2."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path


def memory_limits(root: Path = Path("/")) -> Iterator[tuple[int, str]]:
    """Bytes still free under each memory limit from this process's group up to the root, with the limit's name.

    Page cache that the kernel gives back on demand (inactive_file) counts as free.
    """
    for folder, version in _groups(root, "memory"):
        limit_file, use_file = (
            ("memory.max", "memory.current") if version == 2 else ("memory.limit_in_bytes", "memory.usage_in_bytes")
        )
        limit, used = _number(folder / limit_file), _number(folder / use_file)
        if limit is not None and used is not None and limit < 1 << 60:
            cache = _stat(folder / "memory.stat", "inactive_file" if version == 2 else "total_inactive_file")
            yield max(0, limit - max(0, used - cache)), f"cgroup limit {folder / limit_file}"


def cpu_limits(root: Path = Path("/")) -> Iterator[float]:
    """Processors' worth of time each group of the chain may use, where one is limited."""
    for folder, version in _groups(root, "cpu"):
        if version == 2:
            quota, _, period = (_text(folder / "cpu.max") or "max").partition(" ")
            if quota != "max":
                yield int(quota) / int(period or 100_000)
        else:
            quota_us, period_us = _number(folder / "cpu.cfs_quota_us"), _number(folder / "cpu.cfs_period_us")
            if quota_us is not None and period_us and quota_us > 0:
                yield quota_us / period_us


def _groups(root: Path, controller: str) -> Iterator[tuple[Path, int]]:
    """Folders of this process's groups for one controller, leaf first, up to the mount's root."""
    for line in (_text(root / "proc/self/cgroup") or "").splitlines():
        _, controllers, path = line.split(":", 2)
        if controllers == "":
            mounts, version = (root / "sys/fs/cgroup", root / "sys/fs/cgroup/unified"), 2
        elif controller in controllers.split(","):
            mounts, version = (root / "sys/fs/cgroup" / controllers, root / "sys/fs/cgroup" / controller), 1
        else:
            continue
        for mount in mounts:
            if mount.is_dir():
                parts = [part for part in path.split("/") if part not in ("", "..")]
                for depth in range(len(parts), -1, -1):
                    yield mount.joinpath(*parts[:depth]), version
                break


def _text(path: Path) -> str | None:
    try:
        return path.read_text().strip()
    except OSError:
        return None


def _number(path: Path) -> int | None:
    text = _text(path)
    return int(text) if text is not None and text.lstrip("-").isdigit() else None


def _stat(path: Path, key: str) -> int:
    for line in (_text(path) or "").splitlines():
        name, _, value = line.partition(" ")
        if name == key:
            return int(value)
    return 0
