"""Numbers that name a person, an account or a business: text in, where they stand out.

Each kind has a form and, where it has one, a check: the resident number's date and checksum, the card's Luhn
digit, the business number's. Forms without a check (accounts, passports, numbers issued since October 2020)
need a word near them that says what they are, or a form that nothing else has. What is a number of none of
them, an amount, a date, the number of a document, is left. Digits may be of full width, stand apart or be
broken by one line end. Knows no blocks and no pages.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from datetime import date

from adotx.documents.doubt import plain

#: what stands for each redacted letter: no page has it, and what covers pictures looks for it
MASK = "█"

# Between the digits of a number that was printed with gaps, or one digit to a box.
_GAP = r"[ \t\n|]{0,3}"
_DASH = r"[ \t\n|]{0,2}[-‐‑‒–—−~.·ㆍ][ \t\n|]{0,2}"
_NOT_BEFORE, _NOT_AFTER = r"(?<![0-9A-Za-z])(?<![0-9][-.,])", r"(?![0-9A-Za-z])(?![-.,][0-9])"


@dataclass(frozen=True)
class Hit:
    """A number found.

    Attributes:
        kind: one of `KINDS`.
        start, end: where it stands in the text.
    """

    kind: str
    start: int
    end: int


@dataclass(frozen=True)
class _Form:
    """How a kind is written.

    Attributes:
        pattern: of it; group 1 is what is blacked out.
        check: of its letters and digits alone; None: any will do.
        words: one of them must stand near it; None: it needs none.
    """

    pattern: re.Pattern[str]
    check: Callable[[str], bool] | None = None
    words: re.Pattern[str] | None = None


def _digits(*counts: int, between: str = _DASH) -> str:
    return between.join(_GAP.join([r"[0-9]"] * count) for count in counts)


def _form(pattern: str, check: Callable[[str], bool] | None = None, words: str | None = None) -> _Form:
    whole = re.compile(f"{_NOT_BEFORE}({pattern}){_NOT_AFTER}")
    return _Form(whole, check, re.compile(words, re.I) if words else None)


def luhn(digits: str) -> bool:
    """Whether the last digit of a card's number is the one that the others give (ISO/IEC 7812-1)."""
    total = 0
    for place, digit in enumerate(reversed(digits)):
        value = int(digit) * (2 if place % 2 else 1)
        total += value - 9 if value > 9 else value
    return total % 10 == 0


def resident_checksum(digits: str) -> bool:
    """Whether the last digit of a resident number is right; those given since October 2020 have no such."""
    return (11 - _weighted(digits, "234567892345") % 11) % 10 == int(digits[12])


def foreigner_checksum(digits: str) -> bool:
    """The same for a foreigner's registration number."""
    return ((11 - _weighted(digits, "234567892345") % 11) % 10 + 2) % 10 == int(digits[12])


def business_checksum(digits: str) -> bool:
    """Whether the tenth digit of a business registration number is right."""
    total = _weighted(digits, "137137135") + int(digits[8]) * 5 // 10
    return (10 - total % 10) % 10 == int(digits[9])


def _weighted(digits: str, weights: str) -> int:
    return sum(int(digit) * int(weight) for digit, weight in zip(digits, weights, strict=False))


def _born(digits: str, centuries: dict[str, int]) -> bool:
    """Whether the first six digits are a day that has been, of the century that the seventh tells."""
    century = centuries.get(digits[6])
    if century is None:
        return False
    try:
        return date(century + int(digits[:2]), int(digits[2:4]), int(digits[4:6])) <= date.today()
    except ValueError:
        return False


_CITIZENS = {"9": 1800, "0": 1800, "1": 1900, "2": 1900, "3": 2000, "4": 2000}
_FOREIGNERS = {"5": 1900, "6": 1900, "7": 2000, "8": 2000}


def _is_resident(digits: str) -> bool:
    return _born(digits, _CITIZENS)


def _is_foreigner(digits: str) -> bool:
    return _born(digits, _FOREIGNERS)


def _is_resident_without_dash(digits: str) -> bool:
    # Thirteen digits in a row are many things: here the checksum, or the word, must say it.
    return _born(digits, _CITIZENS) and resident_checksum(digits)


def _is_foreigner_without_dash(digits: str) -> bool:
    return _born(digits, _FOREIGNERS) and foreigner_checksum(digits)


def _is_card(digits: str) -> bool:
    return digits[0] in "23456" and luhn(digits)


def _is_account(digits: str) -> bool:
    return 10 <= len(digits) <= 16


_RESIDENT_WORDS = r"주민|등록\s*번호|생년월일|RRN|resident"
_FOREIGN_WORDS = r"외국인|국내\s*거소|등록\s*번호|alien|foreign"
_BUSINESS_WORDS = r"사업자|등록\s*번호|business|biz|tax"
_PHONE_WORDS = r"전화|연락처|휴대|핸드폰|팩스|문의|대표\s*번호|☎|☏|📞|tel|fax|phone|mobile|h\.?p\b|c\.?p\b"
_ACCOUNT_WORDS = (
    r"계좌|입금|송금|이체|예금주|은행|뱅크|농협|수협|신협|새마을금고|우체국|저축|증권|account|bank|a/c"
)
_DRIVER_WORDS = r"면허|driver|licen[cs]e"
_PASSPORT_WORDS = r"여권|passport"
_CARD_WORDS = r"카드|card|visa|master|amex"
_AREAS = "1[016789]|2|3[1-3]|4[1-4]|5[1-5]|6[1-4]|70|50[0-9]?|80|60"
_SERVICES = (
    "15(?:22|33|44|51|55|66|70|77|88|99)|16(?:00|11|33|44|55|61|66|68|70|77|88)|18(?:00|11|33|44|55|66|77|99)"
)
_REGIONS = "서울|부산|경기|강원|충북|충남|전북|전남|경북|경남|제주|대구|인천|광주|대전|울산"

#: kind -> its forms; a kind that is found first keeps the place
_FORMS: dict[str, tuple[_Form, ...]] = {
    "email": (
        _Form(
            re.compile(
                r"(?<![A-Za-z0-9._%+\-])([A-Za-z0-9._%+\-]{1,64}\s?[@＠]\s?(?:[A-Za-z0-9\-]{1,63}\.)+[A-Za-z]{2,24})"
                r"(?![A-Za-z0-9])"
            )
        ),
    ),
    "resident": (
        _form(_digits(6, 7), _is_resident),
        _form(_digits(13, between=""), _is_resident_without_dash),
        _form(_digits(13, between=""), _is_resident, _RESIDENT_WORDS),
        # Partly starred numbers still tell the birthday and the sex.
        _form(_digits(6) + _DASH + rf"[0-49]{_GAP}(?:[*●○xX•·]{_GAP}){{5}}[*●○xX•·]"),
    ),
    "foreigner": (
        _form(_digits(6, 7), _is_foreigner),
        _form(_digits(13, between=""), _is_foreigner_without_dash),
        _form(_digits(13, between=""), _is_foreigner, _FOREIGN_WORDS),
        _form(_digits(6) + _DASH + rf"[5-8]{_GAP}(?:[*●○xX•·]{_GAP}){{5}}[*●○xX•·]"),
    ),
    "card": (
        _form(_digits(4, 4, 4, 4, between=r"[ \t\n|]{0,2}[-–—−. ]?[ \t\n|]{0,2}"), _is_card),
        _form(_digits(4, 6, 5, between=r"[ \t\n|]{0,2}[-–—−. ]?[ \t\n|]{0,2}"), _is_card),  # 15 digits
        _form(_digits(4, 4, 4, 4, between=r"[ \t\n|]{0,2}[-–—−. ][ \t\n|]{0,2}"), None, _CARD_WORDS),
        # Partly starred, as receipts have them.
        _form(r"[0-9]{4}[- ][0-9*xX]{4}[- ][0-9*xX]{4}[- ][0-9*xX]{4}", lambda text: not text.isdigit()),
    ),
    "business": (
        _form(_digits(3, 2, 5), business_checksum),
        _form(_digits(3, 2, 5), None, _BUSINESS_WORDS),
        _form(_digits(10, between=""), business_checksum, _BUSINESS_WORDS),
        _form(_digits(10, between=""), None, r"사업자\s*(?:등록\s*)?번호"),
    ),
    "driver": (
        _form(_digits(2, 2, 6, 2)),
        _form(rf"(?:{_REGIONS}){_GAP}(?:[-–—]{_GAP})?" + _digits(2, 6, 2)),
        _form(_digits(12, between=""), None, _DRIVER_WORDS),
    ),
    "passport": (
        # Since December 2021: a letter, three digits, a letter, four digits; before: M and eight digits.
        _form(rf"[MSROD]{_GAP}{_digits(3)}{_GAP}[A-Z]{_GAP}{_digits(4)}"),
        _form(rf"M{_GAP}" + _digits(8, between="")),
        _form(rf"[SROD]{_GAP}" + _digits(8, between=""), None, _PASSPORT_WORDS),
        _form(r"(?:[A-Z]{2}[0-9]{7})", None, _PASSPORT_WORDS),
    ),
    "phone": (
        _form(
            rf"\+{_GAP}82{_GAP}[-–—. ]?{_GAP}(?:\(0\))?{_GAP}\(?0?(?:{_AREAS})\)?"
            rf"{_GAP}[-–—.) ]?{_GAP}[0-9]{{3,4}}{_GAP}[-–—. ]?{_GAP}[0-9]{{4}}"
        ),
        _form(
            rf"\(?0(?:{_AREAS})\)?(?:{_DASH}|{_GAP}\){_GAP}|\)|[ \t])"
            rf"[0-9]{{3,4}}(?:{_DASH}|[ \t])[0-9]{{4}}"
        ),
        _form(rf"01[016789]{_GAP}[0-9]{{3,4}}{_GAP}[0-9]{{4}}"),
        _form(r"0(?:2|[3-6][1-5]|70)[0-9]{7,8}", None, _PHONE_WORDS),
        _form(rf"0{_GAP}1{_GAP}[016789](?:{_DASH}|{_GAP})" + _digits(4, 4)),
        # Two years are no number to call.
        _form(rf"(?:{_SERVICES}){_DASH}(?!1[5-9]|20)[0-9]{{4}}"),
        _form(rf"(?:{_SERVICES}){_DASH}[0-9]{{4}}", None, _PHONE_WORDS),
        _form(rf"[2-9][0-9]{{2,3}}{_DASH}[0-9]{{4}}", None, _PHONE_WORDS),
    ),
    "account": (
        _form(
            rf"[0-9]{{2,6}}{_DASH}[0-9]{{2,6}}{_DASH}[0-9]{{2,8}}(?:{_DASH}[0-9]{{1,6}})?",
            _is_account,
            _ACCOUNT_WORDS,
        ),
        _form(_digits(10, between="") + r"[0-9]{0,6}", _is_account, _ACCOUNT_WORDS),
        _form(rf"[0-9]{{3,6}}{_DASH}[0-9]{{6,10}}", _is_account, _ACCOUNT_WORDS),
    ),
}
#: names of the kinds, as the command line takes them
KINDS = tuple(_FORMS)
# How far before a number the word may stand that says what it is.
_NEAR = 60
#: dates and times, which other forms take for numbers
_DATE = re.compile(r"(?:19|20)[0-9]{2}\s?[-./]\s?[01]?[0-9]\s?[-./]\s?[0-3]?[0-9]")


def hits(text: str, kinds: Iterable[str] = KINDS, context: str = "") -> list[Hit]:
    """The numbers of a text, in order, none within another.

    Args:
        text: any; doubtful figures count as the digits they are.
        kinds: that are looked for.
        context: what stands before it and may say what it is: a key, the head of a column.
    """
    seen = _folded(plain(text))
    wanted = set(kinds)
    found: list[Hit] = []
    for kind, forms in _FORMS.items():
        if kind in wanted:
            for form in forms:
                found += _fresh(_found(kind, form, seen, context), found)
    return sorted(found, key=lambda hit: hit.start)


def masked(text: str, found: Iterable[Hit]) -> str:
    """The text with every letter and digit of the hits covered."""
    out = list(text)
    for hit in found:
        for at in range(hit.start, hit.end):
            if not (out[at].isspace() or out[at] in "-‐‑‒–—−|"):
                out[at] = MASK
    return "".join(out)


def _fresh(new: Iterator[Hit], old: list[Hit]) -> list[Hit]:
    return [hit for hit in new if not any(hit.start < each.end and each.start < hit.end for each in old)]


def _found(kind: str, form: _Form, text: str, context: str) -> Iterator[Hit]:
    at = 0
    while match := form.pattern.search(text, at):
        start, end = match.span(1)
        letters = "".join(c for c in match[1] if c.isalnum() or c in "*●○•·")
        near = f"{context} {text[max(0, start - _NEAR) : start]} {text[end : end + 12]}"
        fits = form.check is None or form.check(letters)
        if fits and (form.words is None or form.words.search(near)) and not _DATE.fullmatch(match[1]):
            yield Hit(kind, start, end)
            at = end
        else:
            at = start + 1


def _folded(text: str) -> str:
    """Full-width digits, letters and signs as plain ones; as many code points as before."""
    out = []
    for char in text:
        folded = unicodedata.normalize("NFKC", char) if "！" <= char <= "～" else char
        out.append(folded if len(folded) == 1 else char)
    return "".join(out)
