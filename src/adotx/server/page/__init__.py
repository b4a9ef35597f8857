"""The page at /: a browser in, the files beside this module out. Nothing of it comes from elsewhere.

The files are read once and are all that there is: a path is looked up, never put together. They hold no
secret and need no key; what the page asks the API does. Knows nothing of the API.
"""

from __future__ import annotations

import hashlib
from pathlib import Path

from fastapi import APIRouter, Request, Response

router = APIRouter()

_TYPES = {
    ".html": "text/html; charset=utf-8",
    ".css": "text/css; charset=utf-8",
    ".js": "text/javascript; charset=utf-8",
    ".svg": "image/svg+xml",
}
# Scripts and styles of this server alone, none within the page: text that a model or a document says can then
# never be run. Pictures are the page's own.
_POLICY = "; ".join(
    (
        "default-src 'none'",
        "script-src 'self'",
        "style-src 'self'",
        "img-src 'self' data: blob:",
        "connect-src 'self'",
        "base-uri 'none'",
        "form-action 'none'",
        "frame-ancestors 'none'",
        "require-trusted-types-for 'script'",
        "trusted-types 'none'",
    )
)
_HEADERS = {
    "content-security-policy": _POLICY,
    "referrer-policy": "no-referrer",
    "cross-origin-opener-policy": "same-origin",
    "cross-origin-resource-policy": "same-origin",
    "permissions-policy": "camera=(), geolocation=(), microphone=()",
    # Looked up anew each time, by its tag: a server that was updated has its own page at once.
    "cache-control": "no-cache",
}


def _files() -> dict[str, tuple[bytes, str]]:
    found = {}
    for file in sorted(Path(__file__).parent.iterdir()):
        if file.suffix in _TYPES:
            path = "/" if file.name == "index.html" else f"/page/{file.name}"
            found[path] = (file.read_bytes(), _TYPES[file.suffix])
    return found


_FILES = _files()
#: of the page's files
PATHS = frozenset(_FILES)


async def _file(request: Request) -> Response:
    data, kind = _FILES[request.url.path]
    tag = f'"{hashlib.sha256(data).hexdigest()[:32]}"'
    headers = {**_HEADERS, "etag": tag}
    if request.headers.get("if-none-match") == tag:
        return Response(status_code=304, headers=headers)
    return Response(data, headers=headers, media_type=kind)


for _path in sorted(PATHS):
    router.add_api_route(_path, _file, methods=["GET"], include_in_schema=False)
