"""Documents in, their pages' results out, document after document: what reads, and what was read before.

Pages of several documents are read side by side, a bounded number at once, in the documents' order. Those
that are remembered are not read again, and the model is opened only when a picture of a page must be read. A
page is remembered as soon as it is read. Knows no answers and no folders.
"""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Generator, Iterable, Iterator
from contextlib import closing
from dataclasses import dataclass, field, replace
from itertools import chain, islice
from pathlib import Path
from typing import TYPE_CHECKING

from adotx.cli.memory import PageMemory
from adotx.documents.readers import PageReader, PageReading
from adotx.documents.selection import ALL, Selection
from adotx.documents.side_by_side import Cancelled, IsCancelled, in_order
from adotx.documents.sources import PageImage, open_pages
from adotx.documents.transcribe import WINDOW, PageResult, Transcriber
from adotx.errors import AdotxError

if TYPE_CHECKING:
    from PIL import Image

    from adotx.client.documents import RemoteTranscriber

# Pages of a document that are listed before it is read, so that their number is known; each is a few hundred
# bytes as long as it is not open.
_LISTED = 5000
# A few bytes can claim any number of pages.
_MOST = 100_000


@dataclass
class Job:
    """A document to read.

    Attributes:
        path: a file.
        name: what errors call it.
        pages: which of its pages.
        password: of an encrypted PDF.
        show_changes: show what tracked changes have deleted and inserted.
        memory: where its pages are remembered; None: nowhere.
        change: made of each page before anything else is done with it.
        count: of its pages, those that are not wanted too; None where not known yet.
    """

    path: Path
    name: str
    pages: Selection = ALL
    password: str | None = field(default=None, repr=False)
    show_changes: bool = False
    memory: PageMemory | None = None
    change: Callable[[PageResult], PageResult] = lambda page: page
    count: int | None = None

    def selected(self, pages: Iterable[PageImage]) -> Iterator[PageImage]:
        """Those that are wanted.

        Raises:
            AdotxError: ``input.pages``: the document does not have them.
        """
        source, listed, failure = iter(pages), [], None
        try:
            for page in islice(source, _LISTED + 1):
                listed.append(page)
        except Exception as error:  # told after the pages before it
            failure = error
        if failure is None and len(listed) <= _LISTED:
            self.count = listed[-1].number if listed else 0
            self._check(self.count)
        last, end = 0, max((last for _, last in self.pages.ranges), default=0)
        if any(not last for _, last in self.pages.ranges):
            end = 0
        for page in chain(listed, source):
            last = page.number
            if last > _MOST:
                what, remedy = "more than {limit:,} pages", "name some of them with --pages"
                raise AdotxError("input.too_many_pages", what, self.name, remedy, limit=_MOST)
            if 0 < end < last:
                return
            if last in self.pages:
                yield page
        if failure is not None:
            raise failure
        self._check(last)

    def _check(self, count: int) -> None:
        if count < self.pages.least:
            what, remedy = "the document has {count:,} pages", "name pages that it has"
            raise AdotxError("input.pages", what, self.name, remedy, count=count)

    def told(self, error: AdotxError) -> AdotxError:
        """An error of the document, with the name that the user knows."""
        return error.at((error.where or self.name).replace(str(self.path), self.name))


@dataclass(frozen=True)
class Read:
    """A page of a job, or the end of one.

    Attributes:
        page: its result; None where there is none.
        fresh: whether it was read now.
        refusal: why the document can be read no further.
        last: whether nothing more of the job comes.
    """

    page: PageResult | None
    fresh: bool = True
    refusal: AdotxError | None = None
    last: bool = False


@dataclass(frozen=True)
class _Item:
    job: Job
    page: PageImage | None
    refusal: AdotxError | None = None
    last: bool = False


class LateReader:
    """A reader that is opened when the first picture is to be read, by the thread that calls `open_wanted`.

    Args:
        load: opens it.
    """

    def __init__(self, load: Callable[[], PageReader]) -> None:
        self._load = load
        self._wanted, self._ready, self._waits = threading.Event(), threading.Event(), threading.local()
        self._reader: PageReader | None = None

    def read(self, image: Image.Image, is_cancelled: IsCancelled) -> PageReading:
        """As `PageReader.read`; waits until the reader is open."""
        self._wanted.set()
        start = time.perf_counter()
        while not self._ready.wait(0.05):
            if is_cancelled():
                raise Cancelled
        self._waits.seconds = self.waited + time.perf_counter() - start
        assert self._reader is not None
        return self._reader.read(image, is_cancelled)

    @property
    def waited(self) -> float:
        """Seconds that this thread has waited for the reader to be open."""
        return getattr(self._waits, "seconds", 0.0)

    def open_wanted(self) -> None:
        """Open the reader where somebody waits for it.

        Raises:
            AdotxError: it cannot be opened.
        """
        if self._wanted.is_set() and not self._ready.is_set():
            self._reader = self._load()
            self._ready.set()


class Reading:
    """Documents read in this process.

    Args:
        reader: reads pictures of pages.
        text_layer: take the text that a file itself gives.
        tick: called now and then while a page is waited for.
    """

    def __init__(self, reader: LateReader, text_layer: bool, tick: Callable[[], None]) -> None:
        self._late, self._tick = reader, tick
        self._transcriber = Transcriber.reading_with(reader, text_layer=text_layer)

    def documents(self, jobs: Iterable[Job]) -> Generator[tuple[Job, Iterator[Read]], None, None]:
        """Each job, with its pages as they are read; they are to be taken to their end before the next job.

        Raises:
            AdotxError: nothing more can be read or remembered.
        """
        waiting: list[Job] = []

        def items() -> Iterator[_Item]:
            for job in jobs:
                waiting.append(job)
                yield from _items(job)

        with closing(in_order(self._read, items(), WINDOW, meanwhile=self._meanwhile)) as results:
            for first in results:
                job = waiting.pop(0)
                yield job, _until_last(chain((first,), results))

    def _meanwhile(self) -> None:
        self._late.open_wanted()
        self._tick()

    def _read(self, item: _Item, is_cancelled: IsCancelled) -> Read:
        job, page = item.job, item.page
        if page is None:
            return Read(None, refusal=item.refusal, last=True)
        known = job.memory.page(page.number) if job.memory is not None else None
        if known is not None:
            return Read(known, fresh=False, last=item.last)
        waited = self._late.waited
        try:
            result = self._transcriber.read(page, str(job.path), is_cancelled)
        except AdotxError as error:
            return Read(None, refusal=job.told(error), last=item.last)
        # Opening the model is no page's time.
        result = job.change(replace(result, seconds=max(0.0, result.seconds + waited - self._late.waited)))
        if job.memory is not None:
            job.memory.keep(result)
        return Read(result, last=item.last)


class RemoteReading:
    """The same by a server of ours, which is sent documents, one after the other.

    Args:
        transcriber: the server.
        text_layer: take the text that a file itself gives.
    """

    def __init__(self, transcriber: RemoteTranscriber, text_layer: bool = True) -> None:
        self._transcriber, self._text_layer = transcriber, text_layer

    def documents(self, jobs: Iterable[Job]) -> Generator[tuple[Job, Iterator[Read]], None, None]:
        """As `Reading.documents`."""
        for job in jobs:
            yield job, self._pages(job)

    def _pages(self, job: Job) -> Iterator[Read]:
        memory = job.memory if job.memory is not None else ()
        known = deque(number for number in memory if number in job.pages)
        # The last that is known is asked for again: a server refuses pages that a document does not have.
        wanted = job.pages.minus(set(known) - {max(known, default=0)})
        refusal = None
        try:
            with closing(
                self._transcriber.pages(
                    job.path,
                    job.password,
                    wanted or job.pages,
                    job.name,
                    show_changes=job.show_changes,
                    text_layer=self._text_layer,
                )
            ) as pages:
                for page in pages:
                    yield from self._known(job, known, page.number + 1)
                    if job.memory is None or page.number not in job.memory:
                        yield Read(self._kept(job, page))
        except AdotxError as error:
            if error.code.startswith("out."):
                raise
            refusal = job.told(error)
        if refusal is None:
            yield from self._known(job, known)
        yield Read(None, refusal=refusal, last=True)

    def _known(self, job: Job, known: deque[int], before: int | None = None) -> Iterator[Read]:
        """The remembered pages that come next."""
        while known and (before is None or known[0] < before):
            page = job.memory.page(known.popleft()) if job.memory is not None else None
            if page is not None:
                yield Read(page, fresh=False)

    def _kept(self, job: Job, page: PageResult) -> PageResult:
        page = job.change(page)
        if job.memory is not None:
            job.memory.keep(page)
        return page


def _items(job: Job) -> Iterator[_Item]:
    """The pages of a document, one behind, so that the last is known."""
    held: PageImage | None = None
    refusal = None
    try:
        for page in job.selected(open_pages(job.path, password=job.password, show_changes=job.show_changes)):
            if held is not None:
                yield _Item(job, held)
            held = page
    except AdotxError as error:
        refusal = job.told(error)
    except Exception as error:  # a file that is beyond a library costs no other
        what, remedy = "unexpected {type}: {reason}", "export the file again"
        kind, reason = type(error).__name__, str(error)
        refusal = AdotxError("input.unexpected", what, job.name, remedy, type=kind, reason=reason)
    if refusal is None and held is not None:
        yield _Item(job, held, last=True)
        return
    if held is not None:
        yield _Item(job, held)
    yield _Item(job, None, refusal, last=True)


def _until_last(results: Iterator[Read]) -> Iterator[Read]:
    for result in results:
        yield result
        if result.last:
            return
