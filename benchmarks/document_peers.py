"""Documents with text of their own (PDF, HWPX) and a batch with poison in it, by ours and by other readers.

usage: python benchmarks/document_peers.py --pdfs DIR [--hwpx DIR] [--field DIR] --venv NAME=DIR ...

`--pdfs` is what `born_digital.py --keep` has left, `--hwpx` a folder of HWPX files, `--field` one of field
cases (for the batch). A peer runs in its own environment, in one process for each set, with no network: what
asks for models of a hub fails, and the table says so. Prints a line of JSON for each peer: CER with and
without spaces and F1 of cells over all PDFs, CPU seconds a page (median of files), most memory, bytes of its
environment without pip; the share of HWPX text found and merged cells kept; of the batch what was read, what
was told, and what was wrong or missing without a word.
"""

from __future__ import annotations

import argparse
import html
import json
import os
import re
import subprocess
import tempfile
import zipfile
from collections import Counter
from pathlib import Path
from statistics import median
from xml.etree import ElementTree

import pypdfium2

from adotx.evaluate.bare import bare
from adotx.evaluate.cells import count_cells
from adotx.evaluate.cer import edit_distance, normalise_text
from adotx.markdown import Block, Table, parse_markdown

WORKER = Path(__file__).parent / "document_peers" / "worker.py"
#: nothing may be fetched: a hub that is not asked, and a proxy that is not there
OFFLINE = {
    "HF_HUB_OFFLINE": "1", "TRANSFORMERS_OFFLINE": "1", "MINERU_MODEL_SOURCE": "local", "DO_NOT_TRACK": "1",
    **{name: "http://127.0.0.1:9" for name in ("http_proxy", "https_proxy", "HTTP_PROXY", "HTTPS_PROXY")},
}  # fmt: skip
_HP = "{http://www.hancom.co.kr/hwpml/2011/paragraph}"
_LIMIT = 1200
#: files of the batch that hold something that can be read -> the field case with their truth
_READABLE = {
    "good.pdf": "pdf-textlayer-a",
    "no-tounicode.pdf": "pdf-notounicode-a",
    "scan.pdf": "pdf-ccitt-a",
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("--pdfs", type=Path, required=True)
    parser.add_argument("--hwpx", type=Path)
    parser.add_argument("--field", type=Path)
    parser.add_argument("--venv", action="append", default=[], metavar="NAME=DIR")
    parser.add_argument("--json", type=Path, help="write all figures there too")
    args = parser.parse_args()
    environments = dict(each.split("=", 1) for each in args.venv)
    figures = {}
    with tempfile.TemporaryDirectory() as scratch:
        batch = make_batch(Path(scratch) / "batch", args.field) if args.field else []
        for peer, environment in environments.items():
            out = Path(scratch) / peer
            row = figures[peer] = {"size": size_of(Path(environment))}
            pdfs = sorted(args.pdfs.glob("*.pdf"))
            packages = sorted(args.hwpx.glob("*.hwpx")) if args.hwpx else []
            for name, files, judge in (
                ("pdf", pdfs, judge_pdfs), ("hwpx", packages, judge_hwpx), ("batch", batch, judge_batch),
            ):  # fmt: skip
                if files:
                    said = run(peer, Path(environment), out / name, files)
                    row[name] = (
                        said if "failed" in said else {**judge(files, out / name, said), "peak": said["peak"]}
                    )
            print(json.dumps({peer: row}, ensure_ascii=False), flush=True)
    if args.json:
        args.json.write_text(json.dumps(figures, ensure_ascii=False, indent=1), encoding="utf-8")


def run(peer: str, environment: Path, out: Path, files: list[Path]) -> dict:
    """What the worker says; {"failed": why} where it says nothing."""
    command = [str(environment / "bin" / "python"), str(WORKER), peer, str(out), *map(str, files)]
    kept = {name: value for name, value in os.environ.items() if name != "PYTHONPATH" or peer == "adotx"}
    try:
        done = subprocess.run(
            command, env={**kept, **OFFLINE}, capture_output=True, text=True, timeout=_LIMIT, check=False
        )
    except subprocess.TimeoutExpired:
        return {"failed": f"more than {_LIMIT} s"}
    except OSError as error:
        return {"failed": str(error)}
    if done.returncode:
        return {"failed": (done.stderr.strip().splitlines() or [f"exit code {done.returncode}"])[-1][:300]}
    return json.loads(done.stdout.splitlines()[-1])


def size_of(environment: Path) -> int:
    """Bytes of what pip has installed, pip itself and compiled caches left out."""
    [packages] = environment.glob("lib/python*/site-packages")
    return sum(
        file.stat().st_size
        for file in packages.rglob("*")
        if file.is_file()
        and not file.is_symlink()
        and "__pycache__" not in file.parts
        and not re.match(
            r"(pip|setuptools|pkg_resources|_distutils_hack)\b", file.relative_to(packages).parts[0]
        )
    )


def answer(out: Path, path: Path) -> tuple[str, list[Block]]:
    """(the text of an answer, its blocks), tables of their own behind the text's."""
    file = out / f"{path.name}.md"
    said = html.unescape(file.read_text(encoding="utf-8")) if file.exists() else ""
    blocks = list(parse_markdown(said))
    apart = out / f"{path.name}.tables.json"
    if apart.exists():
        tables = [[[cell or "" for cell in row] for row in rows] for rows in json.loads(apart.read_text())]
        blocks = [Table.of(rows) for rows in tables if rows]
    return said, blocks


def judge_pdfs(files: list[Path], out: Path, said: dict) -> dict:
    """Errors and cells over all files, against the truth beside them."""
    total: Counter[str] = Counter()
    seconds = []
    for path in files:
        truth = path.with_suffix(".md").read_text(encoding="utf-8")
        text, blocks = answer(out, path)
        cells = count_cells(blocks, parse_markdown(truth))
        total += Counter(right=cells.matched, said=cells.said, true=cells.true)
        for name, spaces in (("cer", True), ("squeezed", False)):
            a, b = (normalise_text(bare(each), spaces) for each in (text, truth))
            total += Counter({name: edit_distance(a, b), f"{name}_of": len(b)})
        told = said["files"][path.name]
        seconds.append(told["cpu"] / len(pypdfium2.PdfDocument(path)))
    return {
        "cer": total["cer"] / total["cer_of"],
        "without_spaces": total["squeezed"] / total["squeezed_of"],
        "cells_f1": 2 * total["right"] / max(total["said"] + total["true"], 1),
        "cpu_seconds_a_page": median(seconds),
        "errors": dict(Counter(each["error"][:160] for each in said["files"].values() if each["error"])),
    }


def judge_hwpx(files: list[Path], out: Path, said: dict) -> dict:
    """How much of the text runs of the packages' XML stands in the answers, and how many merged cells."""
    found = letters = merged = kept = 0
    for path in files:
        try:
            runs, spans = truth_of(path)
        except (zipfile.BadZipFile, ElementTree.ParseError):  # encrypted
            continue
        text = answer(out, path)[0]
        plain = re.sub(r"[\s\\*]|<br\s*/?>", "", html.unescape(text))
        letters += sum(map(len, runs))
        found += sum(len(run) for run in runs if run in plain)
        merged += spans.total()
        kept += (spans & spans_of(text)).total()
    errors = Counter(each["error"][:160] for each in said["files"].values() if each["error"])
    return {"recall": found / letters, "merged_kept": kept, "merged": merged, "errors": dict(errors)}


def truth_of(path: Path) -> tuple[list[str], Counter[tuple[str, str]]]:
    """(text runs without blanks, deleted text left out; spans of merged cells)."""
    runs: list[str] = []
    spans: Counter[tuple[str, str]] = Counter()
    with zipfile.ZipFile(path) as package:
        for name in package.namelist():
            if re.search(r"section\d+\.xml$", name):
                root = ElementTree.fromstring(package.read(name))
                for node in root.iter(f"{_HP}t"):
                    if next(node.iter(f"{_HP}deleteBegin"), None) is None:
                        runs += filter(None, (re.sub(r"[\s\\*]", "", text) for text in node.itertext()))
                spans.update(
                    (n.get("colSpan", "1"), n.get("rowSpan", "1")) for n in root.iter(f"{_HP}cellSpan")
                )
    del spans["1", "1"]
    return runs, spans


def spans_of(markdown: str) -> Counter[tuple[str, str]]:
    """The spans of HTML cells."""
    found = (dict(re.findall(r'(\w+)="(\d+)"', each)) for each in re.findall(r"<t[hd]([^>]*)>", markdown))
    spans = Counter((each.get("colspan", "1"), each.get("rowspan", "1")) for each in found)
    del spans["1", "1"]
    return spans


def make_batch(folder: Path, cases: Path) -> list[Path]:
    """Nine files: three that can be read, and six kinds of poison."""
    folder.mkdir()
    for name, case in _READABLE.items():
        [source] = (cases / case).glob("*.pdf")
        (folder / name).write_bytes(source.read_bytes())
        truth = (cases / case / "expected.md").read_text(encoding="utf-8")
        (folder / name).with_suffix(".truth").write_text(truth, encoding="utf-8")
    good = (folder / "good.pdf").read_bytes()
    [locked] = (cases / "pdf-password-a").glob("*.pdf")
    poison = {
        "cut.pdf": good[: len(good) // 3], "empty.pdf": b"", "locked.pdf": locked.read_bytes(),
        "text.pdf": "이것은 PDF가 아니다\n".encode(), "zip.hwpx": b"PK\x05\x06" + bytes(18),
        "page.pdf": b"%PDF-1.7\n",
    }  # fmt: skip
    for name, data in poison.items():
        (folder / name).write_bytes(data)
    return sorted(path for path in folder.iterdir() if path.suffix != ".truth")


def judge_batch(files: list[Path], out: Path, said: dict) -> dict:
    """What was read rightly (CER below 0.1), what wrongly or not at all without a word, what was told."""
    right, silent, told = [], [], []
    for path in files:
        error, text = said["files"][path.name]["error"], answer(out, path)[0]
        if error:
            told.append(f"{path.name}: {error.splitlines()[0][:160]}")
            continue
        if path.name not in _READABLE:
            silent.append(path.name)
            continue
        truth = path.with_suffix(".truth").read_text(encoding="utf-8")
        a, b = (normalise_text(bare(each), False) for each in (text, truth))
        (right if edit_distance(a, b) < 0.1 * len(b) else silent).append(path.name)
    return {"right": right, "silent": silent, "told": told, "of": len(files)}


if __name__ == "__main__":
    main()
