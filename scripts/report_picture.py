"""The picture of docs/cli.md: a folder in, report.png out, of the report that `--report` writes.

nano reads two documents that are made here, one of them as a bad copy. Needs the development extra and
chromium: python scripts/report_picture.py docs
"""

from __future__ import annotations

import io
import shutil
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pypdfium2
from page_pictures import SIZE, fonts, made_pdf, save
from PIL import Image, ImageFilter
from playwright.sync_api import sync_playwright

from adotx.cli.errors import in_language
from adotx.documents.outputs import Choice, Document, write_report
from adotx.documents.transcribe import Transcriber
from adotx.model import Model


def worn(picture: Image.Image) -> Image.Image:
    """A page as a copy of a copy shows it."""
    grey = np.asarray(picture.convert("L").resize((picture.width * 5 // 9, picture.height * 5 // 9)))
    noise = np.random.default_rng(5).normal(0, 15, grey.shape)
    dull = np.clip(grey * 0.72 + 52 + noise, 0, 255).astype(np.uint8)
    return Image.fromarray(dull).filter(ImageFilter.GaussianBlur(0.9)).convert("RGB")


def documents(pdf: bytes, folder: Path) -> Iterator[Document]:
    """What nano reads, document by document."""
    transcriber = Transcriber(Model.open("nano"), text_layer=False)
    (folder / "도서관 야간 개방.pdf").write_bytes(pdf)
    page = pypdfium2.PdfDocument(io.BytesIO(pdf))[1]
    worn(page.render(scale=200 / 72).to_pil()).save(folder / "복사본.png")
    for path in (folder / "도서관 야간 개방.pdf", folder / "복사본.png"):
        yield Document(path.name, transcriber.document(path), path, say=lambda said: in_language(said, "ko"))


def main(folder: Path) -> None:
    with tempfile.TemporaryDirectory() as work, sync_playwright() as driver:
        browser = driver.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"], env=fonts(Path(work))
        )
        report = Path(work, "report.html")
        with report.open("wb") as file:
            write_report(documents(made_pdf(browser), Path(work)), file, Choice(), "ko")
        page = browser.new_page(viewport=SIZE)  # type: ignore[arg-type]
        page.goto(report.as_uri())
        page.keyboard.press("n")
        page.evaluate("document.querySelector('[aria-current]') && scrollTo(0, 0)")
        page.wait_for_timeout(600)
        save(page, folder / "report.png")
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
