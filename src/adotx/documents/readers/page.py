"""Page reader: a page in, blocks out, for any vision-language model that answers in text or Markdown.

Every page is asked about that its pixels do not prove blank. Where its type would be too small in the model's
tiles the page is cut at white space; pieces are read side by side and joined in reading order. An answer that
was cut off or that loops is asked for again: in halves of its piece, else with temperature. Knows no engine
and no files.
"""

from __future__ import annotations

import re
from dataclasses import dataclass, replace
from functools import cached_property, partial
from typing import TYPE_CHECKING

from PIL import Image

from adotx.chat import table_ids
from adotx.documents.layout import lay_out
from adotx.documents.readers import PageReading
from adotx.documents.readers.blank import proven_blank
from adotx.documents.readers.checking import has_figures, seen_by_second, with_doubts
from adotx.documents.readers.cutting import PagePiece, Sheet
from adotx.documents.readers.prompts import transcribe_page
from adotx.documents.side_by_side import Cancelled, IsCancelled, in_order, not_cancelled
from adotx.engine import SamplingParams
from adotx.errors import Sentence, joined
from adotx.markdown import Block, parse_markdown

if TYPE_CHECKING:
    from adotx.model import Model, Reply

#: most ids of an answer about one piece
MAX_TOKENS = 4096
# The card's values: top_k 1, so greedy, with this repetition penalty.
_REPETITION_PENALTY = 1.05
# Tables of whole pages have many empty cells: what makes them up may repeat for longer (`table_ids`).
_LOOP_IDS = 256
# (temperature, repetition penalty) of further attempts at a piece that cannot be halved; the seed is fixed.
_ATTEMPTS = ((0.4, 1.1), (0.8, 1.15))
# How often a piece is halved for one that went wrong.
_HALVINGS = 1
# Pieces of one page that are read at the same time.
_PIECES_AT_ONCE = 4
# An answer that is one fenced block says that it is Markdown; one that was cut off lacks the end of the
# fence.
_FENCED = re.compile(r"\s*```(?:markdown|md)[ \t]*\n(.*?)(?:\n```\s*)?", re.DOTALL | re.IGNORECASE)


@dataclass(frozen=True)
class _Answer:
    """Texts about a piece, in reading order, and what is missing in them, in words."""

    texts: tuple[str, ...]
    missing: tuple[Sentence, ...] = ()


class VlmReader:
    """Reads pages with any vision-language model.

    Args:
        model: what is asked, through its `stream` alone.
        second: whether the second reader checks its figures.
        priority: of its requests.
    """

    def __init__(self, model: Model, second: bool = True, priority: int = 0) -> None:
        self._model, self._second, self._priority = model, second, priority

    def read(self, image: Image.Image, is_cancelled: IsCancelled = not_cancelled) -> PageReading:
        """See `PageReader`. "blank" needs a proof: pixels that are all paper, or a model that says nothing
        about a page on which the layout rules find no line either."""
        if proven_blank(image):
            return PageReading((), "blank", Sentence("its pixels are all paper"))
        rule = self._model.checkpoint.config.tiles
        assert rule is not None
        layout = lay_out(image)
        sheet = Sheet(image, layout, rule)
        pieces = sheet.pieces()
        total = len(pieces)
        names = [Sentence("piece {number} of {total}", number=n, total=total) for n in range(1, total + 1)]
        if total == 1:
            names = [Sentence("the page")]
        answer = self._side_by_side(sheet, list(zip(names, pieces, strict=True)), _HALVINGS, is_cancelled)
        texts = [_unfenced(text) for text in answer.texts]
        if is_cancelled():
            raise Cancelled
        if self._second and any(map(has_figures, texts)):
            rows = seen_by_second(layout)
            texts = [with_doubts(text, rows) for text in texts] if rows else texts
        blocks: list[Block] = [block for text in texts for block in parse_markdown(text)]
        missing = joined(answer.missing)
        if not blocks:
            if layout.blank and not missing:
                return PageReading((), "blank", Sentence("the model found no text on it"))
            silence = Sentence("the model said nothing about a page with print on it")
            return PageReading((), "failed", missing or silence)
        return PageReading(blocks, "partial" if missing else "ok", missing)

    def _side_by_side(
        self, sheet: Sheet, pieces: list[tuple[Sentence, PagePiece]], halvings: int, is_cancelled: IsCancelled
    ) -> _Answer:
        """All pieces read, at most `_PIECES_AT_ONCE` at a time; their answers in order."""
        read = partial(self._piece, sheet, halvings)
        answers = list(in_order(read, pieces, min(len(pieces), _PIECES_AT_ONCE), is_cancelled))
        silent = [
            Sentence("the model said nothing about {name}", name=name)
            for (name, piece), answer in zip(pieces, answers, strict=True)
            if len(pieces) > 1 and piece.units and not answer.missing and not "".join(answer.texts).strip()
        ]
        missing = [what for answer in answers for what in answer.missing] + silent
        return _Answer(tuple(text for answer in answers for text in answer.texts), tuple(missing))

    def _piece(
        self, sheet: Sheet, halvings: int, named: tuple[Sentence, PagePiece], is_cancelled: IsCancelled
    ) -> _Answer:
        """One piece, asked for again while its answer is cut off or loops."""
        name, piece = named
        picture = sheet.picture(piece)
        reply = self._ask(picture, self._sampling, is_cancelled)
        if reply.finish_reason == "stop":
            return _Answer((reply.text,))
        halves = sheet.halves(piece) if halvings else []
        if halves:
            names = (
                Sentence("the first half of {name}", name=name),
                Sentence("the second half of {name}", name=name),
            )
            parts = list(zip(names, halves, strict=True))
            return self._side_by_side(sheet, parts, halvings - 1, is_cancelled)
        replies = [reply]
        for seed, (temperature, penalty) in enumerate(_ATTEMPTS, 1):
            sampling = replace(self._sampling, temperature=temperature, repetition_penalty=penalty, seed=seed)
            reply = self._ask(picture, sampling, is_cancelled)
            if reply.finish_reason == "stop":
                return _Answer((reply.text,))
            replies.append(reply)
        best = max(replies, key=lambda each: len(_before_loop(each)))
        return _Answer((_before_loop(best),), (_fault(name, best),))

    def _ask(self, picture: Image.Image, sampling: SamplingParams, is_cancelled: IsCancelled) -> Reply:
        # Streamed and not awaited whole, because only a stream can be left in the middle.
        prompt, priority = transcribe_page(), self._priority
        with self._model.stream(prompt, images=[picture], sampling=sampling, priority=priority) as stream:
            for _ in stream:
                if is_cancelled():
                    raise Cancelled
            return stream.reply

    @cached_property
    def _sampling(self) -> SamplingParams:
        return SamplingParams(
            max_new_tokens=MAX_TOKENS,
            repetition_penalty=_REPETITION_PENALTY,
            loop_guard=_LOOP_IDS,
            loop_exempt=table_ids(self._model.checkpoint.tokenizer),
        )


def _before_loop(reply: Reply) -> str:
    return reply.text if reply.loop_start is None else reply.text[: reply.loop_start]


def _fault(name: Sentence, reply: Reply) -> Sentence:
    if reply.finish_reason == "loop":
        return Sentence("{name} ran into a loop", name=name)
    if reply.finish_reason == "length":
        tokens = reply.usage.completion_tokens
        return Sentence("{name} was cut off at {tokens:,} tokens", name=name, tokens=tokens)
    return Sentence("{name} ended early ({finish})", name=name, finish=reply.finish_reason)


def _unfenced(text: str) -> str:
    """An answer without the Markdown fence that some models put around the whole of it."""
    fenced = _FENCED.fullmatch(text)
    return fenced[1] if fenced else text
