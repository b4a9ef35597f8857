"""The route /v1/documents/transcriptions: an image or PDF in, its text out, whole or page by page as events.

Events of a stream, by name: ``document.created``, then for each page ``page.opened`` (its size, and its
picture where asked for) and ``page.completed``, then ``document.completed``; or ``error``. Knows no readers.
"""

from __future__ import annotations

import asyncio
import io
import shutil
import tempfile
import time
from collections.abc import AsyncGenerator, AsyncIterator
from contextlib import aclosing, asynccontextmanager
from pathlib import Path
from typing import Annotated, Any, BinaryIO, Literal

from fastapi import APIRouter, Form, Request, Response, UploadFile
from fastapi.responses import JSONResponse
from pydantic import BaseModel, ConfigDict, Field

from adotx.documents.outputs import FORMATS, Choice, Say, page_values, prepared, redacted_kinds
from adotx.documents.outputs import Document as Output
from adotx.documents.outputs.markdown import whole_markdown
from adotx.documents.outputs.values import OBJECT, summary_of
from adotx.documents.selection import Selection
from adotx.documents.transcribe import PageResult
from adotx.errors import AdotxError, Sentence
from adotx.server.answers import head_of
from adotx.server.clients import Deadline, answer
from adotx.server.errors import language_of, shown
from adotx.server.events import Event, EventStream
from adotx.server.reading import Document, Order
from adotx.server.service import Service, service_of

router = APIRouter(tags=["documents"])


class TranscriptionRequest(BaseModel):
    """The form of /v1/documents/transcriptions.

    Attributes:
        file: an image, a TIFF with any number of pages, or a PDF; told by its content.
        model: the name of the model; may be left out.
        response_format: "json": pages with blocks; else one file (`adotx.documents.outputs.FORMATS`).
        stream: answer in events, page by page.
        pages: which pages, like "1-3,7" or "5-"; all where empty.
        password: of an encrypted PDF.
        page_images: put a picture of each page into the events.
        keep_running: leave headers, footers and page numbers, and tables that go on, where they stand.
        text_layer: take the text that a file itself gives, where it can be trusted; else all is read.
        show_changes: show what tracked changes have deleted and inserted.
        mark_doubtful: put figures that may be wrong between <mark> and </mark>, in Markdown and HTML.
        page_marks: begin each page of Markdown with a comment that says its number.
        redact: kinds of numbers that are covered, with commas between them, or "all".
        hanja: "reading": Hanja with their reading in brackets.
    """

    model_config = ConfigDict(extra="forbid")

    file: UploadFile
    model: Annotated[str, Field(max_length=512)] | None = None
    response_format: Literal["json", "markdown", "text", "html", "pdf", "csv", "xlsx"] = "json"
    stream: bool = False
    pages: Annotated[str, Field(max_length=1000)] = ""
    password: Annotated[str, Field(max_length=512)] = ""
    page_images: bool = False
    keep_running: bool = False
    text_layer: bool = True
    show_changes: bool = False
    mark_doubtful: bool = False
    page_marks: bool = False
    redact: Annotated[str, Field(max_length=200)] = ""
    hanja: Literal["keep", "reading"] = "keep"


@router.post("/v1/documents/transcriptions")
async def transcribe(
    request: Request, form: Annotated[TranscriptionRequest, Form(media_type="multipart/form-data")]
) -> Response:
    """Read an image or PDF; a page that cannot be read says so and costs no other."""
    service = service_of(request)
    service.check_name(form.model)
    given = await request.form()
    for field in given:
        if (count := len(given.getlist(field))) > 1:
            raise _refusal(field, Sentence("it stands there {count} times", count=count))
    if form.stream and form.response_format != "json":
        raise _refusal("response_format", Sentence("events are always JSON"))
    if form.page_images and not form.stream:
        raise _refusal("page_images", Sentence("pictures come with a stream only"))
    choice = Choice(redacted_kinds([form.redact]), form.hanja, form.mark_doubtful, form.page_marks)
    if form.page_images and choice.redact:
        raise _refusal("page_images", Sentence("pictures are sent before it is known what is to be redacted"))
    pages = Selection.of(form.pages)
    order = Order(
        pages,
        form.password or None,
        form.page_images,
        form.keep_running,
        form.text_layer,
        form.show_changes,
    )
    say = _speaker(service, request)
    # However long a document is, it only has to go on.
    deadline = Deadline(service.settings.run_timeout)
    if form.stream:
        events = _events(service, request, form.file, order, choice, say, deadline)
        return EventStream(request, events, _failed, deadline)
    whole = _whole(service, request, form, order, choice, say, deadline)
    return await answer(request, whole, deadline)


def _refusal(field: str, reason: Sentence) -> AdotxError:
    return AdotxError("server.parameter", "{reason}", field, reason=reason)


def _speaker(service: Service, request: Request) -> Say:
    language, say = language_of(request), service.say
    return (lambda sentence: say(shown(sentence), language)) if say else shown


async def _whole(
    service: Service,
    request: Request,
    form: TranscriptionRequest,
    order: Order,
    choice: Choice,
    say: Say,
    deadline: Deadline,
) -> Response:
    began = time.monotonic()
    results: list[PageResult] = []
    async with _opened(service, form.file, order) as (path, document):
        async with aclosing(document.parts()) as parts:
            async for part in parts:
                if isinstance(part, PageResult):
                    deadline.renew()
                    results.append(prepared(part, choice))
        end = _end(service, request, results, began)
        if form.response_format == "json":
            pages = [page_values(result, say) for result in results]
            whole = {
                **_head(service),
                **end,
                "markdown": whole_markdown(results, say, choice),
                "pages": pages,
            }
            return JSONResponse(whole)
        if form.response_format == "markdown":
            return Response(whole_markdown(results, say, choice), media_type="text/markdown")
        output = Output(Path(form.file.filename or "document").name, results, path, order.password)
        written = io.BytesIO()
        # Pictures are opened once more: not in the event loop.
        await asyncio.to_thread(FORMATS[form.response_format].write, output, written, choice)
        return Response(written.getvalue(), media_type=FORMATS[form.response_format].media_type)


async def _events(
    service: Service,
    request: Request,
    file: UploadFile,
    order: Order,
    choice: Choice,
    say: Say,
    deadline: Deadline,
) -> AsyncGenerator[Event, None]:
    began = time.monotonic()
    results: list[PageResult] = []
    async with _opened(service, file, order) as (_, document), aclosing(document.parts()) as parts:
        # The first page is waited for, so that a picture that is none is refused with its own status.
        first = True
        async for part in parts:
            if first:
                yield _event("document.created", **_head(service), page_numbers=document.numbers)
                first = False
            if isinstance(part, PageResult):
                deadline.renew()
                results.append(prepared(part, choice))
                yield _event("page.completed", page=page_values(results[-1], say))
            else:
                width, height = part.size
                image = part.picture or None
                yield _event("page.opened", number=part.number, width=width, height=height, image=image)
        yield _event("document.completed", **_end(service, request, results, began))


@asynccontextmanager
async def _opened(service: Service, file: UploadFile, order: Order) -> AsyncIterator[tuple[Path, Document]]:
    """The uploaded document, and where it lies. PDFs are not held in memory, and need a name that is ours."""
    with tempfile.TemporaryDirectory(prefix="adotx-") as folder:
        path = Path(folder, "document")
        await asyncio.to_thread(_save, file.file, path)
        async with service.documents.open(path, order) as document:
            yield path, document


def _save(upload: BinaryIO, path: Path) -> None:
    with path.open("wb") as file:
        shutil.copyfileobj(upload, file)


def _head(service: Service) -> dict[str, Any]:
    return head_of(service, OBJECT, "doc")


def _end(service: Service, request: Request, results: list[PageResult], began: float) -> dict[str, Any]:
    end = summary_of(results).values(time.monotonic() - began)
    counted = end["page_counts"]
    request.state.log.update({f"pages_{status}": count for status, count in counted.items() if count})
    for status, count in counted.items():
        service.metrics.pages.labels(status).inc(count)
    return end


def _event(name: str, **values: Any) -> Event:
    return Event({"type": name, **values}, name)


def _failed(body: dict[str, Any]) -> list[Event]:
    return [_event("error", **body)]
