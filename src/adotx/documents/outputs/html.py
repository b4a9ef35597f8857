"""Blocks in, HTML out: as parts of a page, or as one file that needs nothing else.

Whatever a document says is text: every text is escaped, and no attribute, address or style comes from one.
The file's content security policy allows its own style and nothing besides. Knows no pictures.
"""

from __future__ import annotations

import base64
import hashlib
import re
from collections.abc import Iterable, Iterator, Sequence
from html import escape

from adotx.documents.doubt import plain, spans_of
from adotx.documents.outputs.document import Choice
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
    Quote,
    Span,
    Table,
    TextBlock,
)

STYLE = """\
:root{color-scheme:light dark}
body{max-width:46rem;margin:3rem auto;padding:0 1rem;font:1rem/1.7 system-ui,"Noto Sans KR",sans-serif;\
word-break:keep-all;overflow-wrap:anywhere}
section+section{margin-top:3rem;border-top:1px solid #8886}
.table{overflow-x:auto}table{border-collapse:collapse;font-variant-numeric:tabular-nums}
th,td{padding:.3em .6em;border:1px solid #8888;text-align:left;vertical-align:top}
ul.items{padding:0;list-style:none}ul.items .depth-1{margin-left:1.5em}ul.items .depth-2{margin-left:3em}
ul.items .depth-3{margin-left:4.5em}ul.items .depth-4{margin-left:6em}
dl.fields div{display:flex;gap:1em}dd{margin:0}pre{overflow-x:auto;white-space:pre-wrap}
blockquote{margin:0;padding-left:1em;border-left:3px solid #8888}
mark{background:#ffe08a;color:#1a1a1a}
"""
_POLICY = "default-src 'none'; style-src '{style}'; base-uri 'none'; form-action 'none'"
# The marks of `adotx.markdown.escapes`, escaped; they have no attributes.
_INLINE = re.compile(r"&lt;(sup|sub|ins|del)&gt;((?:(?!&lt;).)*)&lt;/\1&gt;")
# HTML has no name for them, and parsers stumble over them.
_CONTROLS = {n: None for n in (*range(9), 11, 12, *range(14, 32), 127)}


def hash_of(inline: str) -> str:
    """How a content security policy names a style or script that stands in the page."""
    digest = base64.b64encode(hashlib.sha256(inline.encode()).digest()).decode()
    return f"sha256-{digest}"


def text_html(text: str, marks: bool) -> str:
    """A text as HTML, its doubtful figures marked where `marks` says so."""
    text = text.translate(_CONTROLS)
    if not marks:
        return _said(plain(text))
    out, at = [], 0
    for start, end in spans_of(text):
        out += [escape(text[at:start], quote=True), f"<mark>{escape(plain(text[start:end]))}</mark>"]
        at = end
    return _said("".join((*out, escape(text[at:], quote=True))), escaped=True)


def _said(text: str, escaped: bool = False) -> str:
    """A text with what the document model itself writes into texts: raised letters, changes, line breaks."""
    text = text if escaped else escape(text, quote=True)
    return _INLINE.sub(r"<\1>\2</\1>", text).replace("\n", "<br>")


def blocks_html(blocks: Sequence[Block], marks: bool = True, shift: int = 0, prefix: str = "") -> str:
    """The blocks of a page.

    Args:
        blocks: as the page has them.
        marks: whether doubtful figures are marked.
        shift: added to the level of headings, where the page stands under others.
        prefix: "p1" gives blocks the ids ``p1-1``, ``p1-2``, as the JSON has them; "": none.
    """
    out: list[str] = []
    listed = False
    for n, block in enumerate(blocks, 1):
        is_item = isinstance(block, Item)
        if is_item != listed:
            out.append('<ul class="items">' if is_item else "</ul>")
            listed = is_item
        out.append(_block(block, marks, shift, f' id="{prefix}-{n}"' if prefix else ""))
    return "\n".join((*out, "</ul>") if listed else out)


def _block(block: Block, marks: bool, shift: int, place: str) -> str:
    match block:
        case Heading():
            level = min(max(block.level, 1) + shift, 6)
            return f"<h{level}{place}>{_spans(block.spans, marks)}</h{level}>"
        case Item():
            marker = "•" if block.marker == "-" else text_html(block.marker, marks)
            depth = f"depth-{min(block.level, 4)}"
            said = _spans(block.spans, marks)
            return f'<li class="{depth}"{place}><span class="marker">{marker}</span> {said}</li>'
        case Quote():
            return f"<blockquote{place}><p>{_spans(block.spans, marks)}</p></blockquote>"
        case TextBlock():
            return f"<p{place}>{_spans(block.spans, marks)}</p>"
        case Code():
            lines = (text_html(line, marks) for line in block.lines)
            return f"<pre{place}><code>{chr(10).join(lines)}</code></pre>"
        case Fields():
            rows = (
                f"<div><dt>{text_html(key, marks)}</dt><dd>{text_html(value, marks)}</dd></div>"
                for key, value in block.rows
            )
            return f'<dl class="fields"{place}>{"".join(rows)}</dl>'
        case Table():
            return f'<div class="table"{place}>{_table(block, marks)}</div>'
        case Formula():
            return f'<pre class="formula"{place}><code>{text_html(block.latex, marks)}</code></pre>'
        case Figure():
            return f"<figure{place}><figcaption>{text_html(block.caption, marks)}</figcaption></figure>"
    raise AssertionError(type(block))


def _spans(spans: Iterable[Span], marks: bool) -> str:
    out = []
    for span in spans:
        said = text_html(span.text, marks)
        said = f"<code>{said}</code>" if span.code else said
        out.append(f"<strong>{said}</strong>" if span.bold else said)
    return "".join(out)


def _table(table: Table, marks: bool) -> str:
    def row(cells: Iterable[Cell], name: str) -> str:
        return "<tr>" + "".join(_cell(cell, name, marks) for cell in cells) + "</tr>"

    head = "".join(row(cells, "th") for cells in table.rows[: table.header_rows])
    body = "".join(row(cells, "td") for cells in table.rows[table.header_rows :])
    return f"<table>{f'<thead>{head}</thead>' if head else ''}<tbody>{body}</tbody></table>"


def _cell(cell: Cell, name: str, marks: bool) -> str:
    sizes = (("colspan", cell.colspan), ("rowspan", cell.rowspan))
    spans = "".join(f' {key}="{count}"' for key, count in sizes if count > 1)
    inner = "".join(
        text_html(part, marks) if isinstance(part, str) else _table(part, marks)
        for part in cell.inner or (cell.text,)
    )
    return f"<{name}{spans}>{inner}</{name}>"


def html_pieces(
    name: str, pages: Iterable[PageResult], choice: Choice, language: str = "ko"
) -> Iterator[str]:
    """A whole file, piece by piece."""
    policy = _POLICY.format(style=hash_of(STYLE))
    yield (
        f'<!doctype html>\n<html lang="{escape(language)}">\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(policy)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        f"<title>{text_html(name, False)}</title>\n<style>{STYLE}</style>\n</head>\n<body>\n"
    )
    for page in pages:
        blocks = (page.doubted if choice.mark_doubtful else page.blocks) or page.blocks
        said = blocks_html(blocks, choice.mark_doubtful, prefix=f"p{page.number}")
        if page.status in ("partial", "failed"):
            said = f"<!-- page {page.number}: {page.status} -->\n{said}"
        yield f'<section id="p{page.number}">\n{said}\n</section>\n'
    yield "</body>\n</html>\n"
