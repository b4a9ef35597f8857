"""Invented Korean facts for forms, receipts and notices: names, addresses, companies, dates, amounts, codes.

In: a `random.Random` and the lists in ``words_ko.toml``. Out: short strings. Nothing here describes a real
person or firm; telephone numbers use a block that is not assigned, mail addresses the reserved domains.
"""

from __future__ import annotations

import random
import tomllib
from importlib.resources import files

_WORDS = tomllib.loads(files("adotx.data").joinpath("words_ko.toml").read_text(encoding="utf-8"))


def name(rng: random.Random) -> str:
    """A Korean name of two to four syllables."""
    return rng.choice(_WORDS["surnames"]) + "".join(
        rng.choice(_WORDS["given"]) for _ in range(rng.choices((1, 2, 3), (6, 90, 4))[0])
    )


def english_name(rng: random.Random) -> str:
    return rng.choice(_WORDS["english_names"])


def address(rng: random.Random) -> str:
    """A road-name address, with a unit half of the time."""
    city, districts = rng.choice(list(_WORDS["cities"].items()))
    road = f"{rng.choice(_WORDS['roads'])}{rng.choice(('로', '길', '대로', f'로{rng.randint(1, 60)}번길'))}"
    text = f"{city} {rng.choice(districts.split())} {road} {rng.randint(1, 480)}"
    if rng.random() < 0.3:
        text += f"-{rng.randint(1, 40)}"
    if rng.random() < 0.5:
        text += f", {rng.randint(101, 125)}동 {rng.randint(1, 25)}{rng.randint(1, 9):02d}호"
    if rng.random() < 0.25:
        text += f" ({rng.choice(_WORDS['buildings'])})"
    return text


def company(rng: random.Random) -> str:
    base = rng.choice(_WORDS["firm_heads"]) + rng.choice(_WORDS["firm_tails"])
    return rng.choice(("{}", "{}", "(주){}", "주식회사 {}", "㈜{}", "{} 주식회사")).format(base)


def shop(rng: random.Random) -> str:
    place = rng.choice(("역", "시청", "중앙", "대학로", "터미널", "공원", "시장", "신도시"))
    trade = rng.choice(("마트", "카페", "문구", "약국", "분식", "편의점", "서점", "식당"))
    return f"{rng.choice(_WORDS['firm_heads'])}{trade} {place}점"


def job(rng: random.Random) -> str:
    return rng.choice(_WORDS["jobs"])


def department(rng: random.Random) -> str:
    return rng.choice(_WORDS["departments"])


def purpose(rng: random.Random) -> str:
    return rng.choice(_WORDS["purposes"])


def bank_account(rng: random.Random) -> str:
    number = f"{rng.randint(100, 999)}-{rng.randint(10, 99)}-{rng.randint(0, 999999):06d}"
    return f"{rng.choice(_WORDS['banks'])} {number}"


def phone(rng: random.Random) -> str:
    """A telephone number in one of the usual spellings; the middle block 0xxx is not assigned."""
    area = rng.choice(("010", "010", "010", "02", "031", "051", "062", "064", "070"))
    text = f"{area}-0{rng.randint(0, 999):03d}-{rng.randint(0, 9999):04d}"
    return rng.choice((text, text, text.replace("-", "."), text.replace("-", ") ", 1)))


def email(rng: random.Random) -> str:
    user = "".join(rng.choice("abcdefghijklmnoprstuvwyz") for _ in range(rng.randint(3, 9)))
    if rng.random() < 0.5:
        user += str(rng.randint(1, 999))
    return f"{user}@{rng.choice(_WORDS['domains'])}"


def date(rng: random.Random) -> str:
    """A date between 1950 and 2035 in one of the Korean and ISO spellings."""
    year, month, day = rng.randint(1990, 2030), rng.randint(1, 12), rng.randint(1, 28)
    if rng.random() < 0.15:
        year = rng.randint(1950, 2035)
    week = rng.choice("월화수목금토일")
    return rng.choice(
        (
            f"{year}년 {month}월 {day}일",
            f"{year}. {month}. {day}.",
            f"{year}-{month:02d}-{day:02d}",
            f"{year}.{month:02d}.{day:02d}",
            f"{year}/{month:02d}/{day:02d}",
            f"{year}. {month}. {day}.({week})",
        )
    )


def time(rng: random.Random) -> str:
    hour, minute = rng.randint(0, 23), rng.randint(0, 59)
    return rng.choice(
        (
            f"{hour:02d}:{minute:02d}",
            f"{hour:02d}:{minute:02d}:{rng.randint(0, 59):02d}",
            f"{'오전' if hour < 12 else '오후'} {hour % 12 or 12}시 {minute}분",
            f"{hour}시",
        )
    )


def price(rng: random.Random) -> int:
    """A price in won, mostly round."""
    return rng.choice((rng.randint(3, 99) * 100, rng.randint(1, 60) * 500, rng.randint(50, 9999) * 10))


def amount(rng: random.Random) -> str:
    """A sum of money in one of the usual spellings."""
    value = rng.randint(1, 9999) * rng.choice((10, 100, 1000, 10000))
    return rng.choice((f"{value:,}원", f"{value:,}", f"₩{value:,}", f"금 {value:,}원정", f"{value:,} 원"))


def product(rng: random.Random) -> str:
    thing = rng.choice(_WORDS["products"])
    return f"{rng.choice(_WORDS['adjectives'])} {thing}" if rng.random() < 0.3 else thing


def code(rng: random.Random) -> str:
    """A document, order or card number."""
    return rng.choice(
        (
            lambda: f"{rng.randint(2015, 2030)}-{rng.randint(1, 99999):05d}",
            lambda: f"제{rng.randint(2015, 2030)}-{rng.randint(1, 999)}호",
            lambda: "".join(
                rng.choice("ABCDEFGHJKLMNPQRSTUVWXYZ0123456789") for _ in range(rng.randint(6, 12))
            ),
            lambda: f"{rng.randint(1000, 9999)}-****-****-{rng.randint(1000, 9999)}",
            lambda: f"{rng.randint(100, 999)}-{rng.randint(10, 99)}-{rng.randint(0, 99999):05d}",
        )
    )()


def percent(rng: random.Random) -> str:
    return rng.choice(
        (f"{rng.randint(0, 100)}%", f"{rng.uniform(0, 100):.1f}%", f"{rng.uniform(-30, 30):+.2f}%")
    )
