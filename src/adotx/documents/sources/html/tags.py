"""HTML text in, tags and texts out, in one pass whatever it holds; and bytes in, HTML text out.

A tag is a name, or "/" and a name, with its attributes; comments, declarations and what stands in scripts and
styles are left out, and of drawings all but that they have text. Knows no meaning of tags.
"""

from __future__ import annotations

import codecs
import html
import re
from collections.abc import Iterator

_TAG = re.compile(r"<(/?)([A-Za-z][A-Za-z0-9:-]{0,60})((?:[^<>\"']++|\"[^\"]*+\"|'[^']*+')*+)>")
_ATTRIBUTE = re.compile(r"([A-Za-z_:][\w:.-]{0,60})(?:\s*+=\s*+(?:\"([^\"]*+)\"|'([^']*+)'|([^\s\"'>]++)))?")
_CHARSET = re.compile(
    rb"<(?:meta|\?xml)[^>]{0,300}?(?:charset|encoding)\s*=\s*[\"']?\s*([\w.:-]{1,40})", re.I
)
_RAW = frozenset(("script", "style", "template", "noscript", "textarea", "title", "svg", "iframe", "xmp"))
#: names that Korean pages have for Windows' own superset
_KOREAN = frozenset(
    ("euc-kr", "euckr", "ks_c_5601-1987", "ksc5601", "ks_c_5601", "korean", "windows-949", "cp949")
)
_MOST_ATTRIBUTES = 40

Tag = tuple[str, dict[str, str]]


def decoded(data: bytes) -> str:
    """The text of a page: as its mark of byte order or its own declaration says, else UTF-8, else Korean."""
    for mark, encoding in (
        (codecs.BOM_UTF8, "utf-8"),
        (codecs.BOM_UTF16_LE, "utf-16-le"),
        (codecs.BOM_UTF16_BE, "utf-16-be"),
    ):
        if data.startswith(mark):
            return data[len(mark) :].decode(encoding, "replace")
    declared = _CHARSET.search(data[:4096])
    name = declared[1].decode("ascii", "replace").lower() if declared else ""
    for encoding in ("cp949" if name in _KOREAN else name, "utf-8", "cp949"):
        try:
            info = codecs.lookup(encoding)
            if info._is_text_encoding:
                return data.decode(encoding)
        except (LookupError, UnicodeError, ValueError):
            continue
    return data.decode("utf-8", "replace")


def tags(text: str) -> Iterator[Tag | str]:
    """The tags and the texts between them, character references resolved."""
    at = 0
    comments_end = declarations_end = True
    closed: dict[str, bool] = {}  # raw elements whose end tag may still come
    while at < len(text):
        start = text.find("<", at)
        if start < 0:
            break
        if start > at:
            yield html.unescape(text[at:start])
        if text.startswith("<!--", start):
            end = text.find("-->", start + 4) if comments_end else -1
            comments_end = end >= 0
            at = end + 3 if end >= 0 else start + 4
            continue
        if text.startswith(("<!", "<?"), start):
            end = text.find(">", start) if declarations_end else -1
            declarations_end = end >= 0
            at = end + 1 if end >= 0 else start + 2
            continue
        found = _TAG.match(text, start)
        if found is None:
            yield "<"
            at = start + 1
            continue
        name, at = found[2].lower().rpartition(":")[2], found.end()
        if found[1]:
            yield f"/{name}", {}
            continue
        yield name, _attributes(found[3])
        if name in _RAW and not found[3].rstrip().endswith("/") and closed.get(name, True):
            end_tag = re.compile(rf"</{name}\s*>", re.I).search(text, at)
            closed[name] = end_tag is not None
            if end_tag is not None:
                if name in ("textarea", "title"):
                    yield html.unescape(text[at : end_tag.start()])
                elif name == "svg" and text.find("<text", at, end_tag.start()) >= 0:
                    yield "text", {}
                yield f"/{name}", {}
                at = end_tag.end()
    if at < len(text):
        yield html.unescape(text[at:])


def _attributes(text: str) -> dict[str, str]:
    found: dict[str, str] = {}
    for each in _ATTRIBUTE.finditer(text):
        if len(found) >= _MOST_ATTRIBUTES:
            break
        value = next((group for group in each.groups()[1:] if group is not None), "")
        found.setdefault(each[1].lower(), html.unescape(value))
    return found
