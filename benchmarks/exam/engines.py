"""The two engines that lay pages out, neither of them ours: a browser (chromium) and LibreOffice.

In: HTML or Flat ODT. Out: a picture, and for printed pages the text that the engine has set, by which the
truth is checked. Both run offline with a profile of their own; neither is ever installed by this program.
"""

from __future__ import annotations

import os
import shutil
import subprocess
from collections import Counter
from pathlib import Path

from content import Block, texts
from faces import Face
from PIL import Image, ImageChops

_NAMES = ("chromium", "chromium-browser", "google-chrome", "chrome")
_QUIET = [
    "--headless",
    "--no-sandbox",
    "--disable-gpu",
    "--disable-background-networking",
    "--disable-component-update",
    "--disable-sync",
    "--no-first-run",
    "--disable-extensions",
    "--disable-dev-shm-usage",
    "--hide-scrollbars",
    "--allow-file-access-from-files",
    "--virtual-time-budget=4000",
]
#: marks of list items, which engines draw and the truth writes as "-"
BULLETS = "•●◦▪-"


class TooLong(Exception):
    """The content does not fit one page."""


def find_browser() -> str:
    """The browser's path.

    Raises:
        SystemExit: there is none; says what to install.
    """
    found = next((path for name in _NAMES if (path := shutil.which(name))), None)
    if found is None:
        raise SystemExit("exam: no chromium on this machine; install it: apt-get install chromium")
    return found


def find_office() -> str | None:
    """LibreOffice's path, or None: its pages are then laid out by the browser."""
    return shutil.which("soffice")


def printed(browser: str, markup: str, folder: Path, dpi: int) -> tuple[Image.Image, str]:
    """One page of HTML, printed: its picture and its text. Raises `TooLong` beyond one page."""
    source, target = folder / "page.html", folder / "page.pdf"
    source.write_text(markup, encoding="utf-8")
    _browse(browser, folder, f"--print-to-pdf={target}", "--no-pdf-header-footer", source.as_uri())
    return _drawn(target, dpi)


def shown(browser: str, markup: str, folder: Path, size: tuple[int, int], scale: float) -> Image.Image:
    """A window with HTML, as on a screen of `scale` pixels for a CSS pixel."""
    source, target = folder / "page.html", folder / "page.png"
    source.write_text(markup, encoding="utf-8")
    _browse(
        browser,
        folder,
        f"--screenshot={target}",
        f"--window-size={size[0]},{size[1]}",
        f"--force-device-scale-factor={scale}",
        source.as_uri(),
    )
    with Image.open(target) as image:
        return image.convert("RGB")


def _browse(browser: str, folder: Path, *words: str) -> None:
    command = [browser, *_QUIET, f"--user-data-dir={folder / 'profile'}", *words]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)
    if done.returncode:
        raise SystemExit(f"exam: the browser failed: {done.stderr.strip()[-300:]}")


def office_printed(
    office: str, document: str, fonts: list[Face], folder: Path, dpi: int
) -> tuple[Image.Image, str]:
    """One page of Flat ODT, printed: its picture and its text. Raises `TooLong` beyond one page."""
    source, target = folder / "page.fodt", folder / "page.pdf"
    source.write_text(document, encoding="utf-8")
    target.unlink(missing_ok=True)
    environment = {**os.environ, "FONTCONFIG_FILE": str(_font_folder(fonts, folder)), "HOME": str(folder)}
    command = [office, "--headless", "--norestore", f"-env:UserInstallation={(folder / 'office').as_uri()}"]
    command += ["--convert-to", "pdf", "--outdir", str(folder), str(source)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, env=environment, check=False)
    if not target.exists():
        raise SystemExit(f"exam: LibreOffice failed: {(done.stderr or done.stdout).strip()[-300:]}")
    return _drawn(target, dpi)


def _font_folder(fonts: list[Face], folder: Path) -> Path:
    """A fontconfig file that knows only these faces, so that no other can slip in."""
    from fontTools.ttLib import TTFont

    at, config = folder / "fonts", folder / "fonts.conf"
    if not config.exists():
        at.mkdir()
        for path in {path for face in fonts for path in (face.regular, face.bold)}:
            font = TTFont(path)
            font.flavor = None
            font.save(at / f"{path.stem}.ttf")
        config.write_text(
            f'<?xml version="1.0"?><!DOCTYPE fontconfig SYSTEM "fonts.dtd"><fontconfig><dir>{at}</dir>'
            f"<cachedir>{folder / 'cache'}</cachedir></fontconfig>",
            encoding="utf-8",
        )
    return config


def _drawn(path: Path, dpi: int) -> tuple[Image.Image, str]:
    import pypdfium2

    document = pypdfium2.PdfDocument(path)
    try:
        if len(document) != 1:
            raise TooLong
        page = document[0]
        text: str = page.get_textpage().get_text_range()
        return page.render(scale=dpi / 72).to_pil().convert("RGB"), text
    finally:
        document.close()


def differences(blocks: list[Block], set_text: str) -> Counter[str]:
    """The characters that the truth and the engine's text do not share; empty where they agree."""
    said = Counter(char for text in texts(blocks) for char in text if not char.isspace())
    found = Counter(char for char in set_text if not char.isspace() and char not in "￾\u0002\x00")
    for char in BULLETS:
        said.pop(char, None), found.pop(char, None)
    return (said - found) + (found - said)


def cropped(image: Image.Image, margin: int, sides: bool = False) -> Image.Image:
    """Without the empty bottom (with `sides`, all around) but for `margin` pixels."""
    blank = Image.new("RGB", image.size, image.getpixel((image.width - 1, image.height - 1)))
    box = ImageChops.difference(image, blank).getbbox()
    if box is None:
        raise SystemExit("exam: an empty page")
    left, top, right, bottom = box
    low = min(image.height, bottom + margin)
    if not sides:
        return image.crop((0, 0, image.width, low))
    return image.crop((max(0, left - margin), max(0, top - margin), min(image.width, right + margin), low))
