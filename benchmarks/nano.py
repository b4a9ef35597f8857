"""Reading quality of a checkpoint on validation pages: texts and font families that no stage has seen.

    usage: python benchmarks/nano.py CORPORA FONTS... [--model nano] [--pages 216]
           [--weights bf16 int8 int4 int8+u8] [--json FILE]

Every page is read once in each setting: a weight format and, after a plus sign, a cache format. Prints the
character error rate (CER) by kind of page and for plain prose with glyphs of 20 px or more, how it differs
from the first setting's, and seconds a page. What the layout alone loses on such pages is printed by
`benchmarks/layout.py`.
"""

from __future__ import annotations

import argparse
import json
import statistics
import sys
import time
from collections import defaultdict
from pathlib import Path

from adotx.data.fonts import find_fonts
from adotx.data.pages import validation_pages
from adotx.documents.transcribe import Transcriber
from adotx.evaluate.cer import cer
from adotx.model import Model


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("corpora", type=Path)
    parser.add_argument("fonts", type=Path, nargs="+")
    parser.add_argument("--model", default="nano")
    parser.add_argument("--pages", type=int, default=216)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--weights", nargs="+", default=["bf16"], metavar="FORMAT[+CACHE]")
    parser.add_argument("--json", type=Path)
    args = parser.parse_args()
    readers = {}
    for setting in args.weights:
        weights, _, cache = setting.partition("+")
        readers[setting] = Transcriber(Model.open(args.model, weights, kv_cache=cache or None))
    errors: dict[str, dict[str, list[float]]] = {setting: defaultdict(list) for setting in readers}
    seconds: dict[str, list[float]] = defaultdict(list)
    rows = []
    pages = validation_pages(args.pages, args.seed, args.corpora, find_fonts(args.fonts))
    for number, page in enumerate(pages):
        kinds = [page.kind, "all"]
        if page.kind == "prose" and page.meta["size"] >= 20:
            kinds.append("prose, glyphs of 20 px or more")
        for setting, reader in readers.items():
            started = time.perf_counter()
            result = reader.page(page.image)
            seconds[setting].append(time.perf_counter() - started)
            error = cer(result.markdown, page.markdown)
            for kind in kinds:
                errors[setting][kind].append(error)
            row = {"page": number, "kind": page.kind, "weights": setting, "cer": round(error, 4)}
            row |= {"size": page.meta["size"], "strength": page.meta["strength"]}
            row |= {"smallest": min((line.size for line in page.lines), default=0)}
            rows.append(row | {"seconds": round(seconds[setting][-1], 2), "status": result.status})
            print(rows[-1], file=sys.stderr, flush=True)
    first = args.weights[0]
    for setting, by_kind in errors.items():
        print(f"\n{setting}\n\n| kind | pages | mean CER | median | worst | against {first} |")
        print("|---|---:|---:|---:|---:|---:|")
        for kind, values in sorted(by_kind.items()):
            mean = statistics.mean(values)
            difference = mean - statistics.mean(errors[first][kind])
            figures = f"{mean:.4f} | {statistics.median(values):.4f} | {max(values):.2f} | {difference:+.4f}"
            print(f"| {kind} | {len(values)} | {figures} |")
        times = seconds[setting]
        print(f"\nseconds a page: median {statistics.median(times):.2f}, longest {max(times):.2f}")
    if args.json:
        args.json.write_text(json.dumps(rows, ensure_ascii=False, indent=1), encoding="utf-8")


if __name__ == "__main__":
    main()
