"""Hanja with their readings in brackets: 漢字 becomes 漢字(한자).

In: texts, or a page. Out: the same with the reading behind each run of Hanja. A reading follows the initial
sound law (녀 becomes 여 where a word begins) and the words of `words.txt`, whose characters have another
reading in them. What stands beside its reading already, Japanese, code and formulas are left. Knows no
dictionary: of several readings of a character in a word that is not listed, the usual one is taken.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from dataclasses import replace
from functools import cache
from importlib.resources import files

from adotx.documents.doubt import plain, with_texts
from adotx.documents.transcribe import PageResult
from adotx.markdown import Block, Code, Formula

# Ideographs, those of extensions and of compatibility; what repeats the one before is read with them.
_RUN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af]+")
_KANA = re.compile("[\u3041-\u30ff]")
_OWN = re.compile("[\uf900-\ufaff]")
_FIRST, _FINALS = 0xAC00, 28
# Initial consonants by their number in a syllable's code.
_N, _D, _R, _NONE, _J = 2, 3, 5, 11, 12
# Vowels before which ㄹ and ㄴ fall silent: ㅑ ㅕ ㅖ ㅛ ㅠ ㅣ (and ㅒ).
_SOFT = (2, 3, 6, 7, 12, 17, 20)
# Letters of the longest word that is listed.
_LONGEST = 5


def _pairs(name: str) -> Iterator[list[str]]:
    text = files(__package__).joinpath(name).read_text(encoding="utf-8")
    return (line.split() for line in text.splitlines() if not line.startswith("#"))


@cache
def _table() -> dict[str, str]:
    return {char: reading for reading, chars in _pairs("readings.txt") for char in chars}


@cache
def _words() -> dict[str, str]:
    """Words in which a character is read otherwise than alone."""
    return {word: reading for word, reading in _pairs("words.txt")}


def with_readings(page: PageResult) -> PageResult:
    """A page whose Hanja have their readings; its lines stay as they stand on the page."""
    blocks = tuple(map(_block, page.doubted or page.blocks))
    return replace(page, blocks=with_texts(blocks, plain), doubted=blocks if page.doubted else ())


def with_reading(text: str) -> str:
    """A text with the reading behind each run of Hanja."""
    if not _RUN.search(text) or _KANA.search(text):
        return text
    out, at = [], 0
    for run in _RUN.finditer(text):
        before, after = text[: run.start()], text[run.end() :]
        read = reading_of(run[0], before[-1:])
        out.append(text[at : run.end()])
        if read != run[0] and not _is_said(run[0], read, before, after):
            out.append(f"({read})")
        at = run.end()
    return "".join((*out, text[at:]))


def reading_of(run: str, before: str = "") -> str:
    """The reading of a run of Hanja; characters without one stay.

    Args:
        before: the character before it: behind a letter of Hangul or a digit no word begins.
    """
    out: list[str] = []
    at = 0
    while at < len(run):
        length = next(
            (n for n in range(min(_LONGEST, len(run) - at), 1, -1) if run[at : at + n] in _words()), 0
        )
        if length:
            out += _words()[run[at : at + length]]
            at += length
            continue
        read = _table().get(run[at], "")
        previous = out[-1] if out else before
        following = _table().get(run[at + 1 : at + 2], "")
        out.append(_in_place(run[at], read, previous, following, first=not out) if read else run[at])
        at += 1
    return "".join(out)


def _in_place(char: str, read: str, previous: str, following: str, first: bool) -> str:
    if _OWN.match(char):  # a character of compatibility stands for one reading alone
        return read
    if char == "不" and following and _parts(following)[0] in (_D, _J):
        return "부"
    if read in ("렬", "률") and not first and _is_hangul(previous) and _parts(previous)[2] in (0, 4):
        return "열" if read == "렬" else "율"
    if first and not (_is_hangul(previous) or previous.isdigit()):
        return _at_start(read)
    return read


def _at_start(read: str) -> str:
    """A syllable as it is at the beginning of a word."""
    initial, vowel, final = _parts(read)
    if initial == _R:
        initial = _NONE if vowel in _SOFT else _N
    elif initial == _N and vowel in _SOFT:
        initial = _NONE
    return chr(_FIRST + (initial * 21 + vowel) * _FINALS + final)


def _parts(syllable: str) -> tuple[int, int, int]:
    """(initial, vowel, final) of a syllable, as numbers."""
    code = ord(syllable) - _FIRST
    return code // (21 * _FINALS), code // _FINALS % 21, code % _FINALS


def _is_hangul(char: str) -> bool:
    return "가" <= char <= "힣"


def _is_said(run: str, read: str, before: str, after: str) -> bool:
    """Whether the reading stands there already: 한자(漢字), 漢字(한자), or some other of the same length."""
    opened = before.rstrip()
    if opened.endswith(("(", "（", "[", "〔")):
        said = opened[:-1].rstrip()[-len(run) :]
        if len(said) == len(run) and all(map(_is_hangul, said)):
            return True
    return after.lstrip()[:1] in ("(", "（", "[") and after.lstrip()[1:].lstrip().startswith(read)


def _block(block: Block) -> Block:
    if isinstance(block, (Code, Formula)):
        return block
    return with_texts(block, with_reading)
