"""Make the exam: pages that are never trained on, laid out by others' programs, with their exact truth.

usage: python benchmarks/exam/make.py OUT --evalsets DIR --textures DIR --fonts DIR [DIR ...]
           [--pages 180] [--seed 1] [--kinds KIND ...] [--jobs 2]

Writes OUT/KIND/NNN.png, NNN.md (truth) and NNN.json (kind, damage, engine, family). Needs chromium, and for
half of the letters, minutes and contracts LibreOffice (the browser lays them out where it is not installed,
and the facts say so); neither is installed by this command. docs/exam.md says where everything comes from.
"""

from __future__ import annotations

import argparse
import json
import random
import sys
import tempfile
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from content import Page, characters, markdown
from damage import FAX_DPI, FAX_LINES, faxed, find_textures, jpeg, on_paper, photographed, worn
from engines import (
    TooLong,
    cropped,
    differences,
    find_browser,
    find_office,
    office_printed,
    printed,
    shown,
)
from faces import HAND, SIGNS, TEXT, Face, behind, find_faces
from markup import PAPER, SHEETS, page_html
from office import page_fodt
from pages import KINDS, make
from PIL import Image
from sources import Sentences

OFFICE_KINDS = ("letter", "minutes", "contract")


@dataclass(frozen=True)
class Tools:
    """What pages are made of and with."""

    public: Sentences
    faces: dict[str, Face]
    paper: list[Path]
    tables: list[Path]
    browser: str
    office: str | None


def main(words: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--evalsets", type=Path, required=True, help="folder with kowiki.jsonl")
    parser.add_argument("--textures", type=Path, required=True, help="folder with paper/ and background/")
    parser.add_argument("--fonts", type=Path, nargs="+", required=True, help="with the exam's families")
    parser.add_argument("--pages", type=int, default=180, help="pages in all, the same number of each kind")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--kinds", nargs="+", choices=list(KINDS), default=list(KINDS), metavar="KIND")
    parser.add_argument("--jobs", type=int, default=2, help="pages that are made at the same time")
    arguments = parser.parse_args(words)
    browser, office = find_browser(), find_office()
    if office is None:
        print("exam: no LibreOffice: its pages are laid out by the browser", file=sys.stderr)
    paper, tables = find_textures(arguments.textures)
    public, faces = Sentences.read(arguments.evalsets), find_faces(arguments.fonts)
    tools = Tools(public, faces, paper, tables, browser, office)
    each = -(-arguments.pages // len(arguments.kinds))
    todo = [(kind, number) for number in range(each) for kind in arguments.kinds][: arguments.pages]
    with ThreadPoolExecutor(arguments.jobs) as pool:
        for start in range(0, len(todo), 4 * arguments.jobs):
            part = todo[start : start + 4 * arguments.jobs]
            # Layout runs in the engines' processes; damage, which uses global generators, in this one.
            laid_out = pool.map(lambda job: lay_out(*job, arguments.seed, tools), part)
            for (kind, number), (image, page, facts, rng) in zip(part, laid_out, strict=True):
                picture, facts["damage"] = damaged(image, page, rng, tools)
                write(arguments.out / kind, number, picture, page, facts)


def write(folder: Path, number: int, picture: np.ndarray, page: Page, facts: dict[str, str]) -> None:
    """The picture, the truth and the facts of a page, as `adotx evaluate transcription` reads them."""
    folder.mkdir(parents=True, exist_ok=True)
    stem = folder / f"{number:03}"
    # Only a fax says its resolution, since its dots are not square.
    dpi = {"dpi": (FAX_DPI, int(page.facts["lines"]))} if "lines" in page.facts else {}
    Image.fromarray(picture).save(stem.with_suffix(".png"), **dpi)
    stem.with_suffix(".md").write_text(markdown(page.blocks), encoding="utf-8")
    facts = {"kind": page.kind, **facts, **page.facts}
    stem.with_suffix(".json").write_text(json.dumps(facts, ensure_ascii=False), encoding="utf-8")
    print(f"{page.kind}/{number:03} {facts['engine']} {facts['family']} {facts['damage']}", flush=True)


def lay_out(
    kind: str, number: int, seed: int, tools: Tools
) -> tuple[Image.Image, Page, dict[str, str], random.Random]:
    """One page: its picture, content, facts, and the generator that goes on to damage it."""
    for attempt in range(40):
        page, rng = make(kind, number + 1000 * attempt, seed, tools.public)
        # Families take turns, so that each kind sees all of them.
        names = HAND if page.hand else SIGNS if kind == "hanja" else TEXT
        family = tools.faces[names[(number + list(KINDS).index(kind)) % len(names)]]
        faces = [family, *behind(family, tools.faces)]
        if characters(page.blocks) - frozenset().union(*(face.characters for face in faces)):
            continue  # a character that nobody can draw
        content = page.facts.get("content", kind)
        by_office = tools.office is not None and content in OFFICE_KINDS and number % 2 == 1
        with tempfile.TemporaryDirectory() as folder:
            try:
                image, said = _drawn(page, kind, faces, by_office, rng, Path(folder), tools)
            except TooLong:
                continue
        if said is not None and (wrong := differences(page.blocks, said)):
            print(f"{kind}/{number:03} passed over: truth and page differ in {dict(wrong)}", file=sys.stderr)
            continue
        engine = "libreoffice" if by_office else "chromium"
        return image, page, {"engine": engine, "family": family.family}, rng
    raise SystemExit(f"exam: no page of kind {kind} could be made")


def _drawn(
    page: Page,
    kind: str,
    faces: list[Face],
    by_office: bool,
    rng: random.Random,
    folder: Path,
    tools: Tools,
) -> tuple[Image.Image, str | None]:
    dpi = rng.choice((200, 220)) if kind == "small" else rng.choice((150, 150, 170, 200))
    dpi = FAX_DPI if kind == "fax" else dpi
    if by_office:
        assert tools.office is not None
        document = page_fodt(page, [face.family for face in faces], rng)
        return office_printed(tools.office, document, faces, folder, dpi)
    markup = page_html(page, faces, rng)
    sheet = SHEETS.get(kind, PAPER)
    if sheet.screen:
        scale = rng.choice((1.5, 2, 2.5)) if kind == "screen" else rng.choice((0.8, 1, 1.3))
        image = shown(tools.browser, markup, folder, (sheet.width, sheet.height), scale)
        return cropped(image, 40, sides=kind == "sign"), None
    image, said = printed(tools.browser, markup, folder, dpi)
    return (cropped(image, 50) if kind == "receipt" else image), said


def damaged(image: Image.Image, page: Page, rng: random.Random, tools: Tools) -> tuple[np.ndarray, str]:
    """The picture of the exam and the name of what has happened to it."""
    picture = np.asarray(image)
    if page.kind == "photo":
        sheet = on_paper(picture, rng.choice(tools.paper), rng)
        return photographed(sheet, rng.choice(tools.tables), rng), "photographed"
    if page.kind == "fax":
        lines = rng.choice(FAX_LINES)
        page.facts["lines"] = str(lines)
        return faxed(picture, FAX_DPI, lines, rng), "fax"
    if page.kind == "screen":
        return (picture, "none") if rng.random() < 0.5 else (jpeg(picture, rng.randint(45, 80)), "jpeg")
    if page.kind == "sign" and rng.random() < 0.5:
        return photographed(picture, rng.choice(tools.tables), rng), "photographed"
    if page.kind not in ("sign", "small") and rng.random() < 0.15:
        return on_paper(picture, rng.choice(tools.paper), rng), "paper"
    if page.kind in ("small", "sign"):
        strength = rng.choice(("none", "mild", "mild"))
    else:
        strength = rng.choices(("none", "mild", "medium", "strong"), (20, 35, 30, 15))[0]
    return worn(picture, strength, rng), strength


if __name__ == "__main__":
    main()
