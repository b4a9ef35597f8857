"""`adotx evaluate transcription`: a folder of pages with their truth in, a table of scores on stdout out."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from adotx.cli import DONE, FINDING
from adotx.cli.progress import Progress
from adotx.cli.strings import text
from adotx.errors import AdotxError

if TYPE_CHECKING:
    from adotx.documents.transcribe import PageResult
    from adotx.evaluate.transcription import PageScore, Score


def transcription(
    folder: Path, model: str, weights: str, online: bool, answers: Path | None, json_file: Path | None
) -> int:
    """Score a folder; returns the exit code, `FINDING` where a page failed.

    Args:
        folder: see `adotx.evaluate.transcription`.
        model, weights, online: as the options say; not opened where `answers` are given.
        answers: a folder with Markdown files to score instead of reading.
        json_file: where all scores are written, page by page.
    """
    from adotx.evaluate.transcription import as_json, find_samples, found_answer, read_answer, score

    samples = find_samples(folder, with_sources=answers is None)
    scores: list[PageScore] = []
    with Progress() as progress:
        if answers is not None:
            scores = [score(sample, found_answer(sample, answers)) for sample in samples]
        else:
            progress.show(text("transcribe.loading", model=model))
            read = _reader(model, weights, online, progress)
            for number, sample in enumerate(samples, 1):
                progress.show(text("evaluate.reading", name=sample.name, done=number, count=len(samples)))
                scores.append(score(sample, read_answer(sample, read)))
    _print(scores)
    if json_file is not None:
        try:
            json_file.write_text(json.dumps(as_json(scores), ensure_ascii=False, indent=1), encoding="utf-8")
        except OSError as error:
            raise AdotxError(
                "out.unwritable",
                "{reason}",
                str(json_file),
                "choose another --json",
                reason=error.strerror or str(error),
            ) from None
    return FINDING if any("failed" in each.statuses for each in scores) else DONE


def _reader(
    model: str, weights: str, online: bool, progress: Progress
) -> Callable[[Path], Iterable[PageResult]]:
    from adotx.cli.convert import Conversion
    from adotx.documents.transcribe import Transcriber
    from adotx.model import Model

    converted = Conversion(progress, model, weights)
    return Transcriber(Model.open(model, weights, online=online, progress=converted)).pages


def _print(scores: list[PageScore]) -> None:
    """A Markdown table, a row for each kind and one for all."""
    from adotx.evaluate.transcription import ALL, summarise

    heads = text("evaluate.heads")
    print(f"| {heads} |\n|---{'|---:' * heads.count('|')}|")
    for kind, summary in summarise(scores).items():
        values = (summary.cer, summary.cer_without_spaces, summary.cells, summary.structure)
        counts = " / ".join(map(str, summary.statuses.values()))
        seconds = "-" if summary.seconds is None else f"{summary.seconds:.2f}"
        name = text("evaluate.all") if kind == ALL else kind
        print(f"| {name} | {summary.pages} | {' | '.join(map(_shown, values))} | {counts} | {seconds} |")


def _shown(score: Score) -> str:
    if score.value is None:
        return "-"
    low, high = score.interval or (score.value, score.value)
    return f"{score.value:.4f} [{low:.4f}, {high:.4f}]"
