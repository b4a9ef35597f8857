"""What stands in the lines of an HTML page: pictures in the file itself, and blanks as browsers show them."""

from __future__ import annotations

import base64
import binascii
import re
from urllib.parse import unquote_to_bytes

from adotx.documents.sources.pieces import Apart, Run

_DATA = re.compile(r"data:image/[\w.+-]+((?:;[\w.=-]+)*),(.*)", re.I | re.S)
_MOST_PICTURE = 64 << 20


def data_picture(address: str) -> bytes | None:
    """The picture in a ``data:`` address; None for any other, which is never fetched."""
    found = _DATA.match(address)
    if found is None or len(found[2]) > _MOST_PICTURE:
        return None
    try:
        plain = unquote_to_bytes(found[2])
        return base64.b64decode(plain) if ";base64" in found[1].lower() else plain
    except (binascii.Error, ValueError):
        return None


def squeezed(pieces: list[Run | Apart]) -> list[Run | Apart]:
    """Pieces with one blank where several meet, as browsers show it."""
    out: list[Run | Apart] = []
    blank = True
    for piece in pieces:
        if isinstance(piece, Run):
            text = piece.text.lstrip(" ") if blank else piece.text
            blank = text.endswith((" ", "\n")) if text else blank
            piece = Run(text, piece.bold)
        else:
            blank = True
        out.append(piece)
    return out
