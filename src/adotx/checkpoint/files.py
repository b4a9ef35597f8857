"""JSON files of a checkpoint directory: path in, dictionary out, or a one-line AdotxError.

Knows nothing of what they mean.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from adotx.errors import AdotxError

_DOWNLOAD_AGAIN = "download the file again"


def read_text(path: Path, code: str = "checkpoint.unreadable") -> str:
    """The UTF-8 text of `path`.

    Raises:
        AdotxError: `code`, for a file that is missing, cannot be read or is not UTF-8.
    """
    try:
        return path.read_text(encoding="utf-8")
    except FileNotFoundError:
        what, remedy = "the file is missing", "copy it from the original checkpoint"
        raise AdotxError(code, what, str(path), remedy) from None
    except (OSError, UnicodeDecodeError) as error:
        raise AdotxError(
            code, "cannot be read: {reason}", str(path), _DOWNLOAD_AGAIN, reason=str(error)
        ) from error


def read_json(path: Path, code: str = "checkpoint.unreadable") -> dict[str, Any]:
    """The JSON object in `path`.

    Raises:
        AdotxError: `code`, as `read_text`, and for what is not JSON or not an object.
    """
    text = read_text(path, code)
    try:
        value = json.loads(text)
    # Deeply nested brackets end in RecursionError, not in ValueError.
    except (ValueError, RecursionError) as error:
        reason = str(error) or type(error).__name__
        raise AdotxError(
            code, "is not valid JSON: {reason}", str(path), _DOWNLOAD_AGAIN, reason=reason
        ) from error
    if not isinstance(value, dict):
        what, reason = "holds a JSON {reason} where an object is expected", type(value).__name__
        raise AdotxError(code, what, str(path), _DOWNLOAD_AGAIN, reason=reason)
    return value


def read_json_if_present(path: Path, code: str = "checkpoint.unreadable") -> dict[str, Any]:
    """As `read_json`, but {} where the file does not exist."""
    return read_json(path, code) if path.exists() else {}
