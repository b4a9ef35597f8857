"""The pictures that nobody here made, read by a model and by Tesseract: one table, a row for each picture.

usage: python benchmarks/real.py FOLDER [--model nano] [--no-peer] [--peer-answers DIR] [--json FILE]

FOLDER (`../shared/real`) has NAME.png or .jpg and NAME.md; the truth of `paper.png` is the text layer of its
PDF, `paper.txt`, in the order of the page. Every picture is a kind of its own, so Tesseract counts by its
best setting for that picture. Truths are as their files have them: the marks of headings and the line breaks
inside Korean words of the paper count in "CER"; "text CER" and "CER without spaces" leave them out.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path

from adotx.cli import run

#: the title of the paper: the text layer has it and what follows it behind the columns
TITLE = "딥러닝을 활용한 한글문장 OCR연구"


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--model", default="nano")
    parser.add_argument("--no-peer", action="store_true")
    parser.add_argument("--peer-answers", type=Path)
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as at:
        lay_out(args.folder, Path(at))
        words = ["evaluate", "transcription", at, "--model", args.model]
        words += [] if args.no_peer else ["--peer", "tesseract"]
        for name, path in (("--peer-answers", args.peer_answers), ("--json", args.json)):
            words += [name, str(path)] if path else []
        sys.exit(run(words))


def lay_out(folder: Path, target: Path) -> None:
    """The pictures and their truths as `adotx evaluate transcription` takes them."""
    pictures = [path for path in sorted(folder.iterdir()) if path.suffix in (".png", ".jpg")]
    if not pictures:
        raise SystemExit(f"real: no pictures in {folder}")
    for picture in pictures:
        at = target / picture.stem
        at.mkdir()
        (at / picture.name).symlink_to(picture.resolve())
        truth = picture.with_suffix(".md")
        text = truth.read_text("utf-8") if truth.exists() else in_page_order(picture.with_suffix(".txt"))
        (at / f"{picture.stem}.md").write_text(text, encoding="utf-8")


def in_page_order(path: Path) -> str:
    """The text layer with the running head first, then title and abstract, then the columns."""
    head, *lines = path.read_text("utf-8").splitlines()
    title = lines.index(TITLE)
    return "\n".join([head, *lines[title:], *lines[:title]])


if __name__ == "__main__":
    main()
