"""Page images in, Markdown out: layout, packing, reading by the engine, assembly.

In: a checkpoint, its engine, pages. Out: `PageResult`s: ok, blank (verified: no print on the page) or failed,
with a reason; one bad page never costs another. Checkpoints whose config says `"adotx": {"reader": "rows"}`
(nano) read packed rows; all others are asked the model card's transcription question about the whole page.
Knows no HTTP.
"""

from __future__ import annotations

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Literal

import numpy as np
from PIL import Image

from adotx.chat import render_for, table_ids
from adotx.documents.assembly import assemble, place
from adotx.documents.assembly.ground import grounded
from adotx.documents.intake import PDF_DPI, pages_of
from adotx.documents.layout.pack import ROW, ROWS, TILE, pack
from adotx.documents.layout.page import lay_out
from adotx.documents.prompts import read_rows, transcribe_page
from adotx.engine import Request, SamplingParams
from adotx.errors import AdotxError
from adotx.markdown import to_markdown
from adotx.vision import Limits, pixels

if TYPE_CHECKING:
    from adotx.checkpoint import Checkpoint
    from adotx.engine import Engine, Output

# A row holds at most some 60 narrow letters.
_IDS_PER_ROW = 80
# A pattern that fills this many ids is a loop: longer than any row, so ruled "-----" lines pass.
_ROW_LOOP, _PAGE_LOOP = 96, 256
_PAGE_IDS = 4096


@dataclass(frozen=True)
class PageResult:
    """What became of one page.

    Attributes:
        markdown: the page's text; "" where it is blank or failed.
        status: "ok"; "blank": there is no print on it; "failed": it could not be read.
        reason: why it failed, or what is doubtful about it; "" where nothing is.
        number: page of its document, from 1.
        seconds: layout, reading and assembly.
        rows: text rows that were read (0 for models that read whole pages).
    """

    markdown: str
    status: Literal["ok", "blank", "failed"] = "ok"
    reason: str = ""
    number: int = 1
    seconds: float = 0.0
    rows: int = 0


class Transcriber:
    """Reads pages with one loaded model.

    Args:
        checkpoint: what reads.
        engine: the same, loaded.
        rows_per_tile: packed rows that are read in one go (1..12).

    Raises:
        AdotxError: the checkpoint has no vision.
    """

    def __init__(self, checkpoint: Checkpoint, engine: Engine, rows_per_tile: int = ROWS) -> None:
        if checkpoint.config.tiles is None or checkpoint.config.image_token_id is None:
            raise AdotxError(
                "checkpoint.no_vision", "this checkpoint reads text only", checkpoint.name, "use a VL one"
            )
        assert 1 <= rows_per_tile <= ROWS
        self.checkpoint, self.engine, self.rows_per_tile = checkpoint, engine, rows_per_tile
        self.reads_rows = checkpoint.extra.get("reader") == "rows"

    def pages(
        self, path: str | Path, limits: Limits | None = None, dpi: int = PDF_DPI
    ) -> Iterator[PageResult]:
        """All pages of a document, one result each.

        Raises:
            AdotxError: the document cannot be opened at all; one page of several becomes a failed result.
        """
        for page in pages_of(path, limits, dpi):
            start = time.perf_counter()
            try:
                image = page.open()
            except AdotxError as error:
                if page.number == 1 and error.where == str(path):
                    raise  # a picture is its own only page
                yield PageResult("", "failed", str(error), page.number, time.perf_counter() - start)
                continue
            yield self.page(image, page.number)

    def page(self, image: Image.Image, number: int = 1) -> PageResult:
        """One page, RGB, as a person sees it."""
        start = time.perf_counter()
        try:
            markdown, status, reason, rows = self._rows(image) if self.reads_rows else self._whole(image)
        except AdotxError as error:
            markdown, status, reason, rows = "", "failed", str(error), 0
        return PageResult(markdown, status, reason, number, time.perf_counter() - start, rows)  # type: ignore[arg-type]

    def _rows(self, image: Image.Image) -> tuple[str, str, str, int]:
        layout = lay_out(image)
        if layout.blank:
            return "", "blank", "", 0
        packed = pack(layout)
        strips = [packed.tiles[p.tile, p.row * ROW : (p.row + 1) * ROW] for p in packed.pieces]
        read, endless = self.read(strips)
        texts, beyond = grounded(layout, packed, read)
        markdown = to_markdown(assemble(place(layout, packed.texts(texts))))
        doubts = ((endless, "could not be read"), (beyond, "were cut where their ink ends"))
        reason = "; ".join(f"{n} of {len(strips)} rows {what}" for n, what in doubts if n)
        if not markdown.strip():
            return "", "failed", "nothing could be read where there is print", len(strips)
        return markdown, "ok", reason, len(strips)

    def read(self, strips: Sequence[np.ndarray]) -> tuple[list[str], int]:
        """The text of each row.

        Rows are read side by side, `rows_per_tile` to a tile. Where an answer has more or fewer lines than
        the tile has rows, its halves are read again, down to single rows.

        Args:
            strips: uint8 [32, 384] each.

        Returns:
            (texts, how many rows have none because their answer did not end by itself).
        """
        texts = [""] * len(strips)
        waiting = [
            range(at, min(at + self.rows_per_tile, len(strips)))
            for at in range(0, len(strips), self.rows_per_tile)
        ]
        cut = 0
        while waiting:
            outputs = self.engine.generate([self._request([strips[i] for i in group]) for group in waiting])
            again: list[range] = []
            for group, output in zip(waiting, outputs, strict=True):
                lines = self._lines(output)
                if len(group) == 1:
                    # An answer that never ends is a loop over what is no text: a smear, a piece of a frame.
                    ended = output.finish_reason == "stop"
                    texts[group[0]] = " ".join(line for line in lines if line) if ended else ""
                    cut += not ended
                elif len(lines) == len(group) and output.finish_reason == "stop":
                    for i, line in zip(group, lines, strict=True):
                        texts[i] = line
                else:
                    middle = group.start + len(group) // 2
                    again += [range(group.start, middle), range(middle, group.stop)]
            waiting = again
        return texts, cut

    def _lines(self, output: Output) -> list[str]:
        return [line.strip() for line in self.checkpoint.tokenizer.decode(output.ids).strip().split("\n")]

    def _request(self, strips: Sequence[np.ndarray]) -> Request:
        config = self.checkpoint.config
        assert config.tiles is not None and config.image_token_id is not None
        tile = np.full((TILE, TILE), int(strips[0].max()), np.uint8)
        for row, strip in enumerate(strips):
            tile[row * ROW : (row + 1) * ROW] = strip
        prompt = render_for(self.checkpoint, read_rows(), tiles=[1])
        sampling = SamplingParams(max_new_tokens=_IDS_PER_ROW * len(strips), loop_guard=_ROW_LOOP)
        picture = pixels(Image.fromarray(tile).convert("RGB"), config.tiles)
        return Request(prompt.ids, slots=prompt.places, images=[picture], sampling=sampling)

    def _whole(self, image: Image.Image) -> tuple[str, str, str, int]:
        config = self.checkpoint.config
        assert config.tiles is not None and config.image_token_id is not None
        if lay_out(image).blank:
            return "", "blank", "", 0
        tiles = pixels(image, config.tiles)
        prompt = render_for(self.checkpoint, transcribe_page(), tiles=[len(tiles)])
        # The card's values: top_k 1, so greedy, with repetition penalty 1.05.
        # Whole pages have tables with many empty cells; packed rows have none, a loop of blanks there is one.
        sampling = SamplingParams(
            max_new_tokens=_PAGE_IDS,
            repetition_penalty=1.05,
            loop_guard=_PAGE_LOOP,
            loop_exempt=table_ids(self.checkpoint.tokenizer),
        )
        [output] = self.engine.generate(
            [Request(prompt.ids, slots=prompt.places, images=[tiles], sampling=sampling)]
        )
        text = self.checkpoint.tokenizer.decode(output.ids).strip()
        if not text:
            return "", "failed", "the model said nothing about a page with print on it", 0
        reason = "" if output.finish_reason == "stop" else f"the answer ended early ({output.finish_reason})"
        return text + "\n", "ok", reason, 0
