"""A pack: the training texts and fonts in one small folder, for a machine that has neither nor a network.

In: corpora, folders of fonts, a size in MiB. Out: `corpora/*.jsonl.xz` with what training reads of each text
(the split between training and validation goes by key and stays), `fonts/*.xz`, each face cut down to the
reader's alphabet, and `NOTICE`, whose they are. Training reads both folders like any others, and needs no
zstandard or brotli for it. Knows nothing of models.
"""

from __future__ import annotations

import json
import lzma
from collections import Counter
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path

from adotx.alphabet import HANJA, SYMBOLS, common_syllables
from adotx.data.corpora import CORPORA, Document, documents, is_read, rows
from adotx.data.fonts import FontFace, find_fonts
from adotx.data.split import split
from adotx.data.subset import cut, drawn
from adotx.errors import AdotxError

_MIB = 2**20
#: for `NOTICE`
_NOTICE_BYTES = 65_536
#: a face with fewer Hanja is not worth cutting with them
_LEAST_HANJA = 1_000
#: what readers of a corpus do not use is left behind
_FIELDS = ("text", "question", "answer", "en", "ko", "source", "license", "path")

_LEAN = SYMBOLS + "".join(common_syllables())
_EVERY = "".join(chr(c) for c in range(0xAC00, 0xD7A4))


@dataclass
class CutFace:
    """A face as it is carried: its characters, and the file in xz."""

    face: FontFace
    characters: str
    packed: bytes
    suffix: str

    @property
    def name(self) -> str:
        """Of its file; `find_fonts` reads the weight of a static face from it."""
        family = "".join(c if c.isalnum() else "_" for c in self.face.family)
        style = "" if self.face.style == "normal" else f"-{self.face.style}"
        return f"{family}{style}-{self.face.weight}{self.suffix}.xz"


@dataclass(frozen=True)
class Pack:
    """What was packed: counts of faces (all, with Hanja, with all 11,172 syllables) and bytes."""

    faces: int
    hanja: int
    every: int
    font_bytes: int
    corpus_bytes: int


def make_pack(
    out: Path,
    corpora: Path,
    fonts: Sequence[Path],
    megabytes: float = 50.0,
    show: Callable[[int, int], None] = lambda done, count: None,
) -> Pack:
    """Write the pack; every face but those of the exam is in it.

    Args:
        out: a folder that is not there, or empty.
        megabytes: MiB that all files together may have. What is left when all faces draw symbols and the
            syllables of KS X 1001 goes to Hanja and to rare syllables, families in turn.
        show: called with (faces cut, faces).

    Raises:
        AdotxError: `out` is not empty, the faces do not fit, corpora or fonts cannot be read.
    """
    if out.exists() and any(out.iterdir()):
        raise AdotxError("pack.exists", "the folder is not empty", str(out), "name a new one")
    faces = [face for face in find_fonts(fonts) if not face.for_exam]
    texts = {name: lzma.compress(corpus_lines(corpora, name)) for name in CORPORA}
    corpus_bytes = sum(map(len, texts.values()))
    carried = cut_faces(faces, int(megabytes * _MIB) - _NOTICE_BYTES - corpus_bytes, show)
    for folder in ("corpora", "fonts"):
        (out / folder).mkdir(parents=True, exist_ok=True)
    for name, packed in texts.items():
        (out / "corpora" / f"{name}.jsonl.xz").write_bytes(packed)
    for one in carried:
        (out / "fonts" / one.name).write_bytes(one.packed)
    (out / "NOTICE").write_text(_notice(documents(out / "corpora"), carried), encoding="utf-8")
    return Pack(
        len(carried),
        sum(HANJA[0] in one.characters for one in carried),
        sum(_EVERY[-1] in one.characters for one in carried),
        sum(len(one.packed) for one in carried),
        corpus_bytes,
    )


def corpus_lines(corpora: Path, name: str) -> bytes:
    """The JSON Lines of one corpus that training or validation reads.

    All rows of the validation side are kept; of the training side, those that `is_read` tells.
    """
    kept = rows(corpora, name)
    if name == "nsmc":  # one document a row
        both = zip(kept, documents(corpora, [name]), strict=True)
        kept = (row for row, d in both if is_read(d) or split(d.key) == "validation")
    lines = (
        json.dumps({k: row[k] for k in _FIELDS if k in row}, ensure_ascii=False, separators=(",", ":"))
        for row in kept
    )
    return "".join(f"{line}\n" for line in lines).encode()


def cut_faces(
    faces: Sequence[FontFace], room: int, show: Callable[[int, int], None] = lambda done, count: None
) -> list[CutFace]:
    """All faces with as many characters as `room` bytes hold.

    Raises:
        AdotxError: they do not fit even with symbols and the syllables of KS X 1001 alone.
    """
    carried = []
    for number, face in enumerate(faces, 1):
        carried.append(_cut(face, drawn(face, _LEAN)))
        show(number, len(faces))
    room -= sum(len(one.packed) for one in carried)
    if room < 0:
        need = -room / _MIB
        raise AdotxError(
            "pack.size", "{need:.1f} MiB too much", None, "--megabytes, or fewer fonts", need=need
        )
    room = _enrich(carried, HANJA, _LEAST_HANJA, room, room // 2)
    _enrich(carried, _EVERY, len(_EVERY), room, 0)
    return carried


def _enrich(carried: list[CutFace], more: str, least: int, room: int, left: int) -> int:
    """Give faces the characters `more`, families in turn, while `left` of the room stays; returns the rest.

    Faces of validation and those that draw fewer than `least` of them are passed over.
    """
    seen: Counter[str] = Counter()
    turn = {}
    for number in sorted(range(len(carried)), key=lambda n: len(carried[n].packed)):
        family = carried[number].face.family
        turn[number] = seen[family]
        seen[family] += 1
    for number in sorted(turn, key=lambda n: (turn[n], len(carried[n].packed))):
        one = carried[number]
        new = "" if one.face.held_out else drawn(one.face, more)
        if len(new) < least:
            continue
        richer = _cut(one.face, "".join(dict.fromkeys(one.characters + new)))
        if room - len(richer.packed) + len(one.packed) < left:
            break
        room -= len(richer.packed) - len(one.packed)
        carried[number] = richer
    return room


def _cut(face: FontFace, characters: str) -> CutFace:
    data = cut(face, characters)
    return CutFace(face, characters, lzma.compress(data), ".otf" if data[:4] == b"OTTO" else ".ttf")


def _notice(texts: Iterable[Document], carried: Sequence[CutFace]) -> str:
    """Whose texts and fonts these are, one a line."""
    corpora = Counter((d.corpus, d.source, d.license) for d in texts)
    lines = [
        "Texts and fonts carried along for training; the fonts are cut down and not meant for anything else.",
        "Each font file has its copyright notice in its name table.",
        "",
        *(f"{name}\t{source}\t{licence}\t{n} documents" for (name, source, licence), n in corpora.items()),
        "",
        *(f"{one.face.family}\t{one.face.weight}\t{one.face.style}\t{one.face.license}" for one in carried),
    ]
    return "\n".join([*lines, ""])
