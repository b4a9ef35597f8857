"""What searchable PDFs weigh: bilevel pictures in JBIG2 code, PDFium's files packed again, small faxes.

The reference for JBIG2 is PDFium's decoder, and pdfimages' where poppler-utils is installed.
"""

from __future__ import annotations

import io
import re
import shutil
import subprocess
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pypdfium2
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from PIL import Image
from pypdfium2 import raw

from adotx.documents.outputs import FORMATS, Choice, Document
from adotx.documents.outputs.pdf.jbig2 import jbig2
from adotx.documents.outputs.pdf.objects import Name, PdfFile
from adotx.documents.outputs.pdf.repack import repacked
from adotx.documents.transcribe import PageResult
from output_pages import LINES, drawn

MOST = 1.3  # times the pictures


def searchable(path: Path, *pages: PageResult) -> bytes:
    file = io.BytesIO()
    FORMATS["pdf"].write(Document("문서", pages, path, None), file, Choice())
    return file.getvalue()


def texts(data: bytes) -> list[str]:
    return [page.get_textpage().get_text_range() for page in pypdfium2.PdfDocument(data)]


def pdf_of(black: NDArray[np.bool_]) -> bytes:
    """A page that is a picture, a point for each pixel."""
    file = io.BytesIO()
    pdf, (height, width) = PdfFile(file), black.shape
    picture = pdf.add_stream(
        jbig2(black),
        {
            "Type": Name("XObject"), "Subtype": Name("Image"), "Width": width, "Height": height,
            "BitsPerComponent": 1, "ColorSpace": Name("DeviceGray"), "Filter": Name("JBIG2Decode"),
        },
    )  # fmt: skip
    tree = pdf.reserve()
    page: dict[str, Any] = {
        "Type": Name("Page"), "Parent": tree, "MediaBox": [0, 0, width, height],
        "Resources": {"XObject": {"I": picture}},
        "Contents": pdf.add_stream(b"q %d 0 0 %d 0 0 cm /I Do Q" % (width, height), {}),
    }  # fmt: skip
    pdf.add({"Type": Name("Pages"), "Kids": [pdf.add(page)], "Count": 1}, at=tree)
    pdf.end(pdf.add({"Type": Name("Catalog"), "Pages": tree}))
    return file.getvalue()


def by_pdfium(data: bytes) -> NDArray[np.bool_]:
    [image] = pypdfium2.PdfDocument(data)[0].get_objects((raw.FPDF_PAGEOBJ_IMAGE,))
    return np.asarray(image.get_bitmap().to_pil().convert("L")) < 128


def by_poppler(data: bytes, folder: Path) -> NDArray[np.bool_]:
    program = shutil.which("pdfimages")
    if program is None:
        pytest.skip("pdfimages is not installed")
    subprocess.run([program, "-png", "-", str(folder / "i")], input=data, check=True)
    [path] = folder.iterdir()
    with Image.open(path) as image:
        return np.asarray(image.convert("L")) < 128


@st.composite
def pictures(draw: st.DrawFn) -> NDArray[np.bool_]:
    height, width = draw(st.integers(1, 70)), draw(st.integers(1, 90))
    share = draw(st.sampled_from([0.0, 0.01, 0.3, 0.5, 1.0]))
    black = np.random.default_rng(draw(st.integers(0, 999))).random((height, width)) < share
    # Lines as the one above, in runs, and solid parts.
    for row in draw(st.lists(st.integers(0, height - 1), max_size=30)):
        black[row] = black[row - 1]
    x, y = draw(st.integers(0, width)), draw(st.integers(0, height))
    black[y : y + 20, x : x + 50] = True
    return black


class TestJbig2:
    @given(pictures())
    @settings(max_examples=60, deadline=None)
    def test_pdfium_sees_the_same(self, black: NDArray[np.bool_]) -> None:
        assert np.array_equal(by_pdfium(pdf_of(black)), black)

    @pytest.mark.parametrize("invert", [False, True])
    def test_pages_of_print(self, invert: bool, tmp_path: Path) -> None:
        picture, _ = drawn(LINES, (900, 500), 24)
        black = (np.asarray(picture.convert("L")) < 128) ^ invert
        data = pdf_of(black)
        assert np.array_equal(by_pdfium(data), black)
        assert np.array_equal(by_poppler(data, tmp_path), black)

    def test_some_lines_at_a_time(self, monkeypatch: pytest.MonkeyPatch) -> None:
        picture, _ = drawn(LINES, (900, 500), 24)
        black = np.asarray(picture.convert("L")) < 128
        whole = jbig2(black)
        for pixels in (1, 900 * 7):
            monkeypatch.setattr("adotx.documents.outputs.pdf.jbig2._AT_ONCE", pixels)
            assert jbig2(black) == whole


def saved(picture: Image.Image, path: Path) -> Path:
    black_and_white = picture.convert("1", dither=Image.Dither.NONE)
    if path.suffix == ".pdf":  # as scanners make them
        black_and_white.save(path, resolution=200)
    elif path.suffix == ".png":
        black_and_white.convert("L").save(path, optimize=True)
    else:
        black_and_white.save(path, compression="group4", dpi=(200, 200))
    return path


@pytest.mark.parametrize(
    ("name", "lines"), [("fax.tif", 2), ("fax.tif", 12), ("fax.png", 2), ("fax.png", 12), ("fax.pdf", 8)]
)
def test_small_faxes(name: str, lines: int, tmp_path: Path) -> None:
    picture, result = drawn((LINES * 3)[:lines], (1728, 2200), 38)
    path = saved(picture, tmp_path / name)
    data = searchable(path, result)
    assert texts(data) == ["\r\n".join(line.text for line in result.lines)]
    size = path.stat().st_size
    assert len(data) <= MOST * size, (size, len(data))
    shown = pypdfium2.PdfDocument(data)[0]
    again = shown.render(scale=picture.width / shown.get_width(), may_draw_forms=False).to_pil().convert("L")
    away = np.asarray(again.resize(picture.size), int) - np.asarray(picture.convert("L"), int)
    assert np.abs(away).mean() < 4


def test_a_fax_whose_pixels_are_not_square_stays_so(tmp_path: Path) -> None:
    picture, result = drawn(LINES[:2], (1728, 600), 38)
    low = picture.convert("1", dither=Image.Dither.NONE).resize((1728, 300))
    low.save(tmp_path / "fax.tif", compression="group4", dpi=(204, 98))
    page = pypdfium2.PdfDocument(searchable(tmp_path / "fax.tif", result))[0]
    [image] = page.get_objects((raw.FPDF_PAGEOBJ_IMAGE,))
    assert image.get_px_size() == (1728, 300)


def test_dithered_pictures_stay_as_they_are(tmp_path: Path) -> None:
    grey = np.linspace(0, 255, 1200 * 1200).reshape(1200, 1200).astype(np.uint8)
    Image.fromarray(grey).convert("1").save(tmp_path / "a.png", optimize=True)
    _, result = drawn(LINES[:1], (1200, 1200))
    size = (tmp_path / "a.png").stat().st_size
    assert len(searchable(tmp_path / "a.png", result)) <= size + 2500


class TestRepacked:
    def pdf(self, path: Path, count: int = 3) -> tuple[Path, list[PageResult]]:
        made = [drawn(LINES[n : n + 1], (900, 300), 30, n + 1) for n in range(count)]
        first, *others = [picture for picture, _ in made]
        first.save(path, resolution=200, save_all=True, append_images=others)
        return path, [page for _, page in made]

    def test_nothing_to_lay_over_is_the_same_file(self, tmp_path: Path) -> None:
        path, pages = self.pdf(tmp_path / "a.pdf")
        blank = [PageResult((), "blank", number=page.number, size=page.size) for page in pages]
        assert searchable(path, *blank) == path.read_bytes()

    def test_every_object_is_there(self, tmp_path: Path) -> None:
        path, _ = self.pdf(tmp_path / "a.pdf")
        plain, packed = io.BytesIO(), io.BytesIO()
        document = pypdfium2.PdfDocument(path)
        document.save(plain, flags=raw.FPDF_NO_INCREMENTAL)
        repacked(plain, packed)
        data = packed.getvalue()
        assert len(data) < len(plain.getvalue())
        assert (
            len(re.findall(rb"\bendstream\s+endobj", data))
            == len(re.findall(rb"\bendstream\s+endobj", plain.getvalue())) + 2
        )  # what is packed, and the table
        again = pypdfium2.PdfDocument(data)
        assert again.get_metadata_dict() == document.get_metadata_dict()
        assert pixels(again) == pixels(document)

    def test_text_of_a_stamped_pdf(self, tmp_path: Path) -> None:
        path, pages = self.pdf(tmp_path / "a.pdf")
        assert texts(searchable(path, *pages)) == list(LINES[:3])


def pixels(document: Sequence[Any]) -> list[bytes]:
    return [bytes(page.render(scale=1).to_numpy().tobytes()) for page in document]
