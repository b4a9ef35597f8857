"""JSON values of a page in, the page out: the way back from `values`, for clients of a server.

What a server says is not trusted: a value of another type, or one that no page can have, is an error and not
a page. Boxes come back as they were rounded. Knows no HTTP.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, get_args

from adotx.documents.doubt import doubted, plain, with_texts
from adotx.documents.readers import Status, TextLine, TextSource
from adotx.documents.transcribe import PageResult
from adotx.markdown import (
    Block,
    Box,
    Cell,
    Code,
    Fields,
    Figure,
    Formula,
    Heading,
    Item,
    Paragraph,
    Quote,
    Span,
    Table,
)

# No page has more; a server that says so is not ours.
_MOST = 100_000


def page_of(values: Any) -> PageResult:
    """The page of which `adotx.documents.outputs.values.page_values` made these values.

    Fields that it does not know are left out, so that an older client reads a newer server.

    Raises:
        ValueError: they are no page.
    """
    try:
        doubted_blocks = tuple(_block(each) for each in _list(values["blocks"]))
        status, source = values["status"], values.get("text_source", "pixels")
        if status not in get_args(Status) or source not in get_args(TextSource):
            raise ValueError(f"{status!r}, {source!r}")
        width, height = values.get("width"), values.get("height")
        return PageResult(
            with_texts(doubted_blocks, plain),
            status,
            _str(values["reason"]),
            _int(values["number"], 1),
            float(values.get("seconds", 0.0)),
            0,
            _share(values.get("confidence")),
            doubted_blocks,
            source,
            tuple(_line(each) for each in _list(values.get("lines", []))),
            None if width is None or height is None else (_int(width, 1), _int(height, 1)),
        )
    except (KeyError, TypeError, AttributeError, OverflowError) as error:
        raise ValueError(f"no page: {type(error).__name__}: {error}") from None


def _block(values: dict[str, Any]) -> Block:
    kind = values["kind"]
    share = _share(values.get("confidence"))
    return replace(_KINDS[kind](values), box=_box(values.get("box")), confidence=share)


def _table(values: dict[str, Any]) -> Table:
    rows = tuple(tuple(_cell(cell) for cell in _list(row)) for row in _list(values["rows"]))
    parts = []
    for each in _list(values.get("parts", [])):
        page, share = each.get("page"), _share(each.get("confidence"))
        part = Table(_table(each).rows, _int(each["header_rows"], 0), confidence=share)
        parts.append(part.at(_box(each.get("box")), None if page is None else _int(page, 1)))
    return Table(rows, _int(values["header_rows"], 0), tuple(parts))


def _cell(values: dict[str, Any]) -> Cell:
    inner = tuple(
        _text(part) if "text" in part else Table(_table(part).rows, _int(part["header_rows"], 0))
        for part in _list(values.get("inner", []))
    )
    return Cell(_text(values), _int(values.get("colspan", 1), 1), _int(values.get("rowspan", 1), 1), inner)


def _spans(values: dict[str, Any]) -> tuple[Span, ...]:
    return tuple(
        Span(_text(span), bool(span.get("bold", False)), bool(span.get("code", False)))
        for span in _list(values["spans"])
    )


def _fields(values: dict[str, Any]) -> Fields:
    rows = tuple((_text(row["key"]), _text(row["value"])) for row in _list(values["rows"]))
    return Fields(rows, _str(values.get("marker", "")))


#: kind -> what makes the block of its values
_KINDS: dict[str, Callable[[dict[str, Any]], Block]] = {
    "heading": lambda values: Heading(_spans(values), _int(values["level"], 1)),
    "paragraph": lambda values: Paragraph(_spans(values)),
    "quote": lambda values: Quote(_spans(values)),
    "item": lambda values: Item(_spans(values), _str(values["marker"]), _int(values["level"], 0)),
    "code": lambda values: Code(tuple(_text(line) for line in _list(values["lines"]))),
    "fields": _fields,
    "table": _table,
    "formula": lambda values: Formula(_str(values["latex"])),
    "figure": lambda values: Figure(_text(values["caption"])),
}


def _line(values: dict[str, Any]) -> TextLine:
    share = _share(values.get("confidence"))
    words = tuple(TextLine(_text(word), _quad(word), share) for word in _list(values.get("words", [])))
    return TextLine(_text(values), _quad(values), share, words)


def _quad(values: dict[str, Any]) -> tuple[tuple[float, float], ...]:
    quad = tuple((float(x), float(y)) for x, y in _list(values["quad"]))
    if len(quad) != 4:
        raise ValueError("a box has four corners")
    return quad


def _text(values: dict[str, Any]) -> str:
    """A text with its doubtful figures written as such."""
    text = _str(values["text"])
    for start, end in _list(values.get("doubtful", [])):
        text = text[: _int(start, 0)] + doubted(text[start : _int(end, 0)]) + text[end:]
    return text


def _box(values: Any) -> Box | None:
    if values is None:
        return None
    x0, y0, x1, y1 = (float(side) for side in _list(values))
    return x0, y0, x1, y1


def _share(value: Any) -> float | None:
    return None if value is None else float(value)


def _str(value: Any) -> str:
    if not isinstance(value, str):
        raise ValueError(f"{type(value).__name__} is no text")
    return value


def _int(value: Any, least: int) -> int:
    if not isinstance(value, int) or isinstance(value, bool) or not least <= value <= _MOST:
        raise ValueError(f"{value!r} is no number of this kind")
    return value


def _list(value: Any) -> list[Any]:
    if not isinstance(value, list) or len(value) > _MOST:
        raise ValueError(f"{type(value).__name__} is no list of this kind")
    return value
