"""Documents of clients: a file in, its pages as they are opened and as they are read out.

Reading is done in threads of its own, so that neither the event loop nor the threads of chats wait for it; so
many documents are read at once as the settings say, the others wait. Leaving a document ends its work in the
engine too. What errors tell names the client's file, never ours. Knows no HTTP and no shapes of answers.
"""

from __future__ import annotations

import asyncio
import base64
import io
from collections.abc import AsyncGenerator, AsyncIterator, Callable, Iterable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace
from functools import cached_property
from pathlib import Path
from threading import Event
from typing import TYPE_CHECKING

from adotx.documents.readers import PageReading
from adotx.documents.selection import ALL, Selection
from adotx.documents.sources import PageImage, ReadPicture, open_pages
from adotx.documents.transcribe import PageResult, Transcriber, without_running
from adotx.errors import AdotxError
from adotx.server.settings import Settings
from adotx.vision import Limits

if TYPE_CHECKING:
    from PIL import Image

    from adotx.model import Model

#: what errors call a client's document
NAME = "file"
#: pages of one document that are read side by side; fewer than on the command line, which serves one user
_WINDOW = 2
#: of what reading asks the engine: whoever talks to it is answered first
_PRIORITY = 1
# What a browser shows of a page: its longer side in pixels, at which small type can still be read.
_SHOWN = 1800


@dataclass(frozen=True)
class Order:
    """How a document is read.

    Attributes:
        pages: which of its pages.
        password: of an encrypted PDF.
        pictures: whether pictures of the pages are wanted.
        keep_running: leave what runs over pages where it stands.
        text_layer: take the text that a file itself gives, where it can be trusted.
        show_changes: show what tracked changes have deleted and inserted.
    """

    pages: Selection = ALL
    password: str | None = field(default=None, repr=False)
    pictures: bool = False
    keep_running: bool = False
    text_layer: bool = True
    show_changes: bool = False


@dataclass(frozen=True)
class Opened:
    """A page that is open and will be read.

    Attributes:
        number: of the page, from 1.
        size: width and height of what the reader sees, in pixels; boxes of its blocks are in them.
        picture: the same for a browser, perhaps smaller: a JPEG file as data URI; "" where not wanted.
    """

    number: int
    size: tuple[int, int]
    picture: str = ""


class Documents:
    """Reads clients' documents.

    Args:
        model: what reads; others may ask it at the same time.
        settings: the limits.
    """

    def __init__(self, model: Model, settings: Settings) -> None:
        self._model, self._settings = model, settings
        self._places = asyncio.Semaphore(settings.max_documents)
        self._threads = ThreadPoolExecutor(settings.max_documents, "adotx-documents")

    @cached_property
    def transcriber(self) -> Transcriber:
        """What reads pages, loaded with the first document."""
        return Transcriber(self._model, _WINDOW, priority=_PRIORITY)

    def _transcriber(self, order: Order) -> Transcriber:
        own = self.transcriber
        return own if order.text_layer else Transcriber.reading_with(own.reader, _WINDOW, text_layer=False)

    @asynccontextmanager
    async def open(self, file: Path, order: Order) -> AsyncIterator[Document]:
        """A document, once it is its turn; leaving ends its reading.

        Raises:
            AdotxError: ``server.documents_busy``; ``input.pages``, ``server.limit``; what is wrong with the
                file as a whole, or with a model that cannot read.
        """
        seconds = self._settings.queue_timeout
        try:
            async with asyncio.timeout(seconds):
                await self._places.acquire()
        except TimeoutError:
            what, remedy = "other documents were read for {seconds:g} seconds", "ask again later"
            raise AdotxError("server.documents_busy", what, remedy=remedy, seconds=seconds) from None
        try:
            loop = asyncio.get_running_loop()
            pages = await loop.run_in_executor(self._threads, self._pages, file, order)
            yield Document(self._transcriber(order), pages, str(file), order, self._threads)
        finally:
            self._places.release()

    def _pages(self, file: Path, order: Order) -> list[PageImage]:
        self.transcriber  # noqa: B018  a model that reads no pictures is told before the file is looked at
        settings = self._settings
        limits = Limits(max_bytes=settings.max_upload, max_pixels=settings.max_image_pixels)
        try:
            changes = order.show_changes
            found = open_pages(file, limits, password=order.password, show_changes=changes)
            return list(_chosen(found, str(file), order.pages, settings.max_document_pages))
        except AdotxError as error:
            raise _renamed(error, str(file)) from None


class Document:
    """A document whose pages are read as `parts` is.

    Attributes:
        numbers: of its pages that are read.
    """

    def __init__(
        self,
        transcriber: Transcriber,
        pages: list[PageImage],
        path: str,
        order: Order,
        threads: ThreadPoolExecutor,
    ) -> None:
        self.numbers = [page.number for page in pages]
        self._transcriber, self._pages, self._path = transcriber, pages, path
        self._order, self._threads = order, threads

    async def parts(self) -> AsyncGenerator[Opened | PageResult, None]:
        """Pages as they are opened, in whatever order, and as they are read, in theirs.

        Closing it ends what runs.

        Raises:
            AdotxError: a picture that is its own only page cannot be opened.
        """
        loop = asyncio.get_running_loop()
        told: asyncio.Queue[Opened | asyncio.Future[PageResult | None]] = asyncio.Queue()
        stop = Event()

        def tell(opened: Opened) -> None:
            loop.call_soon_threadsafe(told.put_nowait, opened)

        pages = (self._watched(page, tell) for page in self._pages)
        results = self._transcriber.results(pages, NAME, stop.is_set)
        if not self._order.keep_running:
            results = without_running(results)

        def read_on() -> asyncio.Future[PageResult | None]:
            reading = loop.run_in_executor(self._threads, next, results, None)
            reading.add_done_callback(told.put_nowait)
            return reading

        reading = read_on()
        try:
            while True:
                part = await told.get()
                if isinstance(part, Opened):
                    yield part
                elif (result := part.result()) is None:
                    return
                else:
                    yield result
                    reading = read_on()
        finally:
            stop.set()
            # A thread that still reads must be out of the iterator before it can be closed.
            await asyncio.wait({reading})
            reading.exception()
            await loop.run_in_executor(self._threads, results.close)

    def _watched(self, page: PageImage, tell: Callable[[Opened], None]) -> PageImage:
        """The same page, which says that it was opened, or that its text was had without."""

        def opened() -> Image.Image:
            image = self._opened(page)
            tell(Opened(page.number, image.size, _picture(image) if self._order.pictures else ""))
            return image

        def given(read: ReadPicture) -> PageReading | None:
            assert page.given is not None
            try:
                reading = page.given(read)
            except AdotxError as error:
                raise _renamed(error, self._path) from None
            if reading is not None and reading.size is not None:
                shown = _picture(self._opened(page)) if self._order.pictures and page.open else ""
                tell(Opened(page.number, reading.size, shown))
            return reading

        return replace(page, open=page.open and opened, given=page.given and given)

    def _opened(self, page: PageImage) -> Image.Image:
        assert page.open is not None
        try:
            return page.open()
        except AdotxError as error:
            raise _renamed(error, self._path) from None


def _chosen(pages: Iterable[PageImage], path: str, wanted: Selection, most: int) -> Iterator[PageImage]:
    """Those pages of a document that are wanted; a page that it does not have is an error."""
    count = taken = 0
    for page in pages:
        count = page.number
        if count in wanted:
            taken += 1
            if taken > most:
                what, remedy = "more than {limit:,} pages", "name some of them, like 1-{limit}"
                raise AdotxError("server.too_many_pages", what, path, remedy, limit=most)
            yield page
    if count < wanted.least:
        what, remedy = "the document has {count:,} pages", "name pages that it has"
        raise AdotxError("input.pages", what, "pages", remedy, count=count)


def _renamed(error: AdotxError, path: str) -> AdotxError:
    return error.at((error.where or path).replace(path, NAME))


def _picture(image: Image.Image) -> str:
    shown = image.convert("RGB")
    shown.thumbnail((_SHOWN, _SHOWN))
    file = io.BytesIO()
    shown.save(file, "JPEG", quality=80)
    return f"data:image/jpeg;base64,{base64.b64encode(file.getvalue()).decode('ascii')}"
