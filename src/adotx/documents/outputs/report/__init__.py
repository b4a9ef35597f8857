"""One HTML file to check documents by: each page's picture beside what was read on it, the worst pages first.

In: documents. Out: a file that needs nothing else and asks nobody: pictures stand in it, its content security
policy allows its own script and style by their hashes and nothing besides, and what documents say is text.
Doubtful figures and lines are marked on both sides. Pages are written to a temporary file as they come, and
put in their order at the end, so that only one picture is held at a time.
"""

from __future__ import annotations

import base64
import io
import json
import tempfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, replace
from html import escape
from importlib.resources import files
from typing import BinaryIO

from PIL import Image

from adotx.documents.doubt import figures
from adotx.documents.outputs.document import Choice, Document, Say
from adotx.documents.outputs.grades import GRADES, Grade, grade_of
from adotx.documents.outputs.html import blocks_html, hash_of, text_html
from adotx.documents.outputs.redaction.pictures import covered
from adotx.documents.outputs.report.words import WORDS
from adotx.documents.outputs.values import Summary
from adotx.documents.transcribe import PageResult
from adotx.errors import AdotxError
from adotx.markdown import Block, Table

# The longer side of a page's picture in pixels, and its JPEG quality: small type can still be read.
_SIDE, _QUALITY = 1400, 62
# Below this a line is marked as unsure.
_UNSURE = 0.8
_POLICY = (
    "default-src 'none'; img-src data:; style-src '{style}'; script-src '{script}'; "
    "base-uri 'none'; form-action 'none'"
)


@dataclass
class _Row:
    """A document in the table: what it is called, and what became of it."""

    name: str
    summary: Summary
    doubtful: int = 0


@dataclass(frozen=True)
class _Place:
    """A page in the temporary file, and its place in the order."""

    worst: tuple[float, ...]
    start: int
    end: int
    link: str


def write_report(documents: Iterable[Document], file: BinaryIO, choice: Choice, language: str = "") -> None:
    """Write the report.

    Args:
        documents: one after another; their pages are read once.
        choice: numbers that are redacted are covered on the pictures too.
        language: that it begins in, "ko" or "en"; "" for that of the browser. It can be switched there.

    Raises:
        AdotxError: a document's file cannot be opened again.
    """
    rows: list[_Row] = []
    places: list[_Place] = []
    with tempfile.TemporaryFile(prefix="adotx-") as parts:
        for number, document in enumerate(documents, 1):
            shown = document.title(choice)
            row = _Row(shown, Summary())
            rows.append(row)
            for page, blocks, picture in _pages(document, choice):
                row.summary.add(page)
                row.doubtful += len(page.doubtful)
                start = parts.tell()
                name = f"d{number}p{page.number}"
                html = _page(name, shown, page, blocks, picture, len(places), language, document.say)
                parts.write(html.encode("utf-8", "replace"))
                link = _link(name, shown, page, language)
                places.append(_Place(_badness(page), start, parts.tell(), link))
        # Equally bad pages stay as they are.
        order = sorted(range(len(places)), key=lambda n: (places[n].worst, n))
        file.write(_head(rows, [places[n].link for n in order], language).encode("utf-8", "replace"))
        for rank, n in enumerate(order):
            parts.seek(places[n].start)
            html_bytes = parts.read(places[n].end - places[n].start)
            file.write(html_bytes.replace(b'data-worst=""', b'data-worst="%d"' % rank, 1))
        file.write(_foot().encode("utf-8"))


def _pages(
    document: Document, choice: Choice
) -> Iterator[tuple[PageResult, Sequence[Block], Image.Image | None]]:
    """Each page with what stands on it, tables that go on over pages in their parts, and its picture."""
    later: dict[int, list[Table]] = {}
    for page, opened in document.pictures():
        blocks: list[Block] = list(later.pop(page.number, ()))
        for block in page.doubted or page.blocks:
            if isinstance(block, Table) and block.parts:
                first, *others = block.parts
                blocks.append(first)
                for part in others:
                    if part.page is not None:
                        later.setdefault(part.page, []).append(part)
            else:
                blocks.append(block)
        picture = None
        if opened is not None:
            try:
                picture = opened()
                picture = covered(picture, page.lines, page.size) if choice.redact else picture
            except AdotxError as error:
                page = page if page.reason else replace(page, reason=str(error))
        yield page, blocks, picture


def _badness(page: PageResult) -> tuple[float, ...]:
    """Smaller is worse: by status and grade, then by confidence, then by the number of doubtful figures."""
    grade = grade_of(page)
    rank = GRADES.index(grade) if grade else len(GRADES)
    return (
        0.0 if page.status == "failed" else 1.0,
        float(rank),
        page.confidence if page.confidence is not None else 1.0,
        -float(len(page.doubtful)),
    )


def _w(key: str, language: str) -> str:
    """A text of the report itself."""
    return escape(WORDS[key][language == "ko"])


def _t(key: str, language: str, tag: str = "span") -> str:
    """A text of the report itself, which can be switched to the other language."""
    return f'<{tag} data-t="{key}">{_w(key, language)}</{tag}>'


def _grade(grade: Grade | None, language: str) -> str:
    name = grade or "none"
    return f'<span class="grade {name}" data-t="grade.{name}">{_w(f"grade.{name}", language)}</span>'


def _link(name: str, title: str, page: PageResult, language: str) -> str:
    grade = grade_of(page) or "none"
    share = "" if page.confidence is None else f" · {100 * page.confidence:.1f} %"
    doubts = f" · {len(page.doubtful)} ?" if page.doubtful else ""
    return (
        f'<li><a href="#{name}"><span class="dot {grade}"></span><span>{text_html(title, False)}</span>'
        f'<span class="of">{page.number} · {_t(f"grade.{grade}", language)}{share}{doubts}</span></a></li>'
    )


def _page(
    name: str,
    title: str,
    page: PageResult,
    blocks: Sequence[Block],
    picture: Image.Image | None,
    number: int,
    language: str,
    say: Say,
) -> str:
    source = page.text_source if f"source.{page.text_source}" in WORDS else "file"
    facts = [_t(f"status.{page.status}", language)]
    if page.status != "failed":
        facts.append(_t(f"source.{source}", language))
    if page.confidence is not None:
        facts.append(f"{_t('confidence', language)} {100 * page.confidence:.1f} %")
    if page.doubtful:
        facts.append(f"{_t('doubtful', language)} {len(page.doubtful)}")
    check = page.doubtful or page.status in ("partial", "failed") or grade_of(page) in ("poor", "fair")
    said = blocks_html(blocks, shift=2, prefix=name) if blocks else _t("nothing", language, "p")
    reason = f'<p class="reason">{text_html(say(page.reason), False)}</p>' if page.reason else ""
    return (
        f'<section class="page" id="{name}" tabindex="-1" aria-labelledby="{name}-title" data-worst="" '
        f'data-document="{number}"{" data-check" if check else ""}>'
        f'<header><h2 id="{name}-title">{text_html(title, False)}, {page.number}</h2>'
        f"{_grade(grade_of(page), language)}<p>{' · '.join(facts)}</p></header>{reason}"
        f'<div class="beside">{_sheet(name, title, page, blocks, picture, language)}'
        f'<div class="text" tabindex="0" role="region" data-t-label="said" '
        f'aria-label="{_w("said", language)}">{said}</div></div></section>\n'
    )


def _sheet(
    name: str,
    title: str,
    page: PageResult,
    blocks: Sequence[Block],
    picture: Image.Image | None,
    language: str,
) -> str:
    if picture is None:
        return f'<div class="sheet">{_t("no_picture", language, "p")}</div>'
    width, height = page.size or picture.size
    boxes = []
    for n, block in enumerate(blocks, 1):
        if block.box:
            x0, y0, x1, y1 = block.box
            boxes.append(
                _polygon(((x0, y0), (x1, y0), (x1, y1), (x0, y1)), f'class="block" data-block="{name}-{n}"')
            )
    for line in page.lines:
        # The words that hold them, where it is known where those stand.
        doubtful = [word for word in line.words if figures(word.text)]
        if not doubtful and figures(line.text):
            doubtful = [line]
        for each in doubtful:
            said = escape("|".join(figures(each.text)), quote=True)
            boxes.append(_polygon(each.quad, f'data-said="{said}"'))
        if not doubtful and line.confidence is not None and line.confidence < _UNSURE:
            boxes.append(_polygon(line.quad, 'class="unsure"'))
    shown = picture.convert("RGB")
    shown.thumbnail((_SIDE, _SIDE))
    jpeg = io.BytesIO()
    shown.save(jpeg, "JPEG", quality=_QUALITY)
    data = base64.b64encode(jpeg.getvalue()).decode("ascii")
    return (
        f'<div class="sheet"><div><img loading="lazy" width="{shown.width}" height="{shown.height}" '
        f'alt="{text_html(title, False)}, {page.number}" src="data:image/jpeg;base64,{data}">'
        f'<svg viewBox="0 0 {width} {height}" preserveAspectRatio="none" aria-hidden="true">'
        f"{''.join(boxes)}</svg></div></div>"
    )


def _polygon(quad: Iterable[Sequence[float]], attributes: str) -> str:
    points = " ".join(f"{float(x):.1f},{float(y):.1f}" for x, y in quad)
    return f'<polygon points="{points}" {attributes}/>'


def _head(rows: Sequence[_Row], links: Sequence[str], language: str) -> str:
    korean = language == "ko"
    style, script = _own("style.css"), _own("script.js")
    policy = _POLICY.format(style=hash_of(style), script=hash_of(script))

    def option(key: str) -> str:
        return f'<option value="{key}" data-t="order.{key}">{_w(f"order.{key}", language)}</option>'

    buttons = "".join(
        f'<button id="{key}" type="button" data-t="{key}">{_w(key, language)}</button>'
        for key in ("before", "next", "theme", "language")
    )
    begun = f' data-language="{language}"' if language in ("ko", "en") else ""
    return (
        f'<!doctype html>\n<html lang="{"ko" if korean else "en"}"{begun}>\n<head>\n<meta charset="utf-8">\n'
        f'<meta http-equiv="Content-Security-Policy" content="{escape(policy)}">\n'
        '<meta name="viewport" content="width=device-width, initial-scale=1">\n'
        '<meta name="referrer" content="no-referrer">\n'
        f"<title>{_w('title', language)}</title>\n<style>{style}</style>\n</head>\n<body>\n"
        f'<a class="skip" href="#pages" data-t="skip">{_w("skip", language)}</a>\n'
        f'<header>{_t("title", language, "h1")}<span class="grow"></span>'
        f'<label>{_t("order", language)} <select id="order">{option("worst")}{option("document")}</select>'
        f"</label>"
        f'<label><input type="checkbox" id="only"> {_t("only", language)}</label>'
        f"{buttons}</header>\n"
        f'<div class="frame"><nav tabindex="0" data-t-label="pages" aria-label="{_w("pages", language)}">'
        f"{_t('keys', language, 'p')}<ol>{''.join(links)}</ol></nav>\n"
        f'<main id="pages">{_table(rows, language)}\n'
    )


def _table(rows: Sequence[_Row], language: str) -> str:
    heads = ("document", "grade", "low", "read", "unread", "confidence", "doubtful")
    lines = []
    for row in rows:
        values = row.summary.values()
        counts, share = values["page_counts"], values["confidence"]
        unread = counts["failed"] + counts["partial"]
        right = "" if share is None else f"{100 * share:.1f} %"
        numbers = (str(sum(counts.values())), str(unread), right, str(row.doubtful))
        lines.append(
            f'<tr><th scope="row">{text_html(row.name, False)}</th>'
            f"<td>{_grade(values['grade'], language)}</td>"
            f"<td>{_grade(values['low_grade'], language)}</td>"
            + "".join(f'<td class="figure">{number}</td>' for number in numbers)
            + "</tr>"
        )
    head = ""
    for key in heads:
        right = " class=figure" if key in heads[3:] else ""
        head += f'<th scope="col"{right} data-t="{key}">{_w(key, language)}</th>'
    return (
        f'<div class="wide" tabindex="0" role="region" data-t-label="documents" '
        f'aria-label="{_w("documents", language)}">'
        f'<table class="documents">{_t("documents", language, "caption")}<thead><tr>{head}</tr></thead>'
        f"<tbody>{''.join(lines)}</tbody></table></div>"
    )


def _foot() -> str:
    words = {key: {"en": english, "ko": korean} for key, (english, korean) in WORDS.items()}
    told = json.dumps(words, ensure_ascii=False).replace("<", "\\u003c")
    return (
        f'</main></div>\n<script type="application/json" id="words">{told}</script>\n'
        f"<script>{_own('script.js')}</script>\n</body>\n</html>\n"
    )


def _own(name: str) -> str:
    return files(__package__).joinpath(name).read_text(encoding="utf-8")
