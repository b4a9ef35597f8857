"""A model behind a URL: messages with pictures in, pieces of an answer and a `Reply` out, as of `Model`.

Speaks /v1/chat/completions of the OpenAI API, with vLLM's names for what that lacks. Knows no documents.
"""

from __future__ import annotations

import base64
import io
import json
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adotx.client.http import Events, Server, broken, message_of
from adotx.errors import AdotxError, Sentence
from adotx.model import Reply, Usage

if TYPE_CHECKING:
    from PIL import Image

    from adotx.chat.messages import Message
    from adotx.engine import SamplingParams


class RemoteModel:
    """What a server serves.

    Args:
        server: where.
        name: which of its models; None: its only one.

    Attributes:
        name: the model, as the server calls it.
        ours: whether the server is one of `adotx serve`.
        answers: whether it answers questions, as far as the server tells; else it only transcribes.
        reads_rows: whether another server serves a reader of rows like nano, to which whole pages mean
            nothing: known where the folder that it names (vLLM's `root`) is one of this machine.

    Raises:
        AdotxError: ``remote.model``: it has no such model, or several; those of `Server.get`.
    """

    def __init__(self, server: Server, name: str | None = None) -> None:
        listed = server.get("/v1/models")
        cards = listed.get("data") if isinstance(listed, dict) else None
        known = {
            card["id"]: card
            for card in (cards if isinstance(cards, list) else [])
            if isinstance(card, dict) and isinstance(card.get("id"), str)
        }
        if name is None and len(known) == 1:
            [name] = known
        if name is None or name not in known:
            raise AdotxError(
                "remote.model",
                "it serves {served}",
                server.url,
                "name one of these with --model",
                served=", ".join(known)[:400] or "-",
            )
        self.server, self.name = server, name
        self.ours = known[name].get("owned_by") == "adotx"
        tasks = known[name].get("tasks")
        self.reads_rows = not self.ours and _reads_rows(known[name].get("root"))
        self.answers = not self.reads_rows and (not isinstance(tasks, list) or "chat" in tasks)

    def stream(
        self,
        messages: Sequence[Message],
        *,
        images: Sequence[Image.Image] = (),
        sampling: SamplingParams,
        priority: int = 0,
    ) -> RemoteStream:
        """The answer as it comes.

        Args:
            messages: of the OpenAI API; an image part may hold a picture, ``{"type": "image", "image": X}``.
            images: the pictures of the image parts that hold none, in order.
            sampling: what of it the API has no name for is left out where it is off.
            priority: smaller numbers first.

        Raises:
            AdotxError: see `Server.get`; while reading also ``remote.refused``, ``remote.broken``.
        """
        waiting = iter(images)
        body = {
            "model": self.name,
            "messages": [_sendable(message, waiting) for message in messages],
            "stream": True,
            "stream_options": {"include_usage": True},
            **_sampling(sampling),
            **({"priority": priority} if priority else {}),
        }
        # Bytes of a command line that are no text are half surrogate pairs: not for a server.
        data = json.dumps(body, ensure_ascii=False, allow_nan=False).encode("utf-8", "replace")
        return RemoteStream(self.server.post("/v1/chat/completions", data))


def _reads_rows(folder: object) -> bool:
    try:
        config = json.loads(Path(str(folder), "config.json").read_bytes())
        return bool(config["adotx"]["reader"] == "rows")
    except (OSError, ValueError, LookupError, TypeError):
        return False


class RemoteStream(Iterator[str]):
    """An answer as it comes: pieces of its text. Leaving its `with` ends the request, at the server too."""

    def __init__(self, events: Events) -> None:
        self._events = events
        self._texts: list[str] = []
        self._reason = ""
        self._usage = Usage(0, 0, 0, 0)
        self._reply: Reply | None = None

    def __enter__(self) -> RemoteStream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    def __next__(self) -> str:
        for _, data in self._events:
            if data == "[DONE]":
                break
            if text := self._piece(data):
                self._texts.append(text)
                return text
        if self._reply is None and not self._reason:
            self.close()
            raise broken(self._events.url, Sentence("its end is missing"))
        self.close()
        raise StopIteration

    def close(self) -> None:
        """Leave the request if it has not ended; what was read of the answer stays."""
        self._events.close()
        if self._reply is None:
            self._reply = Reply("".join(self._texts), (), self._reason or "cancelled", self._usage)

    @property
    def reply(self) -> Reply:
        """The answer, once it has ended or was closed; AdotxError ``reply.unfinished`` before."""
        if self._reply is None:
            remedy = "read it to its end, or close it"
            raise AdotxError("reply.unfinished", "the answer has not ended", "stream", remedy)
        return self._reply

    def _piece(self, data: str) -> str:
        """The text in a chunk; its other news are kept."""
        try:
            chunk = json.loads(data)
            if "error" in chunk:
                reason = message_of(chunk)
                raise AdotxError(
                    "remote.refused", "the server says: {reason}", self._events.url, reason=reason
                )
            if isinstance(usage := chunk.get("usage"), dict):
                self._usage = _usage(usage)
            if not chunk["choices"]:
                return ""
            [choice] = chunk["choices"]
            self._reason = choice.get("finish_reason") or self._reason
            # A server that does not stream answers with a message.
            text = choice.get("delta", choice.get("message"))["content"] or ""
        except KeyError:
            return ""
        except (ValueError, TypeError, AttributeError) as error:
            if isinstance(error, AdotxError):
                raise
            raise broken(self._events.url, Sentence("a part of it cannot be understood")) from None
        if not isinstance(text, str):
            raise broken(self._events.url, Sentence("a part of it cannot be understood"))
        return text


def _usage(told: Mapping[str, Any]) -> Usage:
    numbers = [told.get("prompt_tokens"), told.get("completion_tokens")]
    details = told.get("prompt_tokens_details")
    for name in ("cached_tokens", "image_tokens"):
        numbers.append(details.get(name) if isinstance(details, dict) else 0)
    return Usage(*(number if isinstance(number, int) else 0 for number in numbers))


def _sampling(params: SamplingParams) -> dict[str, Any]:
    said: dict[str, Any] = {
        "max_tokens": params.max_new_tokens,
        "temperature": params.temperature,
        "top_p": params.top_p,
    }
    if params.seed is not None:
        said["seed"] = params.seed
    off = {"top_k": 0, "min_p": 0.0, "repetition_penalty": 1.0}
    return said | {name: value for name in off if (value := getattr(params, name)) != off[name]}


def _sendable(message: Message, waiting: Iterator[Image.Image]) -> dict[str, Any]:
    """A message whose pictures are data URIs."""
    content = message.get("content")
    if not isinstance(content, list):
        return dict(message)
    return {**message, "content": [_part(part, waiting) for part in content]}


def _part(part: Mapping[str, Any], waiting: Iterator[Image.Image]) -> dict[str, Any]:
    if part.get("type") != "image":
        return dict(part)
    picture = part.get("image") or next(waiting)
    return {"type": "image_url", "image_url": {"url": data_uri(picture)}}


def data_uri(picture: Image.Image) -> str:
    """A picture as a PNG in a data URI: nothing of it is lost."""
    with io.BytesIO() as file:
        picture.save(file, "PNG", compress_level=1)
        return f"data:image/png;base64,{base64.b64encode(file.getvalue()).decode()}"
