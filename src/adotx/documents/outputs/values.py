"""Pages and documents as JSON values, the one shape that the command line writes and the server answers.

Every text is an object, ``{"text": ...}``, with ``"doubtful": [[start, end], ...]`` where figures in it may
be wrong, counted in code points; what is not so (bold, spans of cells) is left out. The fields:
docs/documents.md, docs/document.schema.json. `from_values` leads back. Knows no HTTP and no readers.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from adotx.documents.doubt import plain, spans_of, with_texts
from adotx.documents.outputs.document import Say
from adotx.documents.outputs.grades import Tally, grade_of
from adotx.documents.readers import TextLine
from adotx.documents.transcribe import PageResult
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

#: what such a document says it is
OBJECT = "document.transcription"
STATUSES = ("ok", "blank", "partial", "failed")


def page_values(page: PageResult, say: Say = str) -> dict[str, Any]:
    """One page.

    Args:
        page: what became of it.
        say: makes its reason a text.
    """
    blocks = page.doubted or page.blocks
    return {
        "number": page.number,
        "status": page.status,
        "reason": say(page.reason),
        "width": page.size and page.size[0],
        "height": page.size and page.size[1],
        "text_source": page.text_source,
        "confidence": _rounded(page.confidence),
        "grade": grade_of(page),
        "seconds": round(page.seconds, 3),
        "doubtful": page.doubtful,
        "markdown": page.markdown,
        **({"marked": page.marked} if page.doubtful else {}),
        "blocks": [{"id": f"p{page.number}-{n}", **block_values(block)} for n, block in enumerate(blocks, 1)],
        "lines": [_line(line) for line in page.lines],
    }


def block_values(block: Block) -> dict[str, Any]:
    """One block: its kind and place, its Markdown, and what its kind has."""
    return {
        "kind": block.kind,
        "box": _box(block),
        "confidence": _rounded(block.confidence),
        "markdown": to_markdown([with_texts(block, plain)]).strip("\n"),
        **_content(block),
    }


class Summary:
    """What a document's values say of it as a whole, gathered page by page."""

    def __init__(self) -> None:
        self._counts = dict.fromkeys(STATUSES, 0)
        self._grades, self._seconds = Tally(), 0.0

    def add(self, page: PageResult) -> None:
        """The next page."""
        self._counts[page.status] += 1
        self._grades.add(page)
        self._seconds += page.seconds

    @property
    def status(self) -> str:
        """ "ok"; "failed" where no page could be read; "partial" where something is missing."""
        there = {status for status, count in self._counts.items() if count}
        if there <= {"failed"}:
            return "failed"
        return "partial" if there & {"partial", "failed"} else "ok"

    def values(self, seconds: float | None = None) -> dict[str, Any]:
        """
        Args:
            seconds: that the whole took; None: the sum of the pages'.
        """
        return {
            "status": self.status,
            "page_counts": dict(self._counts),
            "confidence": _rounded(self._grades.confidence),
            "grade": self._grades.grade,
            "low_grade": self._grades.low_grade,
            "seconds": round(self._seconds if seconds is None else seconds, 3),
        }


def summary_of(pages: Sequence[PageResult]) -> Summary:
    """Of pages that are all there."""
    summary = Summary()
    for page in pages:
        summary.add(page)
    return summary


def _box(block: Block) -> list[float] | None:
    return block.box and [round(float(side), 1) for side in block.box]


def _line(line: TextLine) -> dict[str, Any]:
    words = [{"text": plain(word.text), "quad": _quad(word)} for word in line.words]
    return {
        **_text(line.text),
        "quad": _quad(line),
        "confidence": _rounded(line.confidence),
        **({"words": words} if words else {}),
    }


def _quad(line: TextLine) -> list[list[float]]:
    return [[round(float(x), 1), round(float(y), 1)] for x, y in line.quad]


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
            return {**_table(block), **({"parts": [*map(_part, block.parts)]} if block.parts else {})}
        case Formula():
            return {"latex": plain(block.latex)}
        case Figure():
            return {"caption": _text(block.caption)}
    raise AssertionError(block.kind)


def _table(block: Table) -> dict[str, Any]:
    return {"header_rows": block.header_rows, "rows": [[*map(_cell, row)] for row in block.rows]}


def _part(part: Table) -> dict[str, Any]:
    """One of the tables that were joined, as it stands on its page."""
    return {"page": part.page, "box": _box(part), "confidence": _rounded(part.confidence), **_table(part)}


def _spans(block: TextBlock) -> list[dict[str, Any]]:
    return [_span(span) for span in block.spans]


def _span(span: Span) -> dict[str, Any]:
    marks = {name: True for name in ("bold", "code") if getattr(span, name)}
    return {**_text(span.text), **marks}


def _cell(cell: Cell) -> dict[str, Any]:
    sizes = {name: size for name in ("colspan", "rowspan") if (size := getattr(cell, name)) > 1}
    inner = [_text(part) if isinstance(part, str) else _table(part) for part in cell.inner]
    return {**_text(cell.text), **sizes, **({"inner": inner} if inner else {})}


def _text(text: str) -> dict[str, Any]:
    doubtful = [[start, end] for start, end in spans_of(text)]
    return {"text": plain(text), **({"doubtful": doubtful} if doubtful else {})}


def _rounded(share: float | None) -> float | None:
    return None if share is None else round(float(share), 4)
