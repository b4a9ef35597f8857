"""A JSON schema as people and clients give it in; the schema that a grammar can be made of out, or a refusal.

What only describes is let pass and left out, OpenAI's wrapper around a schema is taken off, and a keyword
that would be ignored is refused with its place: a constraint that constrains nothing is worse than none. What
a keyword means is told by where it stands: a property may be called "default". Knows no grammars.
"""

from __future__ import annotations

import difflib
import json
from collections.abc import Mapping
from typing import Any
from urllib.parse import quote

from adotx.chat.messages import to_json
from adotx.errors import AdotxError

MAX_CHARACTERS = 200_000
MAX_DEPTH = 100


def _words(*lines: str) -> frozenset[str]:
    return frozenset(word for line in lines for word in line.split())


# Keywords that hold schemas: one, a list of them, or some by name.
_ONE = _words("items additionalItems additionalProperties")
_LISTS = _words("allOf anyOf oneOf prefixItems items")
_NAMED = _words("properties patternProperties $defs definitions")
_VALUES = _words(
    "type const enum required minProperties maxProperties minItems maxItems minLength maxLength pattern",
    "format minimum maximum exclusiveMinimum exclusiveMaximum multipleOf $ref $schema $id id $anchor",
)
_FOLLOWED = _ONE | _LISTS | _NAMED | _VALUES
# Of JSON Schema and OpenAPI; none of them says what is valid.
_DESCRIBES = _words(
    "title description default examples example deprecated readOnly writeOnly $comment $vocabulary",
    "contentEncoding contentMediaType contentSchema discriminator xml externalDocs",
)
# Of these, `false` asks for nothing.
_OFF = _words("uniqueItems nullable")
# Formats of JSON Schema. What another one means is between those who write it and those who read it.
_FORMATS = _words(
    "date-time date time duration email idn-email hostname idn-hostname ipv4 ipv6 uri uri-reference iri",
    "iri-reference uuid uri-template json-pointer relative-json-pointer regex",
)


def read_schema(schema: Mapping[str, Any] | bool | str, where: str) -> dict[str, Any]:
    """A schema, its text, or OpenAI's ``{"name", "strict", "schema"}`` around one, as an object.

    Args:
        schema: of draft 2020-12 or an older one.
        where: to name in errors.

    Returns:
        The schema with the keywords that say what is valid and no others.

    Raises:
        AdotxError: ``grammar.schema``, with a JSON pointer to what is wrong; ``grammar.too_large``;
            ``chat.json`` for what is no JSON.
    """
    if isinstance(schema, str):
        check_size(schema, where)
        try:
            schema = json.loads(schema)
        except (ValueError, RecursionError) as error:
            what, remedy = "is not JSON: {reason}", "give a JSON schema"
            raise AdotxError("grammar.schema", what, where, remedy, reason=str(error)) from None
    if isinstance(schema, Mapping):
        _check_depth(schema, where)
        text = utf8(to_json(dict(schema), where), "grammar.schema", where)
        check_size(text, where)
        schema, where = _unwrapped(json.loads(text), where)
    if schema is True:
        return {}
    if schema is False:
        raise AdotxError(
            "grammar.schema", "accepts nothing at all", where, "give a schema that accepts something"
        )
    if not isinstance(schema, dict):
        what = "a {type} is not a schema"
        raise AdotxError("grammar.schema", what, where, "give an object", type=type(schema).__name__)
    return _followed(schema, where)


def utf8(text: str, code: str, where: str) -> str:
    """`text`; AdotxError `code` for half a surrogate pair."""
    try:
        text.encode()
    except UnicodeEncodeError:
        raise AdotxError(code, "holds half a surrogate pair", where, "use whole characters") from None
    return text


def check_size(text: str, where: str) -> None:
    """AdotxError ``grammar.type`` for what is no text, ``grammar.too_large`` for one that is too long."""
    if not isinstance(text, str):
        what, remedy = "a {type} is not text", "give a string"
        raise AdotxError("grammar.type", what, where, remedy, type=type(text).__name__)
    if len(text) > MAX_CHARACTERS:
        raise AdotxError(
            "grammar.too_large",
            "has {count} characters, at most {limit} are taken",
            where,
            "make it smaller",
            count=len(text),
            limit=MAX_CHARACTERS,
        )


def escape(key: str) -> str:
    """A step of a JSON pointer."""
    return key.replace("~", "~0").replace("/", "~1")


def _unwrapped(schema: Any, where: str) -> tuple[Any, str]:
    """The schema that a ``response_format`` or its ``json_schema`` holds, and where it stands."""
    if not isinstance(schema, dict):
        return schema, where
    keys = set(schema)
    if schema.get("type") == "json_object" and keys == {"type"}:
        return {"type": "object"}, where
    if schema.get("type") == "json_schema" and keys == {"type", "json_schema"}:
        return _unwrapped(schema["json_schema"], f"{where}.json_schema")
    if schema.get("type") == "json_schema":
        keys.discard("type")
    if "schema" in keys and keys <= {"name", "description", "strict", "schema"}:
        return schema["schema"], f"{where}.schema"
    return schema, where


def _followed(schema: Any, where: str) -> Any:
    """A schema without what only describes; what is malformed stays, for the grammar to name."""
    if not isinstance(schema, dict):
        return schema
    out: dict[str, Any] = {}
    for key, value in schema.items():
        here = f"{where}/{escape(key)}"
        if key in _DESCRIBES or key.startswith("x-") or (key in _OFF and value is False):
            continue
        if key not in _FOLLOWED:
            raise _unknown(key, where)
        if key in _NAMED and isinstance(value, dict):
            out[key] = {name: _followed(inner, f"{here}/{escape(name)}") for name, inner in value.items()}
        elif key in _LISTS and isinstance(value, list):
            out[key] = [_followed(inner, f"{here}/{i}") for i, inner in enumerate(value)]
        elif key in _ONE:
            out[key] = _followed(value, here)
        elif key == "$ref" and isinstance(value, str):
            # A URI: people write "#/$defs/주소" as it is.
            out[key] = quote(value, safe="%#/$?&=+:;,@!~*'()-._")
        elif key != "format" or not isinstance(value, str) or value in _FORMATS:
            out[key] = value
    return out


def _unknown(key: str, where: str) -> AdotxError:
    lower = {known.lower(): known for known in _FOLLOWED}
    if meant := difflib.get_close_matches(key.lower()[:80], lower, 1, 0.8):
        what, remedy = "the keyword {keyword!r} is not supported", "did you mean {meant!r}?"
        return AdotxError("grammar.schema", what, where, remedy, keyword=key[:80], meant=lower[meant[0]])
    what, remedy = "the keyword {keyword!r} is not supported", "leave it out, or say it with other keywords"
    return AdotxError("grammar.schema", what, where, remedy, keyword=key[:80])


def _check_depth(value: Any, where: str) -> None:
    level = [value]
    for _ in range(MAX_DEPTH + 1):
        level = [
            inner
            for outer in level
            if isinstance(outer, (Mapping, list, tuple))
            for inner in (outer.values() if isinstance(outer, Mapping) else outer)
        ]
        if not level:
            return
    what, remedy = "is nested more than {levels} levels deep", "use $defs and $ref, or a flatter schema"
    raise AdotxError("grammar.too_large", what, where, remedy, levels=MAX_DEPTH)
