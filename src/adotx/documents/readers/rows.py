"""Row reader: a page in, blocks out, for models that read tiles of packed text rows (nano).

Layout finds the lines, packing makes tiles of twelve rows, the model is asked about all rows of a page at
once, a second reader about those that hold more than Hangul, and the rows' texts are put back where their
lines stand. Knows no files, and no model beyond its checkpoint and engine.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from adotx.documents.assembly import assemble, place
from adotx.documents.layout import ROW, ROWS, Packed, lay_out, pack
from adotx.documents.readers import PageReading
from adotx.documents.readers.answers import RowAnswer, RowAsker
from adotx.documents.readers.glyphs import Glyph
from adotx.documents.readers.ground import grounded
from adotx.documents.readers.joining import JoinedRow, alone, joined_row, wanted
from adotx.documents.readers.second import SecondReader, second_reader
from adotx.documents.readers.tile_answers import TileAsker
from adotx.documents.readers.timesteps import FILE, Seen, Timesteps, seen_in
from adotx.documents.side_by_side import Cancelled, IsCancelled, not_cancelled
from adotx.errors import Sentence, joined

if TYPE_CHECKING:
    from adotx.model import Model

# Ink is that much darker than the paper of its row; it gets that many columns of paper beside it.
_DARKER, _MARGIN = 60, 6


class RowReader:
    """Reads pages with a model that reads packed rows.

    Args:
        model: of a checkpoint whose config says ``"adotx": {"reader": "rows"}``.
        second: whether the second reader is asked too.
    """

    def __init__(self, model: Model, second: bool = True) -> None:
        asker = RowAsker if model.checkpoint.extra.get("answer") == "row" else TileAsker
        self._asker = asker(model.checkpoint, model.engine)
        folder = model.checkpoint.path
        self._heads = Timesteps(folder) if (folder / FILE).exists() else None
        self._second: SecondReader | None = second_reader() if second else None

    def read(self, image: Image.Image, is_cancelled: IsCancelled = not_cancelled) -> PageReading:
        """See `PageReader`: "partial" where rows could not be read; rows cut at their ink's end are a
        note."""
        layout = lay_out(image)
        if layout.blank:
            return PageReading((), "blank", Sentence("no text was found on it"))
        packed = pack(layout)
        rows, unread = self._rows(packed, is_cancelled)
        texts, beyond = grounded(layout, packed, [row.text for row in rows])
        blocks = assemble(place(layout, packed.texts(texts)))
        total = len(texts)
        if not blocks:
            nothing = Sentence("nothing could be read where there is print")
            return PageReading((), "failed", nothing, total)
        notes: list[Sentence] = []
        if unread:
            notes.append(Sentence("{count} of {total} rows could not be read", count=unread, total=total))
        if beyond:
            notes.append(
                Sentence("{count} of {total} rows were cut where their ink ends", count=beyond, total=total)
            )
        return PageReading(blocks, "partial" if unread else "ok", joined(notes), total)

    def _rows(self, packed: Packed, is_cancelled: IsCancelled) -> tuple[list[JoinedRow], int]:
        """What all readers together say of each packed row, and how many rows could not be read."""
        counts = [packed.rows(tile) for tile in range(len(packed.tiles))]
        answers, features = self._asker.ask(packed.tiles, counts, is_cancelled)
        glyphs = self._heads.rows(np.stack(features)) if self._heads else []
        seen: list[list[Seen]] = [[] for _ in answers]
        if glyphs:
            used = [row for tile, count in enumerate(counts) for row in glyphs[tile * ROWS : tile * ROWS + count]]
            seen = [seen_in(answer.text, row) for answer, row in zip(answers, used, strict=True)]
        if is_cancelled():
            raise Cancelled
        others = self._others(packed, answers)
        rows = [
            alone(answer.text, answer.sure) if other is None else joined_row(answer.text, answer.sure, places, other)
            for answer, places, other in zip(answers, seen, others, strict=True)
        ]
        return rows, sum(not answer.ended and not row.text for answer, row in zip(answers, rows, strict=True))

    def _others(self, packed: Packed, answers: Sequence[RowAnswer]) -> list[list[Glyph] | None]:
        """What the second reader sees in each row; None where it is not asked."""
        out: list[list[Glyph] | None] = [None] * len(answers)
        if self._second is None:
            return out
        asked = [n for n, answer in enumerate(answers) if wanted(answer.text)]
        strips = [_strip(packed.tiles[packed.pieces[n].tile], packed.pieces[n].row) for n in asked]
        for n, found in zip(asked, self._second.read(strips), strict=True):
            out[n] = found
        return out


def _strip(tile: np.ndarray, row: int) -> np.ndarray:
    """A row of a tile up to where its ink ends: uint8 [32, w]."""
    strip = tile[row * ROW : (row + 1) * ROW]
    ink = np.flatnonzero(strip.min(0) < int(strip.max()) - _DARKER)
    return strip[:, : int(ink[-1]) + 1 + _MARGIN] if len(ink) else strip[:, :ROW]
