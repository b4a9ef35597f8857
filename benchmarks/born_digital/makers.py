"""Programs that write the documents of `content` as PDFs, each in its own way.

In: a `Document`, faces. Out: a file. Whatever a maker needs (reportlab, fpdf2, typst, weasyprint, python-docx
with LibreOffice, fonttools) is imported when it is asked for: a benchmark's environment has it, adotx does
not. What is random (which rules a table has, whether text is justified) is the rng's.
"""

from __future__ import annotations

import html
import json
import random
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

from content import Document

from adotx.markdown import Code, Heading, Item, Quote, Table

_SIZES = {1: 18, 2: 14, 3: 12}
Maker = Callable[[Document, Path, Path, Path, random.Random], None]


def weasyprint(document: Document, regular: Path, bold: Path, path: Path, rng: random.Random) -> None:
    from weasyprint import HTML

    HTML(string=document.html(regular.resolve(), bold.resolve()), base_url="/").write_pdf(path)


def typst(document: Document, regular: Path, bold: Path, path: Path, rng: random.Random) -> None:
    import typst as compiler
    from fontTools.ttLib import TTFont

    family = TTFont(regular)["name"].getDebugName(1)
    columns = ", columns: 2" if document.kind == "columns" else ""
    out = [
        f'#set page(paper: "a4", margin: 2cm{columns})',
        f'#set text(font: "{family}", size: 10pt, lang: "ko")',
        f"#set par(justify: {rng.choice(('true', 'false'))})",
    ]
    for block in document.blocks:
        match block:
            case Heading():
                out.append(f"#heading(level: {block.level}, {_quoted(block.text)})")
            case Quote():
                out.append(f"#quote(block: true, {_quoted(block.text)})")
            case Code():
                out.append(f"#raw(block: true, {_quoted(chr(10).join(block.lines))})")
            case Item() if block.marker == "-":
                out.append("  " * block.level + f"- #text({_quoted(block.text)})")
            case Item() if block.marker.endswith("."):
                out.append(f"+ #text({_quoted(block.text)})")
            case Item():
                out.append(f"#text({_quoted(f'{block.marker} {block.text}')})\n")
            case Table():
                cells = ", ".join(
                    f"table.cell(colspan: {cell.colspan}, rowspan: {cell.rowspan}, "
                    f"text({_quoted(cell.text)}))"
                    for row in block.rows
                    for cell in row
                )
                strokes = ("0.5pt", "(x, y) => (bottom: 0.5pt)", "none")
                stroke = strokes[0] if _has_spans(block) else rng.choice(strokes)
                out.append(f"#table(columns: {_shape(block)[1]}, stroke: {stroke}, {cells})\n")
            case _:
                out.append(f"#text({_quoted(block.text)})\n")
    source = path.with_suffix(".typ")
    source.write_text("\n".join(out), encoding="utf-8")
    compiler.compile(str(source), output=str(path), font_paths=[str(regular.resolve().parent)])


def reportlab(document: Document, regular: Path, bold: Path, path: Path, rng: random.Random) -> None:
    from reportlab.lib import colors
    from reportlab.lib.pagesizes import A4
    from reportlab.lib.styles import ParagraphStyle
    from reportlab.pdfbase import pdfmetrics, ttfonts
    from reportlab.platypus import BaseDocTemplate, Frame, PageTemplate, Paragraph, Preformatted, Spacer
    from reportlab.platypus import Table as Grid

    pdfmetrics.registerFont(ttfonts.TTFont("face", str(regular)))
    pdfmetrics.registerFont(ttfonts.TTFont("face bold", str(bold)))
    body = ParagraphStyle("body", fontName="face", fontSize=10, leading=15.5, spaceAfter=6)
    body.alignment = rng.choice((0, 4))
    cell_style = ParagraphStyle("cell", parent=body, spaceAfter=0, leading=13, fontSize=9.5, alignment=0)
    story: list[Any] = []
    for block in document.blocks:
        match block:
            case Heading():
                size = _SIZES[block.level]
                look = ParagraphStyle(
                    "head", fontName="face bold", fontSize=size, leading=1.4 * size, spaceAfter=6
                )
                story.append(Paragraph(html.escape(block.text), look))
            case Code():
                story.append(Preformatted("\n".join(block.lines), ParagraphStyle("code", fontName="Courier")))
            case Item():
                at = 18 + 18 * block.level
                look = ParagraphStyle("item", parent=body, leftIndent=at, bulletIndent=at - 14)
                sign = "•" if block.marker == "-" else block.marker
                story.append(Paragraph(html.escape(block.text), look, bulletText=sign))
            case Table():
                rows, width = _shape(block)
                texts: list[list[Any]] = [[""] * width for _ in range(rows)]
                looks: list[tuple[Any, ...]] = [("FONT", (0, 0), (-1, -1), "face", 9.5)]
                looks.append(("FONT", (0, 0), (-1, block.header_rows - 1), "face bold", 9.5))
                long = any(len(cell.text) > 30 for _, _, cell in block.placed())
                for row, column, cell in block.placed():
                    texts[row][column] = Paragraph(html.escape(cell.text), cell_style) if long else cell.text
                    end = (column + cell.colspan - 1, row + cell.rowspan - 1)
                    looks.append(("SPAN", (column, row), end))
                kind = 0 if _has_spans(block) or long else rng.randrange(3)
                looks += [
                    [("GRID", (0, 0), (-1, -1), 0.5, colors.black)],
                    [("LINEABOVE", (0, at), (-1, at), 1, colors.black) for at in (0, 1)]
                    + [("LINEBELOW", (0, -1), (-1, -1), 1, colors.black)],
                    [("BACKGROUND", (0, 0), (-1, 0), colors.lightgrey)],
                ][kind]
                sizes = [80, *([360 / (width - 1)] * (width - 1))] if long else None
                story += [Grid(texts, style=looks, colWidths=sizes), Spacer(1, 8)]
            case _:
                story.append(Paragraph(html.escape(block.text), body))
    wide, high = A4
    halves = [(50.0, wide / 2 - 60), (wide / 2 + 10, wide / 2 - 60)]
    places = halves if document.kind == "columns" else [(50.0, wide - 100)]
    frames = [Frame(x, 50, width, high - 100) for x, width in places]
    made = BaseDocTemplate(str(path), pagesize=A4)
    made.addPageTemplates([PageTemplate(frames=frames)])
    made.build(story)


def fpdf(document: Document, regular: Path, bold: Path, path: Path, rng: random.Random) -> None:
    from fpdf import FPDF
    from fpdf.fonts import FontFace

    made = FPDF()
    made.add_font("face", "", str(regular))
    made.add_font("face", "B", str(bold))
    made.add_page()
    under = {"new_x": "LMARGIN", "new_y": "NEXT"}
    align = rng.choice("LJ")
    for block in document.blocks:
        made.set_font("face", "", 10.5)
        match block:
            case Heading():
                made.set_font("face", "B", _SIZES[block.level])
                made.multi_cell(0, 9, block.text, **under)
            case Code():
                made.set_font("Courier", "", 9.5)
                for line in block.lines:
                    made.cell(0, 5, line, **under)
            case Item():
                x = 14 + 6 * block.level
                made.set_x(x)
                made.cell(6, 6.2, "•" if block.marker == "-" else block.marker)
                made.set_x(x + 6)
                made.multi_cell(0, 6.2, block.text, align="L", **under)
            case Table():
                made.ln(2)
                made.set_font("face", "", 9.5)
                rules = "ALL" if _has_spans(block) else rng.choice(("ALL", "ALL", "HORIZONTAL_LINES"))
                look = {"borders_layout": rules, "line_height": 6.5, "text_align": "LEFT"}
                head = {"headings_style": FontFace(emphasis="B"), "num_heading_rows": block.header_rows}
                with made.table(**look, **head) as table:
                    for row in block.rows:
                        added = table.row()
                        for cell in row:
                            added.cell(cell.text, colspan=cell.colspan, rowspan=cell.rowspan)
                made.ln(3)
            case _:
                made.multi_cell(0, 6.2, block.text, align=align, **under)
                made.ln(2)
    made.output(str(path))


def writer(document: Document, regular: Path, bold: Path, path: Path, rng: random.Random) -> None:
    """LibreOffice, from a DOCX; the face is whatever fontconfig knows by the name of `regular`."""
    import docx
    from docx.oxml.ns import qn
    from fontTools.ttLib import TTFont

    family = TTFont(regular)["name"].getDebugName(1)
    made = docx.Document()
    for name in ("Normal", "Heading 1", "Heading 2", "Heading 3"):
        fonts = made.styles[name].element.get_or_add_rPr().get_or_add_rFonts()
        fonts.attrib.clear()
        for kind in ("w:eastAsia", "w:ascii", "w:hAnsi"):
            fonts.set(qn(kind), family)
    for block in document.blocks:
        match block:
            case Heading():
                made.add_heading(block.text, block.level)
            case Code():
                for line in block.lines:
                    made.add_paragraph().add_run(line).font.name = "DejaVu Sans Mono"
            case Item() if block.marker == "-":
                made.add_paragraph(block.text, style="List Bullet 2" if block.level else "List Bullet")
            case Item():
                made.add_paragraph(f"{block.marker} {block.text}")
            case Table():
                table = made.add_table(*_shape(block))
                table.style = "Table Grid"
                for row, column, cell in block.placed():
                    place = table.cell(row, column)
                    last = table.cell(row + cell.rowspan - 1, column + cell.colspan - 1)
                    (place.merge(last) if last is not place else place).text = cell.text
                made.add_paragraph("")
            case _:
                made.add_paragraph(block.text)
    source = path.with_suffix(".docx")
    made.save(str(source))
    office = shutil.which("soffice") or "soffice"
    profile = f"-env:UserInstallation={(path.parent / 'profile').resolve().as_uri()}"
    command = [
        office,
        profile,
        "--headless",
        "--convert-to",
        "pdf",
        "--outdir",
        str(path.parent),
        str(source),
    ]
    subprocess.run(command, check=True, capture_output=True, timeout=300)


#: name -> maker, besides the browser
MAKERS: dict[str, Maker] = {each.__name__: each for each in (weasyprint, typst, reportlab, fpdf, writer)}


def _quoted(text: str) -> str:
    return json.dumps(text, ensure_ascii=False)


def _shape(table: Table) -> tuple[int, int]:
    """(rows, columns)."""
    placed = list(table.placed())
    return max(row + cell.rowspan for row, _, cell in placed), max(
        column + cell.colspan for _, column, cell in placed
    )


def _has_spans(table: Table) -> bool:
    return any(cell.colspan > 1 or cell.rowspan > 1 for _, _, cell in table.placed())
