"""`adotx data fonts|pack|pages|split|rows`: what training is made of.

Folders in; files, or a table on stdout, out.
"""

from __future__ import annotations

import time
from collections import Counter
from pathlib import Path
from typing import TYPE_CHECKING

from adotx.cli import DONE
from adotx.cli.progress import Progress
from adotx.cli.strings import text
from adotx.errors import AdotxError

if TYPE_CHECKING:
    from collections.abc import Iterator

    from adotx.data.fonts import FontFace
    from adotx.data.pages import Page


def fonts(folder: Path, only_list: bool) -> int:
    """Fetch fonts into `folder` unless told to list only, then list its faces; returns the exit code."""
    from adotx.data.fonts import find_fonts, split_fonts

    if not only_list:
        from adotx.data.fetch import fetch_fonts

        with Progress() as progress:
            fetch_fonts(folder, say=progress.line)
    faces = find_fonts([folder])
    for face in faces:
        side = "exam" if face.for_exam else "validation" if face.held_out else "train"
        print(f"{face.family}\t{face.weight}\t{face.style}\t{side}\t{face.license}")
    families = [{face.family for face in part} for part in (faces, split_fonts(faces)[1])]
    with Progress() as progress:
        progress.line(
            text("data.fonts.total", faces=len(faces), families=len(families[0]), held_out=len(families[1]))
        )
    return DONE


def pack(out: Path, corpora: Path, font_folders: list[Path], megabytes: float) -> int:
    """Write a pack of texts and fonts to `out`; returns the exit code."""
    from adotx.data.packing import make_pack

    with Progress() as progress:
        made = make_pack(
            out,
            corpora,
            font_folders,
            megabytes,
            lambda done, count: progress.show(text("data.pack.made", done=done, count=count)),
        )
        progress.line(
            text(
                "data.pack.total",
                faces=made.faces,
                hanja=made.hanja,
                every=made.every,
                fonts=made.font_bytes / 2**20,
                corpora=made.corpus_bytes / 2**20,
                path=out,
            )
        )
    return DONE


def pages(out: Path, corpora: Path, font_folder: Path, count: int, side: str, seed: int) -> int:
    """Write `count` made pages of one side of the split to `out`; returns the exit code."""
    from adotx.data.fonts import find_fonts

    made = _make(corpora, find_fonts([font_folder]), count, side, seed)
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise AdotxError(
            "out.unwritable", "{reason}", str(out), "choose another", reason=error.strerror or str(error)
        ) from None
    start = time.perf_counter()
    with Progress() as progress:
        for number, page in enumerate(made):
            page.image.save(out / f"{number:06}.png")
            (out / f"{number:06}.md").write_text(page.markdown, encoding="utf-8")
            progress.show(text("data.pages.made", done=number + 1, count=count))
        rate = count / (time.perf_counter() - start)
        progress.line(text("data.pages.total", count=count, rate=rate, path=out))
    return DONE


def split(corpora: Path) -> int:
    """Print how many documents each corpus has on each side of the split; returns the exit code."""
    from adotx.data.corpora import CORPORA, documents
    from adotx.data.split import split as side_of

    rows = [(text("data.split.head"), "train", "validation")]
    for name in CORPORA:
        sides = Counter(side_of(document.key) for document in documents(corpora, [name]))
        rows.append((name, f"{sides['train']:,}", f"{sides['validation']:,}"))
    for name, train, validation in rows:
        print(f"{name:<12}{train:>12}{validation:>12}")
    return DONE


def rows(folder: Path, out: Path, model: str) -> int:
    """Write the rows of the pages in `folder`, to fine-tune a row reader with; returns the exit code."""
    from adotx.finetune.page_rows import ROWS_FILE, write_rows
    from adotx.model import Model

    with Progress() as progress:
        kept, found = write_rows(
            folder,
            out,
            Model.open(model),
            lambda done, count: progress.show(text("data.pages.made", done=done, count=count)),
        )
        progress.line(text("data.rows.total", kept=kept, found=found, path=out / ROWS_FILE))
    return DONE


def _make(corpora: Path, faces: list[FontFace], count: int, side: str, seed: int) -> Iterator[Page]:
    """Pages one at a time; the sources are opened at once, so that a wrong folder is told at once."""
    from adotx.data.fonts import split_fonts
    from adotx.data.look import FontSet
    from adotx.data.pages import make_page, validation_pages
    from adotx.data.source import TextSource

    if side == "validation":
        return iter(validation_pages(count, seed, corpora, faces))
    source, trained = TextSource.from_corpora(corpora, "train"), FontSet(split_fonts(faces)[0])
    return (make_page(f"train {seed} {number}", source, trained) for number in range(count))
