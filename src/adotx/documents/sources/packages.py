"""Zip files in; out: the names of their parts, by which their kind is told, and a word on those of none."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import NoReturn

from adotx.documents.sources.page import PageImage
from adotx.documents.sources.parts import MAGIC, Parts
from adotx.errors import AdotxError
from adotx.vision import Limits


def matches(head: bytes) -> bool:
    """Whether a file begins as zip files do."""
    return head.startswith(MAGIC)


def names(path: Path) -> frozenset[str]:
    """The parts of a package, in lower case, with ``/`` between folders.

    Raises:
        AdotxError: ``package.damaged``, ``package.too_many_parts``.
    """
    with Parts(path, "zip") as parts:
        return frozenset(name.replace("\\", "/").casefold() for name in parts.names)


def unknown(path: Path, limits: Limits, dpi: int, password: str | None = None) -> Iterator[PageImage]:
    """Refuses a package of no known kind.

    Raises:
        AdotxError: ``package.unknown``.
    """
    _refuse(path)
    yield  # type: ignore[unreachable]  # it is an iterator, as those of other sources are


def _refuse(path: Path) -> NoReturn:
    raise AdotxError(
        "package.unknown",
        "a zip file that is no document",
        str(path),
        "unpack it and name the folder",
    )
