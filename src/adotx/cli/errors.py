"""What the command line says of an error, in English and Korean: an `AdotxError` in, one line out.

English texts come with the error from the room that raised it; Korean ones are found by its code. Loaded
only when there is something to show. Knows nothing of streams and exit codes.
"""

from __future__ import annotations

from string import Formatter

from adotx.cli.korean import ERRORS
from adotx.cli.sentences import korean
from adotx.errors import AdotxError


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


def in_language(said: object, language: str) -> str:
    """A sentence or an error as one text.

    Args:
        said: an `AdotxError` or a `Sentence`; the text of anything else stays as it is.
        language: "en" or "ko".
    """
    if language != "ko":
        return str(said)
    return str(in_korean(said) if isinstance(said, AdotxError) else korean(said))


def error_text(error: Exception, language: str) -> str:
    """One line for stderr: "error: where: what (remedy)", or the same in Korean."""
    return f"{'오류' if language == 'ko' else 'error'}: {in_language(error, language)}"
