"""Redaction: which numbers are found, that they are gone from every output, and what is drawn over."""

from __future__ import annotations

import io
import re
import zlib
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import pypdfium2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from adotx.documents.doubt import doubted
from adotx.documents.outputs import FORMATS, KINDS, Choice, Document, prepared, write_report
from adotx.documents.outputs.redaction.kinds import (
    MASK,
    business_checksum,
    foreigner_checksum,
    hits,
    luhn,
    masked,
    resident_checksum,
)
from adotx.documents.outputs.redaction.pictures import covered
from adotx.documents.transcribe import PageResult
from adotx.errors import Sentence
from adotx.markdown import Block, Cell, Code, Fields, Figure, Heading, Item, Paragraph, Span, Table
from output_pages import drawn, ink_box, page_of_blocks

ALL = Choice(redact=frozenset(KINDS))

#: kind, a text, what of it is a number (numbers are made up; checks are the published formulas)
FOUND = [
    ("resident", "주민등록번호: 900101-1234568", "900101-1234568"),
    ("resident", "900101 - 1234568", "900101 - 1234568"),
    ("resident", "주민번호 9001011234568", "9001011234568"),
    ("resident", "９００１０１－１２３４５６８", "９００１０１－１２３４５６８"),
    ("resident", "9 0 0 1 0 1 - 1 2 3 4 5 6 8", "9 0 0 1 0 1 - 1 2 3 4 5 6 8"),
    ("resident", "2010년 이후 201231-3456789 (검사 숫자 없음)", "201231-3456789"),
    ("resident", "900101-1******", "900101-1******"),
    ("resident", "900101-\n1234568", "900101-\n1234568"),
    ("foreigner", "외국인등록번호 900101-5234567", "900101-5234567"),
    ("passport", "여권번호 M12345678", "M12345678"),
    ("passport", "M123A4567", "M123A4567"),
    ("driver", "운전면허 11-12-345678-90", "11-12-345678-90"),
    ("driver", "서울 12-345678-90", "서울 12-345678-90"),
    ("business", "사업자등록번호 220-81-62517", "220-81-62517"),
    ("business", "등록번호: 123-45-67890", "123-45-67890"),
    ("card", "4111 1111 1111 1111", "4111 1111 1111 1111"),
    ("card", "카드번호 5555-5555-5555-4444", "5555-5555-5555-4444"),
    ("card", "3782 822463 10005", "3782 822463 10005"),
    ("card", "승인 4111-11**-****-1111", "4111-11**-****-1111"),
    ("phone", "전화 02-123-4567", "02-123-4567"),
    ("phone", "010-1234-5678", "010-1234-5678"),
    ("phone", "01012345678", "01012345678"),
    ("phone", "010.1234.5678", "010.1234.5678"),
    ("phone", "(031) 555-0142", "(031) 555-0142"),
    ("phone", "+82 10-1234-5678", "+82 10-1234-5678"),
    ("phone", "고객센터 1588-1234", "1588-1234"),
    ("phone", "0 1 0 - 1 2 3 4 - 5 6 7 8", "0 1 0 - 1 2 3 4 - 5 6 7 8"),
    ("phone", "상담 전화 1811-1900", "1811-1900"),
    ("business", "사업자번호: 1132290817", "1132290817"),
    ("email", "문의: hong.gil-dong@example.co.kr 로", "hong.gil-dong@example.co.kr"),
    ("account", "국민은행 123456-78-901234", "123456-78-901234"),
    ("account", "입금 계좌 110-123-456789 (예금주 홍길동)", "110-123-456789"),
    ("account", "농협 3020123456781", "3020123456781"),
]  # fmt: skip
#: what is none of these
LEFT = [
    "합계 1,234,567,890원", "2024-01-31 ~ 2024-12-31", "제2024-0173호", "2024.01.01.", "품번 12-34-5678",
    "901332-1234567", "900230-1234567", "면적 84.97㎡ (25.7평)", "ISBN 979-11-1234-567-8", "12:30~18:00",
    "예산 2024-11-1234", "1234 5678 9012 3456", "버전 1.2.3.4", "통계 1990 2000 2010 2020",
    "제10조 제2항", "1990-2025", "1500-2000 kcal", "1866-1910", "제품코드 8801234567890",
    "10,000-20,000원", "2023년 3월 2일 10시", "010-1", "우편번호 04524", "금액 123-45", "0.123456789",
]  # fmt: skip


@pytest.mark.parametrize(("kind", "text", "number"), FOUND)
def test_found(kind: str, text: str, number: str) -> None:
    found = hits(text)
    assert [(hit.kind, text[hit.start : hit.end]) for hit in found] == [(kind, number)]
    assert not re.search("[0-9A-Za-z]", masked(text, found)[found[0].start : found[0].end])
    assert not hits(text, set(KINDS) - {kind}) or kind == "account"


@pytest.mark.parametrize("text", LEFT)
def test_left(text: str) -> None:
    assert hits(text) == []


def test_checks() -> None:
    assert luhn("4111111111111111") and not luhn("4111111111111112")
    assert resident_checksum("9001011234568") and not resident_checksum("9001011234567")
    assert business_checksum("2208162517") and not business_checksum("2208162518")
    last = [digit for digit in range(10) if foreigner_checksum(f"900101512345{digit}")]
    assert len(last) == 1


@given(st.text(alphabet="0123456789-.| \n@abM은행카드", max_size=400))
def test_any_text(text: str) -> None:
    found = hits(text)
    assert all(one.end <= other.start for one, other in pairwise(found))
    assert len(masked(text, found)) == len(text)


RRN = "900101-1234568"
SPLIT = "9001011234568"


def said(*blocks: Block, **more: Any) -> PageResult:
    return page_of_blocks(blocks, **more)


#: where a number may stand so that it is still one
PLACES = {
    "paragraph": Paragraph.of(f"성명 홍길동 {RRN} 귀하"),
    "doubtful": Paragraph.of(f"번호 {doubted(RRN)}"),
    "bold in the middle": Paragraph((Span("번호 900101-"), Span("1234568", bold=True))),
    "heading": Heading.of(RRN),
    "item": Item.of(RRN, "1."),
    "field": Fields((("주민등록번호", RRN),), ":"),
    "two fields": Fields((("주민등록번호", SPLIT),), ":"),
    "code": Code((f"id = {RRN}",)),
    "caption": Figure(RRN),
    "cell": Table.of([["성명", "주민등록번호"], ["홍길동", RRN]]),
    "column": Table.of([["성명", "주민등록번호"], ["홍길동", SPLIT]]),
    "two cells": Table.of([["주민등록번호", "900101", "-", "1234568"]]),
    "a cell a digit": Table.of([["번호", *SPLIT[:6], "-", *SPLIT[6:]]]),
}


@pytest.mark.parametrize("place", PLACES)
@pytest.mark.parametrize("format", [name for name in FORMATS if name != "pdf"])
def test_it_is_gone_from_every_output(place: str, format: str) -> None:
    page = prepared(said(PLACES[place], Paragraph.of(f"다시 {RRN}"), reason=f"x {RRN}"), ALL)
    file = io.BytesIO()
    FORMATS[format].write(Document("a", [page]), file, ALL)
    data = file.getvalue()
    texts = data.decode() if format != "xlsx" else "".join(_unzipped(data))
    squeezed = re.sub("<[^>]*>|[^0-9A-Za-z]", "", texts)
    assert SPLIT not in squeezed and "1234568" not in texts and RRN not in page.reason
    assert MASK in page.markdown and not page.doubtful


def _unzipped(data: bytes) -> list[str]:
    import zipfile

    with zipfile.ZipFile(io.BytesIO(data)) as archive:
        return [archive.read(name).decode() for name in archive.namelist() if "sheet" in name]


def test_what_a_number_is_can_stand_before_it() -> None:
    page = prepared(said(Heading.of("입금 계좌"), Paragraph.of("110-123-456789")), ALL)
    assert page.blocks[1].text == "███-███-██████"  # type: ignore[attr-defined]
    assert prepared(said(Heading.of("도면"), Paragraph.of("110-123-456789")), ALL).markdown.endswith("456789")


def test_once_known_it_is_covered_wherever_the_page_says_it() -> None:
    page = prepared(
        said(Paragraph.of("계좌 110-123-456789"), Paragraph.of("끝"), Code(("110123456789",))), ALL
    )
    assert "456789" not in page.markdown


def test_only_what_was_chosen() -> None:
    page = said(Paragraph.of(f"{RRN} 010-1234-5678"))
    assert prepared(page, Choice(redact=frozenset(("phone",)))).markdown == f"{RRN} ███-████-████"
    assert prepared(page, Choice()) is page


def test_joined_tables_and_their_parts() -> None:
    rows = ((Cell("이름"), Cell("주민등록번호")), (Cell("가"), Cell(RRN)))
    table = Table(rows, 1, (Table(rows, 1, page=1),))
    page = prepared(said(table), ALL)
    assert RRN not in str(page)


TEXTS = (
    "성명 홍길동 주민등록번호 900101-1234568 귀하",
    "연락처: 010-1234-5678 (직장)",
    "900101-",
    "1234568 끝에 이어진 번호",
    "번호가 없는 줄입니다",
)


class TestPictures:
    def test_boxes(self) -> None:
        picture, page = drawn(TEXTS)
        page = prepared(page, ALL)
        shown = covered(picture, page.lines)
        for line, was in zip(page.lines, drawn(TEXTS)[1].lines, strict=True):
            for word, before in zip(line.words, was.words, strict=True):
                x0, y0, x1, y1 = (int(side) for corner in (before.quad[0], before.quad[2]) for side in corner)
                part = np.asarray(shown.crop((x0, y0, x1, y1)).convert("L"))
                if re.fullmatch(f"[{MASK}-]+", word.text):
                    assert part.max() < 30, "nothing of the number is to be seen"
                elif MASK not in word.text:
                    # What stands beside it is still there, but perhaps for a letter.
                    was_ink = np.asarray(picture.crop((x0, y0, x1, y1)).convert("L")) < 128
                    assert (part < 128)[~was_ink].mean() < 0.2, word.text
        assert np.asarray(picture).max() == 255 and picture.getcolors(1 << 20) != shown.getcolors(1 << 20)

    def test_without_words_the_line_is_covered_where_it_may_stand(self) -> None:
        picture, page = drawn(TEXTS[:1])
        [line] = page.lines
        page = prepared(replace(page, lines=(replace(line, words=()),)), ALL)
        part = np.asarray(covered(picture, page.lines).crop(_box(line.words[3].quad)).convert("L"))
        assert part.max() < 30

    @pytest.mark.parametrize("boxes", [True, False])
    def test_without_lines_all_of_the_block_is_covered_or_the_page(self, boxes: bool) -> None:
        picture, page = drawn(TEXTS[:1])
        blocks = page.blocks if boxes else (Paragraph.of(TEXTS[0]),)
        page = prepared(replace(page, lines=(), blocks=blocks, doubted=blocks), ALL)
        shown = covered(picture, page.lines)
        x0, y0, x1, y1 = ink_box(picture, (0, 0, *picture.size))
        assert np.asarray(shown.crop((x0, y0, x1, y1))).max() < 30

    @pytest.mark.parametrize("name", ["a.jpg", "a.png", "a.tif", "a.pdf"])
    def test_the_searchable_pdf(self, name: str, tmp_path: Path) -> None:
        picture, page = drawn(TEXTS)
        exif = Image.Exif()
        exif[0x010E] = RRN
        more: dict[str, Any] = {"exif": exif} if name == "a.jpg" else {}
        picture.save(tmp_path / name, **more)
        original = pypdfium2.PdfDocument.new()
        if name == "a.pdf":  # with text of its own under the picture, and in its title
            file = io.BytesIO()
            (tmp_path / "b.png").write_bytes(_png(picture))
            FORMATS["pdf"].write(Document(RRN, [page], tmp_path / "b.png"), file, Choice())
            (tmp_path / name).write_bytes(file.getvalue())
            assert "1234568" in _text(file.getvalue())
        original.close()
        page = prepared(page, ALL)
        file = io.BytesIO()
        FORMATS["pdf"].write(Document("a", [page], tmp_path / name), file, ALL)
        data = file.getvalue()
        text = _text(data)
        assert "1234568" not in text and "5678" not in text and "번호가 없는 줄입니다" in text
        assert RRN.encode() not in data and RRN.encode("utf-16-be").hex().encode() not in data
        assert "1234568" not in _streams(data)
        shown = pypdfium2.PdfDocument(data)[0].render(scale=2).to_pil().resize(picture.size)
        was = drawn(TEXTS)[1].lines[0].words[3]
        assert np.asarray(shown.crop(_box(was.quad)).convert("L")).mean() < 40

    def test_nothing_else_of_a_pdf_goes_over(self, tmp_path: Path) -> None:
        """Title, metadata, bookmarks, attachments, annotations, form values, hidden text."""
        path = tmp_path / "a.pdf"
        path.write_bytes(_full_of(RRN))
        assert path.read_bytes().count(RRN.encode()) == 9
        picture = pypdfium2.PdfDocument(path)[0].render(scale=200 / 72).to_pil()
        page = PageResult((Paragraph.of("글"),), size=picture.size)
        file = io.BytesIO()
        FORMATS["pdf"].write(Document(f"이력서_{RRN}.pdf", [prepared(page, ALL)], path), file, ALL)
        data = file.getvalue()
        said = data + _streams(data).encode("latin-1")
        for form in (RRN.encode(), RRN.encode("utf-16-be").hex().encode(), RRN.encode("utf-16-be")):
            assert form not in said
        opened = pypdfium2.PdfDocument(data)
        assert opened.count_attachments() == 0 and not list(opened.get_toc())
        assert set(opened.get_metadata_dict(skip_empty=True)) == {"Title", "Producer"}
        assert data.count(b"%%EOF") == 1

    @pytest.mark.parametrize("format", ["json", "html", "pdf"])
    def test_the_name_of_the_file_says_no_number(self, format: str, tmp_path: Path) -> None:
        picture, page = drawn(TEXTS[-1:])
        picture.save(tmp_path / "a.png")
        name = f"이력서_{RRN}_홍길동.png"
        file = io.BytesIO()
        FORMATS[format].write(Document(name, [prepared(page, ALL)], tmp_path / "a.png"), file, ALL)
        data = file.getvalue() + _streams(file.getvalue()).encode("latin-1")
        for form in (RRN.encode(), RRN.encode("utf-16-be").hex().encode()):
            assert form not in data
        assert format == "pdf" or "홍길동.png" in data.decode("utf-8", "replace")
        file = io.BytesIO()
        write_report([Document(name, [prepared(page, ALL)], tmp_path / "a.png")], file, ALL)
        assert RRN not in file.getvalue().decode()

    def test_the_report(self, tmp_path: Path) -> None:
        import base64

        picture, page = drawn(TEXTS)
        picture.save(tmp_path / "a.png")
        file = io.BytesIO()
        write_report([Document("a.png", [prepared(page, ALL)], tmp_path / "a.png")], file, ALL)
        text = file.getvalue().decode()
        assert "1234568" not in text and "5678" not in text
        [image] = re.findall(r"data:image/jpeg;base64,([A-Za-z0-9+/=]+)", text)
        shown = Image.open(io.BytesIO(base64.b64decode(image))).resize(picture.size)
        was = drawn(TEXTS)[1].lines[0].words[3]
        assert np.asarray(shown.crop(_box(was.quad)).convert("L")).mean() < 40

    def test_reasons_stay_sentences_where_nothing_is_hidden(self) -> None:
        reason = Sentence("{count} rows", count=3)
        assert isinstance(prepared(said(Paragraph.of("글"), reason=reason), ALL).reason, Sentence)


def _box(quad: Any) -> tuple[int, int, int, int]:
    return int(quad[0][0]), int(quad[0][1]), int(quad[2][0]), int(quad[2][1])


def _full_of(secret: str) -> bytes:
    """A PDF that says something wherever PDF can, the page's picture left out."""
    said = f"({secret})".encode()
    content = b"BT /F 12 Tf 40 100 Td 3 Tr " + said + b" Tj ET"
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R /Outlines 6 0 R /Metadata 8 0 R /AcroForm << /Fields [12 0 R] >> "
        b"/OpenAction << /S /JavaScript /JS " + said + b" >> "
        b"/Names << /EmbeddedFiles << /Names [(a) 9 0 R] >> >> >>",
        b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 400 200] /Contents 4 0 R /Annots [11 0 R 12 0 R] "
        b"/Resources << /Font << /F 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
        b"<< /Type /Outlines /First 7 0 R /Last 7 0 R /Count 1 >>",
        b"<< /Title " + said + b" /Parent 6 0 R /Dest [3 0 R /Fit] >>",
        b"<< /Type /Metadata /Subtype /XML /Length %d >>\nstream\n%s\nendstream" % (len(said), said),
        b"<< /Type /Filespec /F " + said + b" /EF << /F 10 0 R >> >>",
        b"<< /Type /EmbeddedFile /Length %d >>\nstream\n%s\nendstream" % (len(said), said),
        b"<< /Type /Annot /Subtype /Text /Rect [10 10 30 30] /Contents " + said + b" >>",
        b"<< /Type /Annot /Subtype /Widget /FT /Tx /T (a) /V " + said + b" /Rect [0 0 0 0] >>",
        b"<< /Title " + said + b" >>",
    ]
    body = b"".join(b"%d 0 obj\n%s\nendobj\n" % each for each in enumerate(objects, 1))
    return b"%PDF-1.4\n" + body + b"trailer << /Root 1 0 R /Size 14 /Info 13 0 R >>\n%%EOF\n"


def _png(picture: Image.Image) -> bytes:
    file = io.BytesIO()
    picture.save(file, "PNG")
    return file.getvalue()


def _text(data: bytes) -> str:
    return "\n".join(page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(data))


def _streams(data: bytes) -> str:
    """All that packed streams of a PDF say."""
    out = []
    for found in re.finditer(rb"stream\n(.*?)\nendstream", data, re.DOTALL):
        try:
            out.append(zlib.decompress(found[1]).decode("latin-1"))
        except zlib.error:
            continue
    return "".join(out)
