"""Row reader: a page in, blocks out, for models that read tiles of packed text rows (nano).

Layout finds the lines, packing makes tiles of twelve rows, the model is asked about all rows of a page at
once, a second reader about those that hold more than Hangul, and the rows' texts are put back where their
lines stand. Knows no files, and no model beyond its checkpoint and engine.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import replace
from typing import TYPE_CHECKING
from unicodedata import category

import numpy as np
from PIL import Image

from adotx.documents.assembly import assemble, place
from adotx.documents.doubt import doubted, is_item_number
from adotx.documents.layout import (
    ROWS,
    Layout,
    Packed,
    Part,
    insides,
    lay_out,
    line_em,
    pack,
    packed_again,
    rings_in,
    sheets_in,
)
from adotx.documents.readers import PageReading, Status
from adotx.documents.readers.answers import RowAnswer, RowAsker
from adotx.documents.readers.confidence import (
    DOUBTFUL_FIGURE,
    POOR,
    Evidence,
    figure,
    is_disputed,
    mean,
    verdict,
)
from adotx.documents.readers.full_width import in_full_width
from adotx.documents.readers.glyphs import Glyph
from adotx.documents.readers.ground import grounded
from adotx.documents.readers.joining import JoinedRow, alone, asked_spans, joined_row
from adotx.documents.readers.missed import with_missed
from adotx.documents.readers.scripts import unread_script
from adotx.documents.readers.second import SecondReader, second_reader, strip_of
from adotx.documents.readers.signs import Sign, bars_of, in_ring, ticks_in, with_signs
from adotx.documents.readers.standing import lines_where_they_stand
from adotx.documents.readers.striking import struck_spans
from adotx.documents.readers.timesteps import FILE, Seen, Timesteps, seen_in
from adotx.documents.readers.unread import is_mostly_unread, is_something_on
from adotx.documents.side_by_side import Cancelled, IsCancelled, not_cancelled
from adotx.documents.struck import struck, with_deleted
from adotx.errors import Sentence, joined
from adotx.markdown import Block, Box

if TYPE_CHECKING:
    from adotx.model import Model

_UNREAD_SCRIPTS = {
    "kana": Sentence("it seems to be Japanese, which is not read: what stands here may be nonsense"),
    "cyrillic": Sentence("it seems to be Cyrillic, which is not read: what stands here may be nonsense"),
}
# Rows with a character less likely than this are looked at again, at so many pixels per em.
_UNSURE, _EM_AGAIN = 0.8, 24.0
# Sheets of which less is expected to be right than this are looked at for print that was not read.
_DOUBTED = 0.9


class RowReader:
    """Reads pages with a model that reads packed rows.

    Args:
        model: of a checkpoint whose config says ``"adotx": {"reader": "rows"}``.
        second: whether the second reader is asked too.
        priority: of its requests.
    """

    def __init__(self, model: Model, second: bool = True, priority: int = 0) -> None:
        self._asker = RowAsker(model.checkpoint, model.engine, priority)
        folder = model.checkpoint.path
        self._heads = Timesteps(folder) if (folder / FILE).exists() else None
        self._second: SecondReader | None = second_reader() if second else None

    def read(self, image: Image.Image, is_cancelled: IsCancelled = not_cancelled) -> PageReading:
        """See `PageReader`: "partial" where rows could not be read; rows cut at their ink's end are a
        note. Sheets that lie apart in one picture are read one after the other."""
        readings = [self._sheet(part, is_cancelled) for part in sheets_in(image)]
        return readings[0] if len(readings) == 1 else _together(readings)

    def _sheet(self, part: Part, is_cancelled: IsCancelled) -> PageReading:
        """One sheet; the other way up too where it makes little sense, down where its lines may run so."""
        layout = lay_out(part.image, at=part.at)
        reading = self._read(layout, is_cancelled)
        if layout.down or (reading.confidence is not None and reading.confidence < POOR):
            other = lay_out(part.image, way="down" if layout.down else "over", at=part.at)
            reading = max(reading, self._read(other, is_cancelled), key=lambda each: each.confidence or 0.0)
        return _with_unread(reading, part)

    def _read(self, layout: Layout, is_cancelled: IsCancelled) -> PageReading:
        if layout.blank:
            return PageReading((), "blank", Sentence("no text was found on it"))
        packed = pack(layout)
        rows, unread = self.rows(packed, is_cancelled, layout)
        texts, beyond = grounded(layout, packed, [_doubted(row) for row in rows])
        shown = [struck(text, row.struck) for text, row in zip(texts, rows, strict=True)]
        placed = place(layout, packed.texts(shown))
        blocks = _with_confidence(with_deleted(assemble(placed)), layout, packed, rows)
        total = len(texts)
        if not blocks or not any(map(_says_something, texts)):
            nothing = Sentence("nothing could be read where there is print")
            return PageReading((), "failed", nothing, total)
        expected = mean([each for row in rows for each in row.evidence])
        status = verdict(expected, unread, total)
        formulas = max(sum(row.formula for row in rows), len(layout.fractions))
        if formulas and status == "ok":
            status = "partial"
        notes: list[Sentence] = []
        if unread:
            notes.append(Sentence("{count} of {total} rows could not be read", count=unread, total=total))
        if formulas:
            notes.append(Sentence("{count} formula(s) are given sign by sign", count=formulas))
        if script := unread_script(texts):
            status = "partial" if status == "ok" else status
            notes.append(_UNREAD_SCRIPTS[script])
        if expected < POOR:
            percent = round(100 * expected)
            notes.append(Sentence("only about {percent} % of it is expected to be right", percent=percent))
        if beyond:
            notes.append(
                Sentence("{count} of {total} rows were cut where their ink ends", count=beyond, total=total)
            )
        if status == "failed":  # what makes no sense is not handed on as if it were what the page says
            return PageReading((), status, joined(notes), total, expected)
        sure = [mean(row.evidence) if row.evidence else None for row in rows]
        lines = lines_where_they_stand(layout, packed, texts, sure)
        return PageReading(blocks, status, joined(notes), total, expected, lines=lines)

    def rows(
        self, packed: Packed, is_cancelled: IsCancelled = not_cancelled, layout: Layout | None = None
    ) -> tuple[list[JoinedRow], int]:
        """What all readers together say of each packed row, and how many rows could not be read.

        Args:
            packed: changes where a row is read better at another scale.
            is_cancelled: see `PageReader`.
            layout: what `packed` is of; None: no row is looked at twice, no box to be ticked is told.
        """
        answers, glyphs = self._look(packed, is_cancelled)
        if layout is not None:
            self._look_again(layout, packed, answers, glyphs, is_cancelled)
        seen: list[list[Seen]] = [[] for _ in answers]
        if self._heads:
            seen = [seen_in(answer.text, row) for answer, row in zip(answers, glyphs, strict=True)]
        if layout is not None and self._heads:
            signs = [ticks_in(piece, layout.ticks) for piece in packed.pieces]
            for number, ring in self._in_rings(layout, packed, is_cancelled):
                signs[number].append(ring)
            for number, own in enumerate(signs):
                own += bars_of(layout, packed.pieces[number], answers[number])
                if own:
                    answers[number], seen[number] = with_signs(answers[number], seen[number], own)
                wide = in_full_width(layout, packed.pieces[number], answers[number], seen[number])
                answers[number], seen[number] = wide
        if is_cancelled():
            raise Cancelled
        others = self._others(packed, answers, seen)
        if self._heads:
            for number, other in enumerate(others):
                if other:
                    found = with_missed(answers[number], seen[number], glyphs[number], other)
                    answers[number], seen[number] = found
        rows = [
            alone(answer.text, answer.sure, places)
            if other is None
            else joined_row(answer.text, answer.sure, places, other)
            for answer, places, other in zip(answers, seen, others, strict=True)
        ]
        if layout is not None and layout.strikes:
            rows = [
                replace(row, struck=tuple(struck_spans(row.text, answer.text, places, piece, layout.strikes)))
                for row, answer, places, piece in zip(rows, answers, seen, packed.pieces, strict=True)
            ]
        return rows, sum(not answer.ended and not row.text for answer, row in zip(answers, rows, strict=True))

    def _look(self, packed: Packed, is_cancelled: IsCancelled) -> tuple[list[RowAnswer], list[list[Glyph]]]:
        """What the model says of each row, and what the heads see in it; without heads nothing."""
        counts = [packed.rows(tile) for tile in range(len(packed.tiles))]
        answers, features = self._asker.ask(packed.tiles, counts, is_cancelled)
        if not self._heads:
            return answers, [[] for _ in answers]
        found = self._heads.rows(np.stack(features))
        return answers, [row for tile, count in enumerate(counts) for row in found[tile * ROWS :][:count]]

    def _look_again(
        self,
        layout: Layout,
        packed: Packed,
        answers: list[RowAnswer],
        glyphs: list[list[Glyph]],
        is_cancelled: IsCancelled,
    ) -> None:
        """Read rows that the model is unsure of again, a little smaller; what it is surer of stands."""
        unsure = [number for number, answer in enumerate(answers) if answer.least < _UNSURE]
        if not unsure:
            return
        again = packed_again(layout, packed, unsure, _EM_AGAIN)
        looked = zip(unsure, *self._look(again, is_cancelled), strict=True)
        for at, (number, answer, row) in enumerate(looked):
            if answer.is_better(answers[number]):
                answers[number], glyphs[number] = answer, row
                packed.with_row(number, again, at)

    def _in_rings(
        self, layout: Layout, packed: Packed, is_cancelled: IsCancelled
    ) -> Iterator[tuple[int, Sign]]:
        """The rows with numbers or letters in circles, and these."""
        found = [
            (number, ring)
            for number, piece in enumerate(packed.pieces)
            for ring in rings_in(layout.page, piece.box, line_em(layout, piece.line))
        ]
        if not found or self._second is None:
            return
        tiles = insides(layout.page, [ring for _, ring in found])
        counts = [min(ROWS, len(found) - ROWS * tile) for tile in range(len(tiles))]
        answers, _ = self._asker.ask(tiles, counts, is_cancelled)
        others = self._second.read([strip_of(tiles[n // ROWS], n % ROWS) for n in range(len(found))])
        for (number, ring), first, second in zip(found, answers, others, strict=True):
            if char := in_ring(first, second):
                piece = packed.pieces[number]
                yield number, Sign(char, piece.at(ring.box[0]), piece.at(ring.box[2]))

    def _others(
        self, packed: Packed, answers: Sequence[RowAnswer], seen: Sequence[Sequence[Seen]]
    ) -> list[list[Glyph] | None]:
        """What the second reader sees in each row; None where it is not asked."""
        out: list[list[Glyph] | None] = [None] * len(answers)
        if self._second is None:
            return out
        asked: list[tuple[int, int]] = []  # row, and where in it the part begins
        parts: list[np.ndarray] = []
        for n, (piece, answer, places) in enumerate(zip(packed.pieces, answers, seen, strict=True)):
            strip = strip_of(packed.tiles[piece.tile], piece.row)
            for x0, x1 in asked_spans(answer.text, answer.sure, places, strip.shape[1]):
                asked.append((n, x0))
                parts.append(strip[:, x0:x1])
        for (n, x0), found in zip(asked, self._second.read(parts), strict=True):
            out[n] = [*(out[n] or ()), *(glyph.moved(x0) for glyph in found)]
        return out


def _says_something(text: str) -> bool:
    """Whether it has more than punctuation, which readers see where letters are blurred."""
    return any(category(char)[0] not in "PZ" for char in text)


def _with_unread(reading: PageReading, part: Part) -> PageReading:
    """A sheet's reading, held against what its picture shows."""
    if reading.status == "blank":
        if not is_something_on(part.image):
            return reading
        return PageReading((), "failed", Sentence("something is on the page, but nothing could be read"))
    if reading.status == "failed" or (reading.confidence or 0.0) >= _DOUBTED:
        return reading
    read = [[(x - part.at[0], y - part.at[1]) for x, y in line.quad] for line in reading.lines]
    if not is_mostly_unread(part.image, read):
        return reading
    unread = Sentence("most of what is on the page could not be read")
    more = [Sentence("{reason}", reason=reading.reason)] if reading.reason else []
    return replace(reading, status="partial", reason=joined([unread, *more]))


def _together(readings: Sequence[PageReading]) -> PageReading:
    """Several sheets of one picture as one page."""
    read = [each for each in readings if each.status != "blank"]
    if not read:
        return readings[0]
    notes = [
        Sentence("sheet {number} of {total}: {reason}", number=n, total=len(readings), reason=each.reason)
        for n, each in enumerate(readings, 1)
        if each.reason and each.status != "blank"
    ]
    states = {each.status for each in read}
    status: Status = "ok" if states == {"ok"} else "failed" if states == {"failed"} else "partial"
    rows = sum(each.rows for each in read)
    sure = sum(each.rows * (each.confidence or 0.0) for each in read)
    blocks = [block for each in read for block in each.blocks]
    lines = [line for each in read for line in each.lines]
    return PageReading(blocks, status, joined(notes), rows, sure / rows if rows else None, lines=lines)


def _with_confidence(
    blocks: Sequence[Block], layout: Layout, packed: Packed, rows: Sequence[JoinedRow]
) -> list[Block]:
    """Each block with the share of its characters that are expected to be right: of the rows that stand in
    it."""
    held: dict[int, list[Evidence]] = {}
    for piece, row in zip(packed.pieces, rows, strict=True):
        x0, y0, x1, y1 = piece.box
        x, y = layout.to_input((x0 + x1) / 2, (y0 + y1) / 2)
        around = [n for n, block in enumerate(blocks) if block.box and _holds(block.box, x, y)]
        if around:
            smallest = min(around, key=lambda n: _area(blocks[n].box))
            held.setdefault(smallest, []).extend(row.evidence)
    return [
        replace(block, confidence=mean(held[n])) if held.get(n) else block for n, block in enumerate(blocks)
    ]


def _holds(box: Box, x: float, y: float) -> bool:
    return box[0] <= x <= box[2] and box[1] <= y <= box[3]


def _area(box: Box | None) -> float:
    return 0.0 if box is None else (box[2] - box[0]) * (box[3] - box[1])


def _doubted(row: JoinedRow) -> str:
    """A row's text with its doubtful figures written as such."""
    text = row.text
    for token in row.tokens:
        start, end = token.start, token.end
        if not token.is_figure or is_item_number(row.text, start, end):
            continue
        evidence = row.evidence[start:end]
        disputed = token.differs and is_disputed(evidence)
        if disputed or figure(evidence) < DOUBTFUL_FIGURE:
            text = text[:start] + doubted(text[start:end]) + text[end:]
    return text
