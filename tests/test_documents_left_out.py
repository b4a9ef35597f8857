"""Office files and HTML: what stands beside their text (comments, speaker's notes) is kept as quotations, and
what is left out (hidden things, embedded files, films) is named: nothing goes silently."""

from __future__ import annotations

from pathlib import Path

import pytest

from adotx.documents.outputs import page_of, page_values
from adotx.documents.sources import open_pages
from adotx.documents.transcribe import PageResult, Transcriber
from adotx.markdown import Paragraph, Quote, Table, to_markdown
from office_files import packed, says
from test_documents_office import NoReader, docx, rels, sheet_file, wp

COMMENTS = "comments that are not printed stand as quotations"


def told(path: Path) -> list[PageResult]:
    return list(Transcriber.reading_with(NoReader()).document(path))


def run(text: str, properties: str = "") -> str:
    return f"<w:r><w:rPr>{properties}</w:rPr><w:t>{text}</w:t></w:r>"


class TestDocx:
    def test_comments_stand_behind_what_they_are_about(self, tmp_path: Path) -> None:
        mark = "<w:r><w:commentReference w:id='{}'/></w:r>"
        row = "".join(
            f"<w:tc>{wp(run(text) + more)}</w:tc>" for text, more in [("칸", mark.format(2)), ("옆", "")]
        )
        body = (
            wp(run("금액은 백 원") + mark.format(1) + run("이다"))
            + f"<w:tbl><w:tr>{row}</w:tr></w:tbl>"
            + wp("끝")
        )
        texts = {1: "확인 바람", 2: "칸의 메모", 9: "어디에도 없는 것"}
        comments = "".join(f"<w:comment w:id='{id}'>{wp(text)}</w:comment>" for id, text in texts.items())
        [page] = told(docx(tmp_path / "a.docx", body, comments=comments))
        first, note, table, below, last, nowhere = page.blocks
        assert (first, note) == (Paragraph.of("금액은 백 원이다"), Quote.of("확인 바람"))
        assert isinstance(table, Table) and [cell.text for cell in table.rows[0]] == ["칸", "옆"]
        assert (below, last, nowhere) == (
            Quote.of("칸의 메모"),
            Paragraph.of("끝"),
            Quote.of("어디에도 없는 것"),
        )
        assert page.status == "ok" and page.reason == COMMENTS

    def test_fields_of_old_forms(self, tmp_path: Path) -> None:
        def field(data: str) -> str:
            return (
                f"<w:r><w:fldChar w:fldCharType='begin'><w:ffData>{data}</w:ffData></w:fldChar></w:r>"
                "<w:r><w:instrText>FORM</w:instrText></w:r><w:r><w:fldChar w:fldCharType='end'/></w:r>"
            )

        ticked = field("<w:checkBox><w:default w:val='0'/><w:checked/></w:checkBox>") + run(" 예 ")
        empty = field("<w:checkBox><w:default w:val='0'/></w:checkBox>") + run(" 아니오 ")
        entries = "<w:listEntry w:val='서울'/><w:listEntry w:val='부산'/>"
        chosen = field(f"<w:ddList><w:result w:val='1'/>{entries}</w:ddList>")
        [page] = told(docx(tmp_path / "a.docx", wp(ticked + empty + chosen)))
        assert page.markdown == "☑ 예 ☐ 아니오 부산"

    def test_hidden_text_and_embedded_files_are_named(self, tmp_path: Path) -> None:
        body = wp(run("보임") + run("숨김", "<w:vanish/>")) + wp(
            "<w:r><w:object><o:OLEObject/></w:object></w:r>"
        )
        [page] = told(docx(tmp_path / "a.docx", f"{body}<w:altChunk r:id='x'/>"))
        assert page.markdown == "보임"
        assert page.reason == "hidden text is left out; 2 embedded file(s) are left out"
        assert page_of(page_values(page)).reason == page.reason


def pptx(path: Path, shapes: str, **parts: str) -> Path:
    """A PPTX file of one slide: its shapes, and the parts beside it by their kind."""
    return packed(
        path,
        {
            "_rels/.rels": rels(officeDocument="ppt/presentation.xml"),
            "ppt/presentation.xml": '<p xmlns:r="r"><sldIdLst><sldId id="256" r:id="slide"/></sldIdLst></p>',
            "ppt/_rels/presentation.xml.rels": rels(slide="slides/slide1.xml"),
            "ppt/slides/slide1.xml": f"<sld><cSld><spTree>{shapes}</spTree></cSld></sld>",
            "ppt/slides/_rels/slide1.xml.rels": rels(**{kind: f"{kind}.xml" for kind in parts}),
            **{f"ppt/slides/{kind}.xml": inside for kind, inside in parts.items()},
        },
    )


def shape(text: str, placeholder: str = "") -> str:
    lines = "".join(f"<p><r><t>{line}</t></r></p>" for line in text.split("\n"))
    kind = f'<ph type="{placeholder}"/>' if placeholder else ""
    return f"<sp><nvSpPr><nvPr>{kind}</nvPr></nvSpPr><txBody>{lines}</txBody></sp>"


class TestPptx:
    def test_speakers_notes_and_comments(self, tmp_path: Path) -> None:
        said = shape("멈춘다\n묻는다", "body") + shape("7", "sldNum")
        notes = f"<notes><spTree>{said}</spTree></notes>"
        old = "<cmLst><cm><pos/><text>옛 메모</text></cm></cmLst>"
        [page] = told(pptx(tmp_path / "a.pptx", shape("제목", "title"), notesSlide=notes, comments=old))
        assert page.markdown == "# 제목\n\n> 멈춘다\n\n> 묻는다\n\n> 옛 메모"
        assert page.reason == f"the speaker's notes stand as quotations behind their slides; {COMMENTS}"
        new = "<cmLst><cm><txBody><p><r><t>새 메모</t></r></p></txBody></cm></cmLst>"
        [page] = told(pptx(tmp_path / "b.pptx", shape("글"), comments=new))
        assert page.markdown == "글\n\n> 새 메모"

    def test_films_and_embedded_files_are_named(self, tmp_path: Path) -> None:
        film = "<pic><nvPicPr><nvPr><videoFile/></nvPr></nvPicPr></pic>"
        embedded = "<graphicFrame><graphic><graphicData><oleObj/></graphicData></graphic></graphicFrame>"
        [page] = told(pptx(tmp_path / "a.pptx", shape("글") + film + embedded))
        assert "1 sound(s) or video(s) are left out" in page.reason and "1 embedded file(s)" in page.reason


class TestXlsx:
    def row(self, number: int, *texts: str, more: str = "") -> str:
        cells = "".join(
            f'<c r="{"ABCD"[at]}{number}" t="str"><v>{text}</v></c>' for at, text in enumerate(texts) if text
        )
        return f'<row r="{number}" {more}>{cells}</row>'

    def test_hidden_rows_and_columns_are_left_out_and_told(self, tmp_path: Path) -> None:
        cells = (
            self.row(1, "합친 제목")
            + self.row(2, "a2", "b2", "c2")
            + self.row(3, "a3", "b3", "c3", more='hidden="1"')
            + self.row(4, "a4", "", "c4")
        )
        merged = '<mergeCells><mergeCell ref="A1:C1"/><mergeCell ref="B2:B4"/></mergeCells>'
        file = sheet_file(
            tmp_path / "a.xlsx", cells, '<cols><col min="1" max="1" hidden="1"/></cols>' + merged
        )
        [page] = told(file)
        [_, table] = page.blocks
        assert isinstance(table, Table)
        assert [[(c.text, c.colspan, c.rowspan) for c in row] for row in table.rows] == [
            [("합친 제목", 2, 1)],
            [("b2", 1, 2), ("c2", 1, 1)],
            [("c4", 1, 1)],
        ]
        assert page.reason == "1 hidden row(s) are left out; 1 hidden column(s) are left out"

    def test_comments_by_their_cells(self, tmp_path: Path) -> None:
        openpyxl = pytest.importorskip("openpyxl")
        book = openpyxl.Workbook()
        sheet = book.active
        sheet["A1"], sheet["B2"] = "가", "나"
        for place, text in (("B2", "둘째"), ("A1", "첫째\n줄")):
            sheet[place].comment = openpyxl.comments.Comment(text, "누구")
        book.save(tmp_path / "a.xlsx")
        [page] = open_pages(tmp_path / "a.xlsx")
        assert page.given is not None and (found := page.given(says)) is not None
        assert to_markdown(found.blocks[-2:]) == "> A1: 첫째 줄\n\n> B2: 둘째"
        assert list(map(str, page.notes)) == [COMMENTS]


def test_what_a_page_of_html_shows_and_we_do_not_is_named(tmp_path: Path) -> None:
    path = tmp_path / "a.html"
    path.write_text(
        "<!doctype html><p>글<img src=http://x.example/a.png><iframe src=x></iframe><embed src=y>"
        "<svg><path/></svg><svg><text>그림 속 글자</text></svg><video src=z></video>"
        "<div hidden><iframe></iframe><img src=b></div>",
        encoding="utf-8",
    )
    [page] = told(path)
    assert page.markdown == "글" and sorted(page.reason.split("; ")) == [
        "1 picture(s) that lie elsewhere were not fetched",
        "1 sound(s) or video(s) are left out",
        "3 embedded page(s) or drawing(s) are left out",
    ]
