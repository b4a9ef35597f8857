"""Score the exam: nano (or another model of ours) and Tesseract, page by page, one table by kind.

usage: python benchmarks/exam/compare.py EXAM [--models nano ...] [--json FILE] [--keep DIR] [--limit N]
           [--tries N] [--kinds KIND ...]

Tesseract is asked with `kor` and `kor+eng` in page modes 3, 4, 6 and 11, one thread, and what counts for it
is the best of these eight by mean CER of each kind: better than anybody can choose who does not know the
truth. With --tries N the setting is chosen on the first N pages of the kind and the others are read with that
one only. Its text is scored as Markdown as it stands; it knows no tables or headings, so the marks of tables
count against it in the CER and not in the column "text", where both texts are bared of all marks. Seconds
are wall time a page, one page and one reader at a time; loading the model does not count.
--keep DIR holds every answer, and what is there is not read again.
"""

from __future__ import annotations

import argparse
import json
import os
import shutil
import subprocess
import sys
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adotx.evaluate.cer import cer
from adotx.evaluate.transcription import (
    ALL,
    Answer,
    PageScore,
    Sample,
    find_samples,
    read_answer,
    score,
    summarise,
)
from adotx.markdown import Code, Fields, Formula, Item, Table, TextBlock, parse_markdown

SETTINGS = [(language, mode) for language in ("kor", "kor+eng") for mode in (3, 4, 6, 11)]
LIMIT_S = 300
Read = Callable[[Sample], Answer]


@dataclass(frozen=True)
class Scored:
    """A page's scores, and the character error rate of its text bared of all marks."""

    page: PageScore
    text_cer: float


def main(words: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("exam", type=Path)
    parser.add_argument("--models", nargs="*", default=["nano"], help="as --model takes them")
    parser.add_argument("--json", type=Path, help="every score of every page")
    parser.add_argument("--keep", type=Path, help="folder for the answers; what is there is not read again")
    parser.add_argument("--limit", type=int, help="the first N pages of each kind only")
    parser.add_argument("--tries", type=int, help="pages of a kind on which Tesseract's setting is chosen")
    parser.add_argument("--kinds", nargs="+", metavar="KIND")
    parser.add_argument("--no-tesseract", action="store_true")
    arguments = parser.parse_args(words)
    by_kind: dict[str, list[Sample]] = defaultdict(list)
    for sample in find_samples(arguments.exam):
        if not arguments.kinds or sample.kind in arguments.kinds:
            by_kind[sample.kind].append(sample)
    kinds = {kind: samples[: arguments.limit] for kind, samples in sorted(by_kind.items())}
    readers: dict[str, list[Scored]] = {}
    for model in arguments.models:
        read = kept(model_reader(model), arguments.keep, Path(model).name)
        readers[model] = [told(model, sample, read) for samples in kinds.values() for sample in samples]
    settings: dict[str, str] = {}
    if not arguments.no_tesseract:
        if not shutil.which("tesseract"):
            raise SystemExit("compare: no tesseract: apt-get install tesseract-ocr tesseract-ocr-kor")
        readers["tesseract"] = []
        for kind, samples in kinds.items():
            setting, scores = best_setting(samples, arguments.tries, arguments.keep)
            settings[kind] = f"{setting[0]} {setting[1]}"
            readers["tesseract"] += scores
    print(table(readers, settings))
    if arguments.json:
        pages = {name: [as_dict(each) for each in scores] for name, scores in readers.items()}
        report = {"settings": settings, "tries": arguments.tries, "pages": pages}
        arguments.json.write_text(json.dumps(report, ensure_ascii=False, indent=1), encoding="utf-8")


def model_reader(name: str) -> Read:
    """A reader by one of our models, opened at its first page."""
    opened: list[Any] = []

    def read(sample: Sample) -> Answer:
        if not opened:
            from adotx.documents.transcribe import Transcriber
            from adotx.model import Model

            opened.append(Transcriber(Model.open(name)))
        return read_answer(sample, opened[0].pages)

    return read


def tesseract_reader(language: str, mode: int) -> Read:
    """A reader by Tesseract with one thread; what it has not read after `LIMIT_S` seconds has failed."""

    def read(sample: Sample) -> Answer:
        command = ["tesseract", str(sample.source), "stdout", "-l", language, "--psm", str(mode)]
        start = time.perf_counter()
        try:
            done = subprocess.run(
                command,
                capture_output=True,
                timeout=LIMIT_S,
                check=False,
                env={**os.environ, "OMP_THREAD_LIMIT": "1"},
            )
        except subprocess.TimeoutExpired:
            return Answer("", ("failed",), float(LIMIT_S))
        text = done.stdout.decode("utf-8", "replace").replace("\f", "").strip()
        status = "failed" if done.returncode else "ok" if text else "blank"
        return Answer(text, (status,), time.perf_counter() - start)

    return read


def kept(read: Read, folder: Path | None, name: str) -> Read:
    """The same reader, whose answers are kept in `folder` and taken from there the next time."""
    if folder is None:
        return read

    def remember(sample: Sample) -> Answer:
        path = folder / name / f"{sample.name}.json"
        if path.exists():
            found = json.loads(path.read_text(encoding="utf-8"))
            return Answer(found["markdown"], tuple(found["statuses"]), found["seconds"])
        answer = read(sample)
        path.parent.mkdir(parents=True, exist_ok=True)
        facts = {"markdown": answer.markdown, "statuses": answer.statuses, "seconds": answer.seconds}
        path.write_text(json.dumps(facts, ensure_ascii=False), encoding="utf-8")
        return answer

    return remember


def told(reader: str, sample: Sample, read: Read) -> Scored:
    """A page's scores, shown as they come."""
    answer = read(sample)
    found = Scored(score(sample, answer), cer(bare(answer.markdown), bare(sample.truth)))
    print(
        f"{reader} {sample.name} CER {found.page.cer:.3f} {answer.seconds or 0:.1f} s",
        file=sys.stderr,
        flush=True,
    )
    return found


def bare(markdown: str) -> str:
    """What Markdown says without its marks: the text of all blocks in their order."""
    out: list[str] = []
    for block in parse_markdown(markdown):
        match block:
            case Item():
                out += [block.text] if block.marker == "-" else [block.marker, block.text]
            case TextBlock():
                out.append(block.text)
            case Fields():
                out += [f"{key}{block.marker} {value}" for key, value in block.rows]
            case Table():
                out += [text for row in block.texts for text in row if text]
            case Code():
                out += block.lines
            case Formula():
                out.append(block.latex)
    return "\n".join(out)


def best_setting(
    samples: list[Sample], tries: int | None, keep: Path | None
) -> tuple[tuple[str, int], list[Scored]]:
    """Tesseract's setting with the least mean CER on a kind, and the scores of all its pages by that one."""
    tried = samples[: tries or len(samples)]
    found: dict[tuple[str, int], list[Scored]] = {}
    for setting in SETTINGS:
        name = f"tesseract-{setting[0]}-{setting[1]}"
        read = kept(tesseract_reader(*setting), keep, name)
        found[setting] = [told(name, sample, read) for sample in tried]
    best = min(SETTINGS, key=lambda setting: mean_cer(found[setting]))
    name = f"tesseract-{best[0]}-{best[1]}"
    read = kept(tesseract_reader(*best), keep, name)
    rest = [told(name, sample, read) for sample in samples[len(tried) :]]
    return best, found[best] + rest


def mean_cer(scores: list[Scored]) -> float:
    """Mean CER over pages."""
    return sum(each.page.cer for each in scores) / len(scores)


def table(readers: dict[str, list[Scored]], settings: dict[str, str]) -> str:
    """One Markdown table: a row for each kind and one for all, the scores and seconds of every reader."""
    heads = ["kind", "pages"]
    for name in readers:
        heads += [f"{name}: CER", "no spaces", "text", "cells", "structure", "s/page"]
    lines = [f"| {' | '.join([*heads, 'best mode'])} |", f"|---{'|---:' * (len(heads) - 1)}|---|"]
    summaries = {name: summarise([each.page for each in scores]) for name, scores in readers.items()}
    for kind in next(iter(summaries.values())):
        row: list[str] = []
        for name, found in summaries.items():
            summary = found[kind]
            bared = [each.text_cer for each in readers[name] if kind in (each.page.kind, ALL)]
            row = row or [kind, str(summary.pages)]
            values = [summary.cer.value, summary.cer_without_spaces.value, sum(bared) / len(bared)]
            values += [summary.cells.value, summary.structure.value]
            row += ["-" if value is None else f"{value:.3f}" for value in values]
            row.append("-" if summary.seconds is None else f"{summary.seconds:.1f}")
        lines.append(f"| {' | '.join([*row, settings.get(kind, '')])} |")
    return "\n".join(lines)


def as_dict(scored: Scored) -> dict[str, Any]:
    """A page's scores as JSON has them."""
    found = scored.page
    return {
        "text_cer": scored.text_cer,
        "name": found.name,
        "kind": found.kind,
        "cer": found.cer,
        "cer_without_spaces": found.cer_without_spaces,
        "cells": [found.cells.matched, found.cells.said, found.cells.true],
        "structure": [found.structure.matched, found.structure.said, found.structure.true],
        "statuses": list(found.statuses),
        "seconds": found.seconds,
    }


if __name__ == "__main__":
    main()
