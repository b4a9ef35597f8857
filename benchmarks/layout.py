"""What layout alone loses: made pages, laid out, read by an oracle that knows the truth, put together again.

usage: python benchmarks/layout.py FONTS... --corpora FOLDER [--pages N] [--seed S] [--show CER] [--json]

Prints the character error rate by kind of page and by strength of damage. `cer` leaves the inline marks of
bold and code out of both texts (layout does not see them); `marked` is against the Markdown as it is. Pages
are those of `adotx.data.pages.validation_pages`: held-out texts in held-out fonts.
"""

from __future__ import annotations

import argparse
import json
import re
import time
from collections import defaultdict

from adotx.data.fonts import find_fonts
from adotx.data.pages import validation_pages
from adotx.documents.assembly import assemble, place
from adotx.documents.layout.pack import pack
from adotx.documents.layout.page import lay_out
from adotx.evaluate.alignment import align_rows
from adotx.evaluate.cer import cer, edit_distance, normalise_text
from adotx.markdown import to_markdown

_INLINE = re.compile(r"\*\*|(?<!`)`(?!`)")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("fonts", nargs="+", help="folders with Hangul fonts")
    parser.add_argument("--corpora", required=True, help="folder with the *.jsonl.zst files")
    parser.add_argument("--pages", type=int, default=54, help="how many pages, kinds in turn")
    parser.add_argument("--seed", type=int, default=0)
    parser.add_argument("--show", type=float, default=1.0, help="name pages with a CER above this")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    pages = validation_pages(arguments.pages, arguments.seed, arguments.corpora, find_fonts(arguments.fonts))
    groups: dict[str, list[tuple[int, int, float, float, int]]] = defaultdict(list)
    for number in range(len(pages)):
        page = pages[number]
        start = time.process_time()
        layout = lay_out(page.image)
        packed = pack(layout)
        seconds = time.process_time() - start
        texts = packed.texts([row.text for row in align_rows(layout, packed, page)])
        markdown = to_markdown(assemble(place(layout, texts)))
        truth = normalise_text(_INLINE.sub("", page.markdown))
        edits = edit_distance(normalise_text(_INLINE.sub("", markdown)), truth)
        marked = cer(markdown, page.markdown)
        row = (edits, len(truth), marked * len(truth), seconds, len(packed.pieces))
        groups[page.kind].append(row)
        groups[f"({page.meta['strength']})"].append(row)
        groups["all"].append(row)
        if edits > arguments.show * len(truth):
            print(f"page {number} {page.kind} {page.meta['strength']}: {edits / len(truth):.3f}")
    report = {}
    for name, rows in groups.items():
        edits, length, marked, seconds, pieces = (sum(column) for column in zip(*rows, strict=True))
        shares = sorted(row[0] / max(row[1], 1) for row in rows)
        report[name] = {
            "pages": len(rows),
            "cer": edits / length,
            "median": shares[len(shares) // 2],
            "marked": marked / length,
            "seconds": seconds / len(rows),
            "rows": pieces / len(rows),
        }
    if arguments.json:
        print(json.dumps(report))
        return
    print(f"{'kind':<12}{'pages':>6}{'cer':>9}{'median':>9}{'marked':>9}{'CPU s':>8}{'rows':>7}")
    for name, row in sorted(report.items(), key=lambda entry: (entry[0] == "all", entry[0])):
        print(
            f"{name:<12}{row['pages']:>6}{row['cer']:>9.4f}{row['median']:>9.4f}{row['marked']:>9.4f}"
            f"{row['seconds']:>8.2f}{row['rows']:>7.0f}"
        )


if __name__ == "__main__":
    main()
