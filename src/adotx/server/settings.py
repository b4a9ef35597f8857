"""What the server allows: limits and switches, each with its default.

In: numbers and names. Out: `Settings` that hold no nonsense. Knows no routes. The table of docs/server.md is
made of the lines below; a test compares.
"""

from __future__ import annotations

import dataclasses
import math
import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Self

from adotx.errors import AdotxError, Sentence

MIB = 1 << 20


@dataclass(frozen=True)
class Settings:
    """Limits and switches. Sizes are bytes, times seconds.

    Attributes:
        api_keys: whoever knows one of them may ask; none: everybody who reaches the port.
        hosts: names that may stand in a request's Host besides this machine's loopback ones; "*": any.
        origins: web pages, as "https://example.org", whose scripts may ask; others' are refused.
        model_name: what clients call the model; "": the checkpoint's own name.
        max_body: a request's JSON.
        max_upload: a request to /v1/documents/transcriptions.
        body_timeout: until a request's head has come, until its body has, and until a client takes more of an
            answer; then the connection ends.
        max_requests: requests worked on and queued at once; one more gets 429.
        retry_after: what 429 and 503 say in retry-after.
        queue_timeout: until a request's first step; then 503.
        run_timeout: until a request's end, of a document until its next page; then 504, or an error event
            in a stream.
        drain_timeout: from SIGTERM until the streams that are left end with an error event.
        ping_interval: silence in a stream after which a comment is sent, so that no proxy cuts it.
        max_messages: messages of a conversation.
        max_prompt_tokens: ids of a prompt; 0: what the context holds.
        max_tokens: ids of an answer, also where a request names no number; 0: what the context leaves.
        max_n: answers to one request.
        max_stop: stop strings of a request.
        max_stop_length: characters of each.
        max_tools: tools of a request.
        max_images: pictures of a request.
        max_documents: documents read at once; others wait for queue_timeout, then 503.
        max_document_pages: pages that are read of one document.
        max_image_bytes: the file of a picture.
        max_image_pixels: width x height of a picture or page, judged before it is decoded.
        low_detail_tiles: tiles of a picture with detail "low"; others get what the model allows.
        image_workers: pictures decoded at once.
        max_schema: characters of a request's tools, and of its response format.
        grammar_timeout: for compiling the grammar of a request's tools and format, in a process that is
            killed when it is over.
        fetch_hosts: hosts from which pictures may be fetched by URL; none: URLs are refused.
        fetch_timeout: for a picture, redirects included.
        access_log: one JSON line on stderr for each request; never with what was asked or answered.
    """

    api_keys: tuple[str, ...] = ()
    hosts: tuple[str, ...] = ()
    origins: tuple[str, ...] = ()
    model_name: str = ""
    max_body: int = 32 * MIB
    max_upload: int = 64 * MIB
    body_timeout: float = 60.0
    max_requests: int = 128
    retry_after: int = 1
    queue_timeout: float = 120.0
    run_timeout: float = 600.0
    drain_timeout: float = 30.0
    ping_interval: float = 15.0
    max_messages: int = 512
    max_prompt_tokens: int = 0
    max_tokens: int = 0
    max_n: int = 8
    max_stop: int = 4
    max_stop_length: int = 256
    max_tools: int = 128
    max_images: int = 16
    max_documents: int = 2
    max_document_pages: int = 200
    max_image_bytes: int = 20 * MIB
    max_image_pixels: int = 80_000_000
    low_detail_tiles: int = 1
    image_workers: int = 2
    max_schema: int = 100_000
    grammar_timeout: float = 2.0
    fetch_hosts: tuple[str, ...] = ()
    fetch_timeout: float = 10.0
    access_log: bool = True

    #: may be 0, which means no limit of the server's own
    _OPEN = ("max_prompt_tokens", "max_tokens")

    def __post_init__(self) -> None:
        for field in dataclasses.fields(self):
            value, kind = getattr(self, field.name), type(field.default)
            if kind is float and type(value) is int:
                value = float(value)
            elif kind is tuple and isinstance(value, list):
                value = tuple(value)
            object.__setattr__(self, field.name, value)
            form, expected = _FORMS.get(field.name, (None, _EXPECTED[kind]))
            fits = type(value) is kind and _sensible(value, field.name in self._OPEN)
            if not fits or (form and not all(form.fullmatch(item) for item in value)):
                raise AdotxError(
                    "server.setting",
                    "{value} does not fit",
                    field.name,
                    "give {expected}",
                    value=repr(value)[:80] if field.name != "api_keys" else "...",
                    expected=expected,
                )

    @classmethod
    def of(cls, values: Mapping[str, Any]) -> Self:
        """Settings by their names.

        Raises:
            AdotxError: ``server.setting``: a name that is none, a value that does not fit.
        """
        known = [field.name for field in dataclasses.fields(cls)]
        for name in values:
            if name not in known:
                raise AdotxError(
                    "server.setting",
                    "{name} is no setting",
                    "settings",
                    "use one of {known}",
                    name=name,
                    known=", ".join(known),
                )
        return cls(**values)

    @classmethod
    def read(cls, path: Path) -> Self:
        """Settings from a TOML file.

        Raises:
            AdotxError: ``config.missing``, ``config.toml``: it cannot be read; ``server.setting``.
        """
        try:
            values = tomllib.loads(path.read_text(encoding="utf-8"))
        except OSError as error:
            reason = error.strerror or str(error)
            raise AdotxError(
                "config.missing", "{reason}", str(path), "check the path", reason=reason
            ) from None
        except (UnicodeDecodeError, tomllib.TOMLDecodeError) as error:
            raise AdotxError(
                "config.toml", "{reason}", str(path), "mend the TOML", reason=str(error)
            ) from None
        return cls.of(values)


_EXPECTED = {
    bool: Sentence("true or false"),
    int: Sentence("a whole number of at least 1"),
    float: Sentence("a number above 0"),
    str: Sentence("a text"),
    tuple: Sentence("a list of texts that are not empty"),
}
# What is written otherwise would never be found: an origin has no path, a name no port.
_NAME = r"[A-Za-z0-9._-]+"
_FORMS = {
    "hosts": (re.compile(rf"\*|{_NAME}|[0-9A-Fa-f:.]+"), Sentence("names without port, or addresses")),
    "fetch_hosts": (re.compile(_NAME), Sentence("names without scheme and port")),
    "origins": (re.compile(r"https?://[a-z0-9.:\[\]-]+"), Sentence('origins like "https://example.org"')),
}


def _sensible(value: Any, may_be_zero: bool) -> bool:
    if isinstance(value, tuple):
        return all(isinstance(item, str) and item for item in value)
    if isinstance(value, (str, bool)):
        return True
    return math.isfinite(value) and (value > 0 or (may_be_zero and value == 0))
