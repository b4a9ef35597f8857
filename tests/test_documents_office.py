"""DOCX, PPTX, XLSX, HTML and HWP 5: what becomes of their text, tables and numbers; and what is refused."""

from __future__ import annotations

import base64
import datetime
import importlib.util
import io
import json
import zipfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adotx.documents.outputs import FORMATS, Choice, Document, page_of, page_values
from adotx.documents.readers import PageReading
from adotx.documents.sources import SUFFIXES, find_documents, open_pages
from adotx.documents.sources.html.tags import decoded, tags
from adotx.documents.sources.omml import latex
from adotx.documents.sources.xlsx.numbers import shown
from adotx.documents.sources.xml_tree import TreeLimits, parse
from adotx.documents.transcribe import Transcriber
from adotx.errors import AdotxError
from adotx.markdown import Block, Code, Figure, Heading, Item, Paragraph, Table, to_markdown
from office_files import cell, hwpx, markdown, p, packed, png, reading, says, tbl

_W = 'xmlns:w="w" xmlns:m="m" xmlns:r="r" xmlns:a="a" xmlns:wp="wp"'
_REL = "http://schemas.openxmlformats.org/officeDocument/2006/relationships"


def rels(**targets: str) -> str:
    """Relations: kind -> target; the ids are the kinds."""
    each = "".join(
        f'<Relationship Id="{kind}" Type="{_REL}/{kind}" Target="{to}"/>' for kind, to in targets.items()
    )
    return f"<Relationships>{each}</Relationships>"


def docx(path: Path, body: str, **parts: str) -> Path:
    """A DOCX file: the inside of its body, and of its other parts by their kind."""
    files = {f"word/{kind}.xml": f"<w:x {_W}>{inside}</w:x>" for kind, inside in parts.items()}
    return packed(
        path,
        {
            "_rels/.rels": rels(officeDocument="word/document.xml"),
            "word/document.xml": f"<w:document {_W}><w:body>{body}</w:body></w:document>",
            "word/_rels/document.xml.rels": rels(**{kind: f"{kind}.xml" for kind in parts}),
            **files,
        },
    )


def wp(text: str, properties: str = "") -> str:
    inside = text if text.startswith("<") else f"<w:r><w:t>{text}</w:t></w:r>"
    return f"<w:p><w:pPr>{properties}</w:pPr>{inside}</w:p>"


def numbered(id: int, level: int) -> str:
    return f'<w:numPr><w:ilvl w:val="{level}"/><w:numId w:val="{id}"/></w:numPr>'


class NoReader:
    """A model that is never asked."""

    def read(self, image: object, is_cancelled: object) -> PageReading:
        raise AssertionError("nothing is to be read")


def refusal(path: Path, **options: object) -> AdotxError:
    with pytest.raises(AdotxError) as caught:
        reading(path, **options)
    assert "\n" not in str(caught.value) and str(path) in str(caught.value)
    return caught.value


# DOCX


def test_docx_headings_and_korean_numbers(tmp_path: Path) -> None:
    levels = (("decimal", "제%1조"), ("decimal", "%2."), ("ganada", "%3."), ("decimalEnclosedCircle", "%4"))
    numbering = "<w:abstractNum w:abstractNumId='0'>" + "".join(
        f'<w:lvl w:ilvl="{n}"><w:start w:val="1"/><w:numFmt w:val="{form}"/>'
        f'<w:lvlText w:val="{text}"/></w:lvl>'
        for n, (form, text) in enumerate(levels)
    )
    numbering += "</w:abstractNum><w:num w:numId='1'><w:abstractNumId w:val='0'/></w:num>"
    styles = (
        '<w:style w:type="paragraph" w:styleId="1"><w:name w:val="heading 2"/></w:style>'
        '<w:style w:type="paragraph" w:styleId="2"><w:name w:val="내 제목"/><w:basedOn w:val="1"/></w:style>'
    )
    body = wp("첫머리", '<w:pStyle w:val="2"/>') + "".join(
        wp("글", numbered(1, n)) for n in (0, 1, 2, 2, 3, 0)
    )
    blocks = reading(docx(tmp_path / "a.docx", body, styles=styles, numbering=numbering)).blocks
    assert blocks[0] == Heading.of("첫머리", 2)
    assert [b.marker for b in blocks if isinstance(b, Item)] == ["제1조", "1.", "가.", "나.", "①", "제2조"]


def test_docx_merged_cells_notes_changes_and_formulas(tmp_path: Path) -> None:
    def tc(text: str, properties: str = "") -> str:
        return f"<w:tc><w:tcPr>{properties}</w:tcPr>{wp(text)}</w:tc>"

    table = (
        "<w:tbl><w:tr>"
        + tc("가", '<w:gridSpan w:val="2"/>')
        + tc("나", '<w:vMerge w:val="restart"/>')
        + "</w:tr><w:tr>"
        + tc("다")
        + tc("라")
        + tc("", "<w:vMerge/>")
        + "</w:tr></w:tbl>"
    )
    text = (
        "<w:r><w:t>본문</w:t></w:r><w:r><w:footnoteReference w:id='7'/></w:r>"
        "<w:ins><w:r><w:t> 넣음</w:t></w:r></w:ins><w:del><w:r><w:delText> 지움</w:delText></w:r></w:del>"
        "<m:oMath><m:f><m:num><m:r><m:t>a</m:t></m:r></m:num>"
        "<m:den><m:r><m:t>b</m:t></m:r></m:den></m:f></m:oMath>"
    )
    notes = f"<w:footnote w:id='7'>{wp('덧붙임')}</w:footnote>"
    file = docx(tmp_path / "a.docx", table + wp(text), footnotes=notes, header=wp("머리말"))
    blocks = reading(file).blocks
    assert blocks[0] == Paragraph.of("머리말") and blocks[3:] == (Item.of("덧붙임", "1)"),)
    assert isinstance(blocks[1], Table) and [
        (row, column, each.text, each.colspan, each.rowspan) for row, column, each in blocks[1].placed()
    ] == [(0, 0, "가", 2, 1), (0, 2, "나", 1, 2), (1, 0, "다", 1, 1), (1, 1, "라", 1, 1)]
    assert blocks[2] == Paragraph.of(r"본문¹⁾ 넣음$\frac{a}{b}$")
    assert "<ins> 넣음</ins><del> 지움</del>" in markdown(file, show_changes=True)


@pytest.mark.parametrize(
    ("inside", "expected"),
    [
        ("<rad><deg/><e><r><t>x</t></r></e></rad>", r"\sqrt{x}"),
        (
            "<sSubSup><e><r><t>x</t></r></e><sub><r><t>i</t></r></sub><sup><r><t>2</t></r></sup></sSubSup>",
            "x_{i}^{2}",
        ),
        (
            '<nary><naryPr><chr val="∑"/></naryPr><sub><r><t>k</t></r></sub><sup><r><t>n</t></r></sup>'
            "<e><r><t>k</t></r></e></nary>",
            r"\sum_{k}^{n} k",
        ),
        ("<d><e><r><t>a≤π</t></r></e></d>", r"\left( a\le \pi \right)"),
        ("<m><mr><e><r><t>1</t></r></e><e><r><t>2</t></r></e></mr></m>", r"\begin{matrix}1 & 2\end{matrix}"),
    ],
)
def test_office_formulas_as_latex(inside: str, expected: str) -> None:
    root = parse(f"<oMath>{inside}</oMath>".encode(), TreeLimits(), frozenset(), ValueError)
    assert latex(root) == expected


# XLSX


@pytest.mark.parametrize(
    ("number", "format", "text"),
    [
        ("1234567.5", "#,##0", "1,234,568"),
        ("-5", "#,##0;[Red]-#,##0", "-5"),
        ("-5", "#,##0;(#,##0)", "(5)"),
        ("0.125", "0.0%", "12.5%"),
        ("1234", '"₩"#,##0', "₩1,234"),
        ("-1234", "[$₩-412]#,##0", "-₩1,234"),
        ("1234.5", '#,##0.00"원"', "1,234.50원"),
        ("1200000", "#,##0,", "1,200"),
        ("7", "000", "007"),
        ("46082", "yyyy-mm-dd", "2026-03-01"),
        ("46083.5868055556", 'yyyy"년" m"월" d"일" h:mm', "2026년 3월 2일 14:05"),
        ("0.75", "h:mm AM/PM", "6:00 PM"),
        ("1.5", "[h]:mm", "36:00"),
        ("46082", "yyyy. m. d. aaaa", "2026. 3. 1. 일요일"),
        ("1", "yyyy-mm-dd", "1900-01-01"),
        ("0.1", "General", "0.1"),
        ("0.30000000000000004", "General", "0.3"),
        ("1000", "0.00E+00", "1.00E+03"),
        ("0", '_-* #,##0_-;-* #,##0_-;_-* "-"_-', "-"),
        ("abc", "0", "abc"),
        ("1e400", "0", "1e400"),
        ("3", "??? nonsense [", "3 nonsense ["),
    ],
)
def test_numbers_look_as_cells_show_them(number: str, format: str, text: str) -> None:
    assert shown(number, format) == text


@given(
    st.floats(allow_nan=True, allow_infinity=True) | st.integers(),
    st.text('0#?,.%;[]"ymdhs월-E+/@ ', max_size=12),
)
def test_any_number_and_format_gives_a_text(number: float, format: str) -> None:
    assert isinstance(shown(str(number), format), str)


def test_round_trip_with_openpyxl(tmp_path: Path) -> None:
    book = pytest.importorskip("openpyxl").Workbook()
    sheet = book.active
    sheet.title = "매출"
    sheet["A1"] = "2026년 현황"
    sheet.merge_cells("A1:C1")
    sheet.append(["지점", "금액", "날짜"])
    sheet.append(["서울", 1234567, datetime.date(2026, 3, 1)])
    sheet["B3"].number_format = "#,##0"
    book.create_sheet("숨김").sheet_state = "hidden"
    book.create_sheet("둘")["C3"] = "하나뿐"
    book.save(tmp_path / "a.xlsx")
    pages = list(open_pages(tmp_path / "a.xlsx"))
    readings = [page.given(says) for page in pages if page.given is not None]
    assert [page.number for page in pages] == [1, 2] and "1 hidden" in pages[0].notes[0]
    assert readings[0] is not None and to_markdown(readings[0].blocks) == (
        '## 매출\n\n<table>\n<tr><th colspan="3">2026년 현황</th></tr>\n'
        "<tr><td>지점</td><td>금액</td><td>날짜</td></tr>\n"
        "<tr><td>서울</td><td>1,234,567</td><td>2026-03-01</td></tr>\n</table>"
    )
    assert readings[1] is not None and readings[1].blocks == (Heading.of("둘", 2), Paragraph.of("하나뿐"))


def sheet_file(path: Path, cells: str, more: str = "") -> Path:
    """An XLSX file of one sheet."""
    return packed(
        path,
        {
            "_rels/.rels": rels(officeDocument="xl/workbook.xml"),
            "xl/workbook.xml": '<workbook xmlns:r="r"><sheets>'
            '<sheet name="가" sheetId="1" r:id="worksheet"/></sheets></workbook>',
            "xl/_rels/workbook.xml.rels": rels(worksheet="worksheets/sheet1.xml"),
            "xl/worksheets/sheet1.xml": f"<worksheet><sheetData>{cells}</sheetData>{more}</worksheet>",
        },
    )


def test_a_sheet_that_claims_to_be_huge_is_as_large_as_its_text(tmp_path: Path) -> None:
    cells = (
        '<row r="1"><c r="A1" t="str"><v>처음</v></c></row>'
        '<row r="1048576"><c r="XFD1048576" t="str"><v>끝</v></c></row>'
    )
    merge = '<mergeCells><mergeCell ref="A1:XFD1048576"/><mergeCell ref="B2:ZZZZ9"/></mergeCells>'
    blocks = reading(sheet_file(tmp_path / "a.xlsx", cells, merge)).blocks
    assert len(to_markdown(blocks)) < 100_000 and "처음" in to_markdown(blocks)


# PPTX


def test_round_trip_with_python_pptx(tmp_path: Path) -> None:
    pptx = pytest.importorskip("pptx")
    made = pptx.Presentation()
    slide = made.slides.add_slide(made.slide_layouts[1])
    box = slide.shapes.add_textbox(0, 6_000_000, 900_000, 300_000)
    box.text_frame.text = "바닥 글"
    slide.shapes.title.text = "추진 배경"
    frame = slide.placeholders[1].text_frame
    frame.text = "첫째"
    below = frame.add_paragraph()
    below.text, below.level = "세부", 1
    table = slide.shapes.add_table(2, 2, 900_000, 4_000_000, 900_000, 900_000).table
    table.cell(0, 0).text = "가"
    table.cell(0, 0).merge(table.cell(0, 1))
    table.cell(1, 0).text, table.cell(1, 1).text = "나", "다"
    made.save(tmp_path / "a.pptx")
    [page] = open_pages(tmp_path / "a.pptx")
    assert page.given is not None
    found = page.given(says)
    assert found is not None
    assert [to_markdown([b]) for b in found.blocks if not isinstance(b, Table)] == [
        "# 추진 배경",
        "- 첫째",
        "- 세부",
        "바닥 글",
    ]
    [made_table] = [b for b in found.blocks if isinstance(b, Table)]
    assert [[(c.text, c.colspan) for c in row] for row in made_table.rows] == [
        [("가", 2)],
        [("나", 1), ("다", 1)],
    ]


# HTML


def html(tmp_path: Path, text: str, encoding: str = "utf-8") -> tuple[Block, ...]:
    file = tmp_path / "a.html"
    file.write_bytes(f"<!doctype html>{text}".encode(encoding))
    return tuple(reading(file).blocks)


def test_html_is_read_as_a_browser_shows_it(tmp_path: Path) -> None:
    blocks = html(
        tmp_path,
        "<title>아님</title><h2>공고 <b>1호</b></h2><p>본문 <b>굵게</b>\n 끝<script>p('<p>x')</script>"
        "<p hidden>숨김<ol start=3><li>셋<ul><li>안</ul><li>넷</ol><pre>a\n  b</pre>"
        "<table><tr><th rowspan=2>가<th colspan=2>나<tr><td>1<td>2</table>"
        "<img src=http://x.example/a.png alt='그림'>"
        "<input type=checkbox checked>동의 &lt;b&gt;",
    )
    assert [to_markdown([b]) for b in blocks if not isinstance(b, Table | Code | Figure)] == [
        "## 공고 1호",
        "본문 **굵게** 끝",
        "3. 셋",
        "- 안",
        "4. 넷",
        r"☑ 동의 \<b>",
    ]
    assert Code(("a", "  b")) in blocks and Figure("그림") in blocks
    [table] = [b for b in blocks if isinstance(b, Table)]
    assert [[(c.text, c.colspan, c.rowspan) for c in row] for row in table.rows] == [
        [("가", 1, 2), ("나", 2, 1)],
        [("1", 1, 1), ("2", 1, 1)],
    ]
    assert table.header_rows == 1


def test_html_in_korean_encodings_and_pictures_inside(tmp_path: Path) -> None:
    assert html(tmp_path, '<meta charset="euc-kr"><p>똠방각하</p>', "cp949") == (Paragraph.of("똠방각하"),)
    assert decoded("가나".encode("utf-16")) == "가나" and decoded("가나".encode("cp949")) == "가나"
    picture = base64.b64encode(png(50, 30)).decode()
    assert html(tmp_path, f'<img src="data:image/png;base64,{picture}">') == (Paragraph.of("50 x 30"),)


@pytest.mark.parametrize(
    "piece", ["<a '", '<a "', "<!--", "<!", "<table><tr><td>", "<b>", "<script>", "</p>", "&amp"]
)
def test_time_for_any_html_grows_with_its_length(piece: str) -> None:
    assert sum(1 for _ in tags(piece * 30_000)) < 300_000


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(
    st.lists(
        st.sampled_from(
            [
                "<table>",
                "<tr>",
                "<td>",
                "</td>",
                "</table>",
                "<li>",
                "<ul>",
                "</ul>",
                "<p>",
                "<h1>",
                "</h1>",
                "<pre>",
                "</pre>",
                "<select>",
                "<option>",
                "<math>",
                "</math>",
                "<div hidden>",
                "</div>",
                "<blockquote>",
                "<thead>",
                "글",
                " ",
                "<br>",
            ]
        ),
        max_size=40,
    )
)
def test_any_nesting_is_read(tmp_path: Path, pieces: list[str]) -> None:
    blocks = html(tmp_path, "".join(pieces))
    assert isinstance(to_markdown(blocks), str)


# HWP 5, and what is refused


def test_hwp_is_read_as_the_hwpx_that_is_made_of_it(tmp_path: Path) -> None:
    writer = pytest.importorskip("hwpx.hwp5.writer")
    made = pytest.importorskip("hwpx.document").HwpxDocument.new()
    made.paragraphs[0].text = "시험 문서"
    made.add_heading("총칙", 1)
    table = made.add_table(2, 2)
    table.set_cell_text(0, 0, "칸")
    table.merge_cells(0, 0, 0, 1)
    made.save_to_path(tmp_path / "a.hwpx")
    with zipfile.ZipFile(tmp_path / "a.hwpx") as package:
        parts = {name: package.read(name) for name in package.namelist()}
    (tmp_path / "a.hwp").write_bytes(writer.write_hwp5(parts))
    assert markdown(tmp_path / "a.hwp") == markdown(tmp_path / "a.hwpx")
    assert reading(tmp_path / "a.hwp").text_source == "hwp"


_COMPOUND = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(600)


@pytest.mark.parametrize(
    ("data", "code"),
    [
        (_COMPOUND + "EncryptedPackage".encode("utf-16-le"), "office.encrypted"),
        (_COMPOUND + "WordDocument".encode("utf-16-le"), "office.old"),
        (_COMPOUND, "hwp.unknown"),
        (b"HWP Document File V3.00 \x1a\1\2\3\4\5", "hwp.old"),
    ],
)
def test_compound_files_say_what_they_are(tmp_path: Path, data: bytes, code: str) -> None:
    file = tmp_path / "a.hwp"
    file.write_bytes(data)
    assert refusal(file).code == code


def test_a_damaged_hwp_is_one_line_and_so_is_a_missing_package(tmp_path: Path) -> None:
    file = tmp_path / "a.hwp"
    file.write_bytes(_COMPOUND + "FileHeader".encode("utf-16-le") + bytes(999))
    installed = importlib.util.find_spec("hwpx") is not None
    error = refusal(file)
    assert error.code == ("hwp.damaged" if installed else "hwp.package")
    assert installed or "adotx[hwp]" in str(error)


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.sampled_from(["docx", "xlsx"]), st.binary(max_size=12), st.integers(0, 2000), st.integers(0, 40))
def test_mutated_packages_are_read_or_refused(
    tmp_path: Path, kind: str, new: bytes, at: int, cut: int
) -> None:
    if kind == "docx":
        file = docx(tmp_path / "a.docx", wp("가") + f"<w:tbl><w:tr><w:tc>{wp('나')}</w:tc></w:tr></w:tbl>")
    else:
        file = sheet_file(tmp_path / "a.xlsx", '<row r="1"><c r="A1" s="1"><v>1</v></c></row>')
    content = file.read_bytes()
    at %= len(content)
    file.write_bytes(content[:at] + new + content[at + cut :])
    try:
        for page in open_pages(file):
            if page.given is not None:
                page.given(says)
    except AdotxError as error:
        assert "\n" not in str(error)


def test_a_folder_is_searched_for_office_documents(tmp_path: Path) -> None:
    names = ["a.hwpx", "b.hwp", "c.docx", "d.pptx", "e.xlsx", "f.html"]
    for name in [*names, "g.txt"]:
        (tmp_path / name).write_bytes(b"x")
    found = find_documents(tmp_path)
    assert [each.name for each in found.documents] == names and found.skipped == [tmp_path / "g.txt"]
    assert {Path(name).suffix for name in names} <= SUFFIXES


def test_a_table_in_a_cell_survives_json_and_html(tmp_path: Path) -> None:
    inner = tbl(cell(0, 0, p("안1")) + cell(0, 1, p("안2")))
    file = hwpx(tmp_path / "a.hwpx", p(tbl(cell(0, 0, p("앞") + p(inner)) + cell(0, 1, p("옆")))))
    [page] = Transcriber.reading_with(NoReader()).document(file)
    assert page.text_source == "hwpx" and page.size is None
    again = page_of(json.loads(json.dumps(page_values(page))))
    assert again.markdown == page.markdown and "<td>" not in page.markdown.split("앞")[0]
    written = io.BytesIO()
    FORMATS["html"].write(Document("a", [page]), written, Choice())
    assert written.getvalue().decode().count("<table>") == 2
