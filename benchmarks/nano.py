"""Reading quality of a checkpoint on validation pages: texts and font families that no stage has seen.

usage: python benchmarks/nano.py CORPORA FONTS... [--model nano] [--pages 216] [--weights bf16] [--json FILE]

Prints the character error rate (CER) by kind of page and for plain prose with glyphs of 20 px or more, and
seconds a page. What the layout alone loses on such pages is printed by `benchmarks/layout.py`.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections import defaultdict
from pathlib import Path

from adotx.checkpoint import open_checkpoint
from adotx.data.fonts import find_fonts
from adotx.data.pages import validation_pages
from adotx.documents.transcribe import Transcriber
from adotx.engine import Engine
from adotx.evaluate.cer import cer


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpora", type=Path)
    parser.add_argument("fonts", type=Path, nargs="+")
    parser.add_argument("--model", default="nano")
    parser.add_argument("--pages", type=int, default=216)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--weights", default="bf16")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    checkpoint = open_checkpoint(args.model)
    transcriber = Transcriber(checkpoint, Engine.load(checkpoint, weights=args.weights))
    errors: dict[str, list[float]] = defaultdict(list)
    seconds: list[float] = []
    rows = []
    for number, page in enumerate(
        validation_pages(args.pages, args.seed, args.corpora, find_fonts(args.fonts))
    ):
        started = time.perf_counter()
        result = transcriber.page(page.image)
        seconds.append(time.perf_counter() - started)
        error = cer(result.markdown, page.markdown)
        smallest = min((line.size for line in page.lines), default=0)
        kinds = [page.kind, "all"]
        if page.kind == "prose" and page.meta["size"] >= 20:
            kinds.append("prose, glyphs of 20 px or more")
        for kind in kinds:
            errors[kind].append(error)
        rows.append(
            {
                "page": number,
                "kind": page.kind,
                "cer": round(error, 4),
                "size": page.meta["size"],
                "smallest": smallest,
            }
        )
        rows[-1] |= {
            "strength": page.meta["strength"],
            "seconds": round(seconds[-1], 2),
            "status": result.status,
        }
        print(rows[-1], file=sys.stderr, flush=True)
    print("| kind | pages | mean CER | median CER |\n|---|---:|---:|---:|")
    for kind, values in sorted(errors.items()):
        print(f"| {kind} | {len(values)} | {statistics.mean(values):.3f} | {statistics.median(values):.3f} |")
    print(f"\nseconds a page: median {statistics.median(seconds):.2f}, longest {max(seconds):.2f}")
    if args.json:
        args.json.write_text(json.dumps(rows, ensure_ascii=False, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
