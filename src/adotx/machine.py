"""What this process may use of the machine: memory, processors, the user's folder for caches.

In: the system's files. Out: numbers, paths. Limits of control groups of both versions count, of this
process's group and of those above it, wherever a container sees them. The one place that reads them.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator
from pathlib import Path

_ROOT, _MEMBERSHIP = Path("/sys/fs/cgroup"), Path("/proc/self/cgroup")
_MEMINFO = Path("/proc/meminfo")
# Version 1 writes a huge number for "no limit".
_UNLIMITED = 1 << 60


def machine_memory() -> int | None:
    """Bytes of memory that programs here may use; None where the system does not tell."""
    total = _physical_memory()
    limits = [limit for limit, _ in _memory_limits()]
    return min([total, *limits], default=None) if total else None


def available_memory() -> int:
    """Bytes this process may still take: of what is free, and of each limit that holds for it."""
    free = [limit - used for limit, used in _memory_limits()]
    try:
        lines = _MEMINFO.read_text(encoding="ascii").splitlines()
        free += [int(line.split()[1]) * 1024 for line in lines if line.startswith("MemAvailable:")]
    except (OSError, ValueError):
        free.append(_physical_memory() or 4 << 30)
    return max(min(free, default=0), 0)


def cpu_quota() -> int | None:
    """How many whole processors the time that control groups allow is worth, at least 1; None for no limit.

    A quota is time: more threads than it is worth are stopped together for the rest of each period.
    """
    shares = []
    for folder in _groups("cpu"):
        told = _words(folder / "cpu.max")
        told = told or [*_words(folder / "cpu.cfs_quota_us"), *_words(folder / "cpu.cfs_period_us")]
        # "max" and -1 mean none.
        if len(told) == 2 and all(word.isdigit() for word in told) and int(told[1]):
            shares.append(int(told[0]) / int(told[1]))
    return max(int(min(shares)), 1) if shares else None


def cpus() -> int:
    """Threads that can compute at the same time: processors this process may run on, within its quota."""
    allowed = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
    return min(allowed, cpu_quota() or allowed)


def user_cache() -> Path | None:
    """The user's folder for caches of programs, ours in it; None where the user has no home."""
    folder = expanded(os.environ.get("XDG_CACHE_HOME") or "~/.cache")
    return folder / "adotx" if folder.is_absolute() else None


def expanded(path: str | Path) -> Path:
    """A path with a leading "~" replaced; as it is where the system knows no home for it."""
    try:
        return Path(path).expanduser()
    except RuntimeError:  # no HOME, and a user id that the system does not know
        return Path(path)


def _physical_memory() -> int | None:
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # no sysconf on Windows
        return None


def _memory_limits() -> Iterator[tuple[int, int]]:
    """(limit, bytes in use that cannot be given back) of each control group with a limit."""
    for folder in _groups("memory"):
        for limit, usage, idle in (
            ("memory.max", "memory.current", "inactive_file"),
            ("memory.limit_in_bytes", "memory.usage_in_bytes", "total_inactive_file"),
        ):
            most, used = _number(folder / limit), _number(folder / usage) or 0
            if most is not None and most < _UNLIMITED:
                # Pages of files that nobody has used for long are in use until somebody needs the room.
                words = _words(folder / "memory.stat")
                stat = dict(zip(words[::2], words[1::2], strict=False))
                yield most, max(used - int(stat.get(idle, 0)), 0)


def _groups(controller: str) -> Iterator[Path]:
    """The folders of this process's control groups that have a controller, and of the groups above them.

    A container often sees its own group as the root while its membership names a path outside: what is not
    there is passed over.
    """
    places = {root: {Path()} for root in (_ROOT, _ROOT / "unified", _ROOT / controller)}
    for line in _lines(_MEMBERSHIP):
        _, controllers, path = line.split(":", 2)
        for name in ("", "unified") if not controllers else (controller, controllers):
            if not controllers or controller in controllers.split(","):
                places.setdefault(_ROOT / name, {Path()}).add(Path(path.lstrip("/")))
    for root, paths in places.items():
        inner = {part for path in paths for part in (path, *path.parents) if ".." not in path.parts}
        yield from (root / part for part in sorted(inner) if (root / part).is_dir())


def _lines(path: Path) -> list[str]:
    try:
        return path.read_text(encoding="utf-8", errors="replace").splitlines()
    except OSError:
        return []


def _words(path: Path) -> list[str]:
    return " ".join(_lines(path)).split()


def _number(path: Path) -> int | None:
    words = _words(path)
    return int(words[0]) if words and words[0].isdigit() else None


def give_memory_back() -> None:
    """Have the C library give large pieces back as soon as they are free (glibc; elsewhere nothing).

    Pages are large pieces that come and go in several threads, and what it keeps of each adds up.
    """
    import ctypes

    with contextlib.suppress(OSError, AttributeError):
        mallopt = ctypes.CDLL(None).mallopt
        # malloc.h: M_ARENA_MAX, M_MMAP_THRESHOLD, M_TRIM_THRESHOLD
        for option, value in ((-8, 2), (-3, 1 << 20), (-1, 2 << 20)):
            mallopt(option, value)


def give_free_memory_back() -> None:
    """Have the C library give back what is free among pieces in use; after something large has been made."""
    import ctypes

    with contextlib.suppress(OSError, AttributeError):
        ctypes.CDLL(None).malloc_trim(0)
