"""A page's result as one line of JSON and back, exactly: what a workspace remembers of pages that were read.

In: a `PageResult`. Out: text without a line break; and the way back, equal to the last bit, so that a
document put together from remembered pages is the one that would have been made without a break. Reasons
keep their templates and values, and can be said in either language later. A line from elsewhere is data: it
can make nothing but the classes named here. The shape for other programs is another one (docs/documents.md).
"""

from __future__ import annotations

import json
import re
from dataclasses import MISSING, Field, fields, is_dataclass
from string import Formatter
from typing import Any, get_args

from adotx import markdown
from adotx.documents.readers import Status, TextLine
from adotx.documents.transcribe import PageResult
from adotx.errors import AdotxError, Sentence

#: raised when a line of before would be understood in another way
VERSION = 1
_KIND = "$"
_CLASSES: dict[str, type] = {
    name: value
    for name, value in {**vars(markdown), "TextLine": TextLine, "PageResult": PageResult}.items()
    if isinstance(value, type) and is_dataclass(value)
}
# Of a field in a template: "{count:,}" and "{seconds:.1f}" are ours, "{a:>99999999}" would fill the memory.
_FORMAT = re.compile(r",?(?:\.\d)?[a-z%]?")


def to_line(page: PageResult) -> str:
    """One page as one line of JSON."""
    return json.dumps(_values(page), ensure_ascii=False, separators=(",", ":"))


def from_line(line: str) -> PageResult:
    """The page that `to_line` has written.

    Raises:
        ValueError: it was not, or by another version.
    """
    try:
        page = _object(json.loads(line))
    except (TypeError, KeyError, AttributeError, RecursionError) as error:
        raise ValueError(str(error)) from None
    if not isinstance(page, PageResult) or page.status not in get_args(Status) or not _is_number(page.number):
        raise ValueError("this is no page")
    return page


def _values(value: Any) -> Any:
    """JSON values of what a page is made of; what is at its default is left out."""
    if isinstance(value, Sentence):
        held = {name: _values(each) for name, each in value.values.items()}
        return {_KIND: "Sentence", "template": value.template, "values": held}
    if value is None or isinstance(value, bool | int | float | str):
        return value
    if isinstance(value, tuple | list):
        return [_values(each) for each in value]
    if isinstance(value, AdotxError):
        remedy = value.remedy and value.remedy.template
        held = {name: _values(each) for name, each in value.values.items()}
        texts = {"code": value.code, "what": value.what.template, "where": value.where, "remedy": remedy}
        return {_KIND: "AdotxError", **texts, "values": held}
    if is_dataclass(value) and not isinstance(value, type):
        given = {each.name: getattr(value, each.name) for each in fields(value) if each.init}
        told = {each.name: given[each.name] for each in fields(value) if each.init and not _same(each, given)}
        return {_KIND: type(value).__name__, **{name: _values(each) for name, each in told.items()}}
    if hasattr(value, "item"):  # a number of NumPy's
        return _values(value.item())
    return str(value)


def _same(field: Field[Any], given: dict[str, Any]) -> bool:
    default = field.default
    return (
        default is not MISSING and type(default) is type(given[field.name]) and default == given[field.name]
    )


def _object(value: Any) -> Any:
    if isinstance(value, list):
        return tuple(_object(each) for each in value)
    if not isinstance(value, dict):
        return value
    kind = value[_KIND]
    inner = {name: _object(each) for name, each in value.items() if name not in (_KIND, "values")}
    if kind in _CLASSES:
        return _CLASSES[kind](**inner)
    held = {name: _object(each) for name, each in value["values"].items()}
    if kind == "Sentence":
        return Sentence(_checked(inner["template"], held), **held)
    if kind == "AdotxError":
        what, remedy = _checked(inner["what"], held), inner["remedy"]
        return AdotxError(inner["code"], what, inner["where"], remedy and _checked(remedy, held), **held)
    raise ValueError(f"no such thing: {kind}")


def _checked(template: str, held: dict[str, Any]) -> str:
    """A template that only shows its values; without values it is taken literally."""
    for _, name, form, _ in Formatter().parse(template) if held else ():
        if name is not None and not (name in held and _FORMAT.fullmatch(form or "")):
            raise ValueError(f"no template of ours: {template}")
    return template


def _is_number(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value >= 1
