"""What a run keeps on disk: its settings, its saved states, and whether it is finished.

A state counts only when it is whole: a kill while one is written costs that one alone. Knows nothing of what
is in a state.
"""

from __future__ import annotations

import errno
import hashlib
import json
import os
from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from safetensors import SafetensorError

from adotx.errors import AdotxError, Sentence, joined
from adotx.finetune.recipe import Recipe

_RECORD, _WHOLE = "adotx-finetune.json", "whole"
#: what keeps a file from being written to its end, and how torch and safetensors say it
_FULL = {errno.ENOSPC: "No space left", errno.EFBIG: "File too large", errno.EDQUOT: "Disk quota exceeded"}
_TORCH = ("PytorchStreamWriter failed", "unexpected pos")


def begin(recipe: Recipe) -> bool:
    """Whether there is something to do: False where the folder holds the result of these very settings.

    Raises:
        AdotxError: ``train.changed``: it holds the work of other settings or other data.
    """
    made_with = recipe.made_with() | {"data": _fingerprints(recipe.data)}
    known = _read(recipe.out)
    if known and (known.get("finished") or last_state(recipe.out)):
        before = known.get("made_with", {})
        changed = [key for key in made_with if before.get(key) != made_with[key]]
        if changed:
            raise AdotxError(
                "train.changed",
                "made with other settings: {changes}",
                str(recipe.out),
                "remove the folder to make it anew, or choose another `out`",
                changes=joined(
                    Sentence(
                        "{key} = {before}, now {now}", key=key, before=before.get(key), now=made_with[key]
                    )
                    for key in changed
                ),
            )
        if known.get("finished"):
            return False
    _write(recipe.out, {"made_with": made_with, "finished": False})
    return True


def finish(folder: Path) -> None:
    """Say that the run is done."""
    _write(folder, _read(folder) | {"finished": True})


@contextmanager
def kept(folder: Path) -> Iterator[None]:
    """AdotxError ``finetune.full`` in place of what libraries raise where a state or result has no room."""
    try:
        yield
    except (OSError, RuntimeError, SafetensorError) as error:
        told = str(error)
        full = isinstance(error, OSError) and error.errno in _FULL
        if not full and not any(words in told for words in (*_FULL.values(), *_TORCH)):
            raise
        what, remedy = (
            "a file could not be written to its end: the disk may be full",
            "make room: the same command goes on",
        )
        raise AdotxError("finetune.full", what, str(folder), remedy) from error


def mark_whole(state: Path) -> None:
    """Say that a state is written to its end."""
    for path in state.iterdir():  # first the files, then the word that they are there
        if path.is_file():
            with path.open("rb") as file:
                os.fsync(file.fileno())
    (state / _WHOLE).touch()


def last_state(folder: Path) -> Path | None:
    """The newest whole state."""
    found = [path for path in folder.glob("checkpoint-*") if (path / _WHOLE).exists()]
    return max(found, key=lambda path: int(path.name.rpartition("-")[2]), default=None)


def _fingerprints(files: Sequence[Path]) -> list[str]:
    out = []
    for path in files:
        with path.open("rb") as file:
            out.append(hashlib.file_digest(file, "sha256").hexdigest())
    return out


def _read(folder: Path) -> dict[str, Any]:
    path = folder / _RECORD
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def _write(folder: Path, record: dict[str, Any]) -> None:
    try:
        folder.mkdir(parents=True, exist_ok=True)
        partial = folder / f"{_RECORD}.partial"
        partial.write_text(json.dumps(record, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
        partial.replace(folder / _RECORD)
    except OSError as error:
        reason = error.strerror or str(error)
        raise AdotxError("out.unwritable", "{reason}", str(folder), "choose another", reason=reason) from None
