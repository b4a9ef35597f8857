"""What pydantic finds wrong with a request, as one of our errors: its list in, the first of it out.

Says what would fit and never what the client sent, which may be long or secret. Knows no HTTP.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from typing import Any

from adotx.errors import AdotxError, Sentence

#: type of pydantic's error -> what is wrong, from its context
_REASONS: dict[str, Callable[[Mapping[str, Any]], Sentence]] = {
    "value_error": lambda _: Sentence("it must be a file"),  # starlette's own check of a form's file
    "missing": lambda _: Sentence("it is missing"),
    "string_type": lambda _: Sentence("it must be a text"),
    "int_type": lambda _: Sentence("it must be a whole number"),
    "int_parsing_size": lambda _: Sentence("it holds a number that is too long"),
    "float_type": lambda _: Sentence("it must be a number"),
    "finite_number": lambda _: Sentence("it must be a number"),
    "bool_type": lambda _: Sentence("it must be true or false"),
    "bool_parsing": lambda _: Sentence("it must be true or false"),
    "list_type": lambda _: Sentence("it must be a list"),
    "dict_type": lambda _: Sentence("it must be an object"),
    "model_type": lambda _: Sentence("it must be an object"),
    "literal_error": lambda told: Sentence("it must be {known}", known=told["expected"].lower()),
    "greater_than": lambda told: Sentence("it must be above {bound}", bound=told["gt"]),
    "greater_than_equal": lambda told: Sentence("it must be at least {bound}", bound=told["ge"]),
    "less_than": lambda told: Sentence("it must be below {bound}", bound=told["lt"]),
    "less_than_equal": lambda told: Sentence("it must be at most {bound}", bound=told["le"]),
    "string_too_short": lambda _: Sentence("it is empty"),
    "too_short": lambda _: Sentence("it is empty"),
    "string_too_long": lambda told: Sentence("it must be at most {bound:,} long", bound=told["max_length"]),
    "too_long": lambda told: Sentence("it must be at most {bound:,} long", bound=told["max_length"]),
}


def invalid(errors: Sequence[Mapping[str, Any]]) -> AdotxError:
    """The first that is wrong, with its place in the request.

    Args:
        errors: of `ValidationError.errors()`, not empty.
    """
    # Of a field that may be one thing or another there is an error for each: the innermost knows best.
    same = [error for error in errors if _path(error)[:1] == _path(errors[0])[:1]]
    first = max(same, key=lambda error: len(_path(error)))
    where = "".join(f"[{p}]" if isinstance(p, int) else f".{p}" for p in _path(first)).lstrip(".") or None
    if first["type"] == "extra_forbidden":
        what, remedy = "is not known here", "leave it out"
        return AdotxError("server.parameter", what, where, remedy)
    reason = _reason(first)
    if any(_path(error) == _path(first) and _reason(error) != reason for error in same):
        reason = Sentence("it is of a type that does not fit")
    return AdotxError("server.parameter", "{reason}", where, reason=reason)


def _path(error: Mapping[str, Any]) -> list[str | int]:
    """Where it is. Branches of a union stand there too; a client knows only the names it wrote."""
    return [part for part in error["loc"] if part not in ("body", "query", "path") and not _is_branch(part)]


def _is_branch(part: str | int) -> bool:
    return isinstance(part, str) and (
        part in ("str", "bool") or not part.replace("_", "").replace("-", "").isalnum()
    )


def _reason(error: Mapping[str, Any]) -> Sentence:
    context = error.get("ctx", {})
    if error["type"] == "value_error" and isinstance(context["error"].args[0], Sentence):
        return context["error"].args[0]  # one of our own checks
    told = _REASONS.get(error["type"])
    return told(context) if told else Sentence("it does not fit")
