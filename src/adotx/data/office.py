"""Office words and sentences: labels of forms, nouns of titles, Latin and Hanja words, sentences of letters.

In: a `random.Random` and the lists in ``office_ko.toml``. Out: short strings and sentences, written for this
project. Describes no real person or firm.
"""

from __future__ import annotations

import random
import tomllib
from collections.abc import Callable
from importlib.resources import files

from adotx.data import fill
from adotx.data.figures import figure

_OFFICE = tomllib.loads(files("adotx.data").joinpath("office_ko.toml").read_text(encoding="utf-8"))
_LABELS, _NOUNS = _OFFICE["labels"].split(), _OFFICE["nouns"].split()
#: Latin words of Korean lines; particles and endings
LATIN, ENDINGS = _OFFICE["latin"].split(), _OFFICE["endings"].split()
_HANJA = [tuple(word.split(":")) for word in _OFFICE["hanja"].split()]


def noun(rng: random.Random) -> str:
    return rng.choice(_NOUNS)


def label(rng: random.Random) -> str:
    """A label of a form; the letters of short ones stand apart now and then, as in narrow columns."""
    text = rng.choice(_LABELS)
    return " ".join(text) if len(text) == 2 and rng.random() < 0.1 else text


def hanja(rng: random.Random) -> tuple[str, str]:
    """(a word in Hanja, its reading)."""
    word, reading = rng.choice(_HANJA)
    return word, reading


def sentence(rng: random.Random) -> str:
    """A sentence of a letter, notice, contract or receipt with invented facts."""
    text = rng.choice(_OFFICE["sentences"])
    while "{" in text:
        before, _, rest = text.partition("{")
        name, _, after = rest.partition("}")
        text = before + _FILLERS[name](rng) + after
    return text


_FILLERS: dict[str, Callable[[random.Random], str]] = {
    "name": fill.name,
    "company": fill.company,
    "date": fill.date,
    "amount": fill.amount,
    "address": fill.address,
    "phone": fill.phone,
    "department": fill.department,
    "job": fill.job,
    "figure": figure,
    "noun": noun,
    "time": fill.time,
    "email": fill.email,
    "product": fill.product,
    "account": fill.bank_account,
}
