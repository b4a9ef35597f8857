"""The fixed pages of the reading gate: our own sentences in the dev extra's faces, two of each kind."""

from __future__ import annotations

import re
from functools import cache
from pathlib import Path

from adotx.data.fonts import find_fonts
from adotx.data.kinds import KINDS
from adotx.data.look import FontSet
from adotx.data.pages import Page, make_page
from adotx.data.source import TextSource
from documents_pages import hangul_folder

_TEXTS = Path(__file__).parent / "reading_texts.txt"


def reading_texts() -> TextSource:
    """The sentences of reading_texts.txt."""
    parts = re.split(r"^\[(\w+)\]\n", _TEXTS.read_text(encoding="utf-8"), flags=re.M)
    pools: dict[str, list[str]] = {}
    for name, body in zip(parts[1::2], parts[2::2], strict=True):
        pools.setdefault(name, []).append(body.strip("\n"))
    lines = {name: bodies[0].split("\n") for name, bodies in pools.items() if name != "code"}
    code = [body.split("\n") for body in pools["code"]]
    return TextSource(lines["korean"], lines["english"], lines["casual"], lines["headings"], code)


@cache
def reading_pages() -> list[Page]:
    """Pages of each kind, one clean and one lightly damaged; skips the test without the faces."""
    fonts = FontSet(find_fonts([hangul_folder()]))
    source = reading_texts()
    return [
        make_page(
            f"reading {kind} {strength}",
            source,
            fonts,
            kind,
            canvas=None if kind == "receipt" else (1000, 1100),
            size=22,
            strength=strength,  # type: ignore[arg-type]
        )
        for kind in KINDS
        for strength in ("clean", "light")
    ]
