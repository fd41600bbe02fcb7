"""Free memory and processors of the host, as its operating system and its control groups report them."""

from __future__ import annotations

import os
from pathlib import Path

from rlcore.backend.host.cgroup import cpu_limits, memory_limits


def host_free(root: Path = Path("/")) -> tuple[int, str]:
    """Free bytes of host memory and who says so: the tightest of the machine and its control groups."""
    return min([_machine_free(root), *memory_limits(root)])


def format_bytes(count: int) -> str:
    """``1536`` as ``1.5 KiB``: for messages only."""
    size = float(count)
    for unit in ("B", "KiB", "MiB", "GiB"):
        if size < 1024:
            return f"{size:.0f} {unit}" if unit == "B" else f"{size:.1f} {unit}"
        size /= 1024
    return f"{size:.1f} TiB"


def processors() -> int:
    """Processors this process may really use: its affinity and the quotas of its control groups."""
    affinity = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return max(1, min([affinity, *(int(limit + 0.5) for limit in cpu_limits())]))


def _machine_free(root: Path) -> tuple[int, str]:
    meminfo = root / "proc/meminfo"
    if meminfo.exists():
        for line in meminfo.read_text().splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024, "/proc/meminfo"
    pages = os.sysconf("SC_AVPHYS_PAGES" if "SC_AVPHYS_PAGES" in os.sysconf_names else "SC_PHYS_PAGES")
    return pages * os.sysconf("SC_PAGE_SIZE"), "sysconf"
