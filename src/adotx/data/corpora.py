"""Readers of the training corpora: compressed JSON Lines in, documents (text, source, licence, key) out.

In: the folder that holds ``nsmc``, ``chatbot``, ``docs_ko``, ``pairs`` and ``laws`` as ``NAME.jsonl.zst``, or
as ``.jsonl.xz``, ``.jsonl.gz`` or ``.jsonl``, which need no further package.
Out: `Document`, `Pair` and `Dialogue` rows in file order, text in NFC, each with the key that `split` takes.
Does not know: tokenizers, pages, models; and it never opens evaluation sets.
"""

from __future__ import annotations

import gzip
import hashlib
import json
import lzma
import unicodedata
import zlib
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from adotx.errors import AdotxError

CORPORA = ("nsmc", "chatbot", "docs_ko", "pairs", "laws")
_NSMC = ("e9t/nsmc", "CC0-1.0")
_CHATBOT = ("songys/Chatbot_data", "MIT")
#: one review in so many is trained on: they are three quarters of the Korean rows, the least like a document
_REVIEW_SHARE = 3
# The texts are laws: free under article 7 of the Copyright Act.
_LAWS = ("ne0ekspert/korean-law", "CC0-1.0")


@dataclass(frozen=True, slots=True)
class Document:
    """One text that is trained on or held out as a whole.

    Attributes:
        text: the text, NFC; Markdown in ``docs_ko`` and ``laws``, plain elsewhere.
        source: the public repository it comes from.
        license: SPDX expression.
        key: stable key for `adotx.data.split.split`; rows that belong together share it.
        corpus: one of `CORPORA`.
        lang: ``"ko"`` or ``"en"``, the main language.
    """

    text: str
    source: str
    license: str
    key: str
    corpus: str = ""
    lang: str = "ko"


@dataclass(frozen=True, slots=True)
class Pair:
    """One English-Korean pair; `key` is that of both its documents."""

    en: str
    ko: str
    source: str
    license: str
    key: str


@dataclass(frozen=True, slots=True)
class Dialogue:
    """One question and its answer; `key` is that of its document."""

    question: str
    answer: str
    source: str
    license: str
    key: str


def rows(folder: str | Path, name: str) -> Iterator[dict[str, Any]]:
    """The raw JSON objects of one corpus, in file order.

    Args:
        folder: where the corpus files lie.
        name: one of `CORPORA`.

    Raises:
        AdotxError: unknown name, evaluation folder, missing or damaged file, zstandard not installed.
    """
    folder = Path(folder)
    if name not in CORPORA:
        known = ", ".join(CORPORA)
        raise AdotxError(
            "corpus.unknown", "no corpus named {name!r}", None, "one of {known}", name=name, known=known
        )
    if "evalsets" in folder.absolute().parts:
        raise AdotxError(
            "corpus.evaluation",
            "evaluation sets are never read as training data",
            str(folder),
            "name the corpora folder",
        )
    suffix = next((suffix for suffix in _READERS if (folder / f"{name}{suffix}").is_file()), None)
    if suffix is None:
        raise AdotxError(
            "corpus.missing",
            "no such corpus file",
            str(folder / f"{name}.jsonl.zst"),
            "give the folder with the *.jsonl.zst files (.xz, .gz and plain .jsonl will do)",
        )
    path, number = folder / f"{name}{suffix}", 0
    try:
        for line in _READERS[suffix](path):
            number += 1
            yield json.loads(line)
    except (lzma.LZMAError, zlib.error, OSError, EOFError, ValueError) as error:
        raise AdotxError(
            "corpus.damaged",
            "damaged after line {line:,}: {reason}",
            str(path),
            "copy the file again",
            line=number,
            reason=str(error),
        ) from None


def _zst_lines(path: Path) -> Iterator[bytes]:
    """The lines of a file. Split at line feeds only: strings may hold other line separators.

    Raises:
        AdotxError: zstandard is not installed.
        ValueError, EOFError: the file is damaged, or breaks off.
    """
    try:
        import zstandard
    except ImportError:
        raise AdotxError(
            "extra.missing",
            "{package} is not installed",
            str(path),
            "pip install 'adotx[train]'",
            package="zstandard",
        ) from None
    decompressor = zstandard.ZstdDecompressor()
    frame, rest = decompressor.decompressobj(), b""
    with path.open("rb") as raw:
        while chunk := raw.read(1 << 20):
            while chunk:
                if frame.eof:
                    frame = decompressor.decompressobj()
                try:
                    *lines, rest = (rest + frame.decompress(chunk)).split(b"\n")
                except zstandard.ZstdError as error:
                    raise ValueError(str(error)) from None
                yield from lines
                chunk = frame.unused_data if frame.eof else b""
    # The stream reader of the library takes a file that breaks off for one that ends.
    if not frame.eof:
        raise EOFError("the file breaks off")
    if rest:
        yield rest


def _lines(opened: Callable[[Path], Any]) -> Callable[[Path], Iterator[bytes]]:
    """A reader of lines by a function that opens a binary file."""

    def read(path: Path) -> Iterator[bytes]:
        with opened(path) as lines:
            yield from lines

    return read


#: by suffix, what reads a file's lines; the first that is there is taken
_READERS: dict[str, Callable[[Path], Iterator[bytes]]] = {
    ".jsonl.zst": _zst_lines,
    ".jsonl.xz": _lines(lzma.open),
    ".jsonl.gz": _lines(gzip.open),
    ".jsonl": _lines(lambda path: path.open("rb")),
}


def documents(folder: str | Path, names: Iterable[str] | None = None) -> Iterator[Document]:
    """Every document of the named corpora, in file order.

    A pair gives two documents (English, then Korean) with one key; a dialogue gives one, "question\\nanswer".

    Args:
        folder: where the ``*.jsonl.zst`` files lie.
        names: some of `CORPORA`; all of them by default.

    Raises:
        AdotxError: see `rows`.
    """
    for name in CORPORA if names is None else tuple(names):
        if name == "nsmc":
            for row in rows(folder, name):
                text = _nfc(row["text"])
                yield Document(text, *_NSMC, keyed(name, text), name)
        elif name == "chatbot":
            for talk in dialogues(folder):
                yield Document(f"{talk.question}\n{talk.answer}", talk.source, talk.license, talk.key, name)
        elif name == "pairs":
            for pair in pairs(folder):
                yield Document(pair.en, pair.source, pair.license, pair.key, name, "en")
                yield Document(pair.ko, pair.source, pair.license, pair.key, name)
        elif name == "laws":
            for row in rows(folder, name):
                yield Document(_nfc(row["text"]), *_LAWS, f"{name}/{row['path']}", name)
        else:
            for row in rows(folder, name):
                key = f"{name}/{row['source']}/{row['path']}"
                yield Document(_nfc(row["text"]), row["source"], row["license"], key, name)


def pairs(folder: str | Path) -> Iterator[Pair]:
    """The English-Korean pairs; two translations of one English string share a key."""
    for row in rows(folder, "pairs"):
        en, ko = _nfc(row["en"]), _nfc(row["ko"])
        yield Pair(en, ko, row["source"], row["license"], keyed("pairs", en))


def dialogues(folder: str | Path) -> Iterator[Dialogue]:
    """The question-answer pairs of ``chatbot``; two answers to one question share a key."""
    for row in rows(folder, "chatbot"):
        question, answer = _nfc(row["question"]), _nfc(row["answer"])
        yield Dialogue(question, answer, *_CHATBOT, keyed("chatbot", question))


def is_read(document: Document) -> bool:
    """Whether training reads a document: all but two thirds of the reviews, told by the key.

    By the key, so that a corpus that has been thinned already is not thinned again.
    """
    return document.corpus != "nsmc" or int(document.key.rpartition("/")[2], 16) % _REVIEW_SHARE == 0


def squeeze(text: str) -> str:
    """`text` reduced to letters and digits, lower-case: what two copies of one sentence have in common."""
    return "".join(character for character in text.lower() if character.isalnum())


def _nfc(text: str) -> str:
    return unicodedata.normalize("NFC", text)


def keyed(corpus: str, text: str) -> str:
    """The key of a row without a path: by content, so that copies of one sentence stay on one side."""
    # Keyed by content, not by row number: a corpus that grows or is re-sorted keeps its split.
    return f"{corpus}/{hashlib.blake2b(squeeze(text).encode(), digest_size=8).hexdigest()}"
