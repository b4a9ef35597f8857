"""`adotx ask` and `adotx describe`: a document or an image and a question in, the answer on stdout.

A model that answers questions is shown the pages. One that only transcribes (nano) reads them, and what
stands there behind the label or figure that the question names is the answer; on stderr stands from which
line it is. Where nothing answers the question the exit code says so.
"""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adotx.cli import DONE, FINDING
from adotx.cli.errors import in_language
from adotx.cli.progress import Progress
from adotx.cli.strings import language, text
from adotx.cli.target import Target
from adotx.errors import AdotxError

if TYPE_CHECKING:
    from PIL.Image import Image

    from adotx.client.model import RemoteStream
    from adotx.documents.selection import Selection
    from adotx.documents.transcribe import PageResult
    from adotx.engine import SamplingParams
    from adotx.model import Reply, ReplyStream

#: pages, or pictures inside of a document of text, that a model is shown with one question
MOST_PAGES = 16


def ask(
    document: Path,
    question: str,
    target: Target,
    sampling: SamplingParams,
    pages: str = "",
    password: str | None = None,
) -> int:
    """Answer `question` about a document on stdout; returns the exit code, `FINDING` where nothing answers.

    Args:
        pages: which of its pages, like "1-3,7"; all where empty.
        password: of an encrypted PDF.

    Raises:
        AdotxError: ``ask.pages``: too many to be shown; what opening documents and models raises.
    """
    from adotx.documents.selection import Selection

    wanted = Selection.of(pages)
    _check(document, password)  # before the model: a wrong file is told at once
    if not target.answers:
        return _look_up(document, question, target, wanted, password)
    parts = _shown(document, wanted, password)
    # The pages first, then the question: the order of the model cards.
    return _asked([*parts, {"type": "text", "text": question}], target, sampling)


def _check(document: Path, password: str | None) -> None:
    """Open the first page, unless it can be read only once."""
    from adotx.documents.sources import is_pipe, open_pages

    if not is_pipe(document):
        first = next(open_pages(document, password=password), None)
        if first is not None and first.open is not None:
            first.open()


def _shown(document: Path, wanted: Selection, password: str | None) -> list[dict[str, Any]]:
    """A document as parts of a message: the pictures of its pages; where it has none its text, with a mark
    for each picture in it (``![1]()``), then those pictures."""
    from adotx.documents.readers import PageReading
    from adotx.documents.sources import open_pages
    from adotx.markdown import Figure, to_markdown

    pages = [page for page in open_pages(document, password=password) if page.number in wanted]
    if not pages or len(pages) > MOST_PAGES:
        what, remedy = "{count} pages are chosen, 1 to {most} can be shown", "choose some with --pages"
        raise AdotxError("ask.pages", what, str(document), remedy, count=len(pages), most=MOST_PAGES)
    parts: list[dict[str, Any]] = []
    inside: list[dict[str, Any]] = []
    left_out = 0

    def kept(picture: Image) -> PageReading:
        nonlocal left_out
        if len(inside) >= MOST_PAGES:
            left_out += 1
            return PageReading(())
        inside.append({"type": "image", "image": picture})
        return PageReading((Figure(str(len(inside))),))

    for page in pages:
        if page.open is not None:
            parts.append({"type": "image", "image": page.open()})
        elif page.given is not None and (reading := page.given(kept)) is not None:
            parts.append({"type": "text", "text": to_markdown(reading.blocks)})
    if left_out:
        print(text("ask.pictures", most=MOST_PAGES, count=left_out), file=sys.stderr)
    return [*parts, *inside]


def _look_up(document: Path, question: str, target: Target, wanted: Selection, password: str | None) -> int:
    from adotx.documents.finding import answers

    pages = _read(document, target, wanted, password)
    blocks = [
        block if block.page else block.at(block.box, page.number) for page in pages for block in page.blocks
    ]
    for page in pages:
        if page.status in ("failed", "partial"):
            reason = in_language(page.reason, language())
            print(text("ask.page", page=page.number, reason=reason), file=sys.stderr)
    found = answers(question, blocks)
    doubtful = {figure for page in pages for figure in page.doubtful}
    for fact in found:
        print(fact.value)
        print(text("ask.source", page=fact.page or 1, line=fact.line), file=sys.stderr)
        if unsure := sorted(figure for figure in doubtful if figure in fact.value):
            print(text("ask.doubtful", figures=", ".join(unsure)), file=sys.stderr)
    if not found:
        print(text("ask.unknown", name=document.name, model=target.name), file=sys.stderr)
    return DONE if found else FINDING


def _read(document: Path, target: Target, wanted: Selection, password: str | None) -> list[PageResult]:
    """The pages of a document as they are read; those before an error where there is one."""
    from adotx.cli import complain
    from adotx.cli.reading import Job

    pages: list[PageResult] = []
    with Progress() as progress:
        reading = target.reading(progress, True, True, lambda: None)
        for _, reads in reading.documents([Job(document, str(document), wanted, password)]):
            for read in reads:
                if read.page is not None:
                    pages.append(read.page)
                if read.refusal is not None:
                    if not pages:
                        raise read.refusal
                    complain(read.refusal)
    return pages


def _asked(content: list[dict[str, Any]], target: Target, sampling: SamplingParams) -> int:
    model = target.open_to_ask()
    note_cut(say(model.stream([{"role": "user", "content": content}], sampling=sampling)), sampling)
    return DONE


def describe(image: Path, target: Target, sampling: SamplingParams) -> int:
    """Answer the question of the model card about an image.

    Raises:
        AdotxError: ``ask.reader``: the checkpoint transcribes and does nothing else; what opening raises.
    """
    from adotx.vision import open_image

    picture = open_image(image)  # before the model
    question = {"type": "text", "text": text("describe.prompt")}
    return _asked([{"type": "image", "image": picture}, question], target, sampling)


def say(answer: ReplyStream | RemoteStream) -> Reply:
    """Write an answer to stdout as it comes, with one line end; returns the whole of it."""
    whole = ""
    with answer:
        for piece in answer:
            assert isinstance(piece, str), "no tools were given"
            whole += piece
            sys.stdout.write(piece)
            sys.stdout.flush()
    if not whole.endswith("\n"):
        sys.stdout.write("\n")
    sys.stdout.flush()
    return answer.reply


def note_cut(reply: Reply, sampling: SamplingParams) -> None:
    """Say on stderr that an answer did not end by itself, and what was too short for it."""
    if reply.finish_reason != "length":
        return
    if reply.context_full:
        positions = reply.usage.prompt_tokens + reply.usage.completion_tokens
        print(text("ask.context", tokens=positions), file=sys.stderr)
    else:
        print(text("ask.cut", tokens=sampling.max_new_tokens), file=sys.stderr)
