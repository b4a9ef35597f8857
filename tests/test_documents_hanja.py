"""Hanja with their readings: the initial sound law, words of their own, what is left alone."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adotx.documents.outputs import Choice, prepared
from adotx.documents.outputs.hanja import reading_of, with_reading
from adotx.markdown import Code, Paragraph, Table
from output_pages import page_of_blocks

#: words with the readings of the standard dictionary (표준국어대사전)
WORDS = {
    "大韓民國": "대한민국", "女子": "여자", "男女": "남녀", "歷史": "역사", "勞動": "노동",
    "年度": "연도", "來日": "내일", "未來": "미래", "老人": "노인", "敬老": "경로", "理論": "이론",
    "原理": "원리", "良心": "양심", "改良": "개량", "百分率": "백분율", "比率": "비율",
    "出席率": "출석률", "合格率": "합격률", "先烈": "선열", "行列": "행렬", "羅列": "나열",
    "不正": "부정", "不動": "부동", "不法": "불법", "不足": "부족", "音樂": "음악", "娛樂": "오락",
    "樂園": "낙원", "更新": "갱신", "變更": "변경", "復活": "부활", "回復": "회복", "降伏": "항복",
    "下降": "하강", "自動車": "자동차", "自轉車": "자전거", "敗北": "패배", "北韓": "북한",
    "洞察": "통찰", "洞長": "동장", "率直": "솔직", "六月": "유월", "李舜臣": "이순신", "龍山": "용산",
    "陸軍": "육군", "豫算": "예산", "契約": "계약", "議員": "의원", "惡寒": "오한",
}  # fmt: skip


@pytest.mark.parametrize("word", WORDS)
def test_words(word: str) -> None:
    assert with_reading(f"이 {word}에") == f"이 {word}({WORDS[word]})에"


def test_no_word_begins_behind_hangul_or_a_digit() -> None:
    assert with_reading("2024年 제1例") == "2024年(년) 제1例(례)"
    assert reading_of("女", "신") == "녀"


@pytest.mark.parametrize(
    "text", ["대한민국(大韓民國)", "大韓民國(대한민국)", "예산 [豫算]", "한글만", "東京のホテル", "abc 123"]
)
def test_what_is_left(text: str) -> None:
    assert with_reading(text) == text


def test_characters_of_compatibility_are_read_as_themselves() -> None:
    # KS X 1001 has 樂 four times, once for each reading.
    assert [reading_of(char) for char in "\uf914\uf95c\uf9bf樂"] == ["낙", "락", "요", "낙"]


@given(st.text(alphabet="漢字女不率\u9fff\U00020000\uf914 (가)1", max_size=40))
def test_only_readings_are_added(text: str) -> None:
    added = with_reading(text)
    kept = iter(added)
    assert all(char in kept for char in text)


def test_pages() -> None:
    table = Table.of([["豫算", "年度"]])
    page = page_of_blocks((Paragraph.of("豫算을 세운다"), table, Code(("豫算",))))
    read = prepared(page, Choice(hanja="reading"))
    assert (
        read.markdown == "豫算(예산)을 세운다\n\n| 豫算(예산) | 年度(연도) |\n| --- | --- |\n\n```\n豫算\n```"
    )
    assert prepared(page, Choice()) is page and Choice(hanja="reading").how() == "hanja=reading"
