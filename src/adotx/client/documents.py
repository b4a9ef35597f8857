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
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast, get_args

from adotx.client.http import Server, broken, message_of
from adotx.client.model import RemoteModel
from adotx.documents.readers import Status
from adotx.documents.readers.page import VlmReader
from adotx.documents.sources import STDIN
from adotx.documents.transcribe import Transcriber
from adotx.errors import AdotxError, Sentence
from adotx.vision import TileRule

if TYPE_CHECKING:
    from adotx.model import Model

# Far more than servers take; a pipe may never end.
_MOST_BYTES = 1 << 30
ROUTE = "/v1/documents/transcriptions"


@dataclass(frozen=True)
class RemotePage:
    """What became of one page; the attributes are those of `adotx.documents.transcribe.PageResult`."""

    number: int
    status: Status
    reason: str
    markdown: str
    marked: str


def remote_transcriber(model: RemoteModel, second_reader: bool = True) -> Transcriber | RemoteTranscriber:
    """What transcribes with a server's model.

    Args:
        model: what is asked.
        second_reader: let a second, independent reader check figures.
    """
    if model.ours:
        return RemoteTranscriber(model.server, second_reader)
    # Which tiles another server's model sees is not told; A.X's own are the guess for A.X.
    return Transcriber.reading_with(VlmReader(cast("Model", model), second_reader, rule=TileRule()))


class RemoteTranscriber:
    """A server of ours, reading documents.

    Args:
        server: where.
        second_reader: as for `Transcriber`.
    """

    def __init__(self, server: Server, second_reader: bool = True) -> None:
        self._server, self._second = server, second_reader

    def document(self, path: str | Path, password: str | None = None) -> Generator[RemotePage, None, None]:
        """All pages of a document, without what runs over them; closing the iterator ends the work there.

        Raises:
            AdotxError: ``input.unreadable``, ``input.too_many_bytes``, ``remote.refused`` and those of
                `Server.get`.
        """
        path = Path(path)
        fields = {"stream": "true", "second_reader": "true" if self._second else "false"}
        if password is not None:
            fields["password"] = password
        body, kind = form(fields, path.name, _content(path))
        try:
            yield from self._pages(body, kind)
        except AdotxError as error:
            # Of this document, where the server says so; of the server, where it cannot be had at all.
            raise error.at(str(path)) if error.code == "remote.refused" else error from None

    def _pages(self, body: bytes, kind: str) -> Generator[RemotePage, None, None]:
        with self._server.post(ROUTE, body, kind) as events:
            for name, data in events:
                if data == "[DONE]" or name == "done":
                    return
                yield self._page(data)
        raise broken(self._server.url, Sentence("its end is missing"))

    def _page(self, data: str) -> RemotePage:
        try:
            told: dict[str, Any] = json.loads(data)
            if "error" in told:
                reason = message_of(told)
                raise AdotxError(
                    "remote.refused", "the server says: {reason}", self._server.url, reason=reason
                )
            texts = [told[name] for name in ("status", "reason", "markdown", "marked")]
            if not isinstance(told["number"], int) or not all(isinstance(text, str) for text in texts):
                raise TypeError
            if texts[0] not in get_args(Status):
                raise ValueError
            return RemotePage(told["number"], *texts)
        except (ValueError, KeyError, TypeError) as error:
            if isinstance(error, AdotxError):
                raise
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
    parts = [(f'name="{key}"', value.encode()) for key, value in fields.items()]
    parts.append((f'name="file"; filename="{name}"\r\ncontent-type: application/octet-stream', content))
    lines = []
    for head, value in parts:
        lines += [f"--{boundary}\r\ncontent-disposition: form-data; {head}\r\n\r\n".encode(), value, b"\r\n"]
    return b"".join((*lines, f"--{boundary}--\r\n".encode())), f"multipart/form-data; boundary={boundary}"
