"""Values of settings: words of a command line or of TOML in, what a recipe's fields want out, and back.

Knows no recipe.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

from adotx.errors import AdotxError


def typed(where: str, key: str, value: Any, kind: str) -> Any:
    """A setting as its field wants it.

    Args:
        where, key: for errors.
        kind: the field's type, as written.

    Raises:
        AdotxError: ``train.setting``.
    """
    try:
        if kind.startswith("tuple"):
            return tuple(Path(v) for v in ([value] if isinstance(value, (str, Path)) else value))
        if kind.startswith("Path"):
            return Path(value)
        if kind == "bool":
            if isinstance(value, bool):
                return value
            return {"true": True, "false": False}[str(value).lower()]
        return {"int": int, "float": float, "str": str}[kind](value)
    except (TypeError, ValueError, KeyError):
        raise AdotxError(
            "train.setting",
            "{key} = {value!r} is not of type {type}",
            where,
            "correct it",
            key=key,
            value=value,
            type=kind,
        ) from None


def plain(value: Any) -> Any:
    """A setting as JSON has it."""
    if isinstance(value, tuple):
        return [plain(v) for v in value]
    return str(value) if isinstance(value, Path) else value
