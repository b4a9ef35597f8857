"""How much memory there is for the cache.

In: the machine. Out: bytes. Knows no engine.
"""

from __future__ import annotations

import os
from pathlib import Path


def available_memory() -> int:
    """Bytes this process may still take: of the machine's memory, or of its control group's limit."""
    limits = []
    try:
        with open("/proc/meminfo", encoding="ascii") as lines:
            limits += [int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")]
    except OSError:
        limits.append(
            os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") if hasattr(os, "sysconf") else 4 << 30
        )
    try:
        group = Path("/sys/fs/cgroup")
        limits.append(int((group / "memory.max").read_text()) - int((group / "memory.current").read_text()))
    except (OSError, ValueError):
        pass  # no control group, or no limit ("max")
    return max(min(limits), 0)
