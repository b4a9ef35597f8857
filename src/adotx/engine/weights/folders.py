"""Where conversions are stored on disk, and how processes share such a folder without harm.

In: a checkpoint's path. Out: folders, a lock, temporary names. Knows nothing of what is stored there.
"""

from __future__ import annotations

import hashlib
import os
import re
import shutil
import threading
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from pathlib import Path

from adotx.errors import AdotxError
from adotx.machine import expanded, user_cache


def default_folders(checkpoint: Path) -> list[Path]:
    """Folders where conversions of the checkpoint at this absolute path may lie, best first."""
    told = os.environ.get("ADOTX_CACHE")
    cache = expanded(told) if told else user_cache()
    unique = hashlib.sha256(str(checkpoint).encode()).hexdigest()[:8]
    cached = [cache / "weights" / f"{checkpoint.name}-{unique}"] if cache else []
    return [checkpoint / "adotx", *cached]


def writable(folders: Sequence[Path]) -> Path:
    """The first of these folders that can be written into, made if it is not there.

    Raises:
        AdotxError: none can; says why, folder by folder.
    """
    problems = []
    for folder in folders:
        try:
            folder.mkdir(parents=True, exist_ok=True)
            probe = temporary_path(folder / "probe")
            probe.mkdir()
        except OSError as error:
            problems.append(f"{folder}: {error.strerror or error}")
            continue
        with suppress(OSError):  # whoever holds the lock may have swept it away
            probe.rmdir()
        return folder
    what, reason = "no folder can be written: {reason}", "; ".join(problems)
    raise AdotxError("weights.folder", what, "weights", "name one that can", reason=reason)


@contextmanager
def locked(folder: Path) -> Iterator[bool]:
    """One process at a time; False where this system cannot lock. A process that dies lets go."""
    try:
        import fcntl

        handle = os.open(folder, os.O_RDONLY)
    except (ImportError, OSError):
        yield False
        return
    try:
        try:
            fcntl.flock(handle, fcntl.LOCK_EX)
            alone = True
        except OSError:
            alone = False
        yield alone
    finally:
        os.close(handle)


def temporary_path(path: Path) -> Path:
    """A name beside `path` that no other thread or process uses and that `sweep` knows."""
    return path.parent / f".{path.name}.{os.getpid()}.{threading.get_ident()}.tmp"


def sweep(folder: Path, alone: bool) -> None:
    """Remove what killed processes have left; without a lock only where the process is gone."""
    for path in folder.glob(".*.tmp"):
        found = re.fullmatch(r"\.[\w-]+\.(\d+)\.\d+\.tmp", path.name)
        if found and (alone or not _alive(int(found[1]))):
            shutil.rmtree(path, ignore_errors=True)


def _alive(process: int) -> bool:
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except OSError:
        pass
    return True


def sync(folder: Path) -> None:
    """Make a new name in `folder` last; not every system can."""
    with suppress(OSError):
        handle = os.open(folder, os.O_RDONLY)
        try:
            os.fsync(handle)
        finally:
            os.close(handle)
