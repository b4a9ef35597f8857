"""Public texts for the pages of the exam: sentences and titles of the evaluation sets.

In: the folder of evaluation sets (`kowiki.jsonl`, and `kobest_boolq.jsonl` and `en_ko_news_test.jsonl` where
they are). Out: `Sentences`, from which pages draw. The texts are read at run time and never committed.
"""

from __future__ import annotations

import json
import random
import re
from pathlib import Path

_END = re.compile(r"(?<=[다요죠까]\.)\s*")
_PLAIN = re.compile(r"[가-힣A-Za-z0-9 .,%()\-~:'\"‘’“”·/?!一-鿿]+")
# beginnings of a list item, and of a sentence whose first word is lost
_ODD = re.compile(r"\d+\.|-|[가-하]\.|[은는이가을를의와과에로도] |으로 |에서 |[,.·)]")
_FILES = (("kowiki.jsonl", "text"), ("kobest_boolq.jsonl", "Text"), ("en_ko_news_test.jsonl", "ko"))


class Sentences:
    """Sentences by source, each given once a round: a page never holds a sentence twice.

    Args:
        rows: texts of any length; they are cut into sentences.
    """

    def __init__(self, rows: list[str]) -> None:
        parts = (part.strip() for row in rows for part in _END.split(" ".join(row.split())))
        self.all = list(dict.fromkeys(part for part in parts if _good(part)))
        if not self.all:
            raise SystemExit("exam: no sentences; name the folder with kowiki.jsonl by --evalsets")

    @classmethod
    def read(cls, folder: Path) -> Sentences:
        """The sentences of the sets in `folder`."""
        rows: list[str] = []
        for name, key in _FILES:
            path = folder / name
            if path.exists():
                lines = path.read_text(encoding="utf-8").splitlines()
                rows += [json.loads(line)[key] for line in lines if line.strip()]
        return cls(rows)

    def take(self, rng: random.Random, count: int, longest: int = 130) -> list[str]:
        """`count` different sentences of at most `longest` characters."""
        fit = [sentence for sentence in self.all if len(sentence) <= longest]
        return rng.sample(fit, min(count, len(fit)))

    def paragraph(self, rng: random.Random, length: int) -> str:
        """Neighbouring sentences of at least `length` characters, or to the end of the texts."""
        at = rng.randrange(len(self.all))
        out: list[str] = []
        while sum(map(len, out)) < length:
            out.append(self.all[(at + len(out)) % len(self.all)])
        return " ".join(out)

    def title(self, rng: random.Random) -> str:
        """A few words from the beginning of a sentence."""
        words = re.sub(r"[\"'‘’“”(][^ ]*|[.,:?!]", "", rng.choice(self.all)).split()
        return " ".join(words[: rng.randint(2, 4)])


def _good(text: str) -> bool:
    """Whether a sentence is whole, Korean, and says the same as Markdown and as plain text."""
    if not 14 <= len(text) <= 220 or not text.endswith(".") or not _PLAIN.fullmatch(text):
        return False
    hangul = sum("가" <= char <= "힣" for char in text)
    brackets = text.count("(") == text.count(")") and "()" not in text
    longest = max(map(len, text.split()))
    return hangul >= 0.5 * len(text) and brackets and longest <= 25 and not _ODD.match(text)
