"""What a text layer's code points say, and which of them say nothing.

In: code points, as arrays. Out: the text of each as it is meant (ligatures as letters, signs of symbol fonts
as signs, radicals as the Hanja they look like), and which cannot be what is drawn. Knows no geometry.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Sequence
from functools import cache

import numpy as np

# Wingdings and Symbol put their signs into the private area at F000 plus their code.
_SYMBOLS = {
    **dict.fromkeys((0xB7, 0x6C, 0x9F, 0xA8A8), "•"),
    **{0xA7: "▪", 0x6E: "■", 0x6F: "□", 0xA8: "□", 0x71: "□", 0x75: "◆", 0x76: "❖", 0xD8: "➢", 0xE0: "→"},
    **{0xFC: "✓", 0xFB: "✗", 0xFE: "☑", 0xFD: "☒", 0x2A: "*", 0x2D: "-", 0x20: " ", 0xA1: "○", 0xA4: "◎"},
}
_PRIVATE = ((0xE000, 0xF8FF), (0xF0000, 0xFFFFD), (0x100000, 0x10FFFD))
_NOTHING = frozenset((0x200B, 0x200C, 0x200D, 0x200E, 0x200F, 0x2060, 0xFEFF))
_RADICALS = (0x2E80, 0x2FDF)
_LIGATURES = (0xFB00, 0xFB06)
_JAMO = re.compile("[\u1100-\u11ff\ua960-\ua97f\ud7b0-\ud7ff]+|\\w[\u0300-\u036f]+")
_PARTS = ((0x300, 0x36F), (0x1100, 0x11FF), (0xA960, 0xA97F), (0xD7B0, 0xD7FF))
# Names of glyphs, or numbers of them, where their characters ought to be.
_GLYPH_NAMES = re.compile(
    r"\(cid:\d+\)|/?\b(?:glyph|gid|cid|index|uni|[gGcC])_?(?:[0-9A-F]{4}|\d{1,5})\b(?=$|[\s/(gGcCu])|/[A-Z][0-9A-F]{2}\b",
)
_MOST_NAMES = 0.15


@cache
def text_of(code: int) -> str:
    """What a code point says; "" for what says nothing."""
    if 0xF000 <= code <= 0xF0FF:
        return _SYMBOLS.get(code - 0xF000, "")
    if code < 32 or code in _NOTHING or code > 0x10FFFF or 0xD800 <= code <= 0xDFFF or 0x7F <= code < 0xA0:
        return ""
    char = chr(code)
    if _LIGATURES[0] <= code <= _LIGATURES[1] or _RADICALS[0] <= code <= _RADICALS[1]:
        return unicodedata.normalize("NFKC", char)
    return "" if _is_bad(code) else char


@cache
def _is_bad(code: int) -> bool:
    """Whether a code point cannot be the character of anything that is drawn."""
    if 0xF000 <= code <= 0xF0FF and code - 0xF000 in _SYMBOLS:
        return False
    if code < 32 or 0x7F <= code < 0xA0 or code > 0x10FFFF or code in (0xFFFD, 0xFFFE, 0xFFFF):
        return True
    if any(low <= code <= high for low, high in _PRIVATE):
        return True
    return unicodedata.category(chr(code)) in ("Cn", "Cs")


def bad(codes: np.ndarray) -> np.ndarray:
    """bool [n]: code points that say nothing of what is drawn: control characters, private ones, none."""
    found, back = np.unique(codes, return_inverse=True)
    return np.array([_is_bad(code) for code in found.tolist()], bool)[back]


def has_parts(codes: np.ndarray) -> bool:
    """Whether some code points are parts of letters, which `composed` is for."""
    return any(bool(((codes >= low) & (codes <= high)).any()) for low, high in _PARTS)


def composed(text: str) -> str:
    """Letters that are written in parts, such as jamo, as the letters they make; all else as it is."""
    return _JAMO.sub(lambda found: unicodedata.normalize("NFC", found[0]), text)


def names_glyphs(text: str) -> bool:
    """Whether much of a text is names or numbers of glyphs."""
    named = sum(len(found[0]) for found in _GLYPH_NAMES.finditer(text))
    return named > _MOST_NAMES * max(len(text.replace(" ", "")), 1) and named > 20


def is_mistaken(text: str) -> bool:
    """Whether a text is Korean whose bytes were taken for those of Western letters."""
    western = [char for char in text if 0x80 <= ord(char) < 0x250]
    if len(western) < 0.3 * max(len(text), 1) or len(western) < 8:
        return False
    for reading in ("cp1252", "latin-1"):
        try:
            raw = text.encode(reading, "ignore")
        except UnicodeError:
            continue
        for meant in ("cp949", "utf-8"):
            decoded = raw.decode(meant, "ignore")
            hangul = sum("가" <= char <= "힣" for char in decoded)
            if hangul > 0.25 * len(raw) / (2 if meant == "cp949" else 3) and hangul >= 4:
                return True
    return False


# Plausibility ---------------------------------------------------------------------------------------------

# Pairs of letters that make up most of what is written in English and its neighbours.
_PAIRED = (
    "thheineranreonatenndtiesorteofedisitalarsttontngsehaasouiolevecomedehiriroicneearacelichllbemasi"
    "omurcaeltalansdifohopeecprnoctusacotiltrlyncetutsssorsunlowageiewheewiemadolrtpowenaulnitsmoowpa"
    "immiaishirsuidosiviaamficivipligtuevldrympfeblabghtyopwosaayexkeuifrooagifapgrodbosprddoucbueiov"
    "byrmepttocfaefcurnscgidayocrcldugaquueffbaeylsvaumppuauplugohtruugdsltpircrregauckewmubrbiptakpu"
    "rgibtlnykirkysobmmfuphogmsyeudmbipuboirlgudrhrcctwftwnnuafhunneovorvnfxpgnsmflizoknlmyglawjuoaeq"
    "syslpsjolfnvjenkkngsdyhyzeksxtbsikddpfrpwroe"
)
_PAIRS = frozenset(_PAIRED[at : at + 2] for at in range(0, len(_PAIRED), 2))
_FEW_LETTERS, _PLAUSIBLE_PAIRS, _PLAUSIBLE_SYLLABLES = 60, 0.75, 0.7


def is_plausible(text: str) -> bool:
    """Whether a text might be what people write; True where there is too little of it to tell.

    A layer whose characters are all off by some is letters like any other: they do not follow each other as
    letters do, and its syllables are rare ones.
    """
    hangul = [char for char in text if "가" <= char <= "힣"]
    latin = re.findall("[a-z]{2,}", text.lower())
    pairs = [word[at : at + 2] for word in latin for at in range(len(word) - 1)]
    if len(hangul) >= _FEW_LETTERS:
        usual = sum(char in _usual_syllables() for char in hangul) / len(hangul)
        if usual < _PLAUSIBLE_SYLLABLES:
            return False
    if len(pairs) >= _FEW_LETTERS and len(pairs) > 0.5 * len(hangul):
        return sum(pair in _PAIRS for pair in pairs) >= _PLAUSIBLE_PAIRS * len(pairs)
    return True


@cache
def _usual_syllables() -> frozenset[str]:
    """The syllables of most Korean text."""
    return frozenset(USUAL)


def joined_text(parts: Sequence[str]) -> str:
    """Pieces of one line as they are meant."""
    return composed("".join(parts))


# The 600 most frequent syllables of Korean text: 98 of 100 in it.
USUAL = (
    "가각간갈감갑값갔강갖같개객거걱건걸검겁것게겠겨격견결겼경계고곳공과관광괜괴교구국군궁권귀규그극근"
    "글금급기긴길김깅깊까깨께껴꼭꾸꿈끔끝끼낌나난날남납났내낼냅냐냥너넌널넘넣네녀년념노놀높놓누눈느는"
    "늘능니닉닌닐님다단달담답당대더덕던덜데덱델도독돈돌동돼됐되된될됨됩두둘뒤듈드득든들듭듯등디딕딩따"
    "때떠떤떨떻또뜻라락란랄람랍랑래랜램략량러런럴럼럽렇레렉렌려력련렬렸령례로록론롭료룡루룹류률르른를"
    "름리릭린릴림립링마막만많말맘맛망맞매맨머먹먼멋메며면멸명몇모목몰몸못무문물뭐뭔므미민믿밀밌밍및바"
    "박밖반받발방배백버번벌범법베벤벽변별병보복본볼봅봉봐봤부분불붙뷰브블비빈빌빠뿐쁘쁜사삭산살삼상새"
    "색생서석선설성세섹셔션셨소속손솔송수숙순술숨숫쉬쉽스슨슬슴습슷승시식신실싫심십싱싶싸쌍써썬썸쓰쓸"
    "씨씩씬아악안않알암압았앞애액야약양어억언얻얼엄업없엇었에엔여역연열였영예옛오온올옵와완왔왜외요욕"
    "용우운울움웃워원월웠위유육율으은을음응의이익인일읽임입잇있잊자작잔잘잠잡장재잼쟁저적전절점접정제"
    "젝젠져졌조족존좀종좋죄죠주죽준줄줍중줘즈즉즐즘증지직진질짐집짓징짜짝째쪽찍차착찬찮찰참창찾채책처"
    "천첫청체쳐초총최추축출충취측층치칙친침칭카캐커컨컴케켓켜코콘콜퀀크큰클큼키킬킵타탁탄탈태택터턴테"
    "텍텐템토톡통투튜트특티팅파판패퍼페펴편평포폭폰폼표풀품풍프픈플피필핑하학한할함합항해핸했행향허험"
    "헤혀현협형호혹혼홍화확환활황회효후훈휴흐흥희히힘"
)
