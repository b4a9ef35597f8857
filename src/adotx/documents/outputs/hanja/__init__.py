"""Hanja with their readings in brackets: 漢字 becomes 漢字(한자).

In: texts, or a page. Out: the same with the reading behind each run of Hanja. A reading follows the initial
sound law (녀 becomes 여 where a word begins) and the words below, whose characters have another reading in
them. What stands beside its reading already, Japanese, code and formulas are left. Knows no dictionary: which
of several readings a character has in a word that is not listed is not always right.
"""

from __future__ import annotations

import re
from dataclasses import replace
from functools import cache
from importlib.resources import files

from adotx.documents.doubt import plain, with_texts
from adotx.documents.transcribe import PageResult
from adotx.markdown import Block, Code, Formula

# Ideographs, those of extensions and of compatibility; what repeats the one before is read with them.
_RUN = re.compile("[\u3400-\u4dbf\u4e00-\u9fff\uf900-\ufaff\U00020000-\U000323af]+")
_KANA = re.compile("[\u3041-\u30ff]")
_OWN = re.compile("[\uf900-\ufaff]")
_FIRST, _FINALS = 0xAC00, 28
# Initial consonants by their number in a syllable's code.
_N, _D, _R, _NONE, _J = 2, 3, 5, 11, 12
# Vowels before which ㄹ and ㄴ fall silent: ㅑ ㅕ ㅖ ㅛ ㅠ ㅣ (and ㅒ).
_SOFT = (2, 3, 6, 7, 12, 17, 20)
#: words in which a character is read otherwise than alone
_WORDS = {
    word: reading
    for pair in (
        "復活 부활,復興 부흥,更新 갱신,更生 갱생,更年期 갱년기,降伏 항복,降服 항복,投降 투항,殺到 쇄도,相殺 상쇄,"
        "減殺 감쇄,惱殺 뇌쇄,遊說 유세,自動車 자동차,車輛 차량,車兩 차량,汽車 기차,列車 열차,電車 전차,車線 차선,"
        "駐車 주차,停車 정차,乘車 승차,下車 하차,車道 차도,車費 차비,馬車 마차,車票 차표,宅內 댁내,一切 일체,"
        "音樂 음악,樂器 악기,樂譜 악보,樂團 악단,敗北 패배,洞察 통찰,通察 통찰,什器 집기,拓本 탁본,標識 표지,"
        "惡寒 오한,憎惡 증오,嫌惡 혐오,羞惡 수오,容易 용이,簡易 간이,難易 난이,安易 안이,平易 평이,暴惡 포악,橫暴 횡포,"
        "便所 변소,便器 변기,大便 대변,小便 소변,用便 용변,計畫 계획,企畫 기획,句讀 구두,布施 보시,率先 솔선,引率 인솔,"
        "統率 통솔,率直 솔직,輕率 경솔,眞率 진솔,食率 식솔,雪糖 설탕,砂糖 사탕,沙糖 사탕,綠茶 녹차,紅茶 홍차,茶禮 차례,"
        "六月 유월,十月 시월,牧丹 모란,契丹 거란,菩提 보리,道場 도장,金浦 김포,金海 김해,金泉 김천,金堤 김제,"
        "露見 노현,謁見 알현,行列 행렬,叔行 숙항,行伍 항오,省略 생략,省力 생력,規則 규칙,狀態 상태,賞狀 상장,"
        "令狀 영장,答狀 답장,招待狀 초대장,案內狀 안내장,年賀狀 연하장,告訴狀 고소장,索引 색인,探索 탐색,思索 사색,"
        "塞翁 새옹,要塞 요새,數數 삭삭,頻數 빈삭,辰星 진성,生辰 생신,誕辰 탄신,星辰 성신,參拾 삼십,沈氏 심씨,"
        "切開 절개,謀略 모략,內人 나인,男女老少 남녀노소,太極 태극,合 합,不實 부실,不動産 부동산,刺殺 척살,"
        "龜裂 균열,龜鑑 귀감,龜尾 구미,推敲 퇴고,度地 탁지,忖度 촌탁,反畓 번답,樂山 요산,樂水 요수,說樂 열락,悅樂 열락,"
        "串戲 관희,長山串 장산곶,滑稽 골계,炙鐵 적철,散炙 산적,否塞 비색,否運 비운,賂物 뇌물,糖尿 당뇨,畜生 축생,"
        "木瓜 모과,十方 시방,初八日 초파일,五六島 오륙도,許諾 허락,受諾 수락,承諾 승낙,快諾 쾌락,喜怒 희로,大怒 대로,"
        "困難 곤란,議論 의논,論難 논란,寒暖 한란,知異山 지리산,智異山 지리산,漢拏山 한라산,討論 토론"
    ).split(",")
    for word, reading in (pair.split(),)
}
_LONGEST = max(map(len, _WORDS))


@cache
def _table() -> dict[str, str]:
    text = files(__package__).joinpath("readings.txt").read_text(encoding="utf-8")
    lines = (line.split() for line in text.splitlines() if not line.startswith("#"))
    return {char: reading for reading, chars in lines for char in chars}


def with_readings(page: PageResult) -> PageResult:
    """A page whose Hanja have their readings; its lines stay as they stand on the page."""
    blocks = tuple(map(_block, page.doubted or page.blocks))
    return replace(page, blocks=with_texts(blocks, plain), doubted=blocks if page.doubted else ())


def with_reading(text: str) -> str:
    """A text with the reading behind each run of Hanja."""
    if not _RUN.search(text) or _KANA.search(text):
        return text
    out, at = [], 0
    for run in _RUN.finditer(text):
        before, after = text[: run.start()], text[run.end() :]
        read = reading_of(run[0], before[-1:])
        out.append(text[at : run.end()])
        if read != run[0] and not _is_said(run[0], read, before, after):
            out.append(f"({read})")
        at = run.end()
    return "".join((*out, text[at:]))


def reading_of(run: str, before: str = "") -> str:
    """The reading of a run of Hanja; characters without one stay.

    Args:
        before: the character before it: behind a letter of Hangul or a digit no word begins.
    """
    out: list[str] = []
    at = 0
    while at < len(run):
        length = next((n for n in range(min(_LONGEST, len(run) - at), 1, -1) if run[at : at + n] in _WORDS), 0)
        if length:
            out += _WORDS[run[at : at + length]]
            at += length
            continue
        read = _table().get(run[at], "")
        previous = out[-1] if out else before
        following = _table().get(run[at + 1 : at + 2], "")
        out.append(_in_place(run[at], read, previous, following, first=not out) if read else run[at])
        at += 1
    return "".join(out)


def _in_place(char: str, read: str, previous: str, following: str, first: bool) -> str:
    if _OWN.match(char):  # a character of compatibility stands for one reading alone
        return read
    if char == "不" and following and _parts(following)[0] in (_D, _J):
        return "부"
    if read in ("렬", "률") and not first and _is_hangul(previous) and _parts(previous)[2] in (0, 4):
        return "열" if read == "렬" else "율"
    if first and not (_is_hangul(previous) or previous.isdigit()):
        return _at_start(read)
    return read


def _at_start(read: str) -> str:
    """A syllable as it is at the beginning of a word."""
    initial, vowel, final = _parts(read)
    if initial == _R:
        initial = _NONE if vowel in _SOFT else _N
    elif initial == _N and vowel in _SOFT:
        initial = _NONE
    return chr(_FIRST + (initial * 21 + vowel) * _FINALS + final)


def _parts(syllable: str) -> tuple[int, int, int]:
    """(initial, vowel, final) of a syllable, as numbers."""
    code = ord(syllable) - _FIRST
    return code // (21 * _FINALS), code // _FINALS % 21, code % _FINALS


def _is_hangul(char: str) -> bool:
    return "가" <= char <= "힣"


def _is_said(run: str, read: str, before: str, after: str) -> bool:
    """Whether the reading stands there already: 한자(漢字), 漢字(한자), or some other of the same length."""
    opened = before.rstrip()
    if opened.endswith(("(", "（", "[", "〔")):
        said = opened[:-1].rstrip()[-len(run) :]
        if len(said) == len(run) and all(map(_is_hangul, said)):
            return True
    return after.lstrip()[:1] in ("(", "（", "[") and after.lstrip()[1:].lstrip().startswith(read)


def _block(block: Block) -> Block:
    if isinstance(block, (Code, Formula)):
        return block
    return with_texts(block, with_reading)
