"""Tables of a document as CSV files and as an XLSX workbook.

In: pages. Out: every table in the order of the document, one that goes on over pages once. What a cell says
is never a formula: CSV cells that a spreadsheet would take for one begin with an apostrophe, and the
workbook's cells are typed text, or numbers where they are nothing else. Knows no pictures.
"""

from __future__ import annotations

import csv
import io
import re
import zipfile
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import BinaryIO
from xml.sax.saxutils import escape, quoteattr

from adotx.documents.doubt import plain
from adotx.documents.outputs.plain_text import rows_of
from adotx.documents.transcribe import PageResult
from adotx.markdown import Table

# What a spreadsheet takes for a formula, of full width too, and what it skips before one.
_FORMULA = re.compile(r"[\s\0]*[=+\-@＝＋－＠]")
# An amount is none: "-1,200" stays a number.
_AMOUNT = re.compile(r"[-+]?[0-9]{1,3}(?:,?[0-9]{3})*(?:\.[0-9]+)?%?")
# Numbers that stay the same when a spreadsheet shows them: no leading zeros, at most 15 digits.
_NUMBER = re.compile(r"-?(?:0|[1-9][0-9]{0,14}|[1-9][0-9]{0,2}(?:,[0-9]{3}){1,4})(?:\.[0-9]{1,6})?")
_CONTROLS = re.compile("[\x00-\x08\x0b\x0c\x0e-\x1f\x7f\ud800-\udfff\ufffe\uffff]")
#: letters of a cell, rows and columns of a sheet that spreadsheets take
_MOST_LETTERS, _MOST_ROWS, _MOST_COLUMNS = 32_767, 1_048_576, 16_384
_EPOCH = (1980, 1, 1, 0, 0, 0)


@dataclass(frozen=True)
class Found:
    """A table of a document: on which page it begins, and which it is there, from 1."""

    page: int
    number: int
    table: Table

    @property
    def name(self) -> str:
        """Of its file or sheet."""
        return f"p{self.page}-{self.number}"


def tables_of(pages: Iterable[PageResult]) -> Iterator[Found]:
    """The tables of a document, in order."""
    for page in pages:
        tables = (block for block in page.blocks if isinstance(block, Table) and block.rows)
        for number, table in enumerate(tables, 1):
            yield Found(page.number, number, table)


def guarded(text: str) -> str:
    """A cell's text, so that no spreadsheet takes it for a formula."""
    return f"'{text}" if _FORMULA.match(text) and not _AMOUNT.fullmatch(text.strip()) else text


def csv_text(table: Table) -> str:
    """A table as CSV (RFC 4180): CRLF, quotes where they are needed."""
    file = io.StringIO()
    writer = csv.writer(file)
    for row in rows_of(table):
        writer.writerow([guarded(_CONTROLS.sub("", text)) for text in row])
    return file.getvalue()


def write_csv(found: Iterable[Found], file: BinaryIO) -> None:
    """All tables as one text, an empty line between them; UTF-8 with the mark that Excel needs."""
    for n, each in enumerate(found):
        file.write(b"\r\n" if n else b"\xef\xbb\xbf")
        file.write(csv_text(each.table).encode("utf-8", "replace"))


def write_csv_archive(found: Iterable[Found], file: BinaryIO) -> None:
    """All tables as a zip of CSV files, one a table, named by page and number."""
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for each in found:
            _put(archive, f"{each.name}.csv", "\ufeff" + csv_text(each.table))


def write_xlsx(found: Iterable[Found], file: BinaryIO) -> None:
    """A workbook (ECMA-376) with a sheet for each table; an empty sheet where there is none."""
    names: list[str] = []
    with zipfile.ZipFile(file, "w", zipfile.ZIP_DEFLATED) as archive:
        for each in found:
            names.append(each.name)
            _put(archive, f"xl/worksheets/sheet{len(names)}.xml", _sheet(each.table))
        if not names:
            names.append("empty")
            _put(archive, "xl/worksheets/sheet1.xml", f"{_HEAD}<worksheet {_MAIN}><sheetData/></worksheet>")
        _put(archive, "[Content_Types].xml", _content_types(len(names)))
        _put(archive, "_rels/.rels", _relations((("officeDocument", "xl/workbook.xml"),)))
        sheets = [("worksheet", f"worksheets/sheet{n}.xml") for n in range(1, len(names) + 1)]
        _put(archive, "xl/_rels/workbook.xml.rels", _relations((*sheets, ("styles", "styles.xml"))))
        _put(archive, "xl/workbook.xml", _workbook(names))
        _put(archive, "xl/styles.xml", _STYLES)


def _put(archive: zipfile.ZipFile, name: str, text: str) -> None:
    # The same tables give the same bytes: no clock.
    info = zipfile.ZipInfo(name, _EPOCH)
    info.compress_type = zipfile.ZIP_DEFLATED
    archive.writestr(info, text.encode("utf-8", "replace"))


_HEAD = '<?xml version="1.0" encoding="UTF-8" standalone="yes"?>\n'
_SCHEMA = "http://schemas.openxmlformats.org"
_MAIN = f'xmlns="{_SCHEMA}/spreadsheetml/2006/main"'
_OFFICE = f"{_SCHEMA}/officeDocument/2006/relationships"
_PACKAGE = f"{_SCHEMA}/package/2006"
# Decimals of a number -> its format; 0: none, with and without separators.
_CODES = [f"{whole}{'.' if n else ''}{'0' * n}" for whole in ("0", "#,##0") for n in range(7)]
_FORMATS = [f'<numFmt numFmtId="{200 + n}" formatCode="{code}"/>' for n, code in enumerate(_CODES)]
_STYLES = (
    f'{_HEAD}<styleSheet {_MAIN}><numFmts count="{len(_FORMATS)}">{"".join(_FORMATS)}</numFmts>'
    '<fonts count="2"><font><sz val="11"/><name val="Calibri"/></font>'
    '<font><b/><sz val="11"/><name val="Calibri"/></font></fonts>'
    '<fills count="2"><fill><patternFill patternType="none"/></fill>'
    '<fill><patternFill patternType="gray125"/></fill></fills>'
    '<borders count="1"><border/></borders><cellStyleXfs count="1"><xf/></cellStyleXfs>'
    f'<cellXfs count="{2 + len(_FORMATS)}"><xf numFmtId="49" fontId="0" applyNumberFormat="1"/>'
    '<xf numFmtId="49" fontId="1" applyNumberFormat="1" applyFont="1"/>'
    + "".join(f'<xf numFmtId="{200 + n}" applyNumberFormat="1"/>' for n in range(len(_FORMATS)))
    + "</cellXfs></styleSheet>"
)
_TEXT, _BOLD, _FIRST_NUMBER = 0, 1, 2


def _sheet(table: Table) -> str:
    rows: dict[int, list[str]] = {n: [] for n in range(len(table.rows))}
    merged = []
    for row, column, cell in table.placed():
        if row >= _MOST_ROWS or column >= _MOST_COLUMNS:
            continue
        place = f"{_letters(column)}{row + 1}"
        rows[row].append(_cell(place, plain(cell.text), row < table.header_rows))
        if cell.colspan > 1 or cell.rowspan > 1:
            last = f"{_letters(column + cell.colspan - 1)}{min(row + cell.rowspan, len(table.rows))}"
            if last != place:
                merged.append(f'<mergeCell ref="{place}:{last}"/>')
    lines = "".join(f'<row r="{row + 1}">{"".join(cells)}</row>' for row, cells in rows.items())
    ends = f'<mergeCells count="{len(merged)}">{"".join(merged)}</mergeCells>' if merged else ""
    return f"{_HEAD}<worksheet {_MAIN}><sheetData>{lines}</sheetData>{ends}</worksheet>"


def _cell(place: str, text: str, header: bool) -> str:
    text = _CONTROLS.sub("", text)[:_MOST_LETTERS]
    if not text:
        return ""
    if not header and _NUMBER.fullmatch(text):
        decimals = len(text.partition(".")[2])
        style = _FIRST_NUMBER + decimals + (7 if "," in text else 0)
        return f'<c r="{place}" s="{style}"><v>{text.replace(",", "")}</v></c>'
    style = _BOLD if header else _TEXT
    return f'<c r="{place}" s="{style}" t="inlineStr"><is><t xml:space="preserve">{escape(text)}</t></is></c>'


def _letters(column: int) -> str:
    """0 -> A, 25 -> Z, 26 -> AA."""
    out = ""
    column += 1
    while column:
        column, rest = divmod(column - 1, 26)
        out = chr(65 + rest) + out
    return out


def _content_types(sheets: int) -> str:
    kind = "application/vnd.openxmlformats-officedocument.spreadsheetml"
    parts = "".join(
        f'<Override PartName="/xl/worksheets/sheet{n}.xml" ContentType="{kind}.worksheet+xml"/>'
        for n in range(1, sheets + 1)
    )
    return (
        f'{_HEAD}<Types xmlns="{_PACKAGE}/content-types"><Default Extension="rels" '
        'ContentType="application/vnd.openxmlformats-package.relationships+xml"/>'
        f'<Override PartName="/xl/workbook.xml" ContentType="{kind}.sheet.main+xml"/>'
        f'<Override PartName="/xl/styles.xml" ContentType="{kind}.styles+xml"/>{parts}</Types>'
    )


def _relations(targets: Sequence[tuple[str, str]]) -> str:
    lines = "".join(
        f'<Relationship Id="rId{n}" Type="{_OFFICE}/{kind}" Target="{target}"/>'
        for n, (kind, target) in enumerate(targets, 1)
    )
    return f'{_HEAD}<Relationships xmlns="{_PACKAGE}/relationships">{lines}</Relationships>'


def _workbook(names: Sequence[str]) -> str:
    sheets = "".join(
        f'<sheet name={quoteattr(name)} sheetId="{n}" r:id="rId{n}"/>' for n, name in enumerate(names, 1)
    )
    return f'{_HEAD}<workbook {_MAIN} xmlns:r="{_OFFICE}"><sheets>{sheets}</sheets></workbook>'
