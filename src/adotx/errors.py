"""What users are told: sentences that can be said in another language, and the one exception for users.

In: English texts, with named values where numbers or names belong into them. Out: one line of English, and
what whoever shows it needs to say it otherwise: the command line has a Korean text for each error code
(`adotx.cli.korean`), a server maps the code to a status. Knows nothing of who shows it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from functools import partial, reduce
from typing import Any, Self


class Sentence(str):
    """An English text that remembers how it was made, so that it can be made again in another language.

    Args:
        template: with `values` it has fields that they fill (`str.format`); without, it is taken literally,
            braces included. A value is never formatted again; it may be a sentence or an error itself.
        **values: numbers, strings, sentences, errors.

    Attributes:
        template, values: as given.
    """

    template: str
    values: dict[str, Any]

    def __new__(cls, template: str, /, **values: Any) -> Self:
        sentence = super().__new__(cls, template.format(**values) if values else template)
        sentence.template, sentence.values = template, values
        return sentence


def joined(sentences: Iterable[Sentence]) -> Sentence:
    """Several as one, with "; " between them; an empty one for none."""
    told = list(sentences)
    return reduce(
        lambda first, rest: Sentence("{first}; {rest}", first=first, rest=rest), told or [Sentence("")]
    )


class AdotxError(ValueError):
    """A mistake the user can mend; `str(error)` is "where: what (remedy)" in one line.

    Args:
        code: stable machine-readable name, e.g. ``"image.truncated"``.
        what: what is wrong, in a few words; with `values` a template (see `Sentence`).
        where: the file, tensor or argument it is about; never a template.
        remedy: what to do next; with `values` a template too.
        **values: what fills the templates, and those of other languages.

    Attributes:
        code, where, values: as given.
        what, remedy: the filled texts.
    """

    def __init__(
        self, code: str, what: str, where: str | None = None, remedy: str | None = None, **values: Any
    ) -> None:
        self.code, self.where, self.values = code, where, values
        self.what = Sentence(what, **values)
        self.remedy = None if remedy is None else Sentence(remedy, **values)
        text = f"{where}: {self.what}" if where else self.what
        if self.remedy:
            text = f"{text} ({self.remedy})"
        # File names and inner messages may hold line breaks; a message is one line.
        super().__init__(" ".join(text.split()))

    def at(self, where: str) -> AdotxError:
        """The same error about another place."""
        remedy = self.remedy and self.remedy.template
        return AdotxError(self.code, self.what.template, where, remedy, **self.values)

    def having(self, **values: Any) -> AdotxError:
        """The same error with other values for some of its fields."""
        remedy = self.remedy and self.remedy.template
        return AdotxError(self.code, self.what.template, self.where, remedy, **(self.values | values))

    def __reduce__(self) -> tuple[Callable[..., Any], tuple[Any, ...]]:
        # An exception is copied and pickled from `args`, which holds only the line.
        remedy = self.remedy and self.remedy.template
        return partial(type(self), **self.values), (self.code, self.what.template, self.where, remedy)
