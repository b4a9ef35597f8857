"""Readers for text inside installed or unpacked packages: gettext catalogues and translation files in JSON.

In: a folder that a package was installed or unpacked to (``dpkg-deb -x``, ``npm pack``). Out: English-Korean
`Pair`s without markup and placeholders. The licence is the package's: the caller names it.
Does not know: where packages come from, tokenizers, models.
"""

from __future__ import annotations

import json
import re
import struct
import unicodedata
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from adotx.data.corpora import Pair, keyed
from adotx.errors import AdotxError

_HANGUL = re.compile(r"[가-힣]")
_LATIN = re.compile(r"[A-Za-z]")
# Printf, brace and shell placeholders, tags, entities: what a page or a sentence never shows.
_PLACEHOLDER = re.compile(
    r"%[-+#0 ]*\d*\$?[\d.]*l{0,2}[a-zA-Z@]|%\([^)]*\)|\{[^}]*\}|\$\w|<[^>]*>|&\w+;|\\[nrt]"
)
# An accelerator: _File and 파일(_F) in GTK, &File and 파일(&F) in Qt.
_ACCELERATOR_KO = re.compile(r"\s*\([_&][A-Za-z0-9]\)")
_ACCELERATOR = re.compile(r"(?<!\w)[_&](?=\w)|(?<=\w)[_&](?=[a-z])")


def catalogue_pairs(folder: str | Path, source: str, license: str) -> Iterator[Pair]:
    """Pairs of all Korean catalogues below `folder` (``ko/LC_MESSAGES/NAME.mo``), in path order.

    Args:
        folder: where the package was unpacked.
        source: the package's name, kept with every pair.
        license: SPDX expression of its texts.

    Raises:
        AdotxError: no Korean catalogue there, or a damaged one.
    """
    paths = [path for path in sorted(Path(folder).rglob("*.mo")) if _korean(path)]
    if not paths:
        remedy = "give the folder the package was unpacked to"
        raise AdotxError("package.empty", "no Korean .mo catalogue", str(folder), remedy)
    seen: set[tuple[str, str]] = set()
    for path in paths:
        for en, ko in read_mo(path):
            pair = _pair(en, ko, source, license)
            if pair and (pair.en, pair.ko) not in seen:
                seen.add((pair.en, pair.ko))
                yield pair


def json_pairs(english: str | Path, korean: str | Path, source: str, license: str) -> Iterator[Pair]:
    """Pairs of two JSON files with the same nested keys (``en.json``, ``ko.json``), in English order.

    Raises:
        AdotxError: a file is absent or not JSON.
    """
    tables = []
    for path in (Path(english), Path(korean)):
        try:
            tables.append(dict(_leaves(json.loads(path.read_text(encoding="utf-8")))))
        except (OSError, ValueError) as error:
            remedy = "name the en and ko files"
            raise AdotxError("package.json", "{reason}", str(path), remedy, reason=str(error)) from None
    for key, en in tables[0].items():
        pair = _pair(en, tables[1].get(key, ""), source, license)
        if pair:
            yield pair


def read_mo(path: str | Path) -> Iterator[tuple[str, str]]:
    """(message, translation) of one compiled catalogue; plural forms give their first form.

    The format is in the GNU gettext manual, "The Format of GNU MO Files".
    """
    data = Path(path).read_bytes()
    try:
        order = {0x950412DE: "<", 0xDE120495: ">"}[struct.unpack_from("<I", data)[0]]
        count, messages, translations = struct.unpack_from(f"{order}3I", data, 8)
        for number in range(count):
            texts = []
            for table in (messages, translations):
                length, at = struct.unpack_from(f"{order}2I", data, table + 8 * number)
                if at + length > len(data):
                    raise ValueError("a string lies outside the file")
                texts.append(data[at : at + length].split(b"\0")[0].decode("utf-8"))
            # A context stands before its message, cut off by U+0004.
            yield texts[0].rpartition("\x04")[2], texts[1]
    except (KeyError, struct.error, ValueError) as error:
        raise AdotxError(
            "package.mo",
            "not a gettext catalogue: {reason}",
            str(path),
            "unpack the package again",
            reason=str(error),
        ) from None


def _korean(path: Path) -> bool:
    return path.stem == "ko" or any(part in ("ko", "ko_KR", "ko_KR.UTF-8") for part in path.parts)


def _leaves(value: Any, key: tuple[str, ...] = ()) -> Iterator[tuple[tuple[str, ...], str]]:
    if isinstance(value, dict):
        for name, inner in value.items():
            yield from _leaves(inner, (*key, str(name)))
    elif isinstance(value, str):
        yield key, value


def _pair(en: str, ko: str, source: str, license: str) -> Pair | None:
    """A pair that reads as text on both sides, else None."""
    if not _LATIN.search(en) or not _HANGUL.search(ko) or _PLACEHOLDER.search(en) or _PLACEHOLDER.search(ko):
        return None
    if _ACCELERATOR_KO.search(ko):  # else an underscore is part of a name
        en, ko = _ACCELERATOR.sub("", en), _ACCELERATOR_KO.sub("", ko)
    en, ko = (" ".join(unicodedata.normalize("NFC", text).split()) for text in (en, ko))
    return Pair(en, ko, source, license, keyed("pairs", en)) if en and ko else None
