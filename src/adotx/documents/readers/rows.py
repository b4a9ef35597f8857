"""Row reader: a page in, blocks out, for models that read tiles of packed text rows (nano).

Layout finds the lines, packing makes tiles of twelve rows, the model is asked about all rows of a page at
once, and the rows' texts are put back where their lines stand. Knows no files, and no model beyond its
checkpoint and engine.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from PIL import Image

from adotx.documents.assembly import assemble, place
from adotx.documents.layout import lay_out, pack
from adotx.documents.readers import PageReading
from adotx.documents.readers.answers import RowAsker
from adotx.documents.readers.ground import grounded
from adotx.documents.readers.tile_answers import TileAsker
from adotx.documents.side_by_side import IsCancelled, not_cancelled
from adotx.errors import Sentence, joined

if TYPE_CHECKING:
    from adotx.model import Model


class RowReader:
    """Reads pages with a model that reads packed rows.

    Args:
        model: of a checkpoint whose config says ``"adotx": {"reader": "rows"}``.
    """

    def __init__(self, model: Model) -> None:
        asker = RowAsker if model.checkpoint.extra.get("answer") == "row" else TileAsker
        self._asker = asker(model.checkpoint, model.engine)

    def read(self, image: Image.Image, is_cancelled: IsCancelled = not_cancelled) -> PageReading:
        """See `PageReader`: "partial" where rows could not be read; rows cut at their ink's end are a
        note."""
        layout = lay_out(image)
        if layout.blank:
            return PageReading((), "blank", Sentence("no text was found on it"))
        packed = pack(layout)
        counts = [packed.rows(tile) for tile in range(len(packed.tiles))]
        answers, _ = self._asker.ask(packed.tiles, counts, is_cancelled)
        texts, beyond = grounded(layout, packed, [answer.text for answer in answers])
        blocks = assemble(place(layout, packed.texts(texts)))
        total = len(texts)
        if not blocks:
            nothing = Sentence("nothing could be read where there is print")
            return PageReading((), "failed", nothing, total)
        unread = sum(not answer.ended for answer in answers)
        notes: list[Sentence] = []
        if unread:
            notes.append(Sentence("{count} of {total} rows could not be read", count=unread, total=total))
        if beyond:
            notes.append(
                Sentence("{count} of {total} rows were cut where their ink ends", count=beyond, total=total)
            )
        return PageReading(blocks, "partial" if unread else "ok", joined(notes), total)
