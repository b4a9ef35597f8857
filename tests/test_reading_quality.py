"""The gate of reading quality: the error rates of fixed made pages, by kind, stay where they were measured.

Two numbers for each kind: what layout and assembly alone lose (an oracle reads), and what nano does with
int8 weights. Where a change makes them better, `python tests/test_reading_quality.py` writes the golden anew.
"""

from __future__ import annotations

import json
import statistics
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from adotx.data.pages import Page
from adotx.evaluate.cer import cer
from adotx.markdown import to_markdown
from documents_pages import blocks_of
from reading_pages import reading_pages

pytest.importorskip("fontTools")

GOLDEN = Path(__file__).parent / "goldens" / "reading_quality.json"
# Kernels round differently from machine to machine, which may turn a letter.
_KIND, _ALL = 0.02, 0.01


def nano() -> Callable[[Image.Image], str]:
    """nano with int8 weights as a function from a page image to Markdown."""
    from adotx.documents.transcribe import Transcriber
    from adotx.model import Model

    transcriber = Transcriber(Model.open("nano", "int8"))
    return lambda image: transcriber.page(image).markdown


def rates(read: Callable[[Page], str]) -> dict[str, float]:
    """Mean character error rate for each kind and for ``"all"``."""
    found: dict[str, list[float]] = defaultdict(list)
    for page in reading_pages():
        found[page.kind].append(cer(read(page), page.markdown))
        found["all"].append(found[page.kind][-1])
    return {kind: round(statistics.mean(values), 4) for kind, values in found.items()}


def measure() -> dict[str, dict[str, float]]:
    read = nano()
    return {
        "layout": rates(lambda page: to_markdown(blocks_of(page))),  # type: ignore[arg-type]
        "nano int8": rates(lambda page: read(page.image)),
    }


def check(found: dict[str, float], name: str) -> None:
    golden = json.loads(GOLDEN.read_text(encoding="utf-8"))[name]
    worse = {
        kind: (rate, golden[kind])
        for kind, rate in found.items()
        if rate > golden[kind] + (_ALL if kind == "all" else _KIND)
    }
    assert not worse, f"kind: (found, golden) {worse}"


def test_what_layout_alone_loses() -> None:
    check(rates(lambda page: to_markdown(blocks_of(page))), "layout")  # type: ignore[arg-type]


def test_what_nano_reads() -> None:
    read = nano()
    check(rates(lambda page: read(page.image)), "nano int8")


if __name__ == "__main__":
    GOLDEN.write_text(json.dumps(measure(), indent=1) + "\n", encoding="utf-8")
