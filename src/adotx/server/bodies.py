"""JSON bodies as they come over HTTP: bytes in, values out, or an error that says what is wrong with them.

Stricter than `json`: UTF-8 alone, no name twice in an object (two readers may disagree which one counts), no
NaN, no half of a surrogate pair (it is no character, and cannot be sent back), and not more values than any
request has use for, so that nobody judges millions of them one by one.
`JsonRoute` has routes read their bodies so. Knows no fields.
"""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Coroutine
from email.message import Message
from typing import Any, NoReturn

from fastapi import Request, Response
from fastapi.routing import APIRoute

from adotx.errors import AdotxError, Sentence

#: values of a body; a prompt of ids is far below, and pictures are one each
MOST_VALUES = 250_000
# An escape of a half; most bodies have none, and need no second look.
_HALF = re.compile(rb"\\u[dD][89a-fA-F]")


def read_json(body: bytes) -> Any:
    """The values of a body.

    Raises:
        AdotxError: ``server.parameter``, ``server.limit``: it cannot be read.
    """
    if not body.strip():
        raise _refusal(Sentence("it is empty"))
    # Each value but the first has one of these before it; texts may hold some too.
    values = 1 + body.count(b",") + body.count(b"[") + body.count(b"{")
    if values > MOST_VALUES:
        template, remedy = "{given:,} are over the limit of {limit:,}", "send fewer or less"
        raise AdotxError("server.limit", template, "body", remedy, given=values, limit=MOST_VALUES)
    try:
        read = json.loads(body.decode("utf-8-sig"), object_pairs_hook=_object, parse_constant=_no_number)
    except AdotxError:
        raise
    except UnicodeDecodeError:
        raise _refusal(Sentence("it is not UTF-8")) from None
    except json.JSONDecodeError as error:
        raise _refusal(Sentence("it is not JSON from character {at:,} on", at=error.pos)) from None
    except RecursionError:
        raise _refusal(Sentence("it is nested too deeply")) from None
    except ValueError:  # more digits than Python converts
        raise _refusal(Sentence("it holds a number that is too long")) from None
    if _HALF.search(body) and not _is_text(read):
        raise _refusal(Sentence("it holds half a surrogate pair"))
    return read


def _is_text(value: Any) -> bool:
    """Whether all texts in a value consist of characters."""
    left = [value]
    while left:
        each = left.pop()
        if isinstance(each, dict):
            left += [*each, *each.values()]
        elif isinstance(each, list):
            left += each
        elif isinstance(each, str) and not each.isascii():
            try:
                each.encode()
            except UnicodeEncodeError:
                return False
    return True


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    found = dict(pairs)
    if len(found) < len(pairs):
        raise _refusal(Sentence("a name stands twice in one object"))
    return found


def _no_number(text: str) -> NoReturn:
    raise _refusal(Sentence("{text} is no number in JSON", text=text))


def _refusal(reason: Sentence) -> AdotxError:
    return AdotxError("server.parameter", "{reason}", "body", reason=reason)


class JsonRoute(APIRoute):
    """A route whose body is read by `read_json`, and is announced as what it is."""

    def get_route_handler(self) -> Callable[[Request], Coroutine[Any, Any, Response]]:
        handler = super().get_route_handler()

        async def strict(request: Request) -> Response:
            if self.body_field is not None:
                _check_kind(request.headers.get("content-type", ""))
                return await handler(_Strict(request.scope, request.receive))
            return await handler(request)

        return strict


class _Strict(Request):
    async def body(self) -> bytes:
        # Without a body no one would call `json`.
        return await super().body() or b" "

    async def json(self) -> Any:
        return read_json(await self.body())


def _check_kind(given: str) -> None:
    """
    Raises:
        AdotxError: ``server.media_type``: what a page of another site could send unasked, or curl by itself.
    """
    kind = Message()
    kind["content-type"] = given
    main, sub = kind.get_content_maintype(), kind.get_content_subtype()
    if not given or main != "application" or not (sub == "json" or sub.endswith("+json")):
        what, remedy = "the body is not announced as JSON", "send content-type: application/json"
        raise AdotxError("server.media_type", what, "content-type", remedy)
