"""Transcription behind a URL: documents in, results page by page out.

A server of ours is sent the document and reads it as `adotx transcribe` would there. Any other is shown each
page, opened and cut here, through the chat API. Knows no engine.
"""

from __future__ import annotations

import json
import secrets
import sys
from collections.abc import Generator
from contextlib import nullcontext
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

from adotx.client.http import Server, broken, message_of
from adotx.client.model import RemoteModel
from adotx.documents.outputs import page_of
from adotx.documents.readers.page import VlmReader
from adotx.documents.selection import ALL, Selection
from adotx.documents.sources import STDIN
from adotx.documents.transcribe import PageResult, Transcriber, without_running
from adotx.errors import AdotxError, Sentence
from adotx.vision import TileRule

if TYPE_CHECKING:
    from adotx.model import Model

# Far more than servers take; a pipe may never end.
_MOST_BYTES = 1 << 30
ROUTE = "/v1/documents/transcriptions"


def remote_transcriber(model: RemoteModel, second_reader: bool = True) -> Transcriber | RemoteTranscriber:
    """What transcribes with a server's model.

    Args:
        model: what is asked.
        second_reader: let a second, independent reader check figures; a server of ours always does.

    Raises:
        AdotxError: ``remote.option``: a server of ours shall do without the second reader; ``remote.reader``:
            another server serves a reader of rows, which would answer to a page with nonsense.
    """
    if model.ours:
        if not second_reader:
            what, remedy = "it means nothing to a server, which has its own", "leave it out"
            raise AdotxError("remote.option", what, "--no-second-reader", remedy)
        return RemoteTranscriber(model.server)
    if model.reads_rows:
        what, remedy = "{name} reads rows cut from a page, which this server does not do", "use adotx serve"
        raise AdotxError("remote.reader", what, model.server.url, remedy, name=model.name)
    # Which tiles another server's model sees is not told; A.X's own are the guess for A.X.
    return Transcriber.reading_with(VlmReader(cast("Model", model), second_reader, rule=TileRule()))


class RemoteTranscriber:
    """A server of ours, reading documents.

    Args:
        server: where.
    """

    def __init__(self, server: Server) -> None:
        self._server = server

    def document(self, path: str | Path, password: str | None = None) -> Generator[PageResult, None, None]:
        """All pages of a document, without what runs over them; closing the iterator ends the work there.

        Raises:
            AdotxError: those of `pages`.
        """
        return without_running(self.pages(path, password))

    def pages(
        self,
        path: str | Path,
        password: str | None = None,
        wanted: Selection = ALL,
        name: str | None = None,
        *,
        show_changes: bool = False,
        text_layer: bool = True,
    ) -> Generator[PageResult, None, None]:
        """All pages of a document, or some, as they are read.

        Args:
            wanted: which.
            name: what the document is called; None: as its path says.
            show_changes, text_layer: as for `Transcriber`.

        Raises:
            AdotxError: ``input.unreadable``, ``input.too_many_bytes``, ``remote.refused`` and those of
                `Server.get`.
        """
        path = Path(path)
        fields = {
            "stream": "true",
            "keep_running": "true",
            "pages": str(wanted),
            "password": password or "",
            # Said only where it is wanted, so that older servers take the rest.
            "show_changes": "true" if show_changes else "",
            "text_layer": "" if text_layer else "false",
        }
        body, kind = form(
            {key: value for key, value in fields.items() if value}, name or path.name, _content(path)
        )
        try:
            yield from self._pages(body, kind)
        except AdotxError as error:
            # Of this document, where the server says so; of the server, where it cannot be had at all.
            raise error.at(str(path)) if error.code == "remote.refused" else error from None

    def _pages(self, body: bytes, kind: str) -> Generator[PageResult, None, None]:
        with self._server.post(ROUTE, body, kind) as events:
            for name, data in events:
                if name == "page.completed":
                    yield self._page(self._values(data).get("page"))
                elif name == "document.completed":
                    return
                elif name == "error":
                    what, reason = "the server says: {reason}", message_of(self._values(data))
                    raise AdotxError("remote.refused", what, self._server.url, reason=reason)
        raise broken(self._server.url, Sentence("its end is missing"))

    def _values(self, data: str) -> dict[str, Any]:
        try:
            values = json.loads(data)
        except ValueError:
            values = None
        return values if isinstance(values, dict) else {}

    def _page(self, told: Any) -> PageResult:
        try:
            return page_of(told)
        except ValueError:
            raise broken(self._server.url, Sentence("a part of it cannot be understood")) from None


def _content(path: Path) -> bytes:
    """A file, or what a pipe brings, whole: it is sent in one piece."""
    try:
        with nullcontext(sys.stdin.buffer) if path == STDIN else path.open("rb") as file:
            content = file.read(_MOST_BYTES + 1)
    except OSError as error:
        reason = error.strerror or str(error)
        raise AdotxError("input.unreadable", "{reason}", str(path), "check the path", reason=reason) from None
    if len(content) > _MOST_BYTES:
        what, remedy = "more than {limit:,} bytes cannot be sent", "name a smaller file"
        raise AdotxError("input.too_many_bytes", what, str(path), remedy, limit=_MOST_BYTES)
    return content


def form(fields: dict[str, str], name: str, content: bytes) -> tuple[bytes, str]:
    """A file and some fields as multipart/form-data (RFC 7578): the body and its media type."""
    boundary = secrets.token_hex(16)
    name = name.encode("utf-8", "replace").decode().translate({34: "%22", 13: "%0D", 10: "%0A"})
    parts = [(f'name="{key}"', value.encode("utf-8", "replace")) for key, value in fields.items()]
    parts.append((f'name="file"; filename="{name}"\r\ncontent-type: application/octet-stream', content))
    lines = []
    for head, value in parts:
        lines += [f"--{boundary}\r\ncontent-disposition: form-data; {head}\r\n\r\n".encode(), value, b"\r\n"]
    return b"".join((*lines, f"--{boundary}--\r\n".encode())), f"multipart/form-data; boundary={boundary}"
