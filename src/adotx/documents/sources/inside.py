"""Pictures that stand inside a document of text: each is read by the model once, and what became of it told.

In: the bytes of a picture by its name. Out: the blocks that the model reads in it, and the whole page's
`PageReading`. Knows no format.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Literal, TypeVar

from adotx.documents.readers import PageReading, TextSource
from adotx.documents.sources.page import PageImage, ReadPicture
from adotx.documents.sources.parts import Parts
from adotx.errors import AdotxError, Sentence
from adotx.markdown import Block, Figure, Heading, Paragraph, to_markdown
from adotx.vision import Limits, open_image

# Bullets, lines and logos of a few pixels hold no text that a model could read.
_LEAST_SIDE, _MOST_PICTURES = 24, 1000
_Package = TypeVar("_Package", bound=Parts)
#: what a reader leaves out on purpose
LeftOut = Literal["files", "media", "hidden text", "hidden rows", "hidden columns", "elsewhere", "frames"]


class Pictures:
    """Reads the pictures of one document.

    Args:
        data: name -> the bytes of a picture; None where it is not in the file. Raises AdotxError.
        read: has the model read a picture.
        limits: on pictures.
        missing: gets what could not be shown.
        notes: gets what is worth telling besides.
    """

    def __init__(
        self,
        data: Callable[[str], bytes | None],
        read: ReadPicture,
        limits: Limits,
        missing: list[Sentence],
        notes: list[Sentence],
    ) -> None:
        self._data, self._read, self._missing, self._notes = data, read, missing, notes
        self._limits = replace(limits, first_frame=True)
        self._names: set[str] = set()
        self._lost = 0  # pictures in no format that is known
        self._left_out: Counter[LeftOut] = Counter()
        self._expected, self._characters = 0.0, 0  # right characters of those read

    def blocks(self, name: str, caption: str = "") -> list[Block]:
        """What stands in a picture; a `Figure` where that is nothing, or it was read before."""
        if name in self._names or len(self._names) >= _MOST_PICTURES:
            return [Figure(caption)]
        self._names.add(name)
        try:
            data = self._data(name)
            if data is None:
                self._lost += 1
                return [Figure(caption)]
            image = open_image(data, self._limits)
        except AdotxError:
            self._lost += 1
            return [Figure(caption)]
        if min(image.size) < _LEAST_SIDE:
            return []
        reading = self._read(image)
        if reading.status in ("partial", "failed"):
            self._missing.append(
                Sentence(
                    "a picture could not be read: {reason}",
                    reason=Sentence("{reason}", reason=reading.reason),
                )
            )
        blocks = [_inside(block) for block in reading.blocks]
        if reading.confidence is not None:
            count = len(to_markdown(blocks))
            self._expected += count * reading.confidence
            self._characters += count
        return [Figure(caption), *blocks] if caption or not blocks else blocks

    def lose(self) -> None:
        """Count a picture that is of no known kind."""
        self._lost += 1

    def leave_out(self, kind: LeftOut, count: int = 1) -> None:
        """Count something that is left out on purpose; the notes will name it."""
        self._left_out[kind] += count

    def quoted(self) -> None:
        """Tell that what is not printed is here all the same."""
        self.note(Sentence("comments that are not printed stand as quotations"))

    def miss(self, what: Sentence) -> None:
        """Tell that something of the document is missing."""
        self._missing.append(what)

    def miss_error(self, error: AdotxError) -> None:
        """Tell that a part of the document cannot be read."""
        self._missing.append(Sentence("{error}", error=error))

    def note(self, what: Sentence) -> None:
        """Tell something that costs nothing, once."""
        if what not in self._notes:
            self._notes.append(what)

    def reading(self, blocks: Sequence[Block], source: TextSource) -> PageReading:
        """The page, once all of its pictures are read."""
        for kind, count in (+self._left_out).items():
            self.note(_left_out(kind, count))
        if self._lost:
            self._missing.append(Sentence("{count} picture(s) could not be shown", count=self._lost))
        text = to_markdown(blocks)
        confidence = None
        if self._characters:
            exact = max(0, len(text) - self._characters)
            confidence = (exact + self._expected) / (exact + self._characters)
        blank = not any(not isinstance(block, Figure) for block in blocks) and not self._missing
        return PageReading(
            tuple(blocks), "blank" if blank else "ok", confidence=confidence, text_source=source
        )


def text_page(
    opened: Callable[[], _Package],
    blocks_of: Callable[[_Package, Pictures], Sequence[Block]],
    source: TextSource,
    limits: Limits,
    missing: Sequence[Sentence] = (),
    number: int = 1,
) -> PageImage:
    """A page without a picture.

    Args:
        opened: opens the package when the page is read.
        blocks_of: reads the page out of it.
        source: what its text comes from.
        limits: on pictures in it.
        missing: what is known to be lost before it is read.
        number: of the page.
    """
    lost, notes = list(missing), list[Sentence]()

    def given(read: ReadPicture) -> PageReading:
        with opened() as package:
            pictures = Pictures(package.picture, read, limits, lost, notes)
            blocks = blocks_of(package, pictures)
        return pictures.reading(blocks, source)

    return PageImage(number, None, lost, given, notes)


def _left_out(kind: LeftOut, count: int) -> Sentence:
    match kind:
        case "files":
            return Sentence("{count} embedded file(s) are left out", count=count)
        case "media":
            return Sentence("{count} sound(s) or video(s) are left out", count=count)
        case "hidden text":
            return Sentence("hidden text is left out")
        case "hidden rows":
            return Sentence("{count} hidden row(s) are left out", count=count)
        case "hidden columns":
            return Sentence("{count} hidden column(s) are left out", count=count)
        case "elsewhere":
            return Sentence("{count} picture(s) that lie elsewhere were not fetched", count=count)
        case "frames":
            return Sentence("{count} embedded page(s) or drawing(s) are left out", count=count)


def _inside(block: Block) -> Block:
    """A block of a picture as part of a document: what is large in it heads nothing outside."""
    plain = replace(block, box=None, page=None)
    return Paragraph(plain.spans) if isinstance(plain, Heading) else plain
