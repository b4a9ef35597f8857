"""A page's content as HTML for the browser.

In: a `Page`, the faces to set it in. Out: one HTML file's text, its fonts by file: URLs. Bullets are drawn by
the browser, everything else is text of the content. Knows no engine.
"""

from __future__ import annotations

import base64
import html
import io
import math
import random
from dataclasses import dataclass

from content import Fields, Heading, Item, Page, Rule, Table, Text, span_attributes
from faces import SIGNS, Face
from PIL import Image, ImageDraw, ImageFont


@dataclass(frozen=True)
class Sheet:
    """What the page is laid out on, in CSS pixels (96 an inch); `screen` is a picture of a window."""

    width: int
    height: int
    screen: bool = False


SHEETS = {"receipt": Sheet(300, 1500), "sign": Sheet(760, 1100, True), "screen": Sheet(412, 2200, True)}
PAPER = Sheet(794, 1123)
_SIGNS = (
    ("#0b5fa5", "#ffffff"),
    ("#ffffff", "#c1121f"),
    ("#ffd60a", "#111111"),
    ("#146c43", "#ffffff"),
    ("#c1121f", "#ffffff"),
    ("#f8f9fa", "#1b1b1b"),
    ("#22223b", "#f2e9e4"),
)
_CSS = """
* { box-sizing: border-box; } body { margin: 0; color: #111; background: #fff; word-break: keep-all; }
p, ul, ol, h1, h2, h3, table, .fields { margin: 0 0 .8em; } h1 { font-size: 1.7em; line-height: 1.3; }
h2 { font-size: 1.25em; margin-top: .3em; break-after: avoid; }
.centre { text-align: center; margin: 1.2em 0; }
.sender { text-align: right; font-size: 1.25em; }
.sealed { position: relative; width: fit-content; margin: 1.5em 2.5em 1.5em auto; font-size: 1.25em; }
.sealed img { position: absolute; width: 3.1em; height: 3.1em; top: 50%; mix-blend-mode: multiply; }
.note { font-size: .9em; }
ul { padding-left: 1.3em; } .num { display: flex; gap: .4em; margin-bottom: .35em; }
.num + :not(.num) { margin-top: .9em; }
hr { border: 0; border-top: 1.5px solid #333; margin: .8em 0; } hr.dashed { border-top: 1.5px dashed #444; }
table { border-collapse: collapse; width: 100%; } td, th { padding: .32em .55em; text-align: left; }
td.figure { text-align: right; white-space: nowrap; } th { white-space: nowrap; }
.all td, .all th { border: 1px solid #222; } .all th { background: #eee; text-align: center; }
.rows td, .rows th { border-bottom: 1px solid #777; }
.fields div { display: flex; gap: .8em; margin-bottom: .3em; }
.fields b { font-weight: inherit; min-width: 5em; }
.huge { font-size: 1.6em; text-align: center; margin-bottom: .4em; }
.body { column-gap: 2.2em; } .body.c3 { column-gap: 1.5em; } .body p { text-align: justify; }
.receipt td, .receipt th { padding: .12em .15em; } .receipt h1 { text-align: center; }
.receipt .fields.plain div { justify-content: space-between; } .receipt .fields b { min-width: 0; }
.sign { display: inline-block; padding: 46px 56px; margin: 30px; border-radius: 14px; text-align: center;
  min-width: 420px; max-width: 700px; }
.sign .huge { font-size: 2.9em; font-weight: 700; line-height: 1.2; }
.sign .large { font-size: 1.5em; margin: .3em 0; }
.dark { background: #101114; color: #e8e8ea; } .light { background: #f4f5f7; color: #17181a; }
.dark, .light { padding: 22px 18px 40px; } .settings .fields div { justify-content: space-between;
  border-bottom: 1px solid #8884; padding: 9px 4px; } .settings .fields span { opacity: .75; }
.talk p { padding: 9px 14px; border-radius: 16px; width: fit-content; max-width: 78%; }
.mine { margin-left: auto; background: #ffd84d; color: #222; } .dark .theirs { background: #2c2e33; }
.light .theirs { background: #fff; }
"""


def page_html(page: Page, faces: list[Face], rng: random.Random) -> str:
    """One page as HTML.

    Args:
        faces: the face of the page, then those for what it lacks.
        rng: decides size, spacing and alignment.
    """
    sheet = SHEETS.get(page.kind, PAPER)
    size = {"receipt": 13, "small": rng.choice((8.5, 9, 9.5)), "sign": 26, "screen": 16}.get(page.kind)
    size = size or rng.choice((22, 24, 26) if page.hand else (14, 15, 16))
    if page.columns > 1:
        size = rng.choice((12.5, 13, 14))
    margin = {"receipt": 14, "sign": 0, "screen": 0}.get(page.kind, rng.choice((56, 68, 80)))
    if page.kind == "fax":
        size = rng.choice((17, 18, 20))  # what people who fax use: smaller type is lost at 98 lines an inch
    stamp = _stamp(page, faces, rng) if page.kind == "seal" else ""
    names = ", ".join(f"exam{number}" for number in range(len(faces)))
    style = [
        *(
            f"@font-face {{ font-family: exam{number}; font-weight: {weight}; src: url('{path.as_uri()}') }}"
            for number, face in enumerate(faces)
            for weight, path in ((400, face.regular), (700, face.bold))
        ),
        f"@page {{ size: {sheet.width}px {sheet.height}px; margin: 0; }}",
        _CSS,
        f"body {{ font: {size}px/{rng.choice((1.45, 1.6, 1.75))} {names}; }}",
        f"main.paper, main.receipt, main.small, main.note {{ padding: {margin}px; }}",
        f"p {{ text-align: {rng.choice(('left', 'justify'))}; }}" if page.kind != "sign" else "",
    ]
    if page.theme == "paper" and rng.random() < 0.6:
        style.append("h1 { text-align: center; }")
    if page.theme == "sign":
        paper, ink = rng.choice(_SIGNS)
        style.append(f"main.sign {{ background: {paper}; color: {ink}; border: 6px solid {ink}; }}")
        style.append(f"body {{ background: {rng.choice(('#8d99a6', '#d8d2c4', '#5c5f58', '#ffffff'))}; }}")
    if page.theme.startswith("dark"):
        style.append("body { background: #101114; }")
    elif page.theme.startswith("light"):
        style.append("body { background: #f4f5f7; }")
    return (
        "<!doctype html><html lang='ko'><head><meta charset='utf-8'><style>"
        + "\n".join(style)
        + f"</style></head><body><main class='{page.theme}'>{_body(page, stamp)}</main></body></html>"
    )


def _stamp(page: Page, faces: list[Face], rng: random.Random) -> str:
    """A seal as an image that lies over the end of its line: a picture, since its signs are no text."""
    face = next(face for face in faces if face.family in SIGNS and face.bold.suffix != ".woff2")
    signer = next(block.text for block in page.blocks if isinstance(block, Text) and block.role == "sealed")
    # A person's seal has four signs, an office's nine.
    name = signer.split()[-1]
    letters = f"{name[-3:]}인" if rng.random() < 0.5 else f"{name}의직인{signer.replace(' ', '')}"[:9]
    ink = rng.choice(((200, 16, 46), (214, 48, 49), (178, 24, 30), (222, 60, 40)))
    picture = seal_picture(letters, str(face.bold), ink, rng.random() < 0.5)
    data = io.BytesIO()
    picture.rotate(rng.uniform(-9, 9), Image.Resampling.BICUBIC, fillcolor="white").save(data, "PNG")
    place = f"right: {rng.uniform(-1.8, -0.4):.2f}em; transform: translateY(-50%)"
    encoded = base64.b64encode(data.getvalue()).decode()
    return f"<img alt='' style='{place}' src='data:image/png;base64,{encoded}'>"


def seal_picture(letters: str, font: str, ink: tuple[int, int, int], round_: bool) -> Image.Image:
    """Four or nine signs in columns from the right, in a double ring or a square frame, on white."""
    side, edge = 360, 26
    picture = Image.new("RGB", (side, side), "white")
    pen = ImageDraw.Draw(picture)
    shape = pen.ellipse if round_ else pen.rectangle
    shape((edge, edge, side - edge, side - edge), outline=ink, width=14)
    inner = edge + (62 if round_ else 22)
    count = math.isqrt(len(letters))
    cell = (side - 2 * inner) // count
    glyphs = ImageFont.truetype(font, round(cell * 0.95))
    for number, letter in enumerate(letters[: count * count]):
        column, row = count - 1 - number // count, number % count
        middle = (inner + (column + 0.5) * cell, inner + (row + 0.5) * cell)
        pen.text(middle, letter, font=glyphs, fill=ink, anchor="mm")
    return picture


def _body(page: Page, stamp: str = "") -> str:
    parts: list[str] = []
    depth = 0
    for number, block in enumerate(page.blocks):
        bullet = isinstance(block, Item) and block.marker == "-"
        if bullet and not depth:
            parts.append("<ul>")
        elif depth and not bullet:
            parts.append("</ul>")
        depth = int(bullet)
        parts.append(_block(block, stamp))
        if number == 0 and page.columns > 1:
            parts.append(f"<div class='body c{page.columns}' style='columns: {page.columns}'>")
    return "".join(parts) + "</ul>" * depth + "</div>" * (page.columns > 1)


def _block(block: object, stamp: str = "") -> str:
    match block:
        case Heading():
            return f"<h{block.level}>{_safe(block.text)}</h{block.level}>"
        case Text():
            over = stamp if block.role == "sealed" else ""
            return f"<p class='{block.role}'>{_safe(block.text)}{over}</p>"
        case Item(marker="-"):
            return f"<li>{_safe(block.text)}</li>"
        case Item():
            left = 1.6 * block.level
            return (
                f"<div class='num' style='margin-left: {left}em'>"
                f"<span>{block.marker}</span><span>{_safe(block.text)}</span></div>"
            )
        case Fields():
            rows = "".join(
                f"<div><b>{_safe(key + block.mark)}</b><span>{_safe(value)}</span></div>"
                for key, value in block.rows
            )
            return f"<div class='fields{'' if block.mark else ' plain'}'>{rows}</div>"
        case Table():
            return _table(block)
        case Rule():
            return f"<hr class='{'dashed' if block.dashed else ''}'>"
    raise AssertionError(type(block))


def _table(table: Table) -> str:
    rows = []
    for number, row in enumerate(table.rows):
        name = "th" if number < table.header_rows else "td"
        cells = (
            f"<{name}{span_attributes(cell)} class='{'figure' if figure(cell.text) else ''}'>"
            f"{_safe(cell.text)}</{name}>"
            for cell in row
        )
        rows.append(f"<tr>{''.join(cells)}</tr>")
    return f"<table class='{table.rules}'>{''.join(rows)}</table>"


def figure(text: str) -> bool:
    """Whether a cell holds a figure, which is set to the right."""
    return bool(text) and all(char in "0123456789,.+-%원" for char in text)


def _safe(text: str) -> str:
    return html.escape(text, quote=False)
