"""A folder as offices hand it over: documents of all kinds, and among them what breaks programs.

    usage: python benchmarks/mixed_folder.py [--files 200] [--seed 1] [--keep DIR]

Makes the folder (`make`), has `adotx transcribe DIR --recursive --out` read it with nano; prints how many
were done, refused and skipped, seconds, and each file that came out otherwise than it should. Kinds come in
turns; each bad one is another kind of poison: cut, empty, encrypted, another format than its name, bombs,
pictures of one pixel and of 60,000, links in a circle, pipes, odd names.
"""

from __future__ import annotations

import argparse
import io
import json
import os
import random
import socket
import subprocess
import sys
import tempfile
import time
import zipfile
import zlib
from collections.abc import Callable, Iterator
from itertools import count, islice
from pathlib import Path
from typing import Literal

from PIL import Image, ImageDraw, ImageFont
from workspace import WORDS

#: what becomes of a file: its answer is written, it is refused with a reason, it is named as not read, or it
#: needs a package that not everybody has (then it is refused with the package's name)
Fate = Literal["done", "refused", "skipped", "either"]
_DOCX = (
    '<w:document xmlns:w="http://schemas.openxmlformats.org/wordprocessingml/2006/main">'
    "<w:body><w:p><w:r><w:t>{}</w:t></w:r></w:p></w:body></w:document>"
)
_HWPX = (
    '<hs:sec xmlns:hp="http://www.hancom.co.kr/hwpml/2011/paragraph" '
    'xmlns:hs="http://www.hancom.co.kr/hwpml/2011/section">'
    '<hp:p paraPrIDRef="0" styleIDRef="0"><hp:run charPrIDRef="0"><hp:t>{}</hp:t></hp:run></hp:p></hs:sec>'
)


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--files", type=int, default=200)
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="work in this folder and leave it")
    args = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        at = args.keep or Path(scratch)
        fates = make(at / "in", args.files, random.Random(args.seed))
        start = time.monotonic()
        command = [sys.executable, "-m", "adotx", "transcribe", str(at / "in"), "--recursive"]
        environment = {**os.environ, "ADOTX_LANG": "en"}
        done = subprocess.run(
            [*command, "--out", str(at / "out")], stderr=subprocess.PIPE, env=environment, check=False
        )
        told = done.stderr.decode("utf-8", "replace")
        (at / "told.txt").write_text(told, encoding="utf-8")
        wrong = faults(at / "in", at / "out", fates, done.returncode, told)
        counts = {fate: list(fates.values()).count(fate) for fate in ("done", "refused", "skipped", "either")}
        print(f"{len(fates)} files, {counts}: code {done.returncode} after {time.monotonic() - start:.0f} s")
        print(told.splitlines()[-1] if told else "nothing was said")
        print(*(wrong or ["all came out as they should"]), sep="\n")
        sys.exit(bool(wrong))


def make(folder: Path, files: int, rng: random.Random) -> dict[Path, Fate]:
    """The folder; what should become of each file in it."""
    folder.mkdir(parents=True, exist_ok=True)
    fates: dict[Path, Fate] = {}
    for path, fate in islice(_all(folder, rng), files):
        fates[path] = fate
    return fates


def faults(source: Path, out: Path, fates: dict[Path, Fate], code: int, told: str) -> list[str]:
    """What came out otherwise than it should, in words."""
    manifest = out / "adotx.jsonl"
    last = {}
    for line in manifest.read_bytes().splitlines():
        values = json.loads(line.decode("utf-8", "surrogatepass"))
        if values["kind"] == "document":
            last[values["input"]] = values
    wrong = [] if code == 2 else [f"exit code {code}"]
    if "Traceback" in told:
        wrong.append("a traceback was printed")
    for path, fate in fates.items():
        entry = last.get(str(path.resolve()) if fate != "skipped" else "")
        state = entry["status"] if entry else "skipped"
        name = os.fsencode(path.relative_to(source)).decode("utf-8", "backslashreplace")
        if state != fate and not (fate == "either" and state in ("done", "refused")):
            wrong.append(f"{name}: {state} instead of {fate} {entry['reason'] if entry else ''}")
        elif entry and state == "done":
            missing = [file for file in entry["files"] if not (out / file).exists()]
            wrong += [f"{name}: {file} is not there" for file in missing]
        elif entry and not entry["reason"]:
            wrong.append(f"{name}: no reason in the manifest")
    left = [path.name for path in out.rglob("*.part")]
    return wrong + [f"{name} was left" for name in left]


def _all(folder: Path, rng: random.Random) -> Iterator[tuple[Path, Fate]]:
    """Three good files, then a bad one, and so on; each kind of bad one once before any comes again."""
    good, bad = _good(folder, rng), _bad(folder, rng)
    while True:
        yield from islice(good, 3)
        yield next(bad)


def _good(folder: Path, rng: random.Random) -> Iterator[tuple[Path, Fate]]:
    names = ("보고서 {n}", "scan-{n}", "-{n}", "🧾 영수증 {n}", "new\nline {n}", "a.b.c {n}", "{n} (1)")
    for number in count():
        below = folder / "부서" / str(number % 3) if number % 5 == 4 else folder
        below.mkdir(parents=True, exist_ok=True)
        stem = names[number % len(names)].format(n=number)
        kind = number % 10
        if kind in (0, 1, 2):
            path = below / f"{stem}.{('pdf', 'PDF', 'png')[kind]}"  # a PDF may call itself a picture
            path.write_bytes(pdf(*(_lines(rng) for _ in range(rng.randint(1, 3)))))
        elif kind in (3, 4):
            path = below / (f"{stem}.png", f"{stem}.pdf")[kind - 3]
            picture(rng).save(path, "PNG" if kind == 3 else "JPEG")
        elif kind == 5:
            path = below / f"{stem}.tiff"
            picture(rng).save(path, save_all=True, append_images=[picture(rng)])
        elif kind == 6:
            path = below / f"{stem}.html"
            path.write_text(f"<h1>{_line(rng)}</h1><p>{_line(rng)}</p>", encoding="utf-8")
        elif kind == 7:
            path = below / f"{stem}.docx"
            path.write_bytes(_zip({"word/document.xml": _DOCX.format(_line(rng)).encode()}))
        elif kind == 8:
            path = below / f"{stem}.hwpx"
            section = _HWPX.format(_line(rng)).encode()
            path.write_bytes(_zip({"mimetype": b"application/hwp+zip", "Contents/section0.xml": section}))
        else:
            path = Path(os.fsdecode(os.fsencode(below) + f"/raw {number} ".encode() + b"\xff\xb0\xa1.pdf"))
            path.write_bytes(pdf(_lines(rng)))
        yield path, "done"
        if number % 7 == 0 and kind != 6:
            twin = path.with_suffix(".html")  # the same stem once more
            twin.write_text(f"<p>{_line(rng)}</p>", encoding="utf-8")
            yield twin, "done"


def _bad(folder: Path, rng: random.Random) -> Iterator[tuple[Path, Fate]]:
    whole = pdf(*(_lines(rng) for _ in range(3)))
    drawn = io.BytesIO()
    picture(rng).save(drawn, "PNG")
    contents: dict[str, tuple[Fate, bytes]] = {
        "cut-early.pdf": ("refused", whole[:300]),
        "cut.png": ("refused", drawn.getvalue()[: len(drawn.getvalue()) // 2]),
        "empty.pdf": ("refused", b""),
        "empty.png": ("refused", b""),
        "encrypted.pdf": ("refused", _encrypted(whole)),
        "words.pdf": ("refused", b"no document at all\n" * 20),
        "garbage.png": ("refused", rng.randbytes(5000)),
        "garbage.docx": ("refused", b"PK\3\4" + rng.randbytes(5000)),
        "garbage.hwp": ("refused", b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1" + bytes(3000)),
        "no-parts.hwpx": ("refused", _zip({"mimetype": b"application/hwp+zip"})),
        "bomb.docx": ("refused", _zip({"word/document.xml": bytes(1 << 27)})),
        "bomb.hwpx": (
            "refused",
            _zip({"mimetype": b"application/hwp+zip", "Contents/section0.xml": bytes(1 << 27)}),
        ),
        "claims-60000.png": ("refused", _png_of(60_000, 60_000)),
        "none.pdf": ("refused", pdf()),
        "table.xlsx": ("refused", _zip({"xl/workbook.xml": b"<workbook/>"})),
    }
    fixed: list[Callable[[Path], Fate]] = [_one_pixel, _strip, _circle, _up, _pipe, _socket, _notes, _nowhere]
    for turn in count():
        at = folder if not turn else folder / f"again {turn}"
        at.mkdir(parents=True, exist_ok=True)
        for name, (fate, content) in contents.items():
            (at / name).write_bytes(content)
            yield at / name, fate
        for make_one in fixed:
            path = at / make_one.__name__.strip("_")
            named = path.with_suffix({"notes": ".xyz", "up": ""}.get(path.name, ".png"))
            yield named, make_one(named)


def _one_pixel(path: Path) -> Fate:
    Image.new("RGB", (1, 1), "white").save(path)
    return "done"


def _strip(path: Path) -> Fate:
    Image.new("L", (60_000, 3), "white").save(path)
    return "either"  # blank, or too long to be a page


def _circle(path: Path) -> Fate:
    other = path.with_name("circle-2.png")
    path.symlink_to(other.name)
    other.symlink_to(path.name)
    return "skipped"


def _up(path: Path) -> Fate:
    path.symlink_to("..", target_is_directory=True)
    return "skipped"


def _nowhere(path: Path) -> Fate:
    path.symlink_to("not-there.png")
    return "skipped"


def _pipe(path: Path) -> Fate:
    os.mkfifo(path)
    return "skipped"


def _socket(path: Path) -> Fate:
    here = Path.cwd()
    os.chdir(path.parent)  # names of sockets are short
    try:
        with socket.socket(socket.AF_UNIX) as end:
            end.bind(path.name)
    finally:
        os.chdir(here)
    return "skipped"


def _notes(path: Path) -> Fate:
    path.write_text("no document")
    return "skipped"


def _line(rng: random.Random) -> str:
    return " ".join(rng.choices(WORDS, k=7)) + f" {rng.randint(1, 99999):,}"


def _lines(rng: random.Random) -> list[str]:
    return [_line(rng) for _ in range(rng.randint(4, 12))]


def picture(rng: random.Random) -> Image.Image:
    """A small scan of three lines."""
    image = Image.new("RGB", (560, 130), "white")
    pen, face = ImageDraw.Draw(image), ImageFont.load_default(20)
    for row in range(3):
        pen.text((20, 15 + 34 * row), _line(rng)[:46], font=face, fill="black")
    return image


def pdf(*pages: list[str]) -> bytes:
    """Pages of lines in Helvetica."""
    from ctypes import cast

    import pypdfium2
    from pypdfium2 import raw

    document = pypdfium2.PdfDocument.new()
    font = raw.FPDFText_LoadStandardFont(document, b"Helvetica")
    for lines in pages:
        page = document.new_page(400, 300)
        for row, line in enumerate(lines):
            text, held = raw.FPDFPageObj_CreateTextObj(document, font, 10), f"{line}\0".encode("utf-16-le")
            raw.FPDFText_SetText(text, cast(held, raw.FPDF_WIDESTRING))
            raw.FPDFPageObj_Transform(text, 1, 0, 0, 1, 30, 270 - 20 * row)
            raw.FPDFPage_InsertObject(page, text)
        page.gen_content()
        page.close()
    out = io.BytesIO()
    document.save(out)
    return out.getvalue()


def _encrypted(whole: bytes) -> bytes:
    """The same with an encryption dictionary whose password nobody knows."""
    keys = b"/Filter/Standard/V 1/R 2/P -4/O<" + b"41" * 32 + b">/U<" + b"42" * 32 + b">"
    trailer = b"trailer"
    at = whole.rindex(trailer) + len(trailer)
    start = whole.index(b"<<", at) + 2
    ids = b"/ID[<" + b"43" * 16 + b"><" + b"43" * 16 + b">]"
    return whole[:start] + b"/Encrypt<<" + keys + b">>" + ids + whole[start:]


def _zip(parts: dict[str, bytes]) -> bytes:
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w", zipfile.ZIP_DEFLATED) as package:
        for name, content in parts.items():
            package.writestr(name, content)
    return out.getvalue()


def _png_of(width: int, height: int) -> bytes:
    """A head that claims so many pixels, and hardly any of them."""
    head = width.to_bytes(4, "big") + height.to_bytes(4, "big") + bytes([8, 2, 0, 0, 0])
    chunks = [(b"IHDR", head), (b"IDAT", zlib.compress(bytes(1000))), (b"IEND", b"")]
    body = b"".join(
        len(content).to_bytes(4, "big") + kind + content + zlib.crc32(kind + content).to_bytes(4, "big")
        for kind, content in chunks
    )
    return b"\x89PNG\r\n\x1a\n" + body


if __name__ == "__main__":
    main()
