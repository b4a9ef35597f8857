"""Signs in a text that a renderer would take for its own: a backslash before them, and away again.

In: text as it is read on the page, or from Markdown. Out: the other of the two. Only what would make text
vanish or change its block is escaped: ``<name>`` (HTML: it would not show) and, where a block begins,
``# `` and ``>``. Everything else stays as the page has it, so that Markdown can be compared with the page.
"""

from __future__ import annotations

import re

# CommonMark: an angle bracket before one of these may begin a tag, an end tag, a comment, an instruction.
_TAG = r"<(?=[A-Za-z/!?])"
_OPENS = re.compile(rf"(?<!\\)(\\*){_TAG}")
_ESCAPED = re.compile(rf"(?<!\\)(\\+){_TAG}")
_BLOCK = re.compile(r"\\*(?:#{1,6}(?=\s|$)|>)")
_ESCAPED_BLOCK = re.compile(r"\\+(?:#{1,6}(?=\s|$)|>)")
# What Markdown has no mark for models say with these; a page's own would hardly be closed.
_INLINE = re.compile(r"<(sup|sub|u|ins|del|s|mark)>[^<>]*</\1>")


def escaped(text: str) -> str:
    """Text for Markdown; closed ``<sup>...</sup>`` and the like are markup and stay."""
    if "<" not in text:
        return text
    out: list[str] = []
    at = 0
    for inline in _INLINE.finditer(text):
        out += [_OPENS.sub(r"\1\1\\<", text[at : inline.start()]), inline[0]]
        at = inline.end()
    return "".join((*out, _OPENS.sub(r"\1\1\\<", text[at:])))


def unescaped(text: str) -> str:
    """The text that `escaped` was given."""
    return _ESCAPED.sub(lambda found: "\\" * (len(found[1]) // 2) + "<", text) if "<" in text else text


def block_escaped(markdown: str) -> str:
    """A paragraph's Markdown, so that it begins no heading and no quotation."""
    return f"\\{markdown}" if _BLOCK.match(markdown) else markdown


def block_unescaped(line: str) -> str:
    """The line that `block_escaped` was given."""
    return line[1:] if _ESCAPED_BLOCK.match(line) else line
