"""Figures as Korean paper has them: sums, dates, times, measures, numbers of telephones, firms, accounts.

In: a `random.Random`. Out: one figure, as a cell of a table or a word of a line holds it. Digits are drawn
evenly: a figure is what no reader can guess. Describes no real person or firm.
"""

from __future__ import annotations

import random
import tomllib
from collections.abc import Callable
from importlib.resources import files

from adotx.data import fill

_WORDS = tomllib.loads(files("adotx.data").joinpath("office_ko.toml").read_text(encoding="utf-8"))
_UNITS, _COUNTERS, _AREAS = (_WORDS[name].split() for name in ("units", "counters", "areas"))
_SINO = "일이삼사오육칠팔구"


def whole(rng: random.Random, most: int = 9) -> int:
    """A number of one to `most` digits, every length as often."""
    return rng.randrange(10 ** rng.randint(1, most))


def won_in_words(value: int) -> str:
    """3,450,000 -> 삼백사십오만, as receipts and contracts write it."""
    out = []
    for power, group in enumerate(("", "만", "억", "조")):
        part, digits = value // 10_000**power % 10_000, ""
        for place, unit in ((1000, "천"), (100, "백"), (10, "십"), (1, "")):
            digit = part // place % 10
            if digit:
                digits += _SINO[digit - 1] + unit
        if part:
            out.append(digits + group)
    return "".join(reversed(out))


def _digits(rng: random.Random, *lengths: int, join: str = "-") -> str:
    return join.join("".join(rng.choice("0123456789") for _ in range(n)) for n in lengths)


def _sum(rng: random.Random) -> str:
    value = whole(rng) * rng.choice((1, 1, 10, 100, 1000))
    return rng.choices(
        (f"{value:,}", f"{value:,}원", f"₩{value:,}", f"{value:,} 원", f"￦{value:,}", f"{value:,}원정"),
        (10, 6, 2, 1, 0, 1),
    )[0]


def _signed(rng: random.Random) -> str:
    value = f"{whole(rng, 7):,}"
    if rng.random() < 0.4:
        value += f".{rng.randrange(100):02}"
    return rng.choice((f"-{value}", f"△{value}", f"▲{value}", f"({value})", f"+{value}", f"▼{value}"))


def _date(rng: random.Random) -> str:
    year, month, day = rng.randint(1900, 2099), rng.randint(1, 12), rng.randint(1, 31)
    return rng.choice(
        (
            fill.date(rng),
            fill.date(rng),
            f"{year}. {month}. {day}",
            f"{year}.{month:02}.{day:02}",
            f"'{year % 100:02}.{month}.{day}.",
            f"{year % 100:02}/{month:02}/{day:02}",
            f"{year}년 {month}월",
            f"{month}월 {day}일({rng.choice('월화수목금토일')})",
            f"{month}/{day}",
            f"{year}{month:02}{day:02}",
            f"{year}년 {month:02}월 {day:02}일",
            f"{year}. {month}. {day}. {rng.randint(0, 23):02}:{rng.randint(0, 59):02}",
        )
    )


def _telephone(rng: random.Random) -> str:
    area = rng.choice(_AREAS)
    if len(area) == 4:
        return f"{area}-{_digits(rng, 4)}"
    number = f"{area}-{_digits(rng, rng.choice((3, 4)), 4)}"
    return rng.choice(
        (number, number, number, number.replace("-", "."), number.replace("-", ") ", 1), f"+82-{number[1:]}")
    )


def _registered(rng: random.Random) -> str:
    """Numbers of persons, firms, accounts and cards; some with the hidden part that paper has."""
    return rng.choice(
        (
            _digits(rng, 6, 7),
            f"{_digits(rng, 6)}-{rng.randint(1, 4)}{'*' * 6}",
            _digits(rng, 3, 2, 5),
            _digits(rng, 3, 2, 5),
            _digits(rng, 6, 7),
            _digits(rng, 3, rng.choice((2, 3, 4)), 6),
            _digits(rng, 4, 2, 7),
            _digits(rng, 4, 4, 4, 4),
            _digits(rng, 4, 4, 4, 4, join=" "),
            f"{_digits(rng, 4)}-{_digits(rng, 2)}**-****-{_digits(rng, 4)}",
            _digits(rng, 8),
            _digits(rng, 12),
            _digits(rng, 5),
        )
    )


def _measure(rng: random.Random) -> str:
    value = rng.choice(
        (str(whole(rng, 3)), f"{whole(rng, 5):,}", f"{rng.uniform(0, 1000):.{rng.randint(1, 3)}f}")
    )
    space = " " if rng.random() < 0.2 else ""
    return f"{'-' if rng.random() < 0.05 else ''}{value}{space}{rng.choice(_UNITS)}"


def _counted(rng: random.Random) -> str:
    return f"{whole(rng, 4):,}{rng.choice(_COUNTERS)}"


def _percent(rng: random.Random) -> str:
    return rng.choice(
        (
            f"{rng.randint(0, 100)}%",
            f"{rng.uniform(0, 100):.1f}%",
            f"{rng.uniform(-100, 100):+.2f}%",
            f"{rng.uniform(0, 100):.2f} %",
            f"{rng.uniform(0, 30):.1f}%p",
        )
    )


def _range(rng: random.Random) -> str:
    dash = rng.choice("~~~-–")
    return rng.choice(
        (
            f"{rng.randint(0, 23):02}:{rng.randint(0, 5)}0{dash}{rng.randint(0, 23):02}:{rng.randint(0, 5)}0",
            f"{whole(rng, 3)}{dash}{whole(rng, 4)}",
            f"{rng.randint(1990, 2035)}{dash}{rng.randint(1990, 2035)}",
            f"{rng.randint(1990, 2035)}.{rng.randint(1, 12)}.{dash}{rng.randint(1, 12)}.",
            f"{rng.randint(1, 12)}/{rng.randint(1, 31)} {dash} {rng.randint(1, 12)}/{rng.randint(1, 31)}",
        )
    )


def _place(rng: random.Random) -> str:
    """Numbers of pages, articles, versions, scales, items."""
    a, b = rng.randint(1, 99), rng.randint(1, 400)
    return rng.choice(
        (
            f"제{b}조",
            f"제{b}조제{a}항",
            f"제{a}장",
            f"제{rng.randint(1990, 2035)}-{b}호",
            f"- {b} -",
            f"{a}/{b}",
            f"p. {b}",
            f"No. {b}",
            f"1:{b}",
            f"{a}.{rng.randint(0, 20)}.{rng.randint(0, 9)}",
            f"({a})",
            f"{a}-{b}",
            f"{a}×{b}",
            f"{a} x {b}",
            f"[{a}]",
            f"#{b}",
            f"{a}호",
            f"{b}쪽",
            f"{a}번",
            f"{rng.randint(1, 9)}층 {b}호",
        )
    )


def _clock(rng: random.Random) -> str:
    return fill.time(rng)


def _plain(rng: random.Random) -> str:
    return rng.choice(
        (
            str(whole(rng, 4)),
            str(whole(rng, 2)),
            f"{whole(rng, 4)}.{whole(rng, 3)}",
            f"{rng.uniform(0, 10):.2f}",
            f"0.{rng.randrange(10_000):04}",
            f"{whole(rng, 8):,}",
            _digits(rng, rng.randint(3, 10)),
        )
    )


def _in_words(rng: random.Random) -> str:
    value = rng.randint(1, 9999) * rng.choice((1000, 10_000, 100_000))
    text = rng.choice(("일금 {}원정", "금 {}원", "{}원", "일금{}원정")).format(won_in_words(value))
    return f"{text}(₩{value:,})" if rng.random() < 0.4 else text


def _foreign(rng: random.Random) -> str:
    value = f"{whole(rng, 6):,}" + (f".{rng.randrange(100):02}" if rng.random() < 0.6 else "")
    return rng.choice(("${}", "US${}", "€{}", "¥{}", "{} USD", "KRW {}", "£{}", "{}달러", "{}엔")).format(
        value
    )


_KINDS: tuple[tuple[Callable[[random.Random], str], float], ...] = (
    (_sum, 24),
    (_plain, 14),
    (_date, 13),
    (_percent, 7),
    (_telephone, 7),
    (_measure, 7),
    (_registered, 6),
    (_clock, 5),
    (_counted, 5),
    (_place, 5),
    (_range, 3),
    (_signed, 3),
    (_in_words, 1),
    (_foreign, 1),
    (fill.code, 2),
)
_MAKERS, _WEIGHTS = [maker for maker, _ in _KINDS], [weight for _, weight in _KINDS]


def figure(rng: random.Random) -> str:
    """One figure of any kind."""
    return rng.choices(_MAKERS, _WEIGHTS)[0](rng)
