"""Documents in, one result a page out: opens pages, has them read side by side, isolates failures.

In: a `Model`, paths. Out: `PageResult`s in the order of the pages; one bad page never costs another.
Where a file gives a page's text itself, as a PDF with a good text layer does, that is taken; else its picture
is read. Checkpoints whose config says ``"adotx": {"reader": "rows"}`` (nano) read packed rows; all others are
shown whole pages or large pieces of them. Knows no HTTP and no way of reading.
"""

from __future__ import annotations

import time
from collections import deque
from collections.abc import Generator, Iterable, Iterator, Sequence
from contextlib import closing
from dataclasses import dataclass, replace
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING

from PIL import Image

from adotx.documents.doubt import figures, marked, plain, with_texts
from adotx.documents.readers import PageReader, PageReading, Status, TextLine, TextSource
from adotx.documents.readers.page import VlmReader
from adotx.documents.readers.rows import RowReader
from adotx.documents.running import over_pages
from adotx.documents.side_by_side import Cancelled, IsCancelled, in_order, not_cancelled
from adotx.documents.sources import DPI, PageImage, open_pages
from adotx.errors import AdotxError, Sentence, joined
from adotx.markdown import Block, Table, to_markdown
from adotx.vision import Limits

if TYPE_CHECKING:
    from adotx.model import Model

#: Pages that are open and read at the same time: while one is laid out others are read, and those share the
#: engine's steps. Four at a time take nano two fifths of the steps that page after page does.
WINDOW = 4


@dataclass(frozen=True)
class PageResult:
    """What became of one page.

    Attributes:
        blocks: the page's text in reading order; empty where it is blank or failed.
        status: "ok"; "blank": there is nothing to read on it; "partial": something is missing; "failed": it
            could not be read.
        reason: what is missing, or why it failed; for "ok" what is doubtful, "" where nothing is. A
            `Sentence`, which can be said in another language too.
        number: page of its document, from 1.
        seconds: from opening the page to its blocks, while others may have been read beside it.
        rows: text rows that were read (0 for models that read whole pages).
        confidence: the share of its characters that are expected to be right; None where nothing says.
        doubted: the blocks with doubtful figures as `adotx.documents.doubt` writes them; empty where nothing
            was read.
        text_source: how its text was had.
        lines: what stands where on its picture; empty where that is not known.
        size: (width, height) of its picture in pixels; None where there is none.
    """

    blocks: Sequence[Block]
    status: Status = "ok"
    reason: str = ""
    number: int = 1
    seconds: float = 0.0
    rows: int = 0
    confidence: float | None = None
    doubted: Sequence[Block] = ()
    text_source: TextSource = "pixels"
    lines: Sequence[TextLine] = ()
    size: tuple[int, int] | None = None

    @cached_property
    def markdown(self) -> str:
        """The blocks as Markdown; "" where there are none."""
        return to_markdown(self.blocks)

    @cached_property
    def marked(self) -> str:
        """The same with each doubtful figure between ``<mark>`` and ``</mark>``."""
        return marked(to_markdown(self.doubted)) if self.doubted else self.markdown

    @cached_property
    def doubtful(self) -> list[str]:
        """The figures that may be wrong, in the order of the page."""
        return figures(to_markdown(self.doubted))


class Transcriber:
    """Reads pages with one loaded model.

    Args:
        model: what reads; other callers may use it at the same time.
        window: pages that are open and read at the same time, 1 or more.
        second_reader: let a second, independent reader check figures, Latin and Hanja.
        priority: of what the engine is asked; larger numbers let others go first.
        text_layer: take the text that a file itself gives, where it can be trusted; else all is read.

    Raises:
        AdotxError: ``checkpoint.no_vision``: the checkpoint reads text only. ``checkpoint.old_reader``: it
            is a nano of before rows were asked for one by one.
    """

    def __init__(
        self,
        model: Model,
        window: int = WINDOW,
        *,
        second_reader: bool = True,
        priority: int = 0,
        text_layer: bool = True,
    ) -> None:
        checkpoint = model.checkpoint
        if checkpoint.config.tiles is None or checkpoint.config.image_token_id is None:
            raise AdotxError(
                "checkpoint.no_vision", "this checkpoint reads text only", checkpoint.name, "use a VL one"
            )
        assert window >= 1
        rows = checkpoint.extra.get("reader") == "rows"
        if rows and checkpoint.extra.get("answer") != "row":
            raise AdotxError(
                "checkpoint.old_reader",
                "it was trained to read a whole tile at once; this version asks for its rows",
                checkpoint.name,
                "train it on with `adotx train nano start=FOLDER`",
            )
        kind = RowReader if rows else VlmReader
        self._reader: PageReader = kind(model, second_reader, priority=priority)
        self._window, self._text_layer = window, text_layer

    @classmethod
    def reading_with(cls, reader: PageReader, window: int = WINDOW, text_layer: bool = True) -> Transcriber:
        """One that reads pages with a reader of the caller's choice."""
        made = cls.__new__(cls)
        made._reader, made._window, made._text_layer = reader, window, text_layer
        return made

    def document(
        self, path: str | Path, password: str | None = None, *, keep_running: bool = False
    ) -> Generator[PageResult, None, None]:
        """`pages`, without what runs over them, unless that is kept."""
        return without_running(self.pages(path, password=password), keep_running)

    def pages(
        self,
        path: str | Path,
        limits: Limits | None = None,
        dpi: int = DPI,
        password: str | None = None,
        *,
        show_changes: bool = False,
    ) -> Generator[PageResult, None, None]:
        """All pages of a document, one result each, in order.

        Up to `window` pages are read at once. Closing the iterator cancels them.

        Args:
            path, limits, dpi, password, show_changes: see `adotx.documents.sources.open_pages`.

        Raises:
            AdotxError: the document cannot be opened at all; one page of several becomes a failed result.
        """
        pages = open_pages(path, limits, dpi, password, show_changes=show_changes)
        yield from self.results(pages, str(Path(path)))

    def results(
        self, pages: Iterable[PageImage], path: str, is_cancelled: IsCancelled = not_cancelled
    ) -> Generator[PageResult, None, None]:
        """The same for pages that are open, or some of a document's.

        Args:
            pages: taken one by one.
            path: what errors call their document.
            is_cancelled: asked between steps; once it says so the iterator raises `Cancelled`.
        """
        yield from in_order(partial(self._open_and_read, path), pages, self._window, is_cancelled)

    @property
    def reader(self) -> PageReader:
        """What reads pictures of pages."""
        return self._reader

    def read(self, page: PageImage, path: str, is_cancelled: IsCancelled = not_cancelled) -> PageResult:
        """One page of a document; many threads may call it at once.

        Args:
            page: as `open_pages` gives it.
            path: what errors call its document.
            is_cancelled: asked between steps; once it says so `Cancelled` is raised.

        Raises:
            AdotxError: the page is a picture that cannot be opened, and so all of its document.
        """
        return self._open_and_read(path, page, is_cancelled)

    def page(self, image: Image.Image, number: int = 1) -> PageResult:
        """One page, RGB, as a person sees it."""
        start = time.perf_counter()
        return _result(self._pixels(not_cancelled, image), number, start)

    def _open_and_read(self, path: str, page: PageImage, is_cancelled: IsCancelled) -> PageResult:
        start = time.perf_counter()
        if is_cancelled():
            raise Cancelled
        try:
            reading = self._given(page, is_cancelled)
            if reading is None:
                if page.open is None:
                    reading = PageReading((), "failed", Sentence("the file gives no text for it"))
                else:
                    reading = self._pixels(is_cancelled, page.open())
        except AdotxError as error:
            if page.number == 1 and error.where == path:
                raise  # a picture is its own only page
            return PageResult((), "failed", _told(error), page.number, time.perf_counter() - start)
        result = _result(reading, page.number, start)
        if not page.missing and not page.notes:
            return result
        more = [Sentence("{reason}", reason=result.reason)] if result.reason else []
        reason = joined([*page.missing, *page.notes, *more])
        status = result.status
        if page.missing:
            status = "failed" if status in ("blank", "failed") else "partial"
        return replace(result, status=status, reason=reason)

    def _given(self, page: PageImage, is_cancelled: IsCancelled) -> PageReading | None:
        """What the file itself says; None where its picture is to be read."""
        if page.given is None or not (self._text_layer or page.open is None):
            return None
        try:
            return page.given(partial(self._pixels, is_cancelled))
        except (AdotxError, Cancelled):
            raise
        except Exception as error:  # there is the picture
            page.notes.append(_unexpected(error))
            return None

    def _pixels(self, is_cancelled: IsCancelled, image: Image.Image) -> PageReading:
        """What the reader says about a picture; a page that is beyond us costs no other."""
        try:
            reading = self._reader.read(image, is_cancelled)
        except Cancelled:
            raise
        except AdotxError as error:
            reading = PageReading((), "failed", _told(error))
        except Exception as error:
            reading = PageReading((), "failed", _unexpected(error))
        return replace(reading, size=reading.size or image.size)


def _result(reading: PageReading, number: int, start: float) -> PageResult:
    return PageResult(
        with_texts(tuple(reading.blocks), plain),
        reading.status,
        reading.reason,
        number,
        time.perf_counter() - start,
        reading.rows,
        reading.confidence,
        reading.blocks,
        reading.text_source,
        reading.lines,
        reading.size,
    )


def without_running(
    results: Generator[PageResult, None, None], keep: bool = False
) -> Generator[PageResult, None, None]:
    """The pages of one document without what runs over them (`adotx.documents.running`), one page later.

    Args:
        keep: leave them as they are.
    """
    if keep:
        with closing(results):
            yield from results
        return
    waiting: deque[PageResult] = deque()

    def blocks_of() -> Iterator[Sequence[Block]]:
        for result in results:
            waiting.append(result)
            # A table that is joined with those of other pages must know where it stood.
            yield [
                replace(block, page=result.number) if isinstance(block, Table) else block
                for block in result.doubted or result.blocks
            ]

    with closing(results):
        for blocks in over_pages(blocks_of()):
            result = waiting.popleft()
            if blocks == list(result.doubted or result.blocks):
                yield result
            else:
                yield replace(result, blocks=with_texts(tuple(blocks), plain), doubted=blocks)


def _told(error: AdotxError) -> Sentence:
    """An error as a reason, with its code and values kept."""
    return Sentence("{error}", error=error)


def _unexpected(error: Exception) -> Sentence:
    return Sentence("unexpected {type}: {reason}", type=type(error).__name__, reason=str(error))
