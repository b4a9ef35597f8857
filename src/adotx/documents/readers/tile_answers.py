"""The way in which nano was asked before it answered row by row: one answer for all rows of a tile.

In and out as `adotx.documents.readers.answers`. Where an answer has another number of lines than its tile has
rows, the halves of the tile are read again, down to single rows. To be deleted with the weights that need it.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from adotx.chat import Rendered, render_for
from adotx.documents.layout import ROW
from adotx.documents.readers.answers import IDS_PER_ROW, RowAnswer, characters
from adotx.documents.readers.prompts import read_rows
from adotx.documents.side_by_side import Cancelled, IsCancelled, not_cancelled
from adotx.engine import Request, SamplingParams
from adotx.vision import tile_pixels

if TYPE_CHECKING:
    from adotx.checkpoint import Checkpoint
    from adotx.engine import Engine, Output

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


class TileAsker:
    """Asks a model that answers for all rows of a tile at once; see `RowAsker`."""

    def __init__(self, checkpoint: Checkpoint, engine: Engine) -> None:
        assert checkpoint.config.tiles is not None
        self._checkpoint, self._engine, self._rule = checkpoint, engine, checkpoint.config.tiles

    def ask(
        self, tiles: np.ndarray, counts: Sequence[int], is_cancelled: IsCancelled = not_cancelled
    ) -> tuple[list[RowAnswer], list[np.ndarray]]:
        """See `RowAsker.ask`; without features."""
        answers = [RowAnswer("", ())] * sum(counts)
        waiting = [_Rows(tile, 0, count, sum(counts[:tile])) for tile, count in enumerate(counts)]
        while waiting:
            if is_cancelled():
                raise Cancelled
            outputs = self._engine.generate([self._request(tiles[rows.tile], rows) for rows in waiting])
            again: list[_Rows] = []
            for rows, output in zip(waiting, outputs, strict=True):
                lines = self._lines(output)
                ended = output.finish_reason == "stop"
                if len(rows) == 1:
                    answers[rows.first] = _one(lines) if ended else RowAnswer("", (), 0.0, ended=False)
                elif len(lines) == len(rows) and ended:
                    answers[rows.first : rows.first + len(rows)] = lines
                else:
                    again += rows.halves()
            waiting = again
        return answers, []

    def _lines(self, output: Output) -> list[RowAnswer]:
        text, sure = characters(output, self._checkpoint.tokenizer)
        lines, at = [], 0
        for line in text.strip().split("\n"):
            start = text.index(line, at)
            at = start + len(line)
            begin = start + len(line) - len(line.lstrip())
            said = line.strip()
            lines.append(RowAnswer(said, tuple(sure[begin : begin + len(said)])))
        return lines

    @cached_property
    def _prompt(self) -> Rendered:
        """The same for every tile."""
        return render_for(self._checkpoint, read_rows(), tiles=[1])

    def _request(self, tile: np.ndarray, rows: _Rows) -> Request:
        sampling = SamplingParams(max_new_tokens=IDS_PER_ROW * len(rows), loop_guard=_LOOP_IDS, logprobs=0)
        pixels = tile_pixels(_only(tile, rows), self._rule)
        return Request(self._prompt.ids, slots=self._prompt.places, images=[pixels], sampling=sampling)


def _one(lines: list[RowAnswer]) -> RowAnswer:
    """What was said about a single row, on one line."""
    said = [line for line in lines if line.text]
    sure = [(*line.sure, 1.0) for line in said]
    return RowAnswer(" ".join(line.text for line in said), tuple(p for each in sure for p in each)[:-1])


def _only(tile: np.ndarray, rows: _Rows) -> np.ndarray:
    """A tile with these rows alone, moved to its top; uint8 [S, S]."""
    top, low = rows.start * ROW, rows.stop * ROW
    if top == 0 and low == len(tile):
        return tile
    # The paper below the last row is the first row's lightest value, so that no edge shows between them.
    out = np.full_like(tile, tile[top : top + ROW].max())
    out[: low - top] = tile[top:low]
    return out
