"""Work that is never lost: a long PDF is transcribed, killed and gone on with; memory and equality are told.

usage: python benchmarks/workspace.py [--pages 500] [--scans 40] [--kills 5] [--seed 1] [--keep DIR]

Makes a PDF of pages with a text layer (paragraphs, tables, a running head, numbers of pages) among which lie
scanned ones. It is read once without a break, with the memory of the process looked at every 50 ms, and once
more with `kill -9` at random places. Prints seconds, the most memory that a process had in use at any time
(`Rss`) and in the first and last quarter of its time, and whether every page is in the manifest once and the
answer is the same.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import random
import signal
import subprocess
import sys
import tempfile
import time
from collections import Counter
from ctypes import cast
from pathlib import Path

import pypdfium2
from PIL import Image
from pypdfium2 import raw

EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "page.png"
ADOTX = [sys.executable, "-m", "adotx"]
WIDTH, HEIGHT = 595, 842
WORDS = [
    "ledger",
    "invoice",
    "branch",
    "quarter",
    "figures",
    "approved",
    "amount",
    "delivery",
    "contract",
    "warehouse",
    "meeting",
]


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--pages", type=int, default=500)
    parser.add_argument("--scans", type=int, default=40)
    parser.add_argument("--kills", type=int, default=5)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="work in this folder and leave it")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as folder:
        at = args.keep or Path(folder)
        at.mkdir(parents=True, exist_ok=True)
        source = at / "mixed.pdf"
        make(source, args.pages, args.scans, random.Random(args.seed))
        print(
            f"{args.pages} pages, {args.scans} of them scans, {source.stat().st_size >> 10} KiB", flush=True
        )
        seconds, used = undisturbed(source, at / "whole")
        quarter = max(1, len(used) // 4)
        print(
            f"without a break: {seconds:.0f} s, {args.pages / seconds:.1f} pages a second; memory at most "
            f"{max(used)} MB, in the first quarter {max(used[:quarter])}, in the last {max(used[-quarter:])}",
            flush=True,
        )
        print(
            disturbed(source, at / "killed", args.kills, args.pages, random.Random(args.seed + 1)), flush=True
        )
        same = (at / "whole" / "mixed.md").read_bytes() == (at / "killed" / "mixed.md").read_bytes()
        counts = Counter(page_lines(at / "killed"))
        once = counts == dict.fromkeys(range(1, args.pages + 1), 1)
        print(f"the answer is {'the same' if same else 'ANOTHER'}; every page once: {once}")
        sys.exit(not (same and once))


def undisturbed(source: Path, out: Path) -> tuple[float, list[int]]:
    """Seconds, and the memory in use all along, in MB."""
    start, used = time.monotonic(), []
    process = subprocess.Popen([*ADOTX, "transcribe", str(source), "--out", str(out)])
    while process.poll() is None:
        used.append(resident(process.pid))
        time.sleep(0.05)
    if process.returncode not in (0, 1):
        raise SystemExit(f"workspace: code {process.returncode}")
    return time.monotonic() - start, [each for each in used if each]


def disturbed(source: Path, out: Path, kills: int, count: int, rng: random.Random) -> str:
    """What happened to a run that is killed at random pages and then let be."""
    told = []
    for place in sorted(rng.sample(range(1, count), kills)):
        process = subprocess.Popen([*ADOTX, "transcribe", str(source), "--out", str(out)])
        while process.poll() is None and len(page_lines(out)) < place:
            time.sleep(0.02)
        process.send_signal(signal.SIGKILL)
        process.wait()
        told.append(str(len(page_lines(out))))
    start, before = time.monotonic(), len(page_lines(out))
    code = subprocess.run([*ADOTX, "transcribe", str(source), "--out", str(out)], check=False).returncode
    seconds = time.monotonic() - start
    return f"killed at pages {', '.join(told)}; the rest ({count - before}) in {seconds:.0f} s, code {code}"


def page_lines(out: Path) -> list[int]:
    """The pages of the manifest's whole lines."""
    try:
        lines = (out / "adotx.jsonl").read_bytes().split(b"\n")[:-1]
    except FileNotFoundError:
        return []
    return [each["page"] for each in map(json.loads, lines) if each["kind"] == "page"]


def resident(pid: int) -> int:
    """Memory of a process in MB; 0 where it has ended."""
    try:
        pages = int(Path(f"/proc/{pid}/statm").read_text().split()[1])
    except (OSError, ValueError, IndexError):
        return 0
    return pages * os.sysconf("SC_PAGE_SIZE") >> 20


def make(path: Path, count: int, scans: int, rng: random.Random) -> None:
    """A PDF of `count` pages, `scans` of which are pictures."""
    pdf = pypdfium2.PdfDocument.new()
    font = raw.FPDFText_LoadStandardFont(pdf, b"Helvetica")
    pictures = set(rng.sample(range(count), scans))
    for number in range(count):
        page = pdf.new_page(WIDTH, HEIGHT)
        if number in pictures:
            scan(pdf, page, rng)
        else:
            written(pdf, page, font, number + 1, rng)
        page.gen_content()
        page.close()
    pdf.save(path)


def scan(pdf: pypdfium2.PdfDocument, page: pypdfium2.PdfPage, rng: random.Random) -> None:
    """The upper part of the example page, as high as chance has it."""
    with Image.open(EXAMPLE) as example:
        height = rng.randint(250, 700)
        top = example.convert("RGB").crop((0, 0, example.width, height))
    file = io.BytesIO()
    top.save(file, "JPEG", quality=85)
    picture = pypdfium2.PdfImage.new(pdf)
    picture.load_jpeg(file, inline=True)
    tall = WIDTH * top.height / top.width
    picture.set_matrix(pypdfium2.PdfMatrix().scale(WIDTH, tall).translate(0, HEIGHT - tall))
    page.insert_obj(picture)


def written(
    pdf: pypdfium2.PdfDocument, page: pypdfium2.PdfPage, font: object, number: int, rng: random.Random
) -> None:
    """A running head, paragraphs, a table in columns, the number of the page."""

    def put(text: str, x: float, y: float, size: float = 10) -> None:
        line = raw.FPDFPageObj_CreateTextObj(pdf, font, size)
        held = (text + "\0").encode("utf-16-le")  # PDFium reads it while the call lasts
        raw.FPDFText_SetText(line, cast(held, raw.FPDF_WIDESTRING))
        raw.FPDFPageObj_Transform(line, 1, 0, 0, 1, x, y)
        raw.FPDFPage_InsertObject(page, line)

    put("Annual report of the branch offices", 60, 800)
    put(f"- {number} -", 285, 40)
    y = 760.0
    for _ in range(rng.randint(2, 4)):
        for _ in range(rng.randint(3, 6)):
            put(" ".join(rng.choices(WORDS, k=9)), 60, y)
            y -= 14
        y -= 14
    for row in range(rng.randint(3, 8)):
        for column in range(4):
            text = rng.choice(WORDS) if column == 0 else f"{rng.randint(1, 99999):,}"
            put(text if row else f"head {column}", 60 + 120 * column, y)
        y -= 18


if __name__ == "__main__":
    main()
