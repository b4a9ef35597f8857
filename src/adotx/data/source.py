"""The text that pages are filled with: sentences, headings, code, tables and whole documents, by split.

In: corpora (`adotx.data.corpora`) and a side of the split, or plain lists. Out: pieces by a `random.Random`.
All text is NFC, one line, printable, free of what Markdown would read as marks. Does not know: fonts, pages.
"""

from __future__ import annotations

import random
import re
import unicodedata
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import replace
from itertools import pairwise
from pathlib import Path

from adotx.alphabet import HANJA, SYMBOLS
from adotx.data.corpora import Document, documents, squeeze
from adotx.data.split import Split, split
from adotx.errors import AdotxError
from adotx.markdown import Block, Code, Heading, Item, Span, Table, TextBlock, parse_markdown

# What printed Korean and English consist of; the rest (emoji, other scripts) is not in the readers' alphabet.
_READABLE = re.compile(f"[ 가-힣{re.escape(SYMBOLS + HANJA)}]+")
# In running text these would be read as Markdown or markup, and the truth would no longer be what is seen.
_MARKS = re.compile(r"[`*|<\\{}$~]|__|\]\(|^\s*([-+>#=]|\d{1,3}[.)]\s)|https?://\S{40}")
# Not after a closing quote: '"그래요." 라고 했다' is one sentence.
_SENTENCE_END = re.compile(r"(?<=[.!?…])\s+(?=[가-힣A-Z\"'“‘(\d])")
_HANGUL = re.compile(r"[가-힣]")


class TextSource:
    """Pools of text with one draw method per use; every draw depends on the `random.Random` alone.

    Args:
        korean: Korean sentences or short paragraphs.
        english: English ones.
        casual: reviews and talk; `korean` where empty.
        headings: short titles; made from `korean` where empty.
        code: code blocks, as lines.
        pages: whole documents as blocks.

    Raises:
        AdotxError: a pool that cannot be empty is empty.
    """

    def __init__(
        self,
        korean: Sequence[str],
        english: Sequence[str],
        casual: Sequence[str] = (),
        headings: Sequence[str] = (),
        code: Sequence[Sequence[str]] = (),
        pages: Sequence[Sequence[Block]] = (),
    ) -> None:
        self.korean, self.english, self.casual = list(korean), list(english), list(casual) or list(korean)
        self.headings = list(headings) or [_short(text, 24) for text in self.korean]
        self.code_blocks = [tuple(lines) for lines in code] or [_CODE]
        self.pages = [tuple(blocks) for blocks in pages]
        self.tables = [block for blocks in self.pages for block in blocks if isinstance(block, Table)]
        if not self.korean or not self.english:
            raise AdotxError(
                "text.empty", "no sentences to fill pages with", remedy="give corpora or more text"
            )

    @classmethod
    def from_corpora(
        cls, folder: str | Path, side: Split = "train", names: Iterable[str] | None = None
    ) -> TextSource:
        """The texts of one side of the split.

        For validation, whatever also occurs on the training side in another document is left out, so that no
        sentence, heading or code block of a validation page was ever trained on.

        Args:
            folder: see `adotx.data.corpora.documents`.
            side: ``"train"`` or ``"validation"``.
            names: some of `adotx.data.corpora.CORPORA`; all by default.
        """
        pools: dict[str, list] = {
            "korean": [],
            "english": [],
            "casual": [],
            "headings": [],
            "code": [],
            "pages": [],
        }
        known = None if names is None else tuple(names)
        for document in documents(folder, known):
            if split(document.key) == side:
                _sort_in(document, pools)
        if side == "validation":
            _drop(pools, _trained(folder, pools, known))
        for name in ("korean", "english", "casual", "headings"):
            pools[name] = list(dict.fromkeys(pools[name]))
        return cls(**pools)

    def sentence(self, rng: random.Random, lang: str = "ko", casual: bool = False, longest: int = 400) -> str:
        """One sentence or short paragraph of at most `longest` characters."""
        pool = self.english if lang == "en" else self.casual if casual else self.korean
        for _ in range(20):
            text = rng.choice(pool)
            if len(text) <= longest:
                return text
        return _short(rng.choice(pool), longest)

    def paragraph(
        self, rng: random.Random, sentences: int = 3, lang: str = "ko", casual: bool = False
    ) -> tuple[Span, ...]:
        """`sentences` sentences one after the other, now and then with a few words in bold."""
        text = " ".join(self.sentence(rng, lang, casual) for _ in range(sentences))
        if rng.random() > 0.08:
            return (Span(text),)
        words = text.split(" ")
        start = rng.randrange(len(words))
        end = start + rng.randint(1, 4)
        parts = (" ".join(words[:start]), " ".join(words[start:end]), " ".join(words[end:]))
        spans = [Span(parts[0] + " "), Span(parts[1], bold=True), Span(" " + parts[2])]
        return tuple(span for span in spans if span.text.strip())

    def heading(self, rng: random.Random, lang: str = "ko") -> str:
        """A title of at most 40 characters."""
        if lang == "en":
            return _short(self.sentence(rng, "en"), rng.randint(12, 40)).rstrip(",;:.")
        return rng.choice(self.headings)

    def phrase(self, rng: random.Random, lang: str = "ko", longest: int = 16) -> str:
        """A few words out of a sentence, for table cells and short items."""
        words = self.sentence(rng, lang).split(" ")
        start = rng.randrange(len(words))
        return _short(" ".join(words[start:]), longest).strip(".,;:()\"'") or words[0]

    def code(self, rng: random.Random, most: int = 24) -> tuple[str, ...]:
        """A run of at most `most` lines of one code block."""
        lines = rng.choice(self.code_blocks)
        start = rng.randrange(max(1, len(lines) - most + 1))
        cut = list(lines[start : start + most])
        while cut and not cut[0].strip():
            cut.pop(0)
        while cut and not cut[-1].strip():
            cut.pop()
        depth = min((len(line) - len(line.lstrip()) for line in cut if line.strip()), default=0)
        return tuple(line[depth:] for line in cut) or _CODE

    def table(self, rng: random.Random) -> Table | None:
        """A table of the documents, if there are any."""
        return rng.choice(self.tables) if self.tables else None

    def run(self, rng: random.Random, count: int) -> list[Block]:
        """`count` neighbouring blocks of one document, as they stand; empty where there are no documents."""
        if not self.pages:
            return []
        blocks = rng.choice(self.pages)
        start = rng.randrange(max(1, len(blocks) - count // 2))
        cut = list(blocks[start : start + count])
        # A list cut in its middle starts at depth 0 again.
        depth = 0
        for number, block in enumerate(cut):
            if not isinstance(block, Item):
                depth = 0
            else:
                depth = min(block.level, depth)
                cut[number] = replace(block, level=depth)
                depth += 1
        return cut


def clean(text: str) -> str | None:
    """One line of NFC text without emphasis marks and backticks; None where it cannot be shown as it is."""
    text = " ".join(unicodedata.normalize("NFC", text).replace("**", "").replace("`", "").split())
    return text if _READABLE.fullmatch(text) and not _MARKS.search(text) else None


def sentences(text: str) -> Iterator[str]:
    """The sentences of one paragraph that can stand on a page, 6 to 400 characters."""
    for part in _SENTENCE_END.split(" ".join(text.split())):
        cleaned = clean(part)
        if cleaned and 6 <= len(cleaned) <= 400:
            yield cleaned


def _sort_in(document: Document, pools: dict[str, list]) -> None:
    """Put what is usable of `document` into the pools."""
    if document.corpus in ("nsmc", "chatbot"):
        for line in document.text.split("\n"):
            cleaned = clean(line)
            if cleaned and len(cleaned) >= 6 and _HANGUL.search(cleaned):
                pools["casual"].append(cleaned)
    elif document.corpus == "pairs":
        name = "english" if document.lang == "en" else "korean"
        pools[name].extend(sentences(document.text))
    else:
        page = [block for block in map(_showable, parse_markdown(document.text, extended=False)) if block]
        pools["pages"].append(page)
        for block in page:
            if isinstance(block, Heading):
                if 2 <= len(block.text) <= 40 and clean(block.text):
                    pools["headings"].append(block.text)
            elif isinstance(block, Code):
                pools["code"].append(block.lines)
            elif isinstance(block, TextBlock):
                pools["korean"].extend(text for text in sentences(block.text) if _HANGUL.search(text))


def _showable(block: Block) -> Block | None:
    """`block` if a page can show it exactly, else None."""
    if isinstance(block, Code):
        lines = tuple(unicodedata.normalize("NFC", line.rstrip()) for line in block.lines)
        good = all(not line or (_READABLE.fullmatch(line) and "```" not in line) for line in lines)
        return replace(block, lines=lines) if good and any(line.strip() for line in lines) else None
    if isinstance(block, Table):
        rows = [[unicodedata.normalize("NFC", cell) for cell in row] for row in block.texts]
        good = all(
            not cell or (_READABLE.fullmatch(cell) and len(cell) < 120) for row in rows for cell in row
        )
        return Table.of(rows) if good and 2 <= len(rows[0]) <= 6 and len(rows) >= 2 else None
    if not isinstance(block, TextBlock):
        return None
    spans = tuple(replace(span, text=unicodedata.normalize("NFC", span.text)) for span in block.spans)
    for span in spans:
        if not _READABLE.fullmatch(span.text) or (not span.code and _MARKS.search(span.text.strip())):
            return None
        if span.code and ("`" in span.text or len(span.text) > 40):
            return None
    # Marks side by side could not be told apart when the Markdown is read again.
    if any(not (a.text.strip() and b.text.strip()) for a, b in pairwise(spans)):
        return None
    return replace(block, spans=spans) if len(block.text) <= 900 else None


def _units(pools: dict[str, list]) -> Iterator[str]:
    for name in ("korean", "english", "casual", "headings"):
        yield from pools[name]
    for lines in pools["code"]:
        yield "\n".join(lines)
    for page in pools["pages"]:
        for block in page:
            yield _words(block)


def _words(block: Block) -> str:
    match block:
        case TextBlock():
            return block.text
        case Code():
            return " ".join(block.lines)
        case Table():
            return " ".join(cell for row in block.texts for cell in row)
    return ""


def _trained(folder: str | Path, pools: dict[str, list], names: Sequence[str] | None) -> set[str]:
    """The squeezed units of `pools` that also occur on the training side of the documents and pairs."""
    wanted = {squeeze(unit) for unit in _units(pools)}
    found: set[str] = set()
    # The same pages lie in docs_ko (whole) and in pairs (by paragraph), and answers recur in chatbot; nsmc is
    # free of copies (its README), so its side of the split is final.
    others = [name for name in ("chatbot", "docs_ko", "pairs") if not names or name in names]
    for document in documents(folder, others):
        if split(document.key) == "train":
            other: dict[str, list] = {name: [] for name in pools}
            _sort_in(document, other)
            found.update(wanted.intersection(map(squeeze, _units(other))))
    return found


def _drop(pools: dict[str, list], trained: set[str]) -> None:
    for name in ("korean", "english", "casual", "headings"):
        pools[name] = [text for text in pools[name] if squeeze(text) not in trained]
    pools["code"] = [lines for lines in pools["code"] if squeeze("\n".join(lines)) not in trained]
    pages = ([block for block in page if squeeze(_words(block)) not in trained] for page in pools["pages"])
    pools["pages"] = [page for page in pages if page]


def _short(text: str, longest: int) -> str:
    """The first words of `text`, at most `longest` characters."""
    if len(text) <= longest:
        return text
    cut = text.rfind(" ", 0, longest + 1)
    return text[: cut if cut > 0 else longest].rstrip()


_CODE = (
    "def greet(name: str) -> str:",
    '    """인사말을 돌려준다."""',
    '    return f"안녕하세요, {name}님"',
    "",
    'print(greet("홍길동"))',
)
