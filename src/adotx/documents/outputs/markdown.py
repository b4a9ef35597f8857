"""Pages as Markdown, one after another. Knows no files."""

from __future__ import annotations

from collections.abc import Iterable, Iterator

from adotx.documents.outputs.document import Choice, Say
from adotx.documents.transcribe import PageResult


def page_markdown(page: PageResult, choice: Choice) -> str:
    """One page without line breaks around it; "" for a blank one."""
    text = (page.marked if choice.mark_doubtful else page.markdown).strip("\n")
    return f"<!-- page: {page.number} -->\n\n{text}".rstrip("\n") if choice.page_marks else text


def joined_parts(parts: Iterable[str]) -> Iterator[str]:
    """Pages as pieces of one text that ends with one line end; nothing for blank pages."""
    begun = False
    for part in parts:
        if part.strip():
            yield f"\n\n{part}" if begun else part
            begun = True
    if begun:
        yield "\n"


def whole_markdown(pages: Iterable[PageResult], say: Say = str, choice: Choice = Choice()) -> str:  # noqa: B008  frozen
    """All pages as one text; where a page could not be read, or not all of it, a comment says so."""
    parts = []
    for page in pages:
        if page.status in ("partial", "failed"):
            reason = say(page.reason).replace("--", "- -")
            parts.append(f"<!-- page {page.number}: {page.status}: {reason} -->")
        parts.append(page_markdown(page, choice))
    return "".join(joined_parts(parts))
