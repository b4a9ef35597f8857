"""A pipe in (stdin, a named one, a process substitution), the pages of what comes through it out.

A pipe can be read once and not from its middle, so it is written to a temporary file first, which goes when
the last of its pages is forgotten. Knows no file format.
"""

from __future__ import annotations

import stat
import sys
import tempfile
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from typing import BinaryIO, ParamSpec, TypeVar, cast

from adotx.documents.sources.page import PageImage
from adotx.errors import AdotxError

#: the name that stands for stdin
STDIN = Path("-")
# A pipe has no size to judge it by; one that never ends must not fill the disk.
_MOST_BYTES = 2 << 30

_Given = ParamSpec("_Given")
_Got = TypeVar("_Got")


def is_pipe(path: Path) -> bool:
    """Whether a path is stdin, a pipe or another thing that can be read only once."""
    if path == STDIN:
        return True
    try:
        mode = path.stat().st_mode
    except OSError:
        return False
    return stat.S_ISFIFO(mode) or stat.S_ISCHR(mode) or stat.S_ISSOCK(mode)


def copied(path: Path) -> BinaryIO:
    """What a pipe brings, in a temporary file, which goes when nothing refers to it.

    Raises:
        AdotxError: ``input.unreadable``, ``input.too_many_bytes``.
    """
    copy = cast(BinaryIO, tempfile.NamedTemporaryFile(prefix="adotx-"))  # noqa: SIM115
    try:
        if path == STDIN:
            _copy(sys.stdin.buffer, copy, path)
        else:
            with path.open("rb") as pipe:
                _copy(pipe, copy, path)
    except OSError as error:
        reason = error.strerror or str(error)
        raise AdotxError("input.unreadable", "{reason}", str(path), "check the path", reason=reason) from None
    return copy


def spooled(path: Path, pages: Callable[[Path], Iterator[PageImage]]) -> Iterator[PageImage]:
    """The pages that `pages` finds in what a pipe brings; errors name the pipe.

    Raises:
        AdotxError: those of `copied`; what `pages` raises.
    """
    copy = copied(path)
    try:
        for page in pages(Path(copy.name)):
            yield replace(
                page,
                open=page.open and _naming(page.open, copy, path),
                given=page.given and _naming(page.given, copy, path),
            )
    except AdotxError as error:
        raise _renamed(error, copy, path) from None


def _copy(pipe: BinaryIO, copy: BinaryIO, path: Path) -> None:
    while copy.tell() <= _MOST_BYTES:
        piece = pipe.read(1 << 20)
        if not piece:
            copy.flush()
            return
        copy.write(piece)
    raise AdotxError(
        "input.too_many_bytes",
        "more than {limit:,} bytes come through this pipe",
        str(path),
        "name a file",
        limit=_MOST_BYTES,
    )


def _naming(function: Callable[_Given, _Got], copy: BinaryIO, path: Path) -> Callable[_Given, _Got]:
    """A function of a page whose errors name the pipe."""

    def named(*args: _Given.args, **named: _Given.kwargs) -> _Got:
        try:
            return function(*args, **named)
        except AdotxError as error:
            raise _renamed(error, copy, path) from None

    return named


def _renamed(error: AdotxError, copy: BinaryIO, path: Path) -> AdotxError:
    return error.at((error.where or "").replace(copy.name, str(path)))
