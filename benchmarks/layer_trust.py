"""Text layers that are broken, and such as are good: which are found out, and by whom.

usage: python benchmarks/layer_trust.py --regular FONT --bold FONT [--model nano] [--pages 10] [--seed 12]

Broken: the kinds of tests/test_documents_text_layer.py, on a Korean, an English and a mixed page each, and
OCR layers that are another page's, beside the print, between its lines, or misread. Good: `--pages` English
and as many mixed documents of `born_digital/content.py`, printed by chromium, and right OCR layers. The
model is asked for samples alone. A broken layer that is used is missed, a good one that is not
is a false alarm.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

from PIL import Image

from adotx.documents.readers import PageReading
from adotx.documents.sources import open_pages
from adotx.documents.transcribe import Transcriber
from adotx.model import Model

sys.path.insert(0, str(Path(__file__).parent / "born_digital"))
sys.path.insert(0, str(Path(__file__).parent.parent / "tests"))
import content
from born_digital import find_browser, printed

import test_documents_text_layer as cases
from pdf_files import Page, pdf


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--regular", type=Path, required=True)
    parser.add_argument("--bold", type=Path, required=True)
    parser.add_argument("--model", default="nano")
    parser.add_argument("--pages", type=int, default=10)
    parser.add_argument("--seed", type=int, default=12)
    args = parser.parse_args()
    transcriber = Transcriber(Model.open(args.model, local_files=False))

    def read(image: Image.Image) -> PageReading:
        result = transcriber.page(image)
        return PageReading(result.blocks, result.status, result.reason)

    found: dict[str, list[bool]] = {"broken": [], "good": []}
    with tempfile.TemporaryDirectory() as scratch:
        for kind, name, path in (*broken(Path(scratch)), *good(args, Path(scratch))):
            start = time.perf_counter()
            sources, reasons = set(), set()
            for page in open_pages(path):
                assert page.given is not None
                reading = page.given(read)
                sources.add(reading.text_source if reading else "pixels")
                reasons.update(map(str, page.notes))
            found[kind].append(("pixels" in sources) == (kind == "broken"))
            verdict = "right" if found[kind][-1] else "MISSED" if kind == "broken" else "FALSE ALARM"
            took = time.perf_counter() - start
            told = f"{'/'.join(sources):<10} {verdict:<12} {took:>5.1f} s  {'; '.join(reasons)}"
            print(f"{kind:<7} {name:<34} {told}", flush=True)
    for kind, right in found.items():
        print(f"{kind}: {sum(right)} of {len(right)} right")


def broken(folder: Path) -> Iterator[tuple[str, str, Path]]:
    """(kind, name, path) of each broken file."""
    mixed = tuple(line for pair in zip(cases.KOREAN, cases.ENGLISH, strict=True) for line in pair)
    for language, texts in (("ko", cases.KOREAN), ("en", cases.ENGLISH), ("mixed", mixed)):
        for name, says in cases.BROKEN.items():
            if name in ("bytes of another code", "far shifted", "Latin for Hangul") and language == "en":
                continue  # such maps leave English as it is
            yield "broken", f"{name}, {language}", _kept(folder, pdf([Page(cases.lines(texts))], says))
    for name, layer in cases.BAD_OCR.items():
        yield "broken", f"OCR layer: {name}", _kept(folder, cases.scanned(layer))


def good(args: argparse.Namespace, folder: Path) -> Iterator[tuple[str, str, Path]]:
    """The same of each good one."""
    browser = find_browser()
    for number in range(2 * args.pages):
        rng = random.Random(args.seed * 100 + number)
        name, make = ("en", content.english_report) if number % 2 else ("mixed", content.mixed_report)
        path = folder / f"good{number}.pdf"
        printed(browser, make(rng), args, path, folder)
        yield "good", f"browser, {name} {number // 2}", path
    for language, texts in (("ko", cases.KOREAN), ("en", cases.ENGLISH)):
        content_ = cases.scanned(cases.lines(texts, mode=3), texts)
        yield "good", f"OCR layer, {language}", _kept(folder, content_)
        yield "good", f"codes, {language}", _kept(folder, pdf([Page(cases.lines(cases.CODES))]))


def _kept(folder: Path, content: bytes) -> Path:
    path = folder / f"{len(list(folder.iterdir()))}.pdf"
    path.write_bytes(content)
    return path


if __name__ == "__main__":
    main()
