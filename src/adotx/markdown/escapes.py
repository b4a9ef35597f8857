"""Signs in a text that a renderer would take for its own: a backslash before them, and away again.

In: text as it is read on the page, or from Markdown. Out: the other of the two. Only what would make text
vanish or change its block is escaped: ``<name>`` (HTML: it would not show), pairs of marks (``__init__``,
``*필수*``, backticks, tildes: they would be bold, code or struck out) and, where a block begins, ``# `` and
``>``. Everything else stays as the page has it, so that Markdown can be compared with the page.
"""

from __future__ import annotations

import re

# CommonMark: an angle bracket before one of these may begin a tag, an end tag, a comment, an instruction.
_TAG = r"<(?=[A-Za-z/!?])"
_OPENS = re.compile(rf"(?<!\\)(\\*){_TAG}")
_ESCAPED = re.compile(rf"(?<!\\)(\\+)(?:{_TAG}|([*_`~]))")
_MARKS = re.compile(r"(?<!\\)(\\*)(\*+|_+|`+|~+)")
_BLOCK = re.compile(r"\\*(?:#{1,6}(?=\s|$)|>)")
_ESCAPED_BLOCK = re.compile(r"\\+(?:#{1,6}(?=\s|$)|>)")
# What Markdown has no mark for models say with these; a page's own would hardly be closed.
_INLINE = re.compile(r"<(sup|sub|u|ins|del|s|mark)>[^<>]*</\1>")


def escaped(text: str) -> str:
    """Text for Markdown; closed ``<sup>...</sup>`` and the like are markup and stay."""
    text = _without_pairs(text)
    if "<" not in text:
        return text
    out: list[str] = []
    at = 0
    for inline in _INLINE.finditer(text):
        out += [_OPENS.sub(r"\1\1\\<", text[at : inline.start()]), inline[0]]
        at = inline.end()
    return "".join((*out, _OPENS.sub(r"\1\1\\<", text[at:])))


def _without_pairs(text: str) -> str:
    """Text whose marks mark nothing: a backslash before those that would be pairs; a mark alone stays."""
    runs = list(_MARKS.finditer(text))
    if not runs:
        return text
    paired = {mark for mark in "*_`~" if _is_paired(text, [run for run in runs if run[2][0] == mark])}
    out: list[str] = []
    at = 0
    for run in runs:
        marks = "".join(f"\\{mark}" for mark in run[2]) if run[2][0] in paired else run[2]
        out += [text[at : run.start()], run[1] * 2, marks]
        at = run.end()
    return "".join((*out, text[at:]))


def _is_paired(text: str, runs: list[re.Match[str]]) -> bool:
    """Whether one of these runs of a mark may open, and another behind it close: as CommonMark, GitHub and
    `inline` have it, and somewhat oftener."""
    opened = False
    for run in runs:
        mark, before, behind = run[2][0], text[: run.start(2)][-1:], text[run.end() :][:1]
        closes = bool(before.strip()) and not (mark == "_" and behind.isascii() and behind.isalnum())
        if opened and (closes or mark == "`"):
            return True
        opens = bool(behind.strip()) and not (mark == "_" and before.isalnum())
        opened = opened or opens or mark == "`"
    return False


def unescaped(text: str) -> str:
    """The text that `escaped` was given."""
    if "\\" not in text:
        return text
    return _ESCAPED.sub(lambda found: "\\" * (len(found[1]) // 2) + (found[2] or "<"), text)


def block_escaped(markdown: str) -> str:
    """A paragraph's Markdown, so that it begins no heading and no quotation."""
    return f"\\{markdown}" if _BLOCK.match(markdown) else markdown


def block_unescaped(line: str) -> str:
    """The line that `block_escaped` was given."""
    return line[1:] if _ESCAPED_BLOCK.match(line) else line
