"""Errors and sentences in the user's language: an `AdotxError` or a `Sentence` in, one text out.

English comes with them from the room that made them; Korean is found by an error's code (`korean`) and by a
sentence's template (`sentences`). Loaded only when there is something to show. Knows nothing of streams and
exit codes.
"""

from __future__ import annotations

from string import Formatter

from adotx.cli.korean import ERRORS
from adotx.cli.sentences import KOREAN, SYSTEM
from adotx.errors import AdotxError, Sentence


def fields(template: str | None) -> set[str]:
    """The names of a template's fields."""
    return {name for _, name, _, _ in Formatter().parse(template or "") if name}


def in_korean(error: AdotxError) -> AdotxError:
    """The same error with Korean texts; itself where its code is not known here."""
    values = {name: korean(value) for name, value in error.values.items()}
    for what, remedy in ERRORS.get(error.code, ()):
        if fields(what) | fields(remedy) <= values.keys():
            # Filled here, not by AdotxError: these are templates also where there is no value to fill in.
            filled = what.format(**values), error.where, remedy and remedy.format(**values)
            return AdotxError(error.code, *filled)
    return error


def korean(value: object) -> object:
    """A sentence, an error or a reason of the system in Korean, with those among its values; anything else as
    it is."""
    if isinstance(value, AdotxError):
        return in_korean(value)
    if isinstance(value, str) and not isinstance(value, Sentence):
        return SYSTEM.get(value, value)
    template = KOREAN.get(value.template) if isinstance(value, Sentence) else None
    if template is None or not isinstance(value, Sentence):
        return value
    return template.format(**{name: korean(inner) for name, inner in value.values.items()})


def in_language(said: object, language: str) -> str:
    """A sentence or an error as one text.

    Args:
        said: an `AdotxError` or a `Sentence`; the text of anything else stays as it is.
        language: "en" or "ko".
    """
    return str(korean(said) if language == "ko" else said)


def error_text(error: Exception, language: str) -> str:
    """One line for stderr: "error: where: what (remedy)", or the same in Korean."""
    return f"{'오류' if language == 'ko' else 'error'}: {in_language(error, language)}"
