"""Row reader: a page in, blocks out, for models that read tiles of packed text rows (nano).

Layout finds the lines, packing makes tiles of twelve rows, the engine reads all tiles of a page at once, and
the rows' texts are put back where their lines stand. Rows whose answer does not fit are read again in halves
of their tile. Knows no files, and no model beyond its checkpoint and engine.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np
from PIL import Image

from adotx.chat import Rendered, render_for
from adotx.documents.assembly import assemble, place
from adotx.documents.layout import ROW, lay_out, pack
from adotx.documents.readers import PageReading
from adotx.documents.readers.ground import grounded
from adotx.documents.readers.prompts import read_rows
from adotx.documents.side_by_side import Cancelled, IsCancelled, not_cancelled
from adotx.engine import Request, SamplingParams
from adotx.errors import Sentence, joined
from adotx.vision import tile_pixels

if TYPE_CHECKING:
    from adotx.engine import Output
    from adotx.model import Model

# A row holds at most some 60 narrow letters.
_IDS_PER_ROW = 80
# A pattern that fills this many ids is a loop: longer than any row, so ruled "-----" lines pass.
_LOOP_IDS = 96


@dataclass(frozen=True)
class _Rows:
    """Rows `start` to `stop` of one tile; `first` is the place of row `start` among all rows of the page."""

    tile: int
    start: int
    stop: int
    first: int

    def __len__(self) -> int:
        return self.stop - self.start

    def halves(self) -> tuple[_Rows, _Rows]:
        middle = self.start + len(self) // 2
        return (
            _Rows(self.tile, self.start, middle, self.first),
            _Rows(self.tile, middle, self.stop, self.first + middle - self.start),
        )


class RowReader:
    """Reads pages with a model that reads packed rows.

    Args:
        model: of a checkpoint whose config says ``"adotx": {"reader": "rows"}``.
    """

    def __init__(self, model: Model) -> None:
        self._checkpoint, self._engine = model.checkpoint, model.engine

    def read(self, image: Image.Image, is_cancelled: IsCancelled = not_cancelled) -> PageReading:
        """See `PageReader`: "partial" where rows could not be read; rows cut at their ink's end are a
        note."""
        layout = lay_out(image)
        if layout.blank:
            return PageReading((), "blank", Sentence("no text was found on it"))
        packed = pack(layout)
        counts = [packed.rows(tile) for tile in range(len(packed.tiles))]
        said, unread = self.texts(packed.tiles, counts, is_cancelled)
        texts, beyond = grounded(layout, packed, said)
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

    def texts(
        self, tiles: np.ndarray, counts: Sequence[int], is_cancelled: IsCancelled = not_cancelled
    ) -> tuple[list[str], int]:
        """The text of each row of packed tiles.

        Tiles are read side by side. Where an answer has more or fewer lines than its tile has rows, the
        halves of the tile are read again, down to single rows.

        Args:
            tiles: uint8 [n, S, S], rows of 32 pixels from the top.
            counts: how many rows of each tile are used, 1 or more.

        Returns:
            (texts, how many rows have none because their answer did not end by itself).
        """
        texts = [""] * sum(counts)
        waiting: list[_Rows] = []
        for tile, count in enumerate(counts):
            waiting.append(_Rows(tile, 0, count, sum(counts[:tile])))
        unread = 0
        while waiting:
            if is_cancelled():
                raise Cancelled
            outputs = self._engine.generate([self._request(tiles[rows.tile], rows) for rows in waiting])
            again: list[_Rows] = []
            for rows, output in zip(waiting, outputs, strict=True):
                lines = self._lines(output)
                ended = output.finish_reason == "stop"
                if len(rows) == 1:
                    # An answer that never ends is a loop over what is no text: a smear, a piece of a frame.
                    texts[rows.first] = " ".join(line for line in lines if line) if ended else ""
                    unread += not ended
                elif len(lines) == len(rows) and ended:
                    texts[rows.first : rows.first + len(rows)] = lines
                else:
                    again += rows.halves()
            waiting = again
        return texts, unread

    def _lines(self, output: Output) -> list[str]:
        text = self._checkpoint.tokenizer.decode(output.ids)
        return [line.strip() for line in text.strip().split("\n")]

    @cached_property
    def _prompt(self) -> Rendered:
        """The same for every tile."""
        return render_for(self._checkpoint, read_rows(), tiles=[1])

    def _request(self, tile: np.ndarray, rows: _Rows) -> Request:
        rule = self._checkpoint.config.tiles
        assert rule is not None
        sampling = SamplingParams(max_new_tokens=_IDS_PER_ROW * len(rows), loop_guard=_LOOP_IDS)
        pixels = tile_pixels(_only(tile, rows), rule)
        return Request(self._prompt.ids, slots=self._prompt.places, images=[pixels], sampling=sampling)


def _only(tile: np.ndarray, rows: _Rows) -> np.ndarray:
    """A tile with these rows alone, moved to its top; uint8 [S, S]."""
    top, low = rows.start * ROW, rows.stop * ROW
    if top == 0 and low == len(tile):
        return tile
    # The paper below the last row is the first row's lightest value, so that no edge shows between them.
    out = np.full_like(tile, tile[top : top + ROW].max())
    out[: low - top] = tile[top:low]
    return out
