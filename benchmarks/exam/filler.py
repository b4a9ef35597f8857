"""Names, dates, amounts and the official prose of `words.toml`, filled by a random number generator.

In: a `random.Random`. Out: texts. Knows no pages.
"""

from __future__ import annotations

import random
import string
import tomllib
from functools import cache
from pathlib import Path
from typing import Any


@cache
def words() -> dict[str, Any]:
    """The lists of `words.toml`."""
    return tomllib.loads((Path(__file__).parent / "words.toml").read_text(encoding="utf-8"))


class Filler:
    """Fills templates; the same generator state gives the same texts.

    Args:
        rng: decides everything.
        turn: number of the page in its kind, where a list should be gone through rather than drawn from.
    """

    def __init__(self, rng: random.Random, turn: int = 0) -> None:
        self.rng, self.turn = rng, turn

    def next(self, name: str) -> Any:
        """The entry of a list of `words.toml` whose turn it is, unfilled."""
        entries = words()[name]
        return entries[self.turn * 7 % len(entries)]

    def of(self, name: str) -> str:
        """One of a list of `words.toml`, filled."""
        return self.fill(self.rng.choice(words()[name]))

    def some(self, name: str, count: int) -> list[str]:
        """`count` different ones."""
        return [self.fill(text) for text in self.rng.sample(words()[name], min(count, len(words()[name])))]

    def fill(self, template: str) -> str:
        """`template` with every {field} replaced by something new."""
        parts = string.Formatter().parse(template)
        return "".join(before + (getattr(self, field)() if field else "") for before, field, _, _ in parts)

    def name(self) -> str:
        return self.rng.choice(words()["surnames"]) + self.rng.choice(words()["given"])

    def organ(self) -> str:
        return self.rng.choice(words()["organs"])

    def unit(self) -> str:
        return self.rng.choice(words()["units"])

    def company(self) -> str:
        return self.rng.choice(words()["companies"])

    def rank(self) -> str:
        return self.rng.choice(words()["ranks"])

    def event(self) -> str:
        return self.rng.choice(words()["events"])

    def good(self) -> str:
        return self.rng.choice(words()["goods"])

    def food(self) -> str:
        return self.rng.choice(words()["foods"])

    def shop(self) -> str:
        return self.rng.choice(words()["shops"])

    def small(self) -> str:
        return str(self.rng.randint(2, 28))

    def percent(self) -> str:
        return f"{self.rng.randint(5, 98)}"

    def number(self) -> str:
        return str(self.rng.randint(1000, 999999))

    def price(self) -> str:
        return f"{self.rng.randint(8, 600) * 100:,}"

    def amount(self) -> str:
        return f"{self.rng.randint(12, 98765) * 10 ** self.rng.randint(2, 4):,}"

    def date(self) -> str:
        year, month, day = self.rng.randint(2019, 2027), self.rng.randint(1, 12), self.rng.randint(1, 28)
        forms = ("{0}. {1}. {2}.", "{0}년 {1}월 {2}일", "{0}-{1:02}-{2:02}", "{0}.{1:02}.{2:02}")
        return self.rng.choice(forms).format(year, month, day)

    def time(self) -> str:
        hour, minute = self.rng.randint(7, 20), self.rng.choice((0, 10, 15, 30, 45))
        return self.rng.choice((f"{hour:02}:{minute:02}", f"오후 {hour % 12 or 12}시 {minute or 20}분"))

    def phone(self) -> str:
        area = self.rng.choice(("02", "031", "033", "051", "062", "064", "010"))
        first = self.rng.randint(2000, 9999) if area == "010" else self.rng.randint(200, 999)
        return f"{area}-{first}-{self.rng.randint(0, 9999):04}"

    def mail(self) -> str:
        letters = "".join(self.rng.choices(string.ascii_lowercase, k=6))
        return f"{letters}{self.rng.randint(1, 99)}@example.kr"

    def address(self) -> str:
        town, street = self.rng.choice(words()["towns"]), self.rng.choice(words()["streets"])
        return f"{town} {street} {self.rng.randint(1, 480)}, {self.rng.randint(1, 20)}층"

    def business(self) -> str:
        """A number of a business registration."""
        return f"{self.rng.randint(101, 899)}-{self.rng.randint(10, 99)}-{self.rng.randint(10000, 99999)}"
