"""The one exception for users: a stable code, what went wrong, where, and what to do; rendered as one line.

In: a code and English texts, with named values where numbers or names belong into them. Out: one line of
English, and everything that whoever shows the error needs to say it otherwise: the command line has a Korean
text for each code (`adotx.cli.errors`), a server maps the code to a status. Knows nothing of who shows it.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import partial
from typing import Any


class AdotxError(ValueError):
    """A mistake the user can mend; `str(error)` is "where: what (remedy)" in one line.

    Args:
        code: stable machine-readable name, e.g. ``"image.truncated"``.
        what: what is wrong, in a few words; with `values` a template whose fields they fill (`str.format`).
        where: the file, tensor or argument it is about; never a template.
        remedy: what to do next; with `values` a template too.
        **values: numbers and strings for the fields, the same names wherever the code is raised. Without
            values both texts are taken literally, braces included; a value is never formatted again.

    Attributes:
        code, where: as given.
        what, remedy: the filled texts.
        values: as given.
    """

    def __init__(
        self, code: str, what: str, where: str | None = None, remedy: str | None = None, **values: Any
    ) -> None:
        self.code, self.where, self.values = code, where, values
        self._templates = what, remedy
        self.what = _filled(what, values)
        self.remedy = None if remedy is None else _filled(remedy, values)
        text = f"{where}: {self.what}" if where else self.what
        if self.remedy:
            text = f"{text} ({self.remedy})"
        # File names and inner messages may hold line breaks; a message is one line.
        super().__init__(" ".join(text.split()))

    def at(self, where: str) -> AdotxError:
        """The same error about another place."""
        what, remedy = self._templates
        return AdotxError(self.code, what, where, remedy, **self.values)

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        # An exception is copied and pickled from `args`, which holds only the line.
        what, remedy = self._templates
        return partial(type(self), **self.values), (self.code, what, self.where, remedy)


def _filled(template: str, values: Mapping[str, object]) -> str:
    return template.format(**values) if values else template
