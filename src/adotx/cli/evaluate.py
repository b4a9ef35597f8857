"""`adotx evaluate transcription`: a folder of pages with their truth in, a table of scores on stdout out."""

from __future__ import annotations

import json
from collections import defaultdict
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from adotx.cli import DONE, FINDING
from adotx.cli.progress import Progress
from adotx.cli.strings import text
from adotx.errors import AdotxError

if TYPE_CHECKING:
    from adotx.documents.transcribe import PageResult
    from adotx.evaluate.transcription import PageScore, Sample, Score, Summary

#: between these lines of a card stands the table
CARD_MARKS = ("<!-- scores -->", "<!-- /scores -->")


@dataclass(frozen=True)
class Choice:
    """What is scored.

    Attributes:
        answers: a folder with Markdown files to score instead of reading.
        kinds: the kinds of page that are taken; none for all.
        limit: how many pages of each kind; None for all.
        peer: a program to score beside (`adotx.evaluate.peers`); "" for none.
        peer_tries: pages of a kind on which the peer's setting is chosen; None for all.
        peer_answers: where the peer's answers are kept, and taken from.
        second_reader: let the second reader check figures.
    """

    answers: Path | None = None
    kinds: Sequence[str] = ()
    limit: int | None = None
    peer: str = ""
    peer_tries: int | None = None
    peer_answers: Path | None = None
    second_reader: bool = True


def transcription(
    folder: Path,
    model: str,
    weights: str,
    online: bool,
    choice: Choice,
    json_file: Path | None,
    card: Path | None,
) -> int:
    """Score a folder; returns the exit code, `FINDING` where a page failed.

    Args:
        folder: see `adotx.evaluate.transcription`.
        model, weights, online: as the options say; not opened where `choice` names answers.
        json_file: where all scores are written, page by page.
        card: a Markdown file that gets the table between `CARD_MARKS`.
    """
    from adotx.evaluate.transcription import as_json, find_samples, found_answer, read_answer, score

    samples = _chosen(find_samples(folder, with_sources=choice.answers is None or bool(choice.peer)), choice)
    ours = model if choice.answers is None else str(choice.answers)
    scores: dict[str, list[PageScore]] = {}
    settings: dict[str, str] = {}
    with Progress() as progress:
        if choice.peer:
            scores[choice.peer], settings = _peer(samples, choice, progress)
        if choice.answers is not None:
            scores[ours] = [score(sample, found_answer(sample, choice.answers)) for sample in samples]
        else:
            progress.show(text("transcribe.loading", model=model))
            read = _reader(model, weights, online, progress, choice.second_reader)
            scores[ours] = []
            for number, sample in enumerate(samples, 1):
                progress.show(text("evaluate.reading", name=sample.name, done=number, count=len(samples)))
                scores[ours].append(score(sample, read_answer(sample, read)))
    scores = {name: scores[name] for name in sorted(scores, key=lambda name: name != ours)}
    table = _table(scores, settings)
    print(table)
    if json_file is not None:
        report = {**as_json(dict(scores)), "settings": settings}
        _write(json_file, json.dumps(report, ensure_ascii=False, indent=1))
    if card is not None:
        _write(card, _with_table(card, table))
    return FINDING if any("failed" in each.statuses for each in scores[ours]) else DONE


def _chosen(samples: list[Sample], choice: Choice) -> list[Sample]:
    by_kind: dict[str, list[Sample]] = defaultdict(list)
    for sample in samples:
        by_kind[sample.kind].append(sample)
    if unknown := [kind for kind in choice.kinds if kind not in by_kind]:
        raise AdotxError(
            "evaluate.kind",
            "there are no pages of kind {kind!r}",
            "--kind",
            "{known} are there",
            kind=unknown[0],
            known=", ".join(sorted(by_kind)),
        )
    wanted = [found for kind, found in by_kind.items() if kind in choice.kinds or not choice.kinds]
    return [sample for found in wanted for sample in found[: choice.limit]]


def _peer(
    samples: list[Sample], choice: Choice, progress: Progress
) -> tuple[list[PageScore], dict[str, str]]:
    """The peer's scores, and its best setting by kind."""
    from adotx.evaluate.peers import PEERS, best_setting, keep_settings, kept_settings

    readers = PEERS[choice.peer](choice.peer_answers)
    scores: list[PageScore] = []
    settings: dict[str, str] = {}
    chosen = kept_settings(choice.peer_answers)
    for kind in dict.fromkeys(sample.kind for sample in samples):
        progress.show(text("evaluate.peer_reading", peer=choice.peer, kind=kind))
        of_kind = [sample for sample in samples if sample.kind == kind]
        asked = {chosen[kind]: readers[chosen[kind]]} if chosen.get(kind) in readers else readers
        settings[kind], found = best_setting(of_kind, asked, choice.peer_tries)
        scores += found
        keep_settings(choice.peer_answers, chosen | settings)
    return scores, settings


def _reader(
    model: str, weights: str, online: bool, progress: Progress, second_reader: bool
) -> Callable[[Path], Iterable[PageResult]]:
    from adotx.cli.convert import Conversion
    from adotx.documents.transcribe import Transcriber
    from adotx.model import Model

    converted = Conversion(progress, model, weights)
    opened = Model.open(model, weights, online=online, progress=converted)
    return Transcriber(opened, second_reader=second_reader).pages


def _table(scores: dict[str, list[PageScore]], settings: dict[str, str]) -> str:
    """A Markdown table, a row for each kind and reader, and for each reader over all."""
    from adotx.evaluate.transcription import ALL, summarise

    summaries = {name: summarise(found) for name, found in scores.items()}
    kind_head, rest = text("evaluate.heads").split(" | ", 1)
    heads = " | ".join([kind_head, *[text("evaluate.reader")] * (len(scores) > 1), rest])
    lines = [f"| {heads} |", f"|---{'|---:' * heads.count('|')}|"]
    for kind in next(iter(summaries.values())):
        for number, (name, found) in enumerate(summaries.items()):
            # The peer says in which setting it was best; ours has none.
            setting = settings.get(kind, "") if number else ""
            reader = [f"{name} {setting}".rstrip()] * (len(scores) > 1)
            first = text("evaluate.all") if kind == ALL else kind
            lines.append(f"| {' | '.join([first, *reader, *_row(found[kind])])} |")
    return "\n".join(lines)


def _row(summary: Summary) -> list[str]:
    values = (summary.cer, summary.cer_without_spaces, summary.text_cer)
    digits = summary.digits
    shares = ((digits.wrong, digits.true), (digits.silent, digits.true), (digits.doubtful, digits.said))
    return [
        str(summary.pages),
        *map(_shown, values),
        "-" if summary.worst is None else f"{summary.worst:.2f}",
        *map(_shown, (summary.cells, summary.structure)),
        " / ".join(f"{part / whole:.4f}" if whole else "-" for part, whole in shares),
        " / ".join(map(str, summary.statuses.values())),
        "-" if summary.seconds is None else f"{summary.seconds:.2f}",
    ]


def _shown(score: Score) -> str:
    if score.value is None:
        return "-"
    low, high = score.interval or (score.value, score.value)
    # One page says nothing of others.
    return f"{score.value:.4f}" + (f" [{low:.4f}, {high:.4f}]" if low < high else "")


def _with_table(card: Path, table: str) -> str:
    """The file's text with the table in its place."""
    start, end = CARD_MARKS
    try:
        before, rest = card.read_text(encoding="utf-8").split(start)
        after = rest.split(end)[1]
    except (OSError, UnicodeDecodeError, ValueError, IndexError):
        raise AdotxError(
            "evaluate.card",
            "has no place for the scores",
            str(card),
            "name a Markdown file with lines {start} and {end}",
            start=start,
            end=end,
        ) from None
    return f"{before}{start}\n\n{table}\n\n{end}{after}"


def _write(path: Path, content: str) -> None:
    try:
        path.write_text(content, encoding="utf-8")
    except OSError as error:
        raise AdotxError(
            "out.unwritable",
            "{reason}",
            str(path),
            "choose another file",
            reason=error.strerror or str(error),
        ) from None
