"""Words and lines: cut styled text into words, break words into lines of a width, put lines back into spans.

In: `Span`s, how to set them, a width in pixels. Out: lines of words with their widths and what joins them.
Does not know: pages, colours, blocks.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, field

from PIL import ImageFont

from adotx.data.fonts import FontFace, load, missing
from adotx.markdown import Span
from adotx.markdown.line_breaks import may_break

# Said otherwise where a face lacks the character; the truth is what is drawn.
_ALTERNATES = {"㈜": "(주)", "–": "-", "—": "-", "…": "...", "·": ".", "×": "x", "→": "->", "∼": "~"}
_ALTERNATES |= dict.fromkeys("□☐", "[ ]") | dict.fromkeys("■☑", "[V]") | {"○": "( )", "●": "(V)", "✓": "V"}
_ALTERNATES |= dict.fromkeys("“”『』", '"') | dict.fromkeys("‘’「」", "'")


@dataclass(frozen=True)
class Type:
    """One way to set text: a face at a size."""

    face: FontFace
    size: int
    stroke: bool = False  # a bold made by a thicker pen
    tracking: float = 0.0

    @property
    def font(self) -> ImageFont.FreeTypeFont:
        return load(self.face, self.size)

    def width(self, text: str) -> float:
        """Advance width in pixels."""
        return self.font.getlength(text) + self.tracking * len(text)

    @property
    def space(self) -> float:
        """Width of a word space, within what can be told apart: some faces have none, some a whole em."""
        return min(max(self.font.getlength(" "), 0.2 * self.size), 0.5 * self.size) + self.tracking


@dataclass
class StyledText:
    """Text of one style inside a word."""

    text: str
    type: Type
    bold: bool = False
    code: bool = False


@dataclass
class Word:
    """Styled texts without a blank between them, and their width."""

    parts: list[StyledText]
    width: float = 0.0

    def __post_init__(self) -> None:
        self.width = sum(part.type.width(part.text) for part in self.parts)

    @property
    def text(self) -> str:
        return "".join(part.text for part in self.parts)


@dataclass
class SetLine:
    """One line: its words, their natural width with spaces, and what joins it to the next line."""

    words: list[Word]
    width: float
    glue: str = field(default=" ")

    @property
    def text(self) -> str:
        return " ".join(word.text for word in self.words)


def drawable(face: FontFace, text: str) -> str | None:
    """`text` as `face` can draw it: alternates for what it lacks, the rest left out; None if too much is."""
    lacking = missing(face, text)
    if not lacking:
        return text
    for character in lacking & _ALTERNATES.keys():
        text = text.replace(character, _ALTERNATES[character])
    shown = "".join(character for character in text if character not in missing(face, text))
    shown = " ".join(shown.split(" "))
    return shown if len(shown) >= 0.9 * len(text) and shown.strip() else None


def to_words(spans: Iterable[Span], style: Callable[[Span], Type]) -> list[Word]:
    """The words of `spans`; a word may have several styles."""
    words: list[Word] = []
    parts: list[StyledText] = []
    for span in spans:
        for number, text in enumerate(span.text.split(" ")):
            if number and parts:
                words.append(Word(parts))
                parts = []
            if text:
                parts.append(StyledText(text, style(span), span.bold, span.code))
    if parts:
        words.append(Word(parts))
    return words


def to_spans(lines: Sequence[SetLine]) -> list[Span]:
    """The text of `lines` as spans again: exactly what was drawn, in its styles."""
    spans: list[Span] = []
    last: StyledText | None = None
    joint = ""
    for line in lines:
        for number, word in enumerate(line.words):
            if number:
                joint = " "
            for part in word.parts:
                if joint:
                    # The blank inside a bold or code part belongs to it.
                    same = last is not None and (last.bold, last.code) == (part.bold, part.code)
                    spans.append(Span(joint, part.bold, part.code) if same else Span(joint))
                spans.append(Span(part.text, part.bold, part.code))
                last, joint = part, ""
        joint = line.glue
    return spans


def wrap(words: Sequence[Word], width: float, first: float, space: float, keep_all: bool) -> list[SetLine]:
    """Break words into lines of at most `width`, the first one shorter by `first`.

    With `keep_all` lines break between words only (as most Korean documents do), else also between syllables.
    A word longer than a line is broken anywhere.
    """
    lines: list[SetLine] = []
    current: list[Word] = []
    used = 0.0
    queue = list(reversed(words))
    while queue:
        word = queue.pop()
        limit = width - (0 if lines else first)
        gap = space if current else 0.0
        if used + gap + word.width <= limit:
            current.append(word)
            used += gap + word.width
            continue
        parts = None
        if not keep_all or (not current and word.width > limit):
            parts = _cut(word, limit - used - gap, anywhere=not current)
        if parts:
            current.append(parts[0])
            lines.append(SetLine(current, used + gap + parts[0].width, ""))
            queue.append(parts[1])
        elif current:
            lines.append(SetLine(current, used))
            queue.append(word)
        else:  # not even one character fits
            lines.append(SetLine([word], word.width))
        current, used = [], 0.0
    if current:
        lines.append(SetLine(current, used))
    return lines


def _cut(word: Word, room: float, anywhere: bool) -> tuple[Word, Word] | None:
    """`word` in two, the first part as long as fits into `room`, at a place where Korean may break."""
    used, best = 0.0, None
    text = word.text
    at = 0
    for number, part in enumerate(word.parts):
        for inner, character in enumerate(part.text):
            if at and (anywhere or may_break(text[at - 1], character)):
                best = (number, inner)
            used += part.type.width(character)
            if used > room:
                return _split_at(word, *best) if best else None
            at += 1
    return None


def _split_at(word: Word, number: int, inner: int) -> tuple[Word, Word]:
    part = word.parts[number]
    head = [*word.parts[:number], StyledText(part.text[:inner], part.type, part.bold, part.code)]
    tail = [StyledText(part.text[inner:], part.type, part.bold, part.code), *word.parts[number + 1 :]]
    return Word([r for r in head if r.text]), Word([r for r in tail if r.text])
