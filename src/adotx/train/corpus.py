"""What the stages train on: lines of text by language and split, reading text, faces with weights.

In: folders of corpora and fonts. Out: the same objects for every stage of a process: reading the corpora
takes seconds and examining fonts up to a minute. Knows no model.
"""

from __future__ import annotations

import re
from collections import Counter, defaultdict
from collections.abc import Sequence
from functools import lru_cache
from pathlib import Path

from adotx.data.corpora import documents, is_read
from adotx.data.fonts import VALIDATION_FAMILIES, FontFace, find_fonts, split_fonts
from adotx.data.row_fonts import RowFonts
from adotx.data.row_text import RowText
from adotx.data.source import TextSource
from adotx.data.split import split
from adotx.errors import AdotxError

#: shares of rows by kind of face
_GROUPS = {"print": 0.75, "hand": 0.15, "display": 0.1}


# Marks of Markdown, which paper does not show: emphasis, code, headings, links.
_MARKDOWN = re.compile(r"\*\*|`|^[#>\s]+|\]\([^)]*\)|\[(?=[^\]]*\]\()|\\(?=[^\w\s])")


@lru_cache(maxsize=2)
def lines(corpora: Path) -> dict[str, dict[str, list[str]]]:
    """{"train"|"validation": {"ko"|"en"|"code"|"law": lines}} of every corpus, split by document."""
    out: dict[str, dict[str, list[str]]] = {s: defaultdict(list) for s in ("train", "validation")}
    for document in filter(is_read, documents(corpora)):
        side = out[split(document.key)]
        if document.corpus in ("docs_ko", "laws"):
            code = False
            for line in document.text.split("\n"):
                if line.startswith("```"):
                    code = not code
                elif len(line.strip()) > 8 and code:
                    side["code"].append(line.strip())
                elif len(line.strip()) > 8:
                    side["law" if document.corpus == "laws" else "ko"].append(plain(line))
        elif document.corpus == "nsmc":
            side["ko"].append(document.text)
        else:
            side[document.lang].append(plain(document.text))
    return out


def plain(line: str) -> str:
    """A line of Markdown as paper shows it."""
    return _MARKDOWN.sub("", line).strip()


@lru_cache(maxsize=4)
def reading_text(corpora: Path, side: str, random_share: float | None = None) -> RowText:
    """Rows of text for reading tiles, `random_share` of them without context (default: that of `RowText`)."""
    pools = lines(corpora)[side]
    return RowText(pools["ko"], pools["en"], pools["code"], pools["law"], random_share)


@lru_cache(maxsize=2)
def page_text(corpora: Path) -> TextSource:
    """The training side of the corpora for whole made pages."""
    return TextSource.from_corpora(corpora, "train")


@lru_cache(maxsize=2)
def faces(folders: tuple[Path, ...]) -> dict[str, list[FontFace]]:
    """{"train"|"validation": faces}: whole families are held out.

    Raises:
        AdotxError: a side has no face.
    """
    train, held_out = split_fonts(find_fonts(folders))
    if not train or not held_out:
        raise AdotxError(
            "fonts.side",
            "{train} faces to train with and {held_out} of the held-out families ({families})",
            ", ".join(map(str, folders)),
            "both are needed; `adotx data fonts FOLDER` gets them",
            train=len(train),
            held_out=len(held_out),
            families=", ".join(sorted(VALIDATION_FAMILIES)),
        )
    return {"train": train, "validation": held_out}


@lru_cache(maxsize=4)
def reading_fonts(folders: tuple[Path, ...], side: str) -> RowFonts:
    """Faces of the training or of the held-out families, weighed by `face_weights`."""
    found = faces(folders)[side]
    # Held-out families have neither Hanja nor most symbols: whole faces of the other side draw those rows.
    spare = [] if side == "train" else [f for f in faces(folders)["train"] if "CJK" in f.family]
    loose = [number for number, face in enumerate(found) if _loose(face)]
    weights = face_weights(found)
    weights += [0.0] * len(spare)
    return RowFonts([(f.path, f.index, w) for f, w in zip([*found, *spare], weights, strict=True)], loose)


def face_weights(found: Sequence[FontFace]) -> list[float]:
    """Shares of `_GROUPS`; within a group a family counts as the root of its number of faces."""
    families = Counter(face.family for face in found)
    weights = [families[face.family] ** -0.5 for face in found]
    groups = ["hand" if face.handwriting else "display" if face.display else "print" for face in found]
    sums: Counter[str] = Counter()
    for group, weight in zip(groups, weights, strict=True):
        sums[group] += weight  # type: ignore[assignment]
    return [_GROUPS[group] * weight / sums[group] for group, weight in zip(groups, weights, strict=True)]


def load_all(corpora: Path, fonts: tuple[Path, ...], pages: bool = True) -> None:
    """Read everything that the stages will ask for, so that none of them pays for it from its own time."""
    for side in ("train", "validation"):
        reading_text(corpora, side)
        reading_fonts(fonts, side)
    if pages:
        page_text(corpora)


def _loose(face: FontFace) -> bool:
    return face.handwriting or face.display
