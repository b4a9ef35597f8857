"""Pages in the shape of the API: `PageResult`s in, JSON values out; and as one Markdown text.

Every text is an object, ``{"text": ...}``, with ``"doubtful": [[start, end], ...]`` where figures in it may
be wrong, counted in code points; what is not so (bold, spans of cells) is left out. Tables of the fields:
docs/documents.md. Knows no HTTP and no readers.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from typing import Any

from adotx.documents.doubt import plain, spans_of, with_texts
from adotx.documents.transcribe import PageResult
from adotx.errors import AdotxError, Sentence
from adotx.markdown import (
    Block,
    Cell,
    Code,
    Fields,
    Figure,
    Formula,
    Heading,
    Item,
    Span,
    Table,
    TextBlock,
    to_markdown,
)
from adotx.server.errors import told

#: a sentence in the client's language
Say = Callable[[str], str]

_STATUSES = ("ok", "blank", "partial", "failed")


def page_values(result: PageResult, size: tuple[int, int] | None, say: Say) -> dict[str, Any]:
    """One page.

    Args:
        result: what became of it.
        size: width and height of its picture in pixels; None where it could not be opened.
        say: makes its reason a text.
    """
    blocks = result.doubted or result.blocks
    return {
        "number": result.number,
        "status": result.status,
        "reason": say(shown(result.reason)),
        "width": size and size[0],
        "height": size and size[1],
        "text_source": result.text_source,
        "confidence": _rounded(result.confidence),
        "seconds": round(result.seconds, 3),
        "doubtful": result.doubtful,
        "markdown": result.markdown,
        **({"marked": result.marked} if result.doubtful else {}),
        "blocks": [
            {"id": f"p{result.number}-{n}", **block_values(block)} for n, block in enumerate(blocks, 1)
        ],
    }


def block_values(block: Block) -> dict[str, Any]:
    """One block: its kind and place, its Markdown, and what its kind has."""
    return {
        "kind": block.kind,
        "box": block.box and [round(float(side), 1) for side in block.box],
        "confidence": _rounded(block.confidence),
        "markdown": to_markdown([with_texts(block, plain)]).strip("\n"),
        **_content(block),
    }


def status_of_all(results: Sequence[PageResult]) -> str:
    """Of a document: "ok"; "failed" where no page could be read; "partial" where something is missing."""
    statuses = {result.status for result in results}
    if statuses <= {"failed"}:
        return "failed"
    return "partial" if statuses & {"partial", "failed"} else "ok"


def counts(results: Sequence[PageResult]) -> dict[str, int]:
    """How many pages of each status."""
    return {status: sum(result.status == status for result in results) for status in _STATUSES}


def whole_markdown(results: Sequence[PageResult], say: Say) -> str:
    """All pages as one text; where a page could not be read, or not all of it, a comment says so."""
    parts = []
    for result in results:
        if result.status in ("partial", "failed"):
            reason = say(shown(result.reason)).replace("--", "- -")
            parts.append(f"<!-- page {result.number}: {result.status}: {reason} -->")
        parts.append(result.markdown.strip("\n"))
    whole = "\n\n".join(part for part in parts if part.strip())
    return f"{whole}\n" if whole else ""


def shown(reason: str) -> str:
    """A page's reason without what only our log may know: what a decoder or an exception said."""
    if not isinstance(reason, Sentence):
        return reason
    values = {name: _shown(name, value) for name, value in reason.values.items()}
    return Sentence(reason.template, **values)


def _shown(name: str, value: object) -> object:
    if isinstance(value, AdotxError):
        return told(value)
    if isinstance(value, Sentence):
        return shown(value)
    return Sentence("a fault of this program") if name == "reason" else value


def _content(block: Block) -> dict[str, Any]:
    match block:
        case Heading():
            return {"level": block.level, "spans": _spans(block)}
        case Item():
            return {"marker": block.marker, "level": block.level, "spans": _spans(block)}
        case TextBlock():
            return {"spans": _spans(block)}
        case Code():
            return {"lines": [_text(line) for line in block.lines]}
        case Fields():
            rows = [{"key": _text(key), "value": _text(value)} for key, value in block.rows]
            return {"marker": block.marker, "rows": rows}
        case Table():
            return {"header_rows": block.header_rows, "rows": [[*map(_cell, row)] for row in block.rows]}
        case Formula():
            return {"latex": plain(block.latex)}
        case Figure():
            return {"caption": _text(block.caption)}
    raise AssertionError(block.kind)


def _spans(block: TextBlock) -> list[dict[str, Any]]:
    return [_span(span) for span in block.spans]


def _span(span: Span) -> dict[str, Any]:
    marks = {name: True for name in ("bold", "code") if getattr(span, name)}
    return {**_text(span.text), **marks}


def _cell(cell: Cell) -> dict[str, Any]:
    sizes = {name: size for name in ("colspan", "rowspan") if (size := getattr(cell, name)) > 1}
    return {**_text(cell.text), **sizes}


def _text(text: str) -> dict[str, Any]:
    doubtful = [[start, end] for start, end in spans_of(text)]
    return {"text": plain(text), **({"doubtful": doubtful} if doubtful else {})}


def _rounded(share: float | None) -> float | None:
    return None if share is None else round(float(share), 4)
