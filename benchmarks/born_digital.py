"""Born-digital PDFs: what the text layer gives, held against what browsers and other programs were given.

usage: python benchmarks/born_digital.py --regular FONT --bold FONT [--count 40] [--seed 12] [--keep DIR]
           [--makers chromium weasyprint typst reportlab fpdf writer]

Has `--count` documents (`born_digital/content.py`) printed by chromium, or written by each of `--makers`
(`born_digital/makers.py`), takes their text without a model, and says of each kind: CER of the text bared of
Markdown, with and without spaces, F1 of table cells, CPU seconds a page.
Asking the model for anything is a fault here: the layers are all good.
"""

from __future__ import annotations

import argparse
import random
import shutil
import subprocess
import sys
import tempfile
import time
from collections import defaultdict
from pathlib import Path

from PIL import Image

sys.path.insert(0, str(Path(__file__).parent / "born_digital"))
from content import Document, documents
from makers import MAKERS

from adotx.documents.readers import PageReading
from adotx.documents.running import over_pages
from adotx.documents.sources import open_pages
from adotx.evaluate.bare import bare
from adotx.evaluate.cells import count_cells
from adotx.evaluate.cer import edit_distance, normalise_text
from adotx.markdown import parse_markdown, to_markdown

_BROWSERS = ("chromium", "chromium-browser", "google-chrome")
_QUIET = ("--headless", "--no-sandbox", "--disable-gpu", "--allow-file-access-from-files", "--no-first-run")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--regular", type=Path, required=True, help="a font file with Hangul")
    parser.add_argument("--bold", type=Path, required=True)
    parser.add_argument("--count", type=int, default=40)
    parser.add_argument("--seed", type=int, default=12)
    parser.add_argument("--makers", nargs="+", choices=["chromium", *MAKERS], default=["chromium"])
    parser.add_argument("--keep", type=Path, help="write the PDFs, truths and answers there")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        for maker in args.makers:
            folder = (args.keep or Path(scratch)) / maker
            folder.mkdir(parents=True, exist_ok=True)
            scores = defaultdict(list)
            for number, document in enumerate(documents(args.count, args.seed)):
                path = folder / f"{number:02}-{document.kind}.pdf"
                if not path.exists() and maker in MAKERS:
                    rng = random.Random(args.seed * 1000 + number)
                    MAKERS[maker](document, args.regular, args.bold, path, rng)
                elif not path.exists():
                    printed(find_browser(), document, args, path, Path(scratch))
                scores[document.kind].append(score(document, path))
            print(maker)
            for kind, found in [
                *scores.items(),
                ("all", [each for part in scores.values() for each in part]),
            ]:
                print(line(kind, found), flush=True)


def find_browser() -> str:
    """The browser's path.

    Raises:
        SystemExit: there is none.
    """
    browser = next((path for name in _BROWSERS if (path := shutil.which(name))), None)
    if browser is None:
        raise SystemExit("born_digital: no chromium on this machine")
    return browser


def printed(browser: str, document: Document, args: argparse.Namespace, path: Path, scratch: Path) -> None:
    """Have the browser print a document."""
    source = path.with_suffix(".html")
    source.write_text(document.html(args.regular.resolve(), args.bold.resolve()), encoding="utf-8")
    words = (f"--user-data-dir={scratch / 'profile'}", f"--print-to-pdf={path}", "--no-pdf-header-footer")
    command = [browser, *_QUIET, "--virtual-time-budget=4000", *words, source.resolve().as_uri()]
    done = subprocess.run(command, capture_output=True, text=True, timeout=180, check=False)
    if done.returncode or not path.exists():
        raise SystemExit(f"born_digital: the browser failed: {done.stderr.strip()[-300:]}")


def asked(image: Image.Image) -> PageReading:
    """Stands for the model, which nobody ought to need."""
    return PageReading((), "failed")


def score(document: Document, path: Path) -> dict[str, float]:
    """How right the text layer's answer is."""
    start, pages = time.process_time(), []
    for page in open_pages(path):
        assert page.given is not None
        reading = page.given(asked)
        if reading is None:
            print(f"{path.name}: page {page.number}: not trusted: {'; '.join(page.notes)}")
        pages.append(reading.blocks if reading else ())
    seconds = (time.process_time() - start) / len(pages)
    blocks = [block for page in over_pages(pages) for block in page]
    answer = to_markdown(blocks)
    path.with_suffix(".md").write_text(document.markdown, encoding="utf-8")
    path.with_suffix(".got.md").write_text(answer, encoding="utf-8")
    cells = count_cells(blocks, parse_markdown(document.markdown))
    values = {"seconds": seconds, "right": cells.matched, "said": cells.said, "true": cells.true}
    for name, spaces in (("cer", True), ("squeezed", False)):
        said, true = (normalise_text(bare(text), spaces) for text in (answer, document.markdown))
        values[f"{name}_errors"], values[f"{name}_length"] = edit_distance(said, true), len(true)
    return values


def line(kind: str, found: list[dict[str, float]]) -> str:
    """One row of the table."""
    total = {name: sum(each[name] for each in found) for name in found[0]}
    cer, squeezed = (total[f"{name}_errors"] / total[f"{name}_length"] for name in ("cer", "squeezed"))
    f1 = 2 * total["right"] / max(total["said"] + total["true"], 1)
    seconds = sorted(each["seconds"] for each in found)[len(found) // 2]
    errors = f"CER {cer:.4f}  without spaces {squeezed:.4f}"
    return f"{kind:<10} {len(found):>3} files  {errors}  cells F1 {f1:.4f}  {seconds:.3f} CPU s a page"


if __name__ == "__main__":
    main()
