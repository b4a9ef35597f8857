"""Pages a minute and seconds a page of one document, by this checkout, by another one, and by Tesseract.

    usage: python benchmarks/transcribe.py DOCUMENT [--baseline SRC] [--peer "kor 4"] [--pages 20]
           [--rounds 5] [--model nano] [--weights int8] [--window N ...] [--json FILE]
           python benchmarks/transcribe.py receipt --font FILE [--items 209] ...

DOCUMENT is a PDF, a picture, or a folder of pictures (say `exam/prose`), of which a PDF is made; `receipt`
makes one that is 480 pixels wide and has 3 rows for each item and 2 more. SRC is the `src` folder of the
other checkout; its kernels must be built. Every round starts one process for each setting, in turns and in
changing order; a process loads the model, reads the first page to warm up, then reads the whole document.
Prints the median of pages a minute, CPU seconds a page, whether both said the same, and the ratio of each
round: the machine may change its speed between rounds, within one it does so less. Tesseract reads the same
pages in the same rounds, in the setting named (language, page mode) with one thread, start and loading
included.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import statistics
import subprocess
import sys
import tempfile
import time
from pathlib import Path
from typing import Any

HERE = Path(__file__).resolve()
DPI = 200


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("document", type=Path)
    parser.add_argument("--font", type=Path, help="of the receipt")
    parser.add_argument("--items", type=int, default=209, help="of the receipt; as in the field's long one")
    parser.add_argument("--peer", metavar="SETTING", help='Tesseract beside, in this setting ("kor 4")')
    parser.add_argument("--baseline", type=Path, metavar="SRC")
    parser.add_argument("--pages", type=int, default=20, help="of a folder, how many pictures")
    parser.add_argument("--rounds", type=int, default=5)
    parser.add_argument("--model", default="nano")
    parser.add_argument("--weights", default="int8")
    parser.add_argument("--window", type=int, nargs="+", default=[], help="pages at once; several: each")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--once", action="store_true", help=argparse.SUPPRESS)
    args = parser.parse_args()
    if args.once:
        print(json.dumps(read(args.document, args.model, args.weights, args.window)))
        return
    with tempfile.TemporaryDirectory() as folder:
        document = args.document
        if str(document) == "receipt":
            document = make_receipt(args.font, args.items, Path(folder) / "receipt.png")
        elif document.is_dir():
            document = make_pdf(document, args.pages, Path(folder) / "pages.pdf")
        compare(args, document)


def make_pdf(folder: Path, count: int, target: Path) -> Path:
    """The first pictures of a folder as a PDF that is rendered at their own size again."""
    from PIL import Image

    files = sorted(path for path in folder.iterdir() if path.suffix.lower() in (".png", ".jpg", ".jpeg"))
    pictures = [Image.open(path).convert("RGB") for path in files[:count]]
    pictures[0].save(target, save_all=True, append_images=pictures[1:], resolution=DPI, quality=95)
    return target


def make_receipt(font: Path | None, items: int, target: Path) -> Path:
    """A receipt as long as it must be: a number and a name, how many, and the price, on each line."""
    import random

    from PIL import Image, ImageDraw, ImageFont

    if font is None:
        raise SystemExit("transcribe: a receipt needs --font FILE")
    rng, face, high = random.Random(1), ImageFont.truetype(str(font), 24), 44
    image = Image.new("RGB", (480, (items + 5) * high), "white")
    pen = ImageDraw.Draw(image)
    pen.text((240, high), "한마음마트", font=ImageFont.truetype(str(font), 36), fill="black", anchor="mm")
    total = 0
    for number in range(1, items + 1):
        count, price = rng.randint(1, 9), rng.randint(2, 99) * 100
        total += count * price
        middle = (number + 2) * high
        name = rng.choice(("두부", "콩나물", "대파", "우유", "달걀", "고등어", "참기름", "고추장"))
        pen.text((20, middle), f"{number:03} {name}", font=face, fill="black", anchor="lm")
        pen.text((300, middle), str(count), font=face, fill="black", anchor="rm")
        pen.text((460, middle), f"{count * price:,}", font=face, fill="black", anchor="rm")
    pen.text((460, (items + 3) * high), f"합계 {total:,}", font=face, fill="black", anchor="rm")
    image.save(target)
    return target


def compare(args: argparse.Namespace, document: Path) -> None:
    """Run all settings in turns and print what came out."""
    ours = str(HERE.parent.parent / "src")
    settings = [("ours" + (f", window {n}" if n else ""), ours, n) for n in args.window or [0]]
    if args.baseline:
        settings.insert(0, ("baseline", str(args.baseline.resolve()), 0))
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name, _, _ in settings}
    peer: list[float] = []
    for number in range(args.rounds):
        for name, source, window in settings if number % 2 == 0 else settings[::-1]:
            runs[name].append(start(source, document, args, window))
            rate = runs[name][-1]["pages_a_minute"]
            print(f"round {number + 1}, {name}: {rate:.1f} pages a minute", file=sys.stderr, flush=True)
        if args.peer:
            peer.append(peer_seconds(document, args.peer))
            print(f"round {number + 1}, tesseract {args.peer}: {peer[-1]:.2f} s a page", file=sys.stderr)
    first = settings[0][0]
    print("| setting | pages a minute | s a page | CPU s a page | same text | ratio: median (rounds) |")
    print("|---|---:|---:|---:|---|---|")
    for name, results in runs.items():
        pairs = zip(results, runs[first], strict=True)
        ratios = [a["pages_a_minute"] / b["pages_a_minute"] for a, b in pairs]
        rate, cpu = (statistics.median(r[key] for r in results) for key in ("pages_a_minute", "cpu"))
        same = all(r["text"] == runs[first][0]["text"] for r in results)
        each = ", ".join(f"{ratio:.2f}" for ratio in ratios)
        figures = f"{rate:.1f} | {60 / rate:.2f} | {cpu:.2f} | {'yes' if same else 'NO'}"
        print(f"| {name} | {figures} | {statistics.median(ratios):.2f} ({each}) |")
    if peer:
        seconds = statistics.median(peer)
        ratios = [60 / other / run["pages_a_minute"] for other, run in zip(peer, runs[first], strict=True)]
        each = ", ".join(f"{ratio:.2f}" for ratio in ratios)
        print(
            f"| tesseract {args.peer} | {60 / seconds:.1f} | {seconds:.2f} | - | - "
            f"| {statistics.median(ratios):.2f} ({each}) |"
        )
    if args.json:
        args.json.write_text(json.dumps(runs, indent=1), encoding="utf-8")


def peer_seconds(document: Path, setting: str) -> float:
    """Seconds a page that Tesseract takes."""
    from adotx.evaluate.peers import find_tesseract, tesseract
    from adotx.evaluate.transcription import Sample

    answer = tesseract(find_tesseract(), setting)(Sample(document.stem, "", "", document))
    assert answer.seconds is not None
    return answer.seconds / len(answer.statuses)


def start(source: str, document: Path, args: argparse.Namespace, window: int) -> dict[str, Any]:
    """One process that reads the document once with the code in `source`."""
    command = [sys.executable, str(HERE), str(document), "--once"]
    command += ["--model", args.model, "--weights", args.weights]
    command += ["--window", str(window)] if window else []
    environment = {**os.environ, "PYTHONPATH": source}
    done = subprocess.run(command, env=environment, stdout=subprocess.PIPE, encoding="utf-8", check=True)
    return json.loads(done.stdout.splitlines()[-1])


def read(document: Path, model: str, weights: str, window: list[int]) -> dict[str, Any]:
    """Read a document after its first page; runs with this checkout's code and with older ones."""
    from adotx.documents.transcribe import Transcriber

    try:
        from adotx.model import Model
    except ImportError:  # before there was a front door
        from adotx.checkpoint import open_checkpoint
        from adotx.engine import Engine

        checkpoint = open_checkpoint(model)
        old: Any = Transcriber
        transcriber = old(checkpoint, Engine.load(checkpoint, weights))
    else:
        settings = {"window": window[0]} if window else {}
        transcriber = Transcriber(Model.open(model, weights), **settings)
    pages = transcriber.pages(document)
    next(pages)
    pages.close()  # type: ignore[attr-defined]
    started, cpu = time.perf_counter(), time.process_time()
    results = list(transcriber.pages(document))
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    text = "\f".join(result.markdown for result in results)
    return {
        "pages_a_minute": 60 * len(results) / seconds,
        "cpu": cpu / len(results),
        "text": hashlib.sha256(text.encode()).hexdigest(),
    }


if __name__ == "__main__":
    main()
