"""Outputs of pages: JSON and the way back, Markdown, text, HTML, CSV, XLSX; what documents say stays text."""

from __future__ import annotations

import csv
import io
import json
import zipfile
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adotx.documents.doubt import doubted
from adotx.documents.outputs import FORMATS, Choice, Document, page_of, page_text, page_values, redacted_kinds
from adotx.documents.outputs.grades import Tally, by_confidence, grade_of
from adotx.documents.outputs.sheets import guarded, tables_of, write_csv_archive
from adotx.documents.readers import TextLine
from adotx.documents.running import over_pages
from adotx.documents.transcribe import PageResult, without_running
from adotx.errors import AdotxError, Sentence
from adotx.markdown import Cell, Heading, Paragraph, Table, parse_markdown
from conftest import ROOT
from output_pages import HOSTILE, every_kind, page_of_blocks

QUAD = ((0.0, 0.0), (9.0, 0.0), (9.0, 3.0), (0.0, 3.0))
PAGES = (
    page_of_blocks(
        (*every_kind(), Paragraph.of(f"합계 {doubted('1,200')}원").at((1.0, 2.0, 3.0, 4.0))),
        confidence=0.97,
        size=(100, 200),
        lines=(
            TextLine(
                f"합계 {doubted('1,200')}원",
                QUAD,
                0.9,
                (TextLine("합계", QUAD, 0.9), TextLine("1,200원", QUAD, 0.9)),
            ),
        ),
        seconds=0.25,
    ),
    PageResult((), "failed", Sentence("only about {percent} % of it is expected to be right", percent=3), 2),
    PageResult((), "blank", number=3),
)


def made(format: str, pages: Any = PAGES, name: str = "문서.pdf", **choice: Any) -> bytes:
    file = io.BytesIO()
    FORMATS[format].write(Document(name, iter(pages)), file, Choice(**choice))
    return file.getvalue()


class TestJson:
    def test_the_frozen_schema(self) -> None:
        jsonschema = pytest.importorskip("jsonschema_rs")
        schema = json.loads((ROOT / "docs" / "document.schema.json").read_text(encoding="utf-8"))
        validator = jsonschema.validator_for(schema)
        values = json.loads(made("json"))
        assert not [error.message for error in validator.iter_errors(values)]
        # Frozen: another key anywhere is a fault, and so is one less.
        for spoilt in (
            {**values, "more": 1},
            {key: value for key, value in values.items() if key != "grade"},
            {**values, "pages": [{**values["pages"][0], "more": 1}]},
            {**values, "pages": [{**values["pages"][0], "blocks": [{"kind": "other"}]}]},
        ):
            assert not validator.is_valid(spoilt)

    def test_values(self) -> None:
        values = json.loads(made("json"))
        assert values["object"] == "document.transcription" and values["name"] == "문서.pdf"
        assert values["status"] == "partial" and values["page_counts"]["failed"] == 1
        assert (values["grade"], values["low_grade"]) == ("fair", "poor")
        first = values["pages"][0]
        assert (first["width"], first["height"], first["grade"]) == (100, 200, "good")
        assert first["lines"][0]["doubtful"] == [[3, 8]] and first["lines"][0]["words"][0]["text"] == "합계"
        assert values["markdown"].endswith(
            "<!-- page 2: failed: only about 3 % of it is expected to be right -->\n"
        )

    def test_the_way_back(self) -> None:
        for page in PAGES:
            again = page_of(json.loads(json.dumps(page_values(page))))
            assert page_values(again) == page_values(page)
            assert again.blocks == page.blocks and again.marked == page.marked and again.lines == page.lines

    @given(
        st.recursive(st.none() | st.integers() | st.text(max_size=3), lambda each: st.lists(each, max_size=3))
    )
    def test_what_is_no_page(self, value: Any) -> None:
        good = page_values(PAGES[0])
        for key in ("blocks", "status", "number", "reason"):
            if value != good[key] and not (key == "reason" and isinstance(value, str)) and value != []:
                if key == "number" and isinstance(value, int) and 0 < value < 100_000:
                    continue
                with pytest.raises(ValueError):
                    page_of({**good, key: value})
        with pytest.raises(ValueError):
            page_of(value)


class TestText:
    def test_markdown_is_what_the_command_line_writes(self) -> None:
        text = made("markdown").decode()
        assert text == f"{PAGES[0].markdown}\n"
        assert made("markdown", page_marks=True).decode().startswith("<!-- page: 1 -->\n\n## 글")
        assert "<mark>1,200</mark>" in made("markdown", mark_doubtful=True).decode()

    def test_text_has_no_marks(self) -> None:
        assert made("text").decode() == (
            "글\n\n글글x\n\n글\n\n가. 글\n   - 글\n\n글\nb\n\n글: 글\n\n글\t\t나\n1\t글\t3\n\n"
            "글\n\n글\n\n합계 1,200원\n"
        )
        assert page_text(PAGES[2], "text", Choice()) == ""

    def test_nothing_of_a_blank_document(self) -> None:
        assert made("markdown", PAGES[2:]) == made("text", PAGES[2:]) == b""


class Tags(HTMLParser):
    """The tags and the text of an HTML file."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.said = ""
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        self.tags.append((tag, dict(attrs)))

    def handle_data(self, data: str) -> None:
        self.said += data


class TestHtml:
    def test_nothing_that_a_document_says_becomes_markup(self) -> None:
        text = made("html", [page_of_blocks(every_kind(HOSTILE))], name=f"{HOSTILE}.pdf").decode()
        tags = Tags(text)
        assert not {"img", "script", "a", "iframe"} & {tag for tag, _ in tags.tags}
        assert not [name for _, attributes in tags.tags for name in attributes if name.startswith("on")]
        assert tags.said.count(HOSTILE) == 1 + len(every_kind()) + 3  # the title; two spans, fields, cells
        policy = dict(tags.tags)["meta"] and next(a["content"] for t, a in tags.tags if "http-equiv" in a)
        assert policy and policy.startswith("default-src 'none'") and "unsafe" not in policy

    def test_structure(self) -> None:
        text = made("html", mark_doubtful=True).decode()
        assert '<h2 id="p1-1">글</h2>' in text and "<mark>1,200</mark>" in text
        assert "<td>1</td><td>글</td><td>3</td>" in text and '<th colspan="2">글</th>' in text
        assert text.count("<ul") == text.count("</ul>") == 1
        assert "<mark>" not in made("html").decode()

    def test_what_the_model_writes_into_texts(self) -> None:
        page = page_of_blocks((Paragraph.of("x<sup>2</sup> <sup onclick=1>a</sup> <sup><b></sup>"),))
        text = made("html", [page]).decode()
        assert "x<sup>2</sup>" in text and "<sup onclick" not in text and "<b>" not in text


FORMULAS = (
    "=1+1",
    "+1+1",
    "-1+cmd|' /C calc'!A0",
    "@SUM(A1)",
    " =1",
    "＝1",
    "\t=1",
    '=HYPERLINK("http://x")',
)


class TestTables:
    def test_csv(self) -> None:
        text = made("csv").decode("utf-8-sig")
        assert list(csv.reader(io.StringIO(text))) == [["글", "", "나"], ["1", "글", "3"]]
        two = [page_of_blocks((Table.of([["a"], ["b\nc"]]), Paragraph.of("x"), Table.of([["d,e"]])))]
        assert made("csv", two) == b'\xef\xbb\xbfa\r\n"b\nc"\r\n\r\n"d,e"\r\n'

    def test_a_file_for_each_table(self) -> None:
        file = io.BytesIO()
        write_csv_archive(tables_of(PAGES), file)
        with zipfile.ZipFile(file) as archive:
            assert archive.namelist() == ["p1-1.csv"]

    @pytest.mark.parametrize("text", FORMULAS)
    def test_no_cell_is_a_formula(self, text: str) -> None:
        assert guarded(text) == f"'{text}"
        [[cell]] = csv.reader(
            io.StringIO(made("csv", [page_of_blocks((Table.of([[text]]),))]).decode("utf-8-sig"))
        )
        assert cell.startswith("'")
        sheet = _sheet(made("xlsx", [page_of_blocks((Table.of([["h"], [text]]),))]))
        assert "<f" not in sheet and 't="inlineStr"' in sheet

    @pytest.mark.parametrize("text", ["-1,200", "-5", "+3.5%", "1,200", "가-나", "2024-01-01"])
    def test_amounts_stay(self, text: str) -> None:
        assert guarded(text) == text

    def test_xlsx(self) -> None:
        table = Table(
            (
                (Cell("구분", rowspan=2), Cell("금액", colspan=2)),
                (Cell("예산"), Cell("결산")),
                (Cell("가"), Cell("1,200"), Cell("007")),
            ),
            2,
        )
        data = made("xlsx", [page_of_blocks((table,))])
        sheet = ElementTree.fromstring(_sheet(data))
        ns = {"m": "http://schemas.openxmlformats.org/spreadsheetml/2006/main"}
        cells = {cell.get("r"): cell for cell in sheet.iterfind(".//m:c", ns)}
        assert sorted(cells) == ["A1", "A3", "B1", "B2", "B3", "C2", "C3"]
        number = cells["B3"].find("m:v", ns)
        assert number is not None and number.text == "1200"
        assert "".join(cells["C3"].itertext()) == "007"  # no number: it would lose its zeros
        assert {m.get("ref") for m in sheet.iterfind(".//m:mergeCell", ns)} == {"A1:A2", "B1:C1"}
        with zipfile.ZipFile(io.BytesIO(data)) as archive:
            assert archive.testzip() is None
            for name in archive.namelist():
                ElementTree.fromstring(archive.read(name))

    def test_another_program_reads_the_workbook(self, tmp_path: Path) -> None:
        openpyxl = pytest.importorskip("openpyxl")
        (tmp_path / "a.xlsx").write_bytes(
            made("xlsx", [page_of_blocks((Table.of([["a", "b"], ["=1", "2.50"]]),))])
        )
        sheet = openpyxl.load_workbook(tmp_path / "a.xlsx")["p1-1"]
        assert [[cell.value for cell in row] for row in sheet] == [["a", "b"], ["=1", 2.5]]
        assert sheet["A2"].data_type == "s" and sheet["B2"].number_format == "0.00"

    @given(st.text())
    def test_any_text(self, text: str) -> None:
        page = page_of_blocks((Table.of([["h"], [text]]), Paragraph.of(text)))
        ElementTree.fromstring(_sheet(made("xlsx", [page])))
        for format in ("csv", "html", "json", "text", "markdown"):
            made(format, [page])


def _sheet(data: bytes) -> str:
    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return archive.read("xl/worksheets/sheet1.xml").decode()


class TestOverPages:
    HEAD: Any = staticmethod(lambda rows: Table.of([["이름", "금액"], *rows]).at((10.0, 20.0, 90.0, 60.0)))

    def pages(self) -> list[PageResult]:
        return [
            page_of_blocks((self.HEAD([["가", "1"]]),), 4),
            page_of_blocks((self.HEAD([["나", "2"]]), Paragraph.of("끝")), 5),
        ]

    def test_a_joined_table_keeps_its_parts(self) -> None:
        first, second = without_running(page for page in self.pages())
        assert [len(block.rows) for block in first.blocks if isinstance(block, Table)] == [3]
        [table] = first.blocks
        assert isinstance(table, Table) and [part.page for part in table.parts] == [4, 5]
        assert table.parts[1].texts == (("이름", "금액"), ("나", "2"))
        assert second.markdown == "끝"
        values = page_values(first)
        assert [part["page"] for part in values["blocks"][0]["parts"]] == [4, 5]
        assert page_of(values).blocks[0].parts[1].texts == table.parts[1].texts  # type: ignore[attr-defined]

    def test_all_is_kept_where_asked(self) -> None:
        pages = self.pages()
        assert list(without_running((page for page in pages), keep=True)) == pages

    def test_three_pages(self) -> None:
        tables = [[self.HEAD([[name, "1"]])] for name in "가나다"]
        [[table], *_] = over_pages(tables)
        assert isinstance(table, Table) and len(table.parts) == 3 and len(table.rows) == 4


class TestGrades:
    def test_pages(self) -> None:
        assert [by_confidence(share) for share in (1.0, 0.98, 0.979, 0.95, 0.8, 0.79)] == [
            "excellent", "excellent", "good", "good", "fair", "poor",
        ]  # fmt: skip
        page = page_of_blocks(parse_markdown("글"))
        assert grade_of(page) is None  # nothing says
        assert grade_of(replace(page, text_source="layer")) == "excellent"
        assert grade_of(replace(page, confidence=0.99, status="partial")) == "fair"
        assert grade_of(PAGES[1]) == "poor" and grade_of(PAGES[2]) is None

    def test_documents(self) -> None:
        page = replace(page_of_blocks((Heading.of("글"),)), confidence=0.99)
        tally = Tally()
        for n in range(40):
            tally.add(replace(page, confidence=0.5 if n < 3 else 0.99))
        # Three of forty are poor: the worst twentieth is.
        assert (tally.grade, tally.low_grade) == ("fair", "poor")
        assert tally.confidence == pytest.approx((3 * 0.5 + 37 * 0.99) / 40)
        assert Tally().grade is None


def test_kinds_of_numbers_that_there_are_not() -> None:
    assert "card" in redacted_kinds(["all"]) and redacted_kinds(["card,phone", ""]) == {"card", "phone"}
    with pytest.raises(AdotxError) as refused:
        redacted_kinds(["shoe size"])
    assert refused.value.code == "redact.kind"
