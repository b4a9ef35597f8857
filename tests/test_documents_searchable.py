"""Searchable PDFs: what pdftotext and PDFium find, where the words lie, how large the files are.

pdftotext's tests are skipped where poppler-utils is not installed.
"""

from __future__ import annotations

import io
import re
import shutil
import subprocess
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pypdfium2
import pytest
from PIL import Image

from adotx.documents.doubt import doubted
from adotx.documents.outputs import FORMATS, Choice, Document
from adotx.documents.transcribe import PageResult
from adotx.errors import AdotxError
from adotx.markdown import Paragraph
from output_pages import LINES, drawn

#: of a page's words, farthest from its ink, in pixels
NEAR = 5


def searchable(path: Path | None, *pages: PageResult, **choice: Any) -> bytes:
    file = io.BytesIO()
    FORMATS["pdf"].write(Document("문서", pages, path, choice.pop("password", None)), file, Choice(**choice))
    return file.getvalue()


def by_pdfium(data: bytes, password: str | None = None) -> list[list[str]]:
    """The lines of each page."""
    document = pypdfium2.PdfDocument(data, password)
    return [page.get_textpage().get_text_range().split("\r\n") for page in document]


def by_poppler(data: bytes, *options: str) -> str:
    program = shutil.which("pdftotext")
    if program is None:
        pytest.skip("pdftotext is not installed")
    done = subprocess.run(
        [program, "-enc", "UTF-8", *options, "-", "-"], input=data, capture_output=True, check=True
    )
    assert not done.stderr, done.stderr
    return done.stdout.decode()


def words_by_poppler(data: bytes, scale: float) -> list[tuple[str, tuple[float, ...]]]:
    """(text, box in pixels, of which `scale` are a point) of each word of a page."""
    said = by_poppler(data, "-bbox", "-cropbox")
    pattern = r'xMin="([-\d.]+)" yMin="([-\d.]+)" xMax="([-\d.]+)" yMax="([-\d.]+)">([^<]*)<'
    return [(word[4], tuple(scale * float(side) for side in word[:4])) for word in re.findall(pattern, said)]


def turned(picture: Image.Image, path: Path) -> None:
    exif = Image.Exif()
    exif[274] = 6
    picture.transpose(Image.Transpose.ROTATE_90).save(path, exif=exif, quality=85)


SAVED: dict[str, Callable[[Image.Image, Path], None]] = {
    "a.jpg": lambda picture, path: picture.save(path, quality=85, dpi=(200, 200)),
    "grey.jpg": lambda picture, path: picture.convert("L").save(path),
    "cmyk.jpg": lambda picture, path: picture.convert("CMYK").save(path),
    "turned.jpg": turned,
    "a.png": lambda picture, path: picture.save(path),
    "palette.png": lambda picture, path: picture.quantize(16).save(path),
    "alpha.png": lambda picture, path: picture.convert("RGBA").save(path),
    "fax.tif": lambda picture, path: picture.convert("1").save(path, compression="group4", dpi=(200, 200)),
    "lzw.tif": lambda picture, path: picture.save(path, compression="tiff_lzw"),
    "a.webp": lambda picture, path: picture.save(path, quality=80),
    "a.jp2": lambda picture, path: picture.save(path),
    "a.bmp": lambda picture, path: picture.save(path),
    "a.pdf": lambda picture, path: picture.save(path, resolution=200),
}


@pytest.fixture(scope="module")
def page() -> tuple[Image.Image, PageResult]:
    # As large as a page is: on small ones the layer weighs more than the picture.
    texts = [line for _ in range(5) for line in LINES]
    return drawn(texts, (1654, 2339), 34)


@pytest.mark.parametrize("name", SAVED)
def test_pictures(name: str, page: tuple[Image.Image, PageResult], tmp_path: Path) -> None:
    picture, result = page
    path = tmp_path / name
    SAVED[name](picture, path)
    data = searchable(path, result)
    assert by_pdfium(data) == [[line.text for line in result.lines]]
    assert len(data) <= 1.3 * path.stat().st_size
    # It looks as before.
    shown = pypdfium2.PdfDocument(data)[0]
    drawn_again = (
        shown.render(scale=picture.width / shown.get_width()).to_pil().convert("L").resize(picture.size)
    )
    away = np.asarray(drawn_again, int) - np.asarray(picture.convert("L"), int)
    assert np.abs(away).mean() < 4


@pytest.mark.parametrize("name", ["a.jpg", "turned.jpg", "fax.tif", "a.pdf"])
def test_words_lie_over_their_ink(name: str, page: tuple[Image.Image, PageResult], tmp_path: Path) -> None:
    picture, result = page
    SAVED[name](picture, tmp_path / name)
    data = searchable(tmp_path / name, result)
    found = words_by_poppler(data, picture.width / pypdfium2.PdfDocument(data)[0].get_width())
    wanted = [word for line in result.lines for word in line.words]
    assert [text for text, _ in found] == [word.text for word in wanted]
    lines = [line for line in result.lines for _ in line.words]
    for (text, box), word, line in zip(found, wanted, lines, strict=True):
        assert abs(box[0] - word.quad[0][0]) <= NEAR and abs(box[2] - word.quad[1][0]) <= NEAR, text
        assert abs(box[1] - line.quad[0][1]) <= NEAR and abs(box[3] - line.quad[2][1]) <= NEAR, text
    text = by_poppler(data)
    assert [line for line in text.replace("\f", "").split("\n") if line] == [
        line.text for line in result.lines
    ]


def test_data_that_pdf_can_hold_go_over_unchanged(
    page: tuple[Image.Image, PageResult], tmp_path: Path
) -> None:
    picture, result = page
    picture.save(tmp_path / "a.jpg", quality=85)
    data = searchable(tmp_path / "a.jpg", result)
    assert (tmp_path / "a.jpg").read_bytes()[-5000:] in data
    # What a camera writes beside the picture stays at home.
    exif = Image.Exif()
    exif[0x010E] = "a secret place"
    picture.save(tmp_path / "b.jpg", exif=exif)
    assert b"a secret place" in (tmp_path / "b.jpg").read_bytes()
    assert b"a secret place" not in searchable(tmp_path / "b.jpg", result)


class TestPdf:
    def pdf(self, page: tuple[Image.Image, PageResult], path: Path, pages: int = 1) -> Path:
        picture, _ = page
        more = [picture] * (pages - 1)
        picture.save(path, resolution=200, save_all=True, append_images=more)
        return path

    @pytest.mark.parametrize("turn", [0, 90, 180, 270])
    def test_turned_and_cut_pages(
        self, turn: int, page: tuple[Image.Image, PageResult], tmp_path: Path
    ) -> None:
        path = self.pdf(page, tmp_path / "a.pdf")
        document = pypdfium2.PdfDocument(path)
        document[0].set_rotation(turn)
        left, bottom, right, top = document[0].get_mediabox()
        document[0].set_cropbox(left + 20, bottom + 30, right - 5, top - 10)
        document.save(tmp_path / "b.pdf")
        picture = pypdfium2.PdfDocument(tmp_path / "b.pdf")[0].render(scale=200 / 72).to_pil()
        _, upright = drawn(LINES, picture.size, 34)
        result = replace(
            upright, lines=tuple(line for line in upright.lines if line.quad[1][0] < picture.width)
        )
        data = searchable(tmp_path / "b.pdf", result)
        assert by_pdfium(data) == [[line.text for line in result.lines]]
        found = words_by_poppler(data, 200 / 72)
        wanted = [word for line in result.lines for word in line.words]
        for (text, box), word in zip(found, wanted, strict=True):
            assert text == word.text
            assert abs(box[0] - word.quad[0][0]) <= NEAR

    def test_only_pages_that_were_read_from_pixels(
        self, page: tuple[Image.Image, PageResult], tmp_path: Path
    ) -> None:
        _, result = page
        path = self.pdf(page, tmp_path / "a.pdf", 3)
        blank = PageResult((), "blank", number=2, size=result.size)
        own = replace(result, number=3, text_source="layer")
        texts = by_pdfium(searchable(path, result, blank, own))
        assert texts == [[line.text for line in result.lines], [""], [""]]

    def test_a_bad_hidden_layer_goes(self, page: tuple[Image.Image, PageResult], tmp_path: Path) -> None:
        picture, result = page
        wrong = replace(result, lines=(replace(result.lines[0], text="틀린 글자들 입니다", words=()),))
        self.pdf(page, tmp_path / "a.pdf")
        layered = tmp_path / "layered.pdf"
        # As another OCR program would have left it: text of the page itself, not drawn.
        picture.save(tmp_path / "a.png")
        layered.write_bytes(searchable(tmp_path / "a.png", wrong))
        assert by_pdfium(layered.read_bytes()) == [["틀린 글자들 입니다"]]
        assert by_pdfium(searchable(layered, result)) == [[line.text for line in result.lines]]

    def test_visible_text_that_is_not_trusted_becomes_a_picture(self, tmp_path: Path) -> None:
        path = tmp_path / "a.pdf"
        path.write_bytes(visible_text("Garbled Words"))
        assert by_pdfium(path.read_bytes()) == [["Garbled Words"]]
        picture = pypdfium2.PdfDocument(path)[0].render(scale=200 / 72).to_pil()
        _, upright = drawn(LINES[:1], picture.size, 20)
        data = searchable(path, upright)
        assert by_pdfium(data) == [[LINES[0]]]
        again = pypdfium2.PdfDocument(data)[0].render(scale=200 / 72).to_pil()
        away = np.asarray(again.convert("L"), int) - np.asarray(picture.convert("L"), int)
        assert np.abs(away).mean() < 2

    def test_protected(self, page: tuple[Image.Image, PageResult], tmp_path: Path) -> None:
        from test_server_documents import pdf_with_password  # the smallest encrypted PDF

        (tmp_path / "a.pdf").write_bytes(pdf_with_password(b"open sesame"))
        _, result = drawn(LINES[:1], (200, 200), 8)
        file = io.BytesIO()
        document = Document("a", [result], tmp_path / "a.pdf", "open sesame")
        FORMATS["pdf"].write(document, file, Choice())
        assert "".join(by_pdfium(file.getvalue())[0][0].split()) == "".join(LINES[0].split())
        assert [str(note) for note in document.notes] == ["the PDF is written without its password"]


def visible_text(text: str) -> bytes:
    """A PDF of one page that shows text."""
    content = f"BT /F 24 Tf 40 100 Td ({text}) Tj ET".encode()
    objects = [
        b"<< /Type /Catalog /Pages 2 0 R >>", b"<< /Type /Pages /Kids [3 0 R] /Count 1 >>",
        b"<< /Type /Page /Parent 2 0 R /MediaBox [0 0 400 200] /Contents 4 0 R "
        b"/Resources << /Font << /F 5 0 R >> >> >>",
        b"<< /Length %d >>\nstream\n%s\nendstream" % (len(content), content),
        b"<< /Type /Font /Subtype /Type1 /BaseFont /Helvetica >>",
    ]  # fmt: skip
    return (
        b"%PDF-1.4\n"
        + b"".join(b"%d 0 obj\n%s\nendobj\n" % each for each in enumerate(objects, 1))
        + (b"trailer << /Root 1 0 R /Size 6 >>\n")
    )


class TestOddPages:
    def test_lines_that_are_not_known(self, tmp_path: Path) -> None:
        picture, result = drawn()
        picture.save(tmp_path / "a.png")
        for blocks in (result.blocks, [Paragraph.of(line) for line in LINES]):
            page = replace(result, lines=(), blocks=tuple(blocks), doubted=())
            found = by_poppler(searchable(tmp_path / "a.png", page), "-raw")
            assert found.split() == " ".join(LINES).split()

    def test_doubts_are_no_digits_of_their_own(self, tmp_path: Path) -> None:
        picture, result = drawn(["합계 1,200원"], (600, 300))
        picture.save(tmp_path / "a.png")
        line = replace(result.lines[0], text=f"합계 {doubted('1,200')}원")
        assert by_pdfium(searchable(tmp_path / "a.png", replace(result, lines=(line,)))) == [["합계 1,200원"]]

    @pytest.mark.parametrize("text", ["𝒳 𠀀字", "a\u0301 é", "가(나) ★각 ①", "<>/()[]%#\\", "\ufb01"])
    def test_any_letters(self, text: str, tmp_path: Path) -> None:
        picture, result = drawn(["글자 글자 글자"], (600, 300))
        picture.save(tmp_path / "a.png")
        line = replace(result.lines[0], text=text, words=())
        data = searchable(tmp_path / "a.png", replace(result, lines=(line,)))
        assert by_poppler(data, "-raw").strip() == text

    def test_frames(self, tmp_path: Path) -> None:
        made = [drawn([line], (900, 300), number=n) for n, line in enumerate(LINES[2:], 1)]
        first, *others = [picture for picture, _ in made]
        first.save(tmp_path / "a.tif", save_all=True, append_images=others, compression="tiff_lzw")
        assert by_pdfium(searchable(tmp_path / "a.tif", *(page for _, page in made))) == [
            [line] for line in LINES[2:]
        ]

    def test_a_page_that_cannot_be_opened_is_told(self, tmp_path: Path) -> None:
        picture, result = drawn([LINES[0]])
        picture.save(tmp_path / "a.png")
        broken = (tmp_path / "a.png").read_bytes()
        (tmp_path / "a.png").write_bytes(broken[: len(broken) // 2])
        document, file = Document("a", [result], tmp_path / "a.png"), io.BytesIO()
        FORMATS["pdf"].write(document, file, Choice())
        assert by_pdfium(file.getvalue()) == [[LINES[0]]] and "page 1 is empty" in document.notes[0]

    def test_formats_without_pictures(self) -> None:
        page = PageResult((Paragraph.of("글"),), text_source="hwpx")
        with pytest.raises(AdotxError) as refused:
            searchable(None, page)
        assert refused.value.code == "output.no_pictures"
