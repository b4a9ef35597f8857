"""Does every figure stand in its own cell? Made pages of tables full of figures, read and counted.

usage: python benchmarks/table_figures.py FONTS... [--tables 500] [--seed 1] [--model nano]
           [--keep DIR] [--json FILE]

FONTS are folders with families that training never sees (`VALIDATION_FAMILIES`, `EXAM_FAMILIES`; others are
passed over). A page holds five tables with 3 to 8 columns and 3 to 9 rows of figures, ruled all around,
between rows or not at all, in type of 9 to 12 points at 150 to 200 dpi, every figure of a page but once.
Counted over the figures of the truth:

    right        the cell at its row and column holds it
    neighbour's  the cell holds exactly another cell's figure, left, right, above, below or farther
    lost         the table was not found: none of those said has a third of its figures
    digits       wrong digits of a page by `adotx.evaluate.digits`, whatever cell they stand in
"""

from __future__ import annotations

import argparse
import json
import random
import sys
from collections import Counter
from dataclasses import asdict, dataclass, field
from pathlib import Path

from PIL import Image, ImageDraw, ImageFont

from adotx.data.fonts import FontFace, find_fonts, load
from adotx.documents.transcribe import Transcriber
from adotx.evaluate.digits import Digits, count_digits
from adotx.markdown import Table, parse_markdown, to_markdown
from adotx.model import Model

EACH = 5
Rows = list[list[str]]
_HEADS = ("구분", "1월", "2월", "3월", "4월", "5월", "6월", "7월", "합계")
_LABELS = ("총무과", "재무과", "민원실", "정보과", "복지과", "환경과", "교통과", "건설과", "문화과", "보건소")


@dataclass
class Count:
    """What became of the figures of some tables."""

    tables: int = 0
    lost: int = 0
    figures: int = 0
    right: int = 0
    neighbours: int = 0
    digits: Digits = field(default_factory=Digits)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("fonts", type=Path, nargs="+")
    parser.add_argument("--tables", type=int, default=500)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--model", default="nano")
    parser.add_argument("--weights", default="int8")
    parser.add_argument("--keep", type=Path, help="write pages and answers there")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    faces = [face for face in find_fonts(args.fonts) if face.held_out or face.for_exam]
    faces = [face for face in faces if 400 <= face.weight <= 700 and not face.handwriting]
    if not faces:
        raise SystemExit("table_figures: no family that is kept from training in these folders")
    reader = Transcriber(Model.open(args.model, args.weights))
    counts: dict[str, Count] = {}
    for number in range(-(-args.tables // EACH)):
        rng = random.Random(f"{args.seed}/{number}")
        rules = ("all", "rows", "none")[number % 3]
        used: set[str] = set()
        tables = [make_table(rng, used) for _ in range(EACH)]
        image = draw(tables, rules, rng.choice(faces), rng)
        said = reader.page(image).markdown
        if args.keep:
            args.keep.mkdir(parents=True, exist_ok=True)
            image.save(args.keep / f"{number:03}.png")
            (args.keep / f"{number:03}.md").write_text(said, encoding="utf-8")
        count(tables, said, counts.setdefault(rules, Count()))
        print(f"page {number} {rules}: {line(counts[rules])}", file=sys.stderr, flush=True)
    print("| rules | tables | lost | figures | right | neighbour's | wrong digits | unmarked |")
    print("|---|---:|---:|---:|---:|---:|---:|---:|")
    for rules, found in {**counts, "all kinds": total(counts)}.items():
        print(f"| {rules} | {line(found)} |")
    if args.json:
        report = {rules: asdict(found) for rules, found in counts.items()}
        args.json.write_text(json.dumps(report, indent=1), encoding="utf-8")


def make_table(rng: random.Random, used: set[str]) -> Rows:
    """A head, labels and figures, none of which is in `used`."""
    columns, rows = rng.randint(3, 8), rng.randint(3, 9)
    longest = rng.choice((3, 4, 5, 6))
    table: Rows = [[_HEADS[0], *rng.sample(_HEADS[1:], columns)]]
    for label in rng.sample(_LABELS, rows):
        row = [label]
        while len(row) <= columns:
            figure = f"{rng.randrange(1, 10 ** rng.randint(2, longest)):,}"
            if figure not in used:
                used.add(figure)
                row.append(figure)
        table.append(row)
    return table


def draw(tables: list[Rows], rules: str, face: FontFace, rng: random.Random) -> Image.Image:
    """The tables below each other on a white page."""
    dpi = rng.choice((150, 170, 200))
    em = round(rng.uniform(9, 12) * dpi / 72)
    font = load(face, em)
    pad, high = round(em * rng.uniform(0.5, 1.0)), round(em * rng.uniform(1.5, 2.0))
    widths = [column_widths(table, font, pad) for table in tables]
    margin = 3 * em
    width = max(map(sum, widths)) + 2 * margin
    height = sum((len(table) + 3) * high for table in tables) + 2 * margin
    image = Image.new("RGB", (max(width, 30 * em), height), "white")
    pen = ImageDraw.Draw(image)
    top = margin
    for number, (table, columns) in enumerate(zip(tables, widths, strict=True), 1):
        pen.text((margin, top), f"표 {number}. 부서별 월간 처리 건수", font=font, fill="black")
        top += round(1.6 * high)
        draw_table(pen, table, columns, (margin, top, high, pad), rules, font)
        top += round((len(table) + 1.4) * high)
    return image


def column_widths(table: Rows, font: ImageFont.FreeTypeFont, pad: int) -> list[int]:
    """Of each column, as its longest text asks."""
    return [round(max(map(font.getlength, column))) + 2 * pad for column in zip(*table, strict=True)]


def draw_table(
    pen: ImageDraw.ImageDraw,
    table: Rows,
    widths: list[int],
    place: tuple[int, int, int, int],
    rules: str,
    font: ImageFont.FreeTypeFont,
) -> None:
    """One table: labels to the left, figures to the right. `place`: left, top, a row's height, padding."""
    left, top, high, pad = place
    for row, texts in enumerate(table):
        x = left
        for column, (text, width) in enumerate(zip(texts, widths, strict=True)):
            at = x + width - pad if column else x + pad
            middle = top + row * high + high // 2
            pen.text((at, middle), text, font=font, fill="black", anchor="rm" if column else "lm")
            x += width
    right, bottom = left + sum(widths), top + len(table) * high
    if rules != "none":
        for row in range(len(table) + 1):
            pen.line((left, top + row * high, right, top + row * high), fill="black", width=2)
    if rules == "all":
        x = left
        for width in [0, *widths]:
            x += width
            pen.line((x, top, x, bottom), fill="black", width=2)


def count(tables: list[Rows], markdown: str, into: Count) -> None:
    """Add what became of a page's figures."""
    said = [cells(block) for block in parse_markdown(markdown) if isinstance(block, Table)]
    truth = to_markdown([Table.of(table) for table in tables])
    into.digits += count_digits(markdown, truth)
    for table in tables:
        figures = {(r, c): text for r, row in enumerate(table) for c, text in enumerate(row) if r and c}
        others = set(figures.values())
        into.tables += 1
        into.figures += len(figures)
        best = max(said, key=lambda found: len(others & set(found.values())), default={})
        if len(others & set(best.values())) * 3 < len(others):
            into.lost += 1
            continue
        into.right += sum(best.get(place) == text for place, text in figures.items())
        into.neighbours += sum(
            best.get(place) != text and best.get(place) in others for place, text in figures.items()
        )


def cells(table: Table) -> dict[tuple[int, int], str]:
    """What a table's cells say without white space, by row and column."""
    return {(row, column): "".join(cell.text.split()) for row, column, cell in table.placed()}


def total(counts: dict[str, Count]) -> Count:
    """All of them together."""
    sums: Counter[str] = Counter()
    for found in counts.values():
        sums.update({key: value for key, value in vars(found).items() if key != "digits"})
    return Count(**sums, digits=sum((found.digits for found in counts.values()), Digits()))


def line(found: Count) -> str:
    """The figures of a row."""
    wrong = f"{found.digits.wrong} of {found.digits.true} | {found.digits.silent}"
    return f"{found.tables} | {found.lost} | {found.figures} | {found.right} | {found.neighbours} | {wrong}"


if __name__ == "__main__":
    main()
