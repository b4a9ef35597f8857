"""From an error to what a client of the OpenAI API is told: an exception in, HTTP status and JSON body out.

The table `STATUS` is the one of docs/server.md (a test compares). What is in it is shown; of everything else
only that it happened, for it may hold paths or what a decoder said about memory. Knows no routes.
"""

from __future__ import annotations

import logging
from typing import Any

from fastapi import FastAPI, Request
from fastapi.exceptions import RequestValidationError
from starlette.exceptions import HTTPException
from starlette.responses import JSONResponse, Response

from adotx.errors import AdotxError, Sentence
from adotx.server.invalid import invalid

log = logging.getLogger("adotx.server")

#: error code, or its room -> HTTP status; the longest entry that a code begins with counts
STATUS: dict[str, int] = {
    "chat": 400,
    "checkpoint.no_vision": 400,
    "grammar": 400,
    "image": 400,
    "media": 400,
    "html": 400,
    "hwp": 400,
    "hwpx": 400,
    "office": 400,
    "output": 400,
    "package": 400,
    "pdf": 400,
    "pptx": 400,
    "redact": 400,
    "request": 400,
    "sampling": 400,
    "tiles": 400,
    "xlsx": 400,
    "engine.queue_full": 429,
    "server.body_slow": 408,
    "server.body_too_large": 413,
    "engine.cache_busy": 503,
    "engine.cache_too_small": 400,
    "engine.closed": 503,
    "engine.draining": 503,
    "engine.queue_timeout": 503,
    "engine.stopped": 503,
    "server.busy": 429,
    "server.documents_busy": 503,
    "server.draining": 503,
    "server.fetch": 400,
    "server.host": 403,
    "server.key": 401,
    "server.left": 499,
    "server.limit": 400,
    "server.media_type": 415,
    "server.method": 405,
    "server.model": 404,
    "server.origin": 403,
    "input.pages": 400,
    "input.unknown": 400,
    "server.parameter": 400,
    "server.route": 404,
    "server.timeout": 504,
    "server.too_many_pages": 400,
}
#: codes that clients of the OpenAI API look for -> what they call them; all others are called as we do
OPENAI_CODES = {
    "request.too_long": "context_length_exceeded",
    "server.busy": "rate_limit_exceeded",
    "engine.queue_full": "rate_limit_exceeded",
    "server.key": "invalid_api_key",
    "server.model": "model_not_found",
}
_TYPES = {
    401: "authentication_error",
    403: "permission_error",
    404: "not_found_error",
    429: "rate_limit_error",
}
#: what a client that comes again at once would only make worse
_NO_RETRY = frozenset({"server.timeout"})
#: options of the command line that errors name -> what a client has instead
_FIELDS = {"--password": Sentence("the form field password")}
#: what the engine calls a setting -> what the API does
_SAMPLING = {"max_new_tokens": "max_tokens", "stop_ids": "stop_token_ids"}
#: rooms whose `reason` is what a decoder said
_DECODERS = frozenset({"image", "media", "pdf", "document", "source", "package", "hwp"})


def status_of(error: Exception) -> int:
    """The HTTP status of an error; 500 for what is not the client's business."""
    if isinstance(error, AdotxError):
        code = error.code
        return STATUS.get(code) or STATUS.get(code.partition(".")[0]) or 500
    return 500


def told(error: Exception) -> AdotxError:
    """What a client may know of an error: itself, without decoders' words; or only that there was one."""
    if not isinstance(error, AdotxError) or status_of(error) == 500:
        what = "something went wrong inside the server"
        return AdotxError("server.internal", what, remedy="the server's log names this request's id")
    if error.code.partition(".")[0] in _DECODERS and "reason" in error.values:
        return error.having(reason=Sentence("it cannot be decoded"))
    if (
        error.code.startswith("sampling.") and "key" in error.values
    ):  # the engine's names, which the API has not
        name = _SAMPLING.get(error.values["key"], error.values["key"])
        return error.having(key=name).at(name)
    # A form has fields where the command line has options.
    if "option" in error.values:
        return error.having(option=_FIELDS[error.values["option"]])
    if error.where and error.where.startswith("--"):
        return error.at(error.where.removeprefix("--").replace("-", "_"))
    return error


def shown(reason: str) -> str:
    """A page's reason without what only our log may know: what a decoder or an exception said."""
    if not isinstance(reason, Sentence):
        return reason
    values = {name: _shown(name, value) for name, value in reason.values.items()}
    return Sentence(reason.template, **values)


def _shown(name: str, value: object) -> object:
    if isinstance(value, AdotxError):
        return told(value)
    if isinstance(value, Sentence):
        return shown(value)
    return Sentence("a fault of this program") if name == "reason" else value


def body_of(error: Exception, language: str = "en", say: Any = None) -> dict[str, Any]:
    """The OpenAI API's error body, ``{"error": {"message", "type", "param", "code"}}``.

    Args:
        error: any exception; see `told`.
        language: of the message.
        say: (error, language) -> text; None: English.
    """
    shown, status = told(error), status_of(error)
    kind = _TYPES.get(status, "invalid_request_error" if status < 500 else "server_error")
    message = say(shown, language) if say else str(shown)
    code = OPENAI_CODES.get(shown.code, shown.code)
    return {"error": {"message": message, "type": kind, "param": shown.where, "code": code}}


def headers_of(error: Exception, retry_after: int) -> dict[str, str]:
    """Headers that tell a client whether and when to come again."""
    status = status_of(error)
    headers = {"retry-after": str(retry_after)} if status in (429, 503) else {}
    if status == 401:
        # The second makes a browser ask for the key, so that the page needs no way of its own.
        headers["www-authenticate"] = 'Bearer, Basic realm="adotx", charset="UTF-8"'
    if isinstance(error, AdotxError) and error.code in _NO_RETRY:
        headers["x-should-retry"] = "false"
    return headers


def respond(request: Request, error: Exception) -> Response:
    """The response to a request that failed before anything of its answer was sent."""
    service = request.app.state.service
    note(request, error)
    body = body_of(error, language_of(request), service.say)
    return JSONResponse(body, status_of(error), headers_of(error, service.settings.retry_after))


def note(request: Request, error: Exception) -> None:
    """Count an error and put it into the request's log line; what is ours to mend also with its place."""
    code = told(error).code
    request.state.log["error"] = code
    if status_of(error) == 500:
        log.error("request failed", extra={"facts": {"request_id": request.state.request_id}}, exc_info=error)
    request.app.state.service.metrics.rejections.labels(code).inc()


def language_of(request: Request) -> str:
    """ "ko" where the client would rather read Korean than English, else "en"."""
    first = request.headers.get("accept-language", "").split(",")[0].strip().lower()
    return "ko" if first.split(";")[0].split("-")[0] == "ko" else "en"


def install(app: FastAPI) -> None:
    """Have every failure of a route answered in the OpenAI API's shape."""

    async def adotx(request: Request, error: Exception) -> Response:
        return respond(request, error)

    async def validation(request: Request, error: Exception) -> Response:
        assert isinstance(error, RequestValidationError)
        return respond(request, invalid(error.errors()))

    async def http(request: Request, error: Exception) -> Response:
        assert isinstance(error, HTTPException)
        if isinstance(error.__cause__, AdotxError):  # raised while the body was read
            return respond(request, error.__cause__)
        path = request.scope["path"]
        if error.status_code == 404:
            return respond(request, AdotxError("server.route", "no such route", path))
        if error.status_code == 405:
            failure = AdotxError("server.method", "{method} is not allowed", path, method=request.method)
            response = respond(request, failure)
            response.headers["allow"] = (error.headers or {}).get("Allow", "").replace("GET", "GET, HEAD")
            return response
        return respond(request, AdotxError("server.parameter", "the request cannot be read", "body"))

    app.add_exception_handler(AdotxError, adotx)
    app.add_exception_handler(RequestValidationError, validation)
    app.add_exception_handler(HTTPException, http)
