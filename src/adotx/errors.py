"""The one exception for users: a stable code, what went wrong, where, and what to do; rendered as one line.

Knows nothing of who shows it: the command line prints `str(error)`, a server maps `code` to a status.
"""

from __future__ import annotations


class AdotxError(ValueError):
    """A mistake the user can mend.

    Args:
        code: stable machine-readable name, e.g. ``"image.truncated"``.
        what: what is wrong, in a few words.
        where: the file, tensor or argument it is about.
        remedy: what to do next.
    """

    def __init__(self, code: str, what: str, where: str | None = None, remedy: str | None = None) -> None:
        self.code, self.what, self.where, self.remedy = code, what, where, remedy
        text = f"{where}: {what}" if where else what
        if remedy:
            text = f"{text} ({remedy})"
        # File names and inner messages may hold line breaks; a message is one line.
        super().__init__(" ".join(text.split()))
