"""Files that several processes write: a lock that ends with its process, and appending whole or not at all.

Knows no formats. Where the system or the file system has no such locks, nobody is kept out.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Iterator

from adotx.errors import AdotxError

try:
    import fcntl
except ImportError:  # Windows
    fcntl = None  # type: ignore[assignment]


def locked(fd: int, wait: bool) -> bool:
    """Lock an open file for this process, until it is closed or the process ends, however it ends.

    Args:
        fd: the file.
        wait: until another has unlocked it.

    Returns:
        whether it is ours; False only where another one has it and `wait` is False.
    """
    if fcntl is None:
        return True
    try:
        fcntl.flock(fd, fcntl.LOCK_EX | (0 if wait else fcntl.LOCK_NB))
    except BlockingIOError:
        return False
    except OSError:  # a file system without locks
        return True
    return True


def append(fd: int, content: bytes) -> int:
    """Write at the end of a locked file, all of it or, where the disk is full, nothing.

    What a killed process has left of a line is ended first.

    Args:
        fd: open for reading and writing, not for appending.
        content: lines.

    Returns:
        where `content` begins.

    Raises:
        OSError: it could not be written; the file is as before.
    """
    end = os.fstat(fd).st_size
    start, whole = end, content
    if end and os.pread(fd, 1, end - 1) != b"\n":
        start, whole = end + 1, b"\n" + content
    try:
        done = 0
        while done < len(whole):
            done += os.pwrite(fd, whole[done:], end + done)
    except BaseException:
        with contextlib.suppress(OSError):
            os.ftruncate(fd, end)
        raise
    return start


@contextlib.contextmanager
def told(where: object, option: str = "--out") -> Iterator[None]:
    """What the operating system refuses, in one line.

    Args:
        where: what is written.
        option: that says where.

    Raises:
        AdotxError: ``out.unwritable``.
    """
    try:
        yield
    except OSError as error:
        raise AdotxError(
            "out.unwritable",
            "{reason}",
            error.filename if isinstance(error.filename, str) else str(where),
            "make room there, or choose another {option}",
            option=option,
            reason=error.strerror or str(error),
        ) from None
