"""What a stage has made: a record beside its files says with which settings, and whether it is whole.

In: recipes. Out: whether a result can be used. The record is written first as unfinished and last as
finished, so that a stage whose run was broken off is never taken for a finished one. A result that was made
with other settings, or from another result than the one that is there now, is told and never silently used.
Knows no stage and no torch.
"""

from __future__ import annotations

import json
import uuid
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from adotx.errors import AdotxError, Sentence, joined
from adotx.train.recipe import Recipe

_RECORD = "stage.json"
# Stands before the name of a stage whose result was used, among the settings of a record.
_RESULT = "the result of "


def need(recipe: Recipe, stage: str) -> Path:
    """The folder of an earlier stage's result.

    Raises:
        AdotxError: the stage is not finished; says which one to run.
    """
    folder = recipe.folder(stage)
    if not is_finished(folder):
        raise AdotxError(
            "train.missing",
            "{folder} has no finished result",
            f"train {recipe.stage}",
            "run `adotx train {stage}` first",
            folder=str(folder),
            stage=stage,
        )
    return folder


def is_finished(folder: Path) -> bool:
    """Whether the folder holds a whole result."""
    return bool(_read(folder).get("finished"))


def begin(recipe: Recipe, needs: Sequence[str]) -> bool:
    """Whether there is something to do: False where the stage is finished with these very settings.

    Raises:
        AdotxError: an earlier stage is missing, or the folder holds the work of other settings.
    """
    made_with = recipe.made_with() | {
        f"{_RESULT}{stage}": _read(need(recipe, stage))["id"] for stage in needs
    }
    folder = recipe.folder()
    known = _read(folder)
    if known and (known["finished"] or any(folder.glob("checkpoint-*"))):
        before = known["made_with"]
        # A setting that came later had its default.
        before = {key: getattr(Recipe, key, None) for key in made_with} | before
        changed = [key for key in made_with if before[key] != made_with[key]]
        if changed:
            raise AdotxError(
                "train.changed",
                "made with other settings: {changes}",
                str(folder),
                "remove the folder to make it anew, or choose another `out`",
                changes=joined(_change(key, before[key], made_with[key]) for key in changed),
            )
        if known["finished"]:
            return False
    _write(folder, {"made_with": made_with, "finished": False})
    return True


def finish(recipe: Recipe) -> None:
    """Say that the stage's result is whole."""
    _write(recipe.folder(), _read(recipe.folder()) | {"finished": True, "id": uuid.uuid4().hex})


def _change(key: str, before: Any, now: Any) -> Sentence:
    """What differs, in words; results have names that tell nobody anything."""
    if key.startswith(_RESULT):
        return Sentence("the result of {stage}", stage=key.removeprefix(_RESULT))
    return Sentence("{key} = {before}, now {now}", key=key, before=before, now=now)


def _read(folder: Path) -> dict[str, Any]:
    path = folder / _RECORD
    return json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}


def _write(folder: Path, record: dict[str, Any]) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    partial = folder / f"{_RECORD}.partial"
    partial.write_text(json.dumps(record, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
    partial.replace(folder / _RECORD)
