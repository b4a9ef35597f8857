"""What the stages train on: lines of text by language and split, reading text, faces with weights.

In: folders of corpora and fonts. Out: the same objects for every stage of a process: reading the corpora
takes seconds and examining fonts up to a minute. Knows no model.
"""

from __future__ import annotations

import re
from collections import defaultdict
from functools import lru_cache
from pathlib import Path

from adotx.data.corpora import documents
from adotx.data.fonts import VALIDATION_FAMILIES, FontFace, find_fonts, split_fonts
from adotx.data.row_text import RowText
from adotx.data.rows import RowFonts
from adotx.data.source import TextSource
from adotx.data.split import split
from adotx.errors import AdotxError

#: every third review: they are three quarters of the Korean rows and the least like a document
_REVIEW_SHARE = 3


# Marks of Markdown, which paper does not show: emphasis, code, headings, links.
_MARKDOWN = re.compile(r"\*\*|`|^[#>\s]+|\]\([^)]*\)|\[(?=[^\]]*\]\()|\\(?=[^\w\s])")


@lru_cache(maxsize=2)
def lines(corpora: Path) -> dict[str, dict[str, list[str]]]:
    """{"train"|"validation": {"ko"|"en"|"code"|"law": lines}} of every corpus, split by document."""
    out: dict[str, dict[str, list[str]]] = {s: defaultdict(list) for s in ("train", "validation")}
    reviews = 0
    for document in documents(corpora):
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
            reviews += 1
            if reviews % _REVIEW_SHARE == 0:
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
    """Faces of the training or of the held-out families.

    Display and handwriting faces come a quarter as often.
    """
    return RowFonts([(f.path, f.index, _weight(f)) for f in faces(folders)[side]])


def load_all(corpora: Path, fonts: tuple[Path, ...]) -> None:
    """Read everything that the stages will ask for, so that none of them pays for it from its own time."""
    lines(corpora)
    page_text(corpora)
    for side in ("train", "validation"):
        reading_fonts(fonts, side)


def _weight(face: FontFace) -> float:
    return 0.25 if face.handwriting or face.display else 1.0
