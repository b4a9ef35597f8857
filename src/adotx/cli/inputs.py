"""What a call of `transcribe` is given: paths in, documents out, with what else lies there.

Files in folders are found with their place below the folder that was named, so that answers can lie in the
same order. Folders are looked through in the order of their names; links to folders are not followed. Knows
nothing of reading.
"""

from __future__ import annotations

import contextlib
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

from adotx.errors import AdotxError


@dataclass(frozen=True)
class Input:
    """A document to read.

    Attributes:
        path: the file or pipe; "-" is stdin.
        folder: where it lies below the folder that was named; "." where it was named itself.
    """

    path: Path
    folder: Path = Path()

    @property
    def name(self) -> str:
        """For people."""
        return str(self.folder / self.path.name)


@dataclass(frozen=True)
class Skipped:
    """What lies in a folder and is not read."""

    folder: Path
    names: list[str]


def inputs(
    path: Path, recursive: bool, is_ours: Callable[[Path], bool]
) -> Iterator[Input | Skipped | AdotxError]:
    """The documents that a path names, and what is not read and why.

    Args:
        path: a file, pipe or folder.
        recursive: take the folders in it too.
        is_ours: whether a file or folder is what the program itself writes.
    """
    from adotx.documents.sources import find_documents

    if not path.is_dir():
        try:
            yield from map(Input, find_documents(path).documents)
        except AdotxError as error:
            yield error
        return
    count = 0
    for folder in _folders(path, is_ours) if recursive else [path]:
        try:
            found = find_documents(folder)
            documents, others = found.documents, found.skipped
        except AdotxError as error:
            if error.code != "input.no_documents":
                yield error
                count += 1
                continue
            documents, others = [], _visible(folder)
        # What we wrote into a folder of inputs is read no more than it is named.
        documents = [each for each in documents if not is_ours(each)]
        names = [each.name for each in others if not is_ours(each) and not (recursive and _is_folder(each))]
        if names:
            yield Skipped(folder, names)
        yield from (Input(each, folder.relative_to(path)) for each in documents)
        count += len(documents)
    if not count:
        yield _nothing(path, recursive)


def _nothing(path: Path, recursive: bool) -> AdotxError:
    what = "no images, PDFs or other documents in this folder"
    if not recursive and any(map(_is_folder, _visible(path))):
        return AdotxError("input.subfolders", what, str(path), "--recursive takes the folders in it too")
    return AdotxError("input.no_documents", what, str(path), "name files, or another folder")


def _folders(path: Path, is_ours: Callable[[Path], bool]) -> Iterator[Path]:
    """A folder and those in it, however deep, hidden ones and our own left out."""
    waiting = [path]
    while waiting:
        folder = waiting.pop()
        yield folder
        inner = [each for each in _visible(folder) if _is_folder(each) and not is_ours(each)]
        waiting += reversed(inner)


def _visible(folder: Path) -> list[Path]:
    with contextlib.suppress(OSError):
        return sorted(each for each in folder.iterdir() if not each.name.startswith("."))
    return []


def _is_folder(path: Path) -> bool:
    return path.is_dir() and not os.path.islink(path)
