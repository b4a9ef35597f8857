"""`adotx train STAGE`: a TOML file and KEY=VALUE words in, a stage of training run, its folder on stdout.

The stage `nano` is the whole ladder; its folder is that of the exported checkpoint.
"""

from __future__ import annotations

import tomllib
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from adotx.cli import DONE
from adotx.errors import AdotxError

#: Modules that come with the extra `train`.
EXTRA = {"torch", "transformers", "safetensors", "zstandard", "fontTools", "brotli"}
#: The verb that runs all stages.
LADDER = "nano"


def train(stage: str, config: Path | None, settings: Sequence[str]) -> int:
    """Run `stage`, or all of them, with the settings of the file `config`, overridden by `settings`.

    Returns the exit code.

    Raises:
        AdotxError: the extra `train` is not installed, or the settings cannot be read.
    """
    chosen = read_settings(config, settings)
    try:
        from adotx.train import run, run_ladder

        print(run_ladder(chosen) if stage == LADDER else run(stage, chosen))
    except ModuleNotFoundError as error:
        if (error.name or "").partition(".")[0] not in EXTRA:
            raise
        raise AdotxError(
            "extra.missing",
            "{package} is not installed",
            f"train {stage}",
            "pip install 'adotx[train]'",
            package=error.name,
        ) from None
    return DONE


def read_settings(config: Path | None, words: Sequence[str]) -> dict[str, Any]:
    """The settings of a file, overridden by KEY=VALUE words.

    Raises:
        AdotxError: ``config.*``: either cannot be read.
    """
    chosen = _file(config) if config else {}
    for word in words:
        table, key, value = _setting(word)
        (chosen.setdefault(table, {}) if table else chosen)[key] = value
    return chosen


def _file(path: Path) -> dict[str, Any]:
    try:
        return tomllib.loads(path.read_text(encoding="utf-8"))
    except OSError as error:
        raise AdotxError(
            "config.missing", "{reason}", str(path), "check the path", reason=error.strerror or str(error)
        ) from None
    except (tomllib.TOMLDecodeError, UnicodeDecodeError) as error:
        raise AdotxError("config.toml", "{reason}", str(path), "mend the TOML", reason=str(error)) from None


def _setting(word: str) -> tuple[str, str, Any]:
    """``minutes=30`` -> ("", "minutes", 30), ``reading.minutes=30`` -> ("reading", "minutes", 30).

    Values are TOML, and what is no TOML is a string.
    """
    name, equals, value = word.partition("=")
    table, dot, key = name.rpartition(".")
    if not equals or not key.isidentifier() or (dot and not table.isidentifier()):
        raise AdotxError("config.setting", "not of the form KEY=VALUE", word, "for example minutes=30")
    try:
        return table, key, tomllib.loads(f"value = {value}")["value"]
    except tomllib.TOMLDecodeError:
        return table, key, value
