"""JSON files of a checkpoint directory: path in, dictionary out, or a one-line AdotxError. Knows nothing of
what they mean."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from adotx.errors import AdotxError


def read_text(path: Path, code: str = "checkpoint.unreadable") -> str:
    """The UTF-8 text of `path`; raises AdotxError (`code`) where it cannot be read or is not UTF-8."""
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        raise AdotxError(
            code, "the file is missing", str(path), "copy it from the original checkpoint"
        ) from None
    except (OSError, UnicodeDecodeError) as error:
        raise _unreadable(code, path, "cannot be read: {reason}", str(error)) from error


def read_json(path: Path, code: str = "checkpoint.unreadable") -> dict[str, Any]:
    """The JSON object in `path`; raises AdotxError (`code`) where it is missing, broken or not an object."""
    try:
        value = json.loads(read_text(path, code))
    except AdotxError:
        raise
    # Deeply nested brackets end in RecursionError, not in ValueError.
    except (ValueError, RecursionError) as error:
        reason = str(error) or type(error).__name__
        raise _unreadable(code, path, "is not valid JSON: {reason}", reason) from error
    if not isinstance(value, dict):
        raise _unreadable(code, path, "holds {reason} where an object is expected", type(value).__name__)
    return value


def _unreadable(code: str, path: Path, what: str, reason: str) -> AdotxError:
    return AdotxError(code, what, str(path), "download the file again", reason=reason)


def read_json_if_present(path: Path, code: str = "checkpoint.unreadable") -> dict[str, Any]:
    """As `read_json`, but {} where the file does not exist."""
    return read_json(path, code) if path.exists() else {}
