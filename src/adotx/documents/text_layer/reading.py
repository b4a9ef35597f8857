"""A page taken apart in, a `PageReading` of its text layer out, or None where its picture is to be read.

Out too: what stands in pictures on the page, which the model reads; notes on what was left out. Knows no
PDFium.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cached_property

import numpy as np
from PIL import Image

from adotx.documents.readers import PageReading, TextLine
from adotx.documents.text_layer.extract import Box, Extract
from adotx.documents.text_layer.glyphs import Glyphs
from adotx.documents.text_layer.ink import share_in
from adotx.documents.text_layer.lines import Piece, once, pieces_of
from adotx.documents.text_layer.page import SIGNS, PageText, Picture
from adotx.documents.text_layer.trust import Read, judged
from adotx.errors import Sentence, joined
from adotx.markdown import Block, Figure

# A picture is read where it is at least so many em wide and high and has so much print on it; no more than so
# many of a page are.
_LEAST_PICTURE, _PRINT, _MOST_PICTURES = 3.0, 0.004, 12
# One that covers so much of the page is the page: what the layer has beside it is printed on it as well.
_WHOLE_PAGE = 0.7
# Of a picture's print, the share under text that makes it what the text stands on.
_GROUND = 0.3
# Tiles fill so much of the picture that they are of; of more pictures than this the others are not joined.
_TILED, _MOST_TILES = 0.9, 300


def reading_of(
    extract: Extract,
    picture: Callable[[], Image.Image],
    size: tuple[int, int],
    read: Read,
    notes: list[Sentence],
    missing: list[Sentence],
) -> PageReading | None:
    """The page as its text layer has it; None where the layer is not to be trusted, or where a picture with
    print is all of the page.

    Args:
        extract: the page taken apart.
        picture: draws it, RGB.
        size: (width, height) of that picture; boxes and lines are in its pixels.
        read: has the model read a picture.
        notes: get what is worth telling.
        missing: gets what neither the layer nor the picture says.
    """
    return _Page(extract, picture, size, read).reading(notes, missing)


@dataclass
class _Page:
    extract: Extract
    draw: Callable[[], Image.Image]
    size: tuple[int, int]
    read: Read

    def reading(self, notes: list[Sentence], missing: list[Sentence]) -> PageReading | None:
        turn = _main_turn(self.extract.glyphs)
        verdict = judged(self._upright(turn), lambda: self.picture.rotate(90 * turn, expand=True), self.read)
        notes += verdict.notes
        missing += verdict.missing
        if verdict.source is None:
            return None
        glyphs = once(self.extract.glyphs[verdict.glyphs | self.extract.glyphs.blank])
        wanted = self._unsaid(glyphs) if verdict.source == "layer" else []
        width, height = self.extract.size
        if any(_area(box) > _WHOLE_PAGE * width * height for box in wanted):
            return None
        pictures, unread = self._pictures(wanted)
        blocks, lines = self._laid_out(glyphs, pictures)
        if unread:
            return PageReading(blocks, "partial", joined(unread), 0, None, verdict.source, lines, self.size)
        if not blocks:
            return PageReading((), "blank", Sentence("no text was found on it"), size=self.size)
        return PageReading(blocks, text_source=verdict.source, lines=lines, size=self.size)

    def _upright(self, turn: int) -> Extract:
        """The page taken apart, turned so that most of its text is upright."""
        if not turn:
            return self.extract
        glyphs, back = self._turned(self.extract.glyphs, turn)
        forward, (width, height) = np.linalg.inv(back), self.extract.size
        pictures: list[Box] = [_mapped(box, forward) for box in self.extract.pictures]
        size = (height, width) if turn % 2 else (width, height)
        return replace(
            self.extract, glyphs=glyphs, drawn=self.extract.drawn.turned(turn), pictures=pictures, size=size
        )

    @cached_property
    def picture(self) -> Image.Image:
        return self.draw()

    @property
    def zoom(self) -> tuple[float, float]:
        """Pixels of the page's picture per pixel of the layout."""
        return self.size[0] / self.extract.size[0], self.size[1] / self.extract.size[1]

    # Pictures on the page ---------------------------------------------------------------------------------

    def _unsaid(self, glyphs: Glyphs) -> list[Box]:
        """The pictures with print on them that no text of the layer stands on."""
        if not self.extract.pictures:
            return []
        em = float(np.median(glyphs.ems)) if len(glyphs) else 20.0
        pictures = _one_picture(self.extract.pictures, 0.1 * em)
        boxes = np.array(pictures)
        printed = share_in(self.extract.drawn.print, boxes)
        centres = np.stack([glyphs.boxes[:, [0, 2]].mean(1), glyphs.boxes[:, [1, 3]].mean(1)], 1)
        letters = centres[~glyphs.blank]
        found = []
        for box, share in zip(pictures, printed.tolist(), strict=True):
            x0, y0, x1, y1 = box
            inside = (letters[:, 0] > x0) & (letters[:, 0] < x1) & (letters[:, 1] > y0) & (letters[:, 1] < y1)
            room = _area(box) / max(em * em, 1.0)
            large = min(x1 - x0, y1 - y0) > _LEAST_PICTURE * em
            if large and share > _PRINT and inside.sum() < 0.02 * room + 3:
                found.append(box)
        return sorted(found, key=_area, reverse=True)[:_MOST_PICTURES]

    def _pictures(self, wanted: Sequence[Box]) -> tuple[list[Picture], list[Sentence]]:
        """The pictures with what the model reads in them, and what it could not read."""
        found, unread = [], []
        for box in wanted:
            x0, y0, x1, y1 = (round(side * self.zoom[at % 2]) for at, side in enumerate(box))
            crop = self.picture.crop((x0, y0, max(x1, x0 + 1), max(y1, y0 + 1)))
            reading = self.read(crop)
            inner = tuple(round(side) for side in box)
            place = (float(x0), float(y0), float(x1), float(y1))
            blocks: list[Block] = [Figure("").at(place)]
            blocks += [block for block in (_moved(block, x0, y0) for block in reading.blocks)]
            lines = [_moved_line(line, x0, y0) for line in reading.lines]
            found.append(Picture((inner[0], inner[1], inner[2], inner[3]), blocks, lines))
            if reading.status == "partial":
                unread.append(Sentence("of a picture on it: {reason}", reason=reading.reason))
        return found, unread

    # Layout -----------------------------------------------------------------------------------------------

    def _laid_out(self, glyphs: Glyphs, pictures: list[Picture]) -> tuple[list[Block], list[TextLine]]:
        """Blocks and lines, of glyphs in whatever direction they are written."""
        turn = _main_turn(glyphs)
        upright, back = self._turned(glyphs, turn)
        drawn = self.extract.drawn.turned(turn)
        zoom = np.diag([*self.zoom, 1.0])
        forward = np.linalg.inv(back)
        for each in pictures:
            each.box = _mapped(each.box, forward)
        chosen = upright[(upright.turns == 0)]
        text = PageText(chosen, drawn, zoom @ back, pictures, list(self._aside(glyphs, turn, forward)))
        text.ticks = [(_mapped(tick.box, forward), SIGNS[tick.on]) for tick in self.extract.ticks]
        text.typed = [_mapped(box, forward) for box in self.extract.typed]
        return text.read()

    def _turned(self, glyphs: Glyphs, turn: int) -> tuple[Glyphs, np.ndarray]:
        """The glyphs on the page turned so that those of one direction are upright; the way back [3, 3]."""
        back = _way_back(self.extract.size, turn)
        if not turn:
            return glyphs, back
        forward = np.linalg.inv(back)
        shift = {1: self.extract.size[0], 2: self.extract.size[1], 3: 0}[turn]
        parts = (_all_mapped(glyphs.boxes, forward), _all_mapped(glyphs.rooms, forward), glyphs.bases + shift)
        turns = np.where(glyphs.turns < 0, -1, (glyphs.turns - turn) % 4)
        return replace(glyphs, boxes=parts[0], rooms=parts[1], bases=parts[2], turns=turns), back

    def _aside(self, glyphs: Glyphs, turn: int, forward: np.ndarray) -> list[Piece]:
        """What is written in other directions, where it stands on the upright page."""
        found = []
        for other in {0, 1, 2, 3} - {turn}:
            if not (glyphs.turns == other).any():
                continue
            own, back = self._turned(glyphs, other)
            for piece in pieces_of(own[own.turns == 0]):
                box = _mapped(piece.box, forward @ back)
                found.append(
                    _aside_piece(piece, (float(box[0]), float(box[1]), float(box[2]), float(box[3])))
                )
        return found


def _main_turn(glyphs: Glyphs) -> int:
    counts = np.bincount(glyphs.turns[(glyphs.turns >= 0) & ~glyphs.blank], minlength=4)
    return int(np.argmax(counts)) if counts[0] <= counts.sum() / 2 else 0


def _way_back(size: tuple[int, int], turn: int) -> np.ndarray:
    """From a page turned upright to the page as it is: a quarter turn clockwise of writing is undone."""
    width, height = size
    return {
        0: np.eye(3),
        1: np.array([[0.0, -1.0, width], [1.0, 0.0, 0.0], [0.0, 0.0, 1.0]]),
        2: np.array([[-1.0, 0.0, width], [0.0, -1.0, height], [0.0, 0.0, 1.0]]),
        3: np.array([[0.0, 1.0, 0.0], [-1.0, 0.0, height], [0.0, 0.0, 1.0]]),
    }[turn]


def _all_mapped(boxes: np.ndarray, matrix: np.ndarray) -> np.ndarray:
    corners = np.stack(
        [
            np.stack([boxes[:, x], boxes[:, y], np.ones(len(boxes))], 1) @ matrix.T
            for x in (0, 2)
            for y in (1, 3)
        ]
    )[..., :2]
    return np.concatenate([corners.min(0), corners.max(0)], 1)


def _mapped(box: Sequence[float], matrix: np.ndarray) -> tuple[int, int, int, int]:
    x0, y0, x1, y1 = np.round(_all_mapped(np.array([box], np.float64), matrix)[0]).astype(int).tolist()
    return x0, y0, x1, y1


def _area(box: Box) -> float:
    return (box[2] - box[0]) * (box[3] - box[1])


def _one_picture(boxes: Sequence[Box], slack: float) -> list[Box]:
    """Boxes with those put together that are strips or tiles of one picture, as scanners and programs cut
    them: they touch, and fill the box around them."""
    out: list[tuple[Box, float]] = []
    for box in sorted(boxes, key=lambda each: (round(each[1]), each[0]))[:_MOST_TILES]:
        part = (box, _area(box))
        at = 0
        while at < len(out):
            other, filled = out[at]
            a, b = part[0], other
            around = (min(a[0], b[0]), min(a[1], b[1]), max(a[2], b[2]), max(a[3], b[3]))
            touch = (
                a[0] - slack <= b[2]
                and b[0] - slack <= a[2]
                and a[1] - slack <= b[3]
                and b[1] - slack <= a[3]
            )
            if touch and part[1] + filled > _TILED * _area(around):
                part = (around, min(part[1] + filled, _area(around)))
                del out[at]
                at = 0
            else:
                at += 1
        out.append(part)
    return [box for box, _ in out] + list(
        sorted(boxes, key=lambda each: (round(each[1]), each[0]))[_MOST_TILES:]
    )


def _aside_piece(piece: Piece, box: Box) -> Piece:
    """A piece that is written upwards or downwards: its middle is where it stands."""
    high = box[3] - box[1]
    return replace(
        piece,
        box=box,
        base=(box[1] + box[3]) / 2 + 0.3 * min(piece.em, high),
        words=[(piece.text, box[0], box[2])],
    )


def _moved(block: Block, x: float, y: float) -> Block:
    box = block.box
    return block if box is None else block.at((box[0] + x, box[1] + y, box[2] + x, box[3] + y))


def _moved_line(line: TextLine, x: float, y: float) -> TextLine:
    quad = tuple((a + x, b + y) for a, b in line.quad)
    return replace(line, quad=quad, words=tuple(_moved_line(word, x, y) for word in line.words))
