"""A cell's number and its format in, what a person sees out.

The formats that offices use: digits and thousands, percent, currency, fixed text, dates and times, sections
for negative numbers and zero. A format that is not understood gives the number as it is.
"""

from __future__ import annotations

import re
from datetime import datetime, timedelta
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation

_TOKEN = re.compile(
    r'"(?P<text>[^"]*)"|\\(?P<one>.)|_(?P<width>.)|\*(?P<fill>.)|\[(?P<tag>[^\]]*)\]'
    r"|(?P<ampm>AM/PM|A/P)|(?P<date>y+|m+|d+|h+|s+|a{3,4})|(?P<fraction>\.0+(?=\W|$))|(?P<other>.)",
    re.I | re.S,
)
_DIGITS = re.compile(r"[#0?][#0?,. ]*")
_DAYS, _DAYS_LONG = "월화수목금토일", "요일"
_MONTHS = ["Jan", "Feb", "Mar", "Apr", "May", "Jun", "Jul", "Aug", "Sep", "Oct", "Nov", "Dec"]
_MOST_DAY = 2_958_465  # 9999-12-31


def shown(text: str, format: str, from_1904: bool = False) -> str:
    """A number as its cell shows it.

    Args:
        text: the number as the file has it.
        format: its format's code.
        from_1904: whether days are counted from 1904.
    """
    try:
        value = Decimal(text)
    except InvalidOperation:
        return text
    if not value.is_finite() or value.adjusted() > 300:
        return text
    if format in ("", "General", "@") or format.lower() in ("general", "standard"):
        return _general(value)
    sections = _sections(format)
    if _is_date(sections[0]):
        return _date(value, sections[0], from_1904) or _general(value)
    section = sections[0]
    if value < 0 and len(sections) > 1:
        section, value = sections[1], -value
    elif value == 0 and len(sections) > 2:
        section = sections[2]
    return _number(value, section)


def _general(value: Decimal) -> str:
    if value == value.to_integral_value() and value.adjusted() < 15:
        return str(int(value))
    # Sums of binary fractions carry a tail that no cell shows.
    return f"{float(value):.10g}" if value.adjusted() < 11 else f"{float(value):.6g}"


def _sections(format: str) -> list[str]:
    """The parts between semicolons, those in quotes left alone."""
    parts, quoted = [""], False
    for sign in format:
        if sign == '"':
            quoted = not quoted
        if sign == ";" and not quoted:
            parts.append("")
        else:
            parts[-1] += sign
    return parts


def _is_date(section: str) -> bool:
    plain = re.sub(r'"[^"]*"|\\.|_.|\*.|\[(?!h+\]|m+\]|s+\])[^\]]*\]', "", section, flags=re.I)
    return bool(re.search(r"[ymdhs]", plain, re.I)) and not re.search(r"[#?]|0(?!\.0)[^.]*0\.|E\+", plain)


def _number(value: Decimal, section: str) -> str:
    literal: list[str] = []
    plain = ""
    for found in _TOKEN.finditer(section):
        if (fixed := found["text"] if found["text"] is not None else found["one"]) is not None:
            literal.append(fixed)
            plain += "\0"
        elif found["width"] is not None or found["fill"] is not None:
            plain += ""
        elif found["tag"] is not None:
            if money := re.match(r"\$([^-]*)", found["tag"]):  # [$₩-412]
                literal.append(money[1])
                plain += "\0"
        else:
            plain += found[0]
    digits = _DIGITS.search(plain)
    if digits is None:
        return _filled(plain, literal)
    if "/" in plain:
        return _general(value)
    pattern = digits[0].rstrip(" ")
    if "E" in plain[digits.end() :].upper()[:1]:
        places = len(pattern.partition(".")[2])
        return f"{float(value):.{min(places, 30)}E}"
    value *= 100 ** min(plain.count("%"), 4)
    scale = len(pattern) - len(pattern.rstrip(","))
    value /= Decimal(1000) ** min(scale, 20)
    whole, _, fraction = pattern.rstrip(",").partition(".")
    places = sum(sign in "#0?" for sign in fraction)
    number = (
        value.quantize(Decimal(1).scaleb(-min(places, 30)), ROUND_HALF_UP) if value.adjusted() < 25 else value
    )
    text = f"{abs(number):,f}" if "," in whole else f"{abs(number):f}"
    before, _, behind = text.partition(".")
    least = whole.replace(",", "").count("0")
    if before == "0" and least == 0 and behind.strip("0"):
        before = ""
    before = before.zfill(least)
    while behind and len(behind) > sum(sign == "0" for sign in fraction) and behind.endswith("0"):
        behind = behind[:-1]
    sign = "-" if number < 0 else ""
    shown = f"{sign}{before}{f'.{behind}' if behind else ''}"
    start, end = digits.start(), digits.start() + len(digits[0].rstrip(" "))
    return _filled(f"{plain[:start]}\1{plain[end:]}", literal, shown)


def _filled(plain: str, literal: list[str], number: str = "") -> str:
    texts = iter(literal)
    filled = "".join(next(texts, "") if sign == "\0" else number if sign == "\1" else sign for sign in plain)
    # A currency sign before a sign of its own: -₩5 rather than ₩-5.
    return re.sub(r"^([₩$€¥£]\s?)-", r"-\1", filled.strip())


def _date(value: Decimal, section: str, from_1904: bool) -> str:
    if not 0 <= value <= _MOST_DAY:
        return ""
    # 1900 is no leap year, but counted as one.
    start = datetime(1904, 1, 1) if from_1904 else datetime(1899, 12, 30 if value >= 60 else 31)
    seconds = (value * 86400).quantize(Decimal(1), ROUND_HALF_UP)
    try:
        moment = start + timedelta(seconds=int(seconds))
    except OverflowError:
        return ""
    tokens = list(_TOKEN.finditer(section))
    twelve = any(found["ampm"] for found in tokens)
    out: list[str] = []
    for at, found in enumerate(tokens):
        if (fixed := found["text"] if found["text"] is not None else found["one"]) is not None:
            out.append(fixed)
        elif found["ampm"]:
            out.append("AM" if moment.hour < 12 else "PM")
        elif found["tag"] is not None:
            if re.fullmatch(r"h+", found["tag"], re.I):
                out.append(f"{int(seconds) // 3600:0{len(found['tag'])}}")
        elif found["date"]:
            out.append(_date_part(moment, found["date"].lower(), twelve, _is_minute(tokens, at)))
        elif found["width"] is None and found["fill"] is None and not found["fraction"]:
            out.append(found[0] if found[0] != "@" else "")
    return "".join(out).strip(" ;")


def _is_minute(tokens: list[re.Match[str]], at: int) -> bool:
    """Whether m stands for minutes: behind hours or before seconds."""
    before = next((t["date"] or t["tag"] for t in reversed(tokens[:at]) if t["date"] or t["tag"]), "")
    after = next((t["date"] for t in tokens[at + 1 :] if t["date"]), "")
    return (before or "").lower().startswith("h") or (after or "").lower().startswith("s")


def _date_part(moment: datetime, part: str, twelve: bool, minute: bool) -> str:
    length, kind = len(part), part[0]
    if kind == "y":
        return f"{moment.year:04}" if length > 2 else f"{moment.year % 100:02}"
    if kind == "m" and not minute:
        if length >= 3:
            return _MONTHS[moment.month - 1] if length == 3 else moment.strftime("%B")
        return f"{moment.month:0{length}}"
    if kind == "a" or (kind == "d" and length >= 3):
        day = _DAYS[moment.weekday()]
        if kind == "d":
            return moment.strftime("%a" if length == 3 else "%A")
        return day + (_DAYS_LONG if length == 4 else "")
    number = {"m": moment.minute, "d": moment.day, "s": moment.second, "h": moment.hour}[kind]
    if kind == "h" and twelve:
        number = number % 12 or 12
    return f"{number:0{min(length, 2)}}"
