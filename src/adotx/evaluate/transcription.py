"""How well a model transcribes a folder of pages whose Markdown is known.

In: a folder with ``NAME.md`` (truth) and ``NAME.png`` or another picture or PDF, and a reader or a folder of
answers. Out: a `PageScore` for each, and a `Summary` by kind of page and over all, with 95 % bootstrap
intervals over pages. The kind stands in ``NAME.json`` (``{"kind": ...}``) or is the sub-folder's name. Knows
no models: a reader is a function.
"""

from __future__ import annotations

import json
import time
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adotx.documents.sources import SUFFIXES
from adotx.errors import AdotxError
from adotx.evaluate.bare import bare
from adotx.evaluate.bootstrap import interval
from adotx.evaluate.cells import count_cells
from adotx.evaluate.cer import cer
from adotx.evaluate.counts import Counts
from adotx.evaluate.digits import Digits, count_digits, without_marks
from adotx.evaluate.structure import count_structure
from adotx.markdown import parse_markdown
from adotx.markdown.escapes import unescaped

if TYPE_CHECKING:
    from adotx.documents.transcribe import PageResult

#: what a page may come to, as `PageResult.status` says
STATUSES = ("ok", "blank", "partial", "failed")
ALL = "all"


@dataclass(frozen=True)
class Sample:
    """A document whose Markdown is known.

    Attributes:
        name: path below the folder, without suffix.
        kind: kind of page; "" where the folder does not say.
        truth: its Markdown.
        source: its picture or PDF; None where answers are scored and there is none.
    """

    name: str
    kind: str
    truth: str
    source: Path | None


@dataclass(frozen=True)
class Answer:
    """What was said of a document: its Markdown, the status of each of its pages, seconds for all of them.

    Doubtful figures may stand between the marks of `adotx.evaluate.digits`; other scores do not see them.
    """

    markdown: str
    statuses: tuple[str, ...] = ("ok",)
    seconds: float | None = None


@dataclass(frozen=True)
class PageScore:
    """The score of one document.

    Attributes:
        cer, cer_without_spaces: of its Markdown.
        text_cer: of its text bared of Markdown (`adotx.evaluate.bare`).
        cells, structure, digits: see the modules of these names.
        statuses: of its pages.
        seconds: of all its pages; None where nothing was read.
    """

    name: str
    kind: str
    cer: float
    cer_without_spaces: float
    text_cer: float
    cells: Counts
    structure: Counts
    digits: Digits
    statuses: tuple[str, ...]
    seconds: float | None


@dataclass(frozen=True)
class Score:
    """A value over pages and its 95 % interval; None where no page has what it counts."""

    value: float | None
    interval: tuple[float, float] | None


@dataclass(frozen=True)
class Summary:
    """The scores of one kind of page: means of the CERs and the highest, F1 over all cells and elements,
    sums of digits, seconds a page."""

    pages: int
    cer: Score
    cer_without_spaces: Score
    text_cer: Score
    worst: float | None
    cells: Score
    structure: Score
    digits: Digits
    statuses: dict[str, int]
    seconds: float | None


def find_samples(folder: Path, with_sources: bool = True) -> list[Sample]:
    """The samples of a folder and its sub-folders, by name.

    Args:
        folder: see the module.
        with_sources: demand a picture or PDF for each.

    Raises:
        AdotxError: no truth at all, a truth without its page, a damaged ``NAME.json``.
    """
    truths = sorted(folder.rglob("*.md")) if folder.is_dir() else []
    if not truths:
        raise AdotxError(
            "evaluate.empty",
            "no NAME.md with the truth",
            str(folder),
            "name a folder with NAME.md and NAME.png",
        )
    return [_sample(folder, truth, with_sources) for truth in truths]


def _sample(folder: Path, truth: Path, with_source: bool) -> Sample:
    beside = {path.suffix.lower(): path for path in truth.parent.glob(f"{_literal(truth.stem)}.*")}
    source = next((path for suffix, path in sorted(beside.items()) if suffix in SUFFIXES), None)
    if source is None and with_source:
        raise AdotxError("evaluate.no_page", "no picture or PDF beside the truth", str(truth), "add NAME.png")
    name = truth.relative_to(folder).with_suffix("")
    kind = "" if name.parent == Path() else name.parent.as_posix()
    if (facts := beside.get(".json")) is not None:
        try:
            kind = str(json.loads(facts.read_text(encoding="utf-8")).get("kind", kind))
        except (OSError, ValueError, AttributeError):
            raise AdotxError(
                "evaluate.facts", "is not a JSON object", str(facts), 'write {"kind": "..."} or remove it'
            ) from None
    return Sample(name.as_posix(), kind, _text(truth), source)


def _literal(stem: str) -> str:
    """A glob that matches `stem` only."""
    return "".join(f"[{char}]" if char in "*?[" else char for char in stem)


def _text(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError):
        raise AdotxError("evaluate.text", "is not UTF-8 text", str(path), "save it as UTF-8") from None


def read_answer(sample: Sample, read: Callable[[Path], Iterable[PageResult]]) -> Answer:
    """A sample's answer by a reader; what cannot be opened has failed."""
    assert sample.source is not None
    start = time.perf_counter()
    pages: list[PageResult] = []
    statuses: list[str] = []
    try:
        for page in read(sample.source):
            pages.append(page)
            statuses.append(page.status)
    except AdotxError:
        statuses.append("failed")
    text = "\n\n".join(page.marked.strip("\n") for page in pages if page.marked.strip())
    return Answer(text, tuple(statuses), time.perf_counter() - start)


def found_answer(sample: Sample, folder: Path) -> Answer:
    """A sample's answer from a folder of ``NAME.md``; one that is missing has failed."""
    path = folder / f"{sample.name}.md"
    return Answer(_text(path)) if path.exists() else Answer("", ("failed",))


def score(sample: Sample, answer: Answer) -> PageScore:
    """One answer against its truth."""
    markdown = without_marks(answer.markdown)
    said, true = parse_markdown(markdown), parse_markdown(sample.truth)
    # A sign and its escape are the same sign; truths by other hands have few escapes.
    shown = unescaped(markdown), unescaped(sample.truth)
    return PageScore(
        name=sample.name,
        kind=sample.kind,
        cer=cer(*shown),
        cer_without_spaces=cer(*shown, spaces=False),
        text_cer=cer(bare(markdown), bare(sample.truth)),
        cells=count_cells(said, true),
        structure=count_structure(said, true),
        digits=count_digits(answer.markdown, sample.truth),
        statuses=answer.statuses,
        seconds=answer.seconds,
    )


def summarise(scores: Sequence[PageScore]) -> dict[str, Summary]:
    """A summary for each kind by name, and for `ALL` last."""
    kinds = sorted({score.kind for score in scores} - {""})
    summaries = {kind: _summary([score for score in scores if score.kind == kind]) for kind in kinds}
    return {**summaries, ALL: _summary(scores)}


def _summary(scores: Sequence[PageScore]) -> Summary:
    pages = sum(len(score.statuses) for score in scores)
    timed = [score for score in scores if score.seconds is not None]
    timed_pages = sum(len(score.statuses) for score in timed)
    statuses = Counter(status for score in scores for status in score.statuses)
    return Summary(
        pages=pages,
        cer=_mean([score.cer for score in scores]),
        cer_without_spaces=_mean([score.cer_without_spaces for score in scores]),
        text_cer=_mean([score.text_cer for score in scores]),
        worst=max((score.cer for score in scores), default=None),
        cells=_f1([score.cells for score in scores]),
        structure=_f1([score.structure for score in scores]),
        digits=sum((score.digits for score in scores), Digits()),
        statuses={status: statuses[status] for status in STATUSES},
        seconds=sum(score.seconds or 0.0 for score in timed) / timed_pages if timed_pages else None,
    )


def _mean(values: Sequence[float]) -> Score:
    return Score(sum(values) / len(values) if values else None, interval(values))


def _f1(counts: Sequence[Counts]) -> Score:
    over, under = [2 * count.matched for count in counts], [count.said + count.true for count in counts]
    return Score(sum(counts, Counts()).f1, interval(over, under))


def as_json(scores: dict[str, Sequence[PageScore]]) -> dict[str, Any]:
    """All scores and their summaries, by reader, as JSON has it."""
    return {
        reader: {
            "summary": {kind: asdict(summary) for kind, summary in summarise(found).items()},
            "pages": [asdict(score) for score in found],
        }
        for reader, found in scores.items()
    }
