"""Rows to fine-tune a row reader with, from pages whose text is known.

In: pages with their Markdown (as `adotx.evaluate.transcription` finds them) and a row reader. Out: a folder
with the tiles that the reader sees and a `rows.jsonl` that asks for each row as the reader does. Layout cuts
the page into rows as in use; which part of the truth a row shows is found by aligning what the reader says,
right or wrong, with the truth. A row is kept only where its ends in the truth are certain and its text is as
wide as its ink.
"""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, TextIO

import numpy as np
from PIL import Image

from adotx.documents.assembly.letter_widths import text_width
from adotx.documents.layout import ROWS, Packed, lay_out, pack
from adotx.documents.readers.answers import RowAsker
from adotx.documents.readers.prompts import read_row
from adotx.documents.sources import open_pages
from adotx.errors import AdotxError
from adotx.evaluate.bare import bare
from adotx.evaluate.cer import edit_distance, normalise_text
from adotx.evaluate.transcription import find_samples

if TYPE_CHECKING:
    from adotx.model import Model

#: the file of the rows
ROWS_FILE = "rows.jsonl"
#: cells of an alignment at most: a page has some thousand characters
_MOST_CELLS = 60_000_000
#: a row of which the reader gets less than this right says nothing about where it stands
_ANCHORED = 0.25
#: how far the width of a text may be from that of its ink, by the page's own measure
_WIDTHS = (0.75, 1.33)
#: shorter texts have no reliable width
_SHORT = 4
#: least darkness of ink against its paper, in grey levels
_INK = 60


def write_rows(
    folder: Path, out: Path, model: Model, progress: Callable[[int, int], None] = lambda done, total: None
) -> tuple[int, int]:
    """Write the rows of all pages of `folder` to `out`; returns (rows kept, rows found).

    Raises:
        AdotxError: no truth, a page that cannot be opened, ``page_rows.reader`` for a model that does not
            read rows, ``out.unwritable``.
    """
    if model.checkpoint.extra.get("reader") != "rows":
        what, remedy = "does not read packed rows", "use nano; other models are taught with whole pages"
        raise AdotxError("page_rows.reader", what, model.checkpoint.name, remedy)
    samples = find_samples(folder, with_sources=True)
    asker = RowAsker(model.checkpoint, model.engine)
    kept = found = 0
    try:
        (out / "tiles").mkdir(parents=True, exist_ok=True)
        with (out / ROWS_FILE).open("w", encoding="utf-8") as file:
            for number, sample in enumerate(samples, 1):
                assert sample.source is not None
                pages = list(open_pages(sample.source))
                # Of several pages it is not known which a truth is of.
                if len(pages) == 1 and pages[0].open is not None:
                    packed = pack(lay_out(pages[0].open()))
                    texts = _texts(packed, asker, bare(sample.truth))
                    name = sample.name.replace("/", "-")
                    kept += _write(file, out, name, packed, texts)
                    found += len(texts)
                progress(number, len(samples))
    except OSError as error:
        reason = error.strerror or str(error)
        raise AdotxError("out.unwritable", "{reason}", str(out), "choose another", reason=reason) from None
    return kept, found


def _texts(packed: Packed, asker: RowAsker, truth: str) -> list[str | None]:
    if not packed.pieces:
        return []
    counts = [packed.rows(tile) for tile in range(len(packed.tiles))]
    answers, _ = asker.ask(packed.tiles, counts)
    texts = aligned([answer.text for answer in answers], truth)
    return fitting(texts, [_ink(packed.tiles[piece.tile], piece.row) for piece in packed.pieces])


def _write(file: TextIO, out: Path, name: str, packed: Packed, texts: Sequence[str | None]) -> int:
    count = 0
    for tile in range(len(packed.tiles)):
        here = [
            (piece.row, text) for piece, text in zip(packed.pieces, texts, strict=True) if piece.tile == tile
        ]
        rows = [(row, text) for row, text in here if text]
        if not rows:
            continue
        path = f"tiles/{name}-{tile}.png"
        Image.fromarray(packed.tiles[tile]).save(out / path)
        for row, text in rows:
            prompt = read_row(row + 1)
            prompt[-1]["content"][0] = {"type": "image", "image": path}
            messages = [*prompt, {"role": "assistant", "content": text}]
            print(json.dumps({"messages": messages}, ensure_ascii=False), file=file)
        count += len(rows)
    return count


def aligned(said: Sequence[str], truth: str) -> list[str | None]:
    """The part of `truth` that each row shows; None where its ends are not certain.

    Args:
        said: what a reader says of the rows, in reading order; may be wrong in many places.
        truth: the page's text.
    """
    truth = normalise_text(truth)
    letters = [n for n, char in enumerate(truth) if char != " "]
    rows = [normalise_text(text, spaces=False) for text in said]
    joined, packed_truth = "".join(rows), "".join(truth[n] for n in letters)
    if not joined or not packed_truth or len(joined) * len(packed_truth) > _MOST_CELLS:
        return [None] * len(said)
    places = _places(joined, packed_truth)
    spans: list[tuple[int, int] | None] = []
    at = 0
    for row in rows:
        found = [place for place in places[at : at + len(row)] if place is not None]
        spans.append((found[0], found[-1] + 1) if found else None)
        at += len(row)
    words = {0, len(letters)} | {k for k in range(1, len(letters)) if letters[k] > letters[k - 1] + 1}
    out = []
    for span in _closed(spans, words, len(letters)):
        out.append(None if span is None else truth[letters[span[0]] : letters[span[1] - 1] + 1])
    return [text if text and _is_anchored(row, text) else None for row, text in zip(rows, out, strict=True)]


def _closed(
    spans: Sequence[tuple[int, int] | None], words: set[int], length: int
) -> list[tuple[int, int] | None]:
    """The spans with what was not read between two of them dealt to them, where it is clear to which."""
    known = [n for n, span in enumerate(spans) if span is not None]
    out = list(spans)
    sure = dict.fromkeys(known, True)
    for a, b in zip([None, *known], [*known, None], strict=True):
        end = 0 if a is None else out[a][1]  # type: ignore[index]
        start = length if b is None else spans[b][0]  # type: ignore[index]
        cut = _cut(end, start, words, a is None, b is None)
        alone = a is None or b is None or b == a + 1
        if cut is None or (not alone and start > end):
            for n in (a, b):
                if n is not None:
                    sure[n] = False
            continue
        if a is not None:
            out[a] = (out[a][0], cut)  # type: ignore[index]
        if b is not None:
            out[b] = (cut, spans[b][1])  # type: ignore[index]
    return [
        span if span is not None and sure[n] and span[1] > span[0] else None for n, span in enumerate(out)
    ]


def _cut(end: int, start: int, words: set[int], first: bool, last: bool) -> int | None:
    """Where the truth is cut between a row that was read up to `end` and the next, read from `start`."""
    if first:
        return 0 if start == 0 else start if start in words else None
    if last:
        return start if start == end else end if end in words else None
    between = [at for at in range(end, start + 1) if at in words]
    if len(between) == 1:
        return between[0]
    if between or start > end:
        return None
    near = [at for at in (end - 1, end + 1) if at in words]  # a wrong letter at the end of a word
    return near[0] if len(near) == 1 else end if not near else None


def _is_anchored(row: str, text: str) -> bool:
    wanted = text.replace(" ", "")
    return edit_distance(row, wanted) <= (1 - _ANCHORED) * max(len(row), len(wanted))


def _places(said: str, truth: str) -> list[int | None]:
    """For each character said, the one of the truth that it stands for; None for one too many."""
    a, b = (np.frombuffer(text.encode("utf-32-le"), np.uint32) for text in (said, truth))
    steps = np.arange(len(b) + 1, dtype=np.int32)
    table = np.empty((len(a) + 1, len(b) + 1), np.int16 if len(a) + len(b) < 32_000 else np.int32)
    row = steps.copy()
    table[0] = row
    for number, code in enumerate(a, 1):
        new = np.empty_like(row)
        new[0] = number
        np.minimum(row[1:] + 1, row[:-1] + (b != code), out=new[1:])
        row = np.minimum.accumulate(new - steps) + steps
        table[number] = row
    out: list[int | None] = [None] * len(a)
    i, j = len(a), len(b)
    while i and j:
        here = int(table[i, j])
        if here == int(table[i - 1, j - 1]) + int(a[i - 1] != b[j - 1]):
            i, j = i - 1, j - 1
            out[i] = j
        elif here == int(table[i - 1, j]) + 1:
            i -= 1
        else:
            j -= 1
    return out


def _ink(tile: np.ndarray, row: int) -> int:
    """Columns from the first ink of a row to its last, in pixels."""
    side = tile.shape[0] // ROWS
    strip = tile[row * side : (row + 1) * side].astype(int)
    dark = np.flatnonzero((np.abs(strip - int(np.median(strip))) > _INK).any(0))
    return int(dark[-1] - dark[0] + 1) if len(dark) else 0


def fitting(texts: Sequence[str | None], ink: Sequence[int]) -> list[str | None]:
    """The texts that are as wide as their ink; `ink` in pixels."""
    widths = [text_width(text) if text else 0.0 for text in texts]
    usual = [pixels / width for pixels, width in zip(ink, widths, strict=True) if width > _SHORT]
    if not usual:
        return list(texts)
    middle = float(np.median(usual))
    least, most = _WIDTHS
    return [
        text if width <= _SHORT or least * middle <= pixels / width <= most * middle else None
        for text, width, pixels in zip(texts, widths, ink, strict=True)
    ]
