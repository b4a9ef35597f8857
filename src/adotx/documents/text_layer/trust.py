"""Whether a page's text layer says what the page shows: held against the pixels, never believed alone.

In: an `Extract`. Out: a `Verdict`: the glyphs that are to be read as text, whether an OCR program has put
them there, and what is told of the rest; or why the layer is not used. Where a text is odd, and for whatever
an OCR program says, the model reads a sample of lines, and the layer has to say the same. Knows no PDFium.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from difflib import SequenceMatcher

import numpy as np
from PIL import Image

from adotx.documents.doubt import plain
from adotx.documents.readers import PageReading, TextSource
from adotx.documents.text_layer.characters import bad, is_mistaken, names_glyphs, text_of
from adotx.documents.text_layer.extract import Extract
from adotx.documents.text_layer.glyphs import Glyphs
from adotx.documents.text_layer.ink import share_in
from adotx.documents.text_layer.lines import WORD_GAP, Piece, pieces_of, runs_of
from adotx.documents.text_layer.plausible import is_odd_hanja, is_plausible
from adotx.errors import Sentence
from adotx.markdown import to_markdown

#: has the model read a picture
Read = Callable[[Image.Image], PageReading]
# Of a page's characters: how many may say nothing before none is believed.
_MOST_BAD = 0.02
# Of what is drawn invisibly: the share of words with print under them, and of the print under words.
_ON_PRINT, _PRINT_UNDER, _COVERED = 0.8, 0.04, 0.5
# Letters that are hidden on purpose rather than by chance, and that are worth a word.
_WORTH_TELLING = 12
# How much of a sample the layer and the model have to say alike: of text that is seen, of an OCR program's.
_ALIKE, _ALIKE_OCR = 0.5, 0.8
_SAMPLE = 6
# Letters with accents are fewer than this share wherever people write.
_WESTERN = 0.25
# All faces of a page. Of the middle of a blank, what is inked where it is a letter. Letters drawn as
# outlines.
_ANY, _INKED, _OUTLINES = -1, 0.15, 40


@dataclass(frozen=True)
class Verdict:
    """What is to be done with a page's text layer.

    Attributes:
        source: what its text is; None: the page's picture is to be read.
        glyphs: bool [n], those that are text.
        notes: what is told of it.
        missing: what is on the page and cannot be seen on its picture either.
    """

    source: TextSource | None
    glyphs: np.ndarray
    notes: list[Sentence] = field(default_factory=list)
    missing: list[Sentence] = field(default_factory=list)


def judged(extract: Extract, picture: Callable[[], Image.Image], read: Read) -> Verdict:
    """The verdict about one page.

    Args:
        extract: the page taken apart.
        picture: draws it, RGB; asked only where a sample is to be read.
        read: has the model read a picture.
    """
    glyphs = extract.glyphs
    letters = ~glyphs.blank
    nothing = np.zeros(len(glyphs), bool)
    embedded = np.array([face.embedded for face in glyphs.fonts] or [True])[glyphs.faces]
    seen = letters & (share_in(extract.drawn.text, _grown(glyphs.boxes)) > 0)
    under = nothing
    if (letters & ~seen).any():
        under = share_in(extract.drawn.print, glyphs.boxes) > _PRINT_UNDER
    # A font that is not in the file may not be drawn here, but it is meant to be.
    undrawn = letters & ~seen & glyphs.visible & ~embedded & ~under
    shown = seen | undrawn
    hidden = letters & ~shown
    notes: list[Sentence] = []
    names = ", ".join(sorted({glyphs.fonts[face].name for face in np.unique(glyphs.faces[undrawn]).tolist()}))
    if undrawn.sum() > _WORTH_TELLING:
        notes.append(Sentence("not embedded and not drawn, its text is taken as it is: {fonts}", fonts=names))
    reason = _broken(glyphs, shown) or _said_blank(extract, shown)
    if reason:
        lost = [Sentence("letters in fonts that are not embedded could not be drawn: {fonts}", fonts=names)]
        return Verdict(None, nothing, [_unused(reason)], lost if notes else [])
    mute = int((shown & (glyphs.broken | bad(glyphs.codes)) & ~_of_symbols(glyphs)).sum())
    if mute:
        total = int(shown.sum())
        notes.append(Sentence("{count} of {total} characters say nothing", count=mute, total=total))
    text = said(glyphs, shown)
    if names_glyphs(text):
        return Verdict(None, nothing, [_unused(Sentence("it names glyphs, not characters"))])
    odd = _odd(glyphs[shown | glyphs.blank])
    if odd:
        alike = _agreement(extract, odd, picture, read)
        if alike is not None and alike < _ALIKE:
            return Verdict(None, nothing, [_unused(Sentence("it says something else than the page shows"))])
    if outlined(extract, shown):
        return Verdict(None, nothing, [_unused(Sentence("most of the page's print is not in it"))])
    if hidden.sum() <= _WORTH_TELLING or hidden.sum() < 0.05 * shown.sum():
        return Verdict("layer", shown, notes) if shown.any() else Verdict(None, nothing)
    scanned = hidden & (glyphs.codes != 0)
    on_print = float(under[scanned].mean()) if scanned.any() else 0.0
    if on_print < 0.25 and shown.sum() > hidden.sum() / 4:
        notes.append(Sentence("{count} letters that nobody can see are left out", count=int(hidden.sum())))
        return Verdict("layer", shown, notes)
    reason = _bad_ocr(extract, hidden, on_print) or _broken(glyphs, hidden)
    if not reason:
        alike = _agreement(extract, pieces_of(glyphs[hidden | glyphs.blank]), picture, read)
        if alike is not None and alike < _ALIKE_OCR:
            reason = Sentence("it says something else than the page shows")
    if reason:
        return Verdict(None, nothing, [_unused(reason)])
    return Verdict("layer" if shown.sum() > hidden.sum() else "ocr-layer", shown | hidden, notes)


def _unused(reason: Sentence) -> Sentence:
    return Sentence("its text layer is not used: {reason}", reason=reason)


def _grown(boxes: np.ndarray) -> np.ndarray:
    return boxes + np.array([-0.5, -0.5, 0.5, 0.5])


def said(glyphs: Glyphs, chosen: np.ndarray) -> str:
    """What glyphs say, as the file draws them."""
    codes = glyphs.codes[chosen | glyphs.blank]
    return "".join(" " if code in (32, 160) else text_of(code) for code in codes.tolist())


def _broken(glyphs: Glyphs, chosen: np.ndarray) -> Sentence | None:
    """Why the characters themselves cannot be believed."""
    count = int(chosen.sum())
    if not count:
        return None
    none = glyphs.broken[chosen] | bad(glyphs.codes[chosen])
    # A bullet or two of a symbol font say nothing about the letters beside them.
    if (none & ~_of_symbols(glyphs)[chosen]).sum() > max(_MOST_BAD * count, 2):
        return Sentence("{count} of {total} characters say nothing", count=int(none.sum()), total=count)
    return None


def _of_symbols(glyphs: Glyphs) -> np.ndarray:
    """bool [n]: whether each is of a font of signs."""
    return np.array([face.symbols for face in glyphs.fonts] or [False])[glyphs.faces]


def _odd(glyphs: Glyphs) -> list[Piece]:
    """The pieces of a script in which the page says what nobody writes; each script is looked at alone, for a
    file has a font for each."""
    wide = glyphs.rooms[1:, 0] - glyphs.rooms[:-1, 2] > WORD_GAP * glyphs.ems[1:]
    spaces = ("", *np.where(wide, " ", "").tolist())
    texts = [space + text_of(code) for space, code in zip(spaces, glyphs.codes.tolist(), strict=True)]
    groups: dict[tuple[str, int], list[str]] = {}
    for run in runs_of(glyphs):
        said = " ".join("".join(texts[run[0] : run[-1] + 1]).split())
        script, face = _script(said), int(glyphs.faces[run[0]])
        for group in ((script, _ANY), (script, face)):
            groups.setdefault(group, []).append(said)
    most = sum(len(said) for group, parts in groups.items() if group[1] == _ANY for said in parts) / 2
    odd = set()
    for group, parts in groups.items():
        text = " ".join(parts)
        # Names and headings alone are no prose: only where they are all of a page they have to look like it.
        few = group[1] == _ANY and len(text) > most
        if group[0] == "western" or _is_odd(text, few):
            odd.add(group)
    return [
        piece
        for piece in (pieces_of(glyphs) if odd else [])
        if {(script := _script(piece.text), _ANY), (script, int(glyphs.faces[piece.glyphs[0]]))} & odd
    ]


def _is_odd(text: str, few: bool) -> bool:
    return is_mistaken(text) or not is_plausible(text, few) or is_odd_hanja(text)


def _said_blank(extract: Extract, shown: np.ndarray) -> Sentence | None:
    """Why blanks cannot be believed: letters are drawn where they ought to be."""
    glyphs = extract.glyphs
    room = glyphs.rooms[glyphs.blank]
    inner = (room[:, 2:] - room[:, :2]) / 4
    inked = share_in(extract.drawn.text, room + np.concatenate([inner, -inner], 1)) > _INKED
    if inked.sum() <= max(_MOST_BAD * shown.sum(), 2):
        return None
    total = int(shown.sum() + inked.sum())
    return Sentence("{count} of {total} characters say nothing", count=int(inked.sum()), total=total)


def outlined(extract: Extract, shown: np.ndarray) -> bool:
    """Whether most of what is written on a page is drawn as outlines, beside a number or a stamp of text."""
    glyphs = extract.glyphs
    if not shown.any():
        return False
    drawn = extract.drawn.letters(float(np.median(glyphs.ems[shown])), extract.pictures)
    return drawn > max(_OUTLINES, 2 * int(shown.sum()))


def _script(text: str) -> str:
    letters = [char for char in text if char.isalpha()] or [" "]
    if sum("가" <= char <= "힣" for char in letters) >= 0.3 * len(letters):
        return "hangul"
    return (
        "western"
        if sum(0x80 <= ord(char) < 0x250 for char in letters) >= _WESTERN * len(letters)
        else "other"
    )


def _bad_ocr(extract: Extract, hidden: np.ndarray, on_print: float) -> Sentence | None:
    """Why what is drawn invisibly does not lie where print is."""
    away = Sentence("it does not lie on the page's print")
    if on_print < _ON_PRINT:
        return away
    covered = np.zeros(extract.drawn.print.shape, bool)
    for x0, y0, x1, y1 in _whole_words(extract.glyphs, hidden):
        covered[max(0, y0) : y1, max(0, x0) : x1] = True
    printed = extract.drawn.print
    return away if (printed & covered).sum() < _COVERED * _textual(printed).sum() else None


def _whole_words(glyphs: Glyphs, chosen: np.ndarray) -> list[tuple[int, int, int, int]]:
    rooms = glyphs.rooms[chosen]
    slack = 0.15 * glyphs.ems[chosen]
    return [
        (round(x0 - s), round(y0 - s), round(x1 + s), round(y1 + s))
        for (x0, y0, x1, y1), s in zip(rooms.tolist(), slack.tolist(), strict=True)
    ]


def _textual(printed: np.ndarray) -> np.ndarray:
    """Print without what is as dense as a photograph."""
    import cv2

    dense = cv2.blur(printed.astype(np.float32), (41, 41)) > 0.55
    return printed & ~dense


# A sample read by the model -------------------------------------------------------------------------------


def _agreement(
    extract: Extract, pieces: Sequence[Piece], picture: Callable[[], Image.Image], read: Read
) -> float | None:
    """How alike the layer and the model read some lines, 0 to 1; None where the model cannot tell."""
    pieces = _sample(pieces)
    if not pieces:
        return None
    strips = [_strip(picture_now, piece, extract) for picture_now in [picture()] for piece in pieces]
    reading = read(_stacked(strips))
    if reading.status in ("failed", "blank"):
        return None if reading.status == "failed" else 0.0
    first, second = " ".join(piece.text for piece in pieces), said_by(reading)
    # The model reads Hangul better than Hanja: of a Chinese page it can say no more than that it is none.
    return alike(first, second) if not is_odd_hanja(first) or _script(second) == "hangul" else None


def said_by(reading: PageReading) -> str:
    """What a reading says, as text."""
    return plain(to_markdown(reading.blocks))


def alike(first: str, second: str) -> float:
    """The share of two texts that is the same, but for blanks, signs and case."""
    a, b = (("".join(filter(str.isalnum, text))).casefold() for text in (first, second))
    return SequenceMatcher(None, a, b, autojunk=False).ratio() if a or b else 1.0


def _sample(pieces: Sequence[Piece]) -> list[Piece]:
    """Some pieces with enough text, from all over the page."""
    long = [piece for piece in pieces if len(piece.text) >= 6] or list(pieces)
    long.sort(key=lambda piece: piece.base)
    step = max(1, len(long) // _SAMPLE)
    return long[step // 2 :: step][:_SAMPLE]


def _strip(picture: Image.Image, piece: Piece, extract: Extract) -> Image.Image:
    zoom = picture.width / extract.size[0]
    x0, y0, x1, y1 = piece.box
    margin = 0.25 * piece.em
    top, low = min(y0, piece.core[0]) - margin, max(y1, piece.core[1]) + margin
    box = (x0 - margin, top, x1 + margin, low)
    left, upper, right, lower = (round(side * zoom) for side in box)
    return picture.crop((left, upper, max(right, left + 1), max(lower, upper + 1)))


def _stacked(strips: Sequence[Image.Image]) -> Image.Image:
    gap = max(strip.height for strip in strips) // 2
    width = max(strip.width for strip in strips) + 2 * gap
    sheet = Image.new("RGB", (width, sum(strip.height + gap for strip in strips) + gap), "white")
    y = gap
    for strip in strips:
        sheet.paste(strip, (gap, y))
        y += strip.height + gap
    return sheet
