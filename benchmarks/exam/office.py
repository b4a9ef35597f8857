"""A page's content as a Flat ODT document for LibreOffice.

In: a `Page`, a family's name. Out: one document's text. Headings, paragraphs, numbered points, fields and
tables only: what letters, minutes and contracts have. Knows no engine.
"""

from __future__ import annotations

import random
from xml.sax.saxutils import escape

from content import Block, Fields, Heading, Item, Page, Rule, Table, Text

_SPACES = " ".join(
    f'xmlns:{name}="urn:oasis:names:tc:opendocument:xmlns:{long}:1.0"'
    for name, long in (
        ("office", "office"),
        ("style", "style"),
        ("text", "text"),
        ("table", "table"),
        ("fo", "xsl-fo-compatible"),
        ("svg", "svg-compatible"),
    )
)
_CELL = 'fo:border="0.6pt solid #222222" fo:padding="1.6mm"'


def page_fodt(page: Page, families: list[str], rng: random.Random) -> str:
    """One page as Flat ODT.

    Args:
        families: the family of the page, then those that LibreOffice should try for what it lacks.
        rng: decides size, spacing, alignment.
    """
    size = rng.choice((10.5, 11, 11.5))
    line, side = rng.choice((125, 140, 155)), rng.choice((18, 22, 25))
    align, title = rng.choice(("start", "justify")), rng.choice(("center", "start"))
    font = escape(";".join(families), {'"': "&quot;"})
    styles = "".join(
        (
            _style("Body", size, line, align),
            _style("Right", size * 1.2, line, "end"),
            _style("Centre", size, line, "center"),
            *(_style(f"Item{depth}", size, line, "start", left=5 + 6 * depth) for depth in range(3)),
            _style("Title", size * 1.6, 120, title, bold=True),
            _style("Section", size * 1.15, 120, "start", bold=True),
            '<style:style style:name="Line" style:family="paragraph"><style:paragraph-properties '
            'fo:border-bottom="0.8pt solid #222222" fo:margin-bottom="3mm"/>'
            '<style:text-properties fo:font-size="3pt"/></style:style>',
        )
    )
    return (
        f'<?xml version="1.0" encoding="UTF-8"?><office:document {_SPACES} office:version="1.3" '
        'office:mimetype="application/vnd.oasis.opendocument.text"><office:font-face-decls>'
        f'<style:font-face style:name="F" svg:font-family="{font}"/></office:font-face-decls>'
        f"<office:styles>{styles}</office:styles><office:automatic-styles>"
        f'<style:style style:name="Box" style:family="table-cell"><style:table-cell-properties {_CELL}/>'
        "</style:style>"
        '<style:page-layout style:name="L"><style:page-layout-properties fo:page-width="210mm" '
        f'fo:page-height="297mm" fo:margin="{side}mm"/></style:page-layout></office:automatic-styles>'
        '<office:master-styles><style:master-page style:name="Standard" style:page-layout-name="L"/>'
        "</office:master-styles><office:body><office:text>"
        + "".join(map(_block, page.blocks))
        + "</office:text></office:body></office:document>"
    )


def _style(name: str, size: float, line: int, align: str, left: int = 0, bold: bool = False) -> str:
    weight = "bold" if bold else "normal"
    faces = f'style:font-name="F" fo:font-size="{size:.1f}pt" fo:font-weight="{weight}" '
    faces += (
        f'style:font-name-asian="F" style:font-size-asian="{size:.1f}pt" style:font-weight-asian="{weight}"'
    )
    hang = f'fo:margin-left="{left}mm" fo:text-indent="-5mm"' if left else ""
    return (
        f'<style:style style:name="{name}" style:family="paragraph"><style:paragraph-properties {hang} '
        f'fo:line-height="{line}%" fo:text-align="{align}" fo:margin-bottom="2mm" '
        'style:text-autospace="none"/>'
        f"<style:text-properties {faces}/></style:style>"
    )


def _block(block: Block) -> str:
    match block:
        case Heading():
            return _paragraph("Title" if block.level == 1 else "Section", block.text)
        case Text():
            return _paragraph({"sender": "Right", "centre": "Centre"}.get(block.role, "Body"), block.text)
        case Item():
            marker = "•" if block.marker == "-" else block.marker
            return _paragraph(f"Item{block.level}", f"{marker} {block.text}")
        case Fields():
            return "".join(_paragraph("Body", f"{key}{block.mark} {value}") for key, value in block.rows)
        case Rule():
            return _paragraph("Line", "")
        case Table():
            assert not block.merged, "merged cells are set by the browser"
            columns = f'<table:table-column table:number-columns-repeated="{len(block.rows[0])}"/>'
            rows = "".join(
                "<table:table-row>"
                + "".join(
                    f'<table:table-cell table:style-name="Box" office:value-type="string">'
                    f"{_paragraph('Body', cell.text)}</table:table-cell>"
                    for cell in row
                )
                + "</table:table-row>"
                for row in block.rows
            )
            return f"<table:table>{columns}{rows}</table:table>"
    raise AssertionError(type(block))


def _paragraph(style: str, text: str) -> str:
    return f'<text:p text:style-name="{style}">{escape(text)}</text:p>'
