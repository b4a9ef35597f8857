"""checkpoint: the tokenizer against goldens and transformers; text never becomes a control token."""

from __future__ import annotations

import json
import unicodedata
from functools import cache
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from adotx.checkpoint import AddedToken, AxTokenizer, save_tokenizer_json
from adotx.errors import AdotxError
from checkpoint_toys import ADDED, SPECIALS, toy_tokenizer, toy_vocab, write


@cache
def published(path: Path) -> AxTokenizer:
    return AxTokenizer.open(path)


@cache
def toy() -> AxTokenizer:
    return toy_tokenizer()


# -- the published vocabularies


@pytest.mark.parametrize("name", ["vl", "light"])
def test_golden_cases(shared: Path, name: str) -> None:
    tokenizer = published(shared / "ax4" / name)
    for case in json.loads((shared / "ax4" / "golden" / "tokens.json").read_text("utf-8"))[name]:
        assert tokenizer.encode_with_specials(case["text"]) == case["ids"], case["text"]
        assert tokenizer.decode(case["ids"], skip_special=False) == case["text"]
        # The plain encoder differs exactly where control tokens stand in the text.
        assert (tokenizer.encode(case["text"]) == case["ids"]) == (
            not set(case["ids"]) & tokenizer.control_ids
        )
        assert tokenizer.decode(tokenizer.encode(case["text"])) == case["text"]


def test_golden_chats_and_the_two_meanings(shared: Path) -> None:
    vl, light = published(shared / "ax4" / "vl"), published(shared / "ax4" / "light")
    chats = json.loads((shared / "ax4" / "golden" / "chats.json").read_text("utf-8"))
    for tokenizer, name in ((vl, "vl"), (light, "light")):
        assert tokenizer.vocab_size == 102400 and tokenizer.control_ids == frozenset(range(41))
        for chat in chats[name]:
            assert tokenizer.encode_with_specials(chat["rendered"]) == chat["ids"]
    assert (vl.special["<|extra_id_11|>"], vl.special["<|extra_id_12|>"]) == (22, 23)
    assert (light.special["</think>"], light.special["<think>"]) == (22, 23)
    assert list(vl.special) == SPECIALS
    # Tool tags and think tags are added, not special: they stay in decoded text.
    assert light.decode([23, 22, 40, 39, 27, 25]) == "<think></think><tool_call></tool_call>"


def test_published_pair_in_transformers(shared: Path, tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    tokenizer = published(shared / "ax4" / "vl")
    file = tokenizer.save(tmp_path)
    fast = transformers.PreTrainedTokenizerFast(tokenizer_file=str(file))
    again = AxTokenizer.open(tmp_path)
    assert again.special == tokenizer.special and again.added_tokens == tokenizer.added_tokens
    texts = [
        "<|im_start|><|user|>안녕 <|extra_id_11|>\n\n  표 | 1,234 |<|im_end|><|im_start|><|assistant|>",
        '<tool_call>{"name": "날씨", "arguments": {}}</tool_call><tool_output>맑음</tool_output>',
        "<|im_end|<|im_end|>>🚀 é ﷺ \u200b 漢字", "", "  ", "\r\n\t",
    ]  # fmt: skip
    for text in texts:
        ids = tokenizer.encode_with_specials(text)
        assert fast(text)["input_ids"] == ids == again.encode_with_specials(text)
        assert fast.decode(ids, clean_up_tokenization_spaces=False) == text == tokenizer.decode(ids, False)
        assert fast.decode(
            ids, skip_special_tokens=True, clean_up_tokenization_spaces=False
        ) == tokenizer.decode(ids)


# -- control tokens cannot be reached


def _full_width(text: str) -> str:
    return "".join(chr(ord(c) + 0xFEE0) if "!" <= c <= "~" else c for c in text)


_DISGUISES = [
    lambda s: s,
    _full_width,
    str.upper,
    lambda s: unicodedata.normalize("NFD", s),
    lambda s: unicodedata.normalize("NFKC", _full_width(s)),
    lambda s: "\u200b".join(s),
    lambda s: "\u200d".join(s),
    lambda s: s.replace("|", "\u00ad|"),
    lambda s: s.replace("<", "&lt;"),
    lambda s: " " + s + " ",
    lambda s: s[: len(s) // 2],
    lambda s: s[len(s) // 2 :],
    lambda s: s + "\u0301",
    lambda s: s.encode("utf-16-le").decode("utf-16-le"),
]
_piece = (
    st.builds(
        lambda text, disguise: disguise(text),
        st.sampled_from([*SPECIALS, "<think>", "</think>"]),
        st.sampled_from(_DISGUISES),
    )
    | st.sampled_from(["<|", "|>", "<", ">", "|", "im_end", "_", "안녕", "뷁", "🚀", "\0", "\ufeff"])
    | st.text(max_size=8)
)
hostile = st.lists(_piece, max_size=8).map("".join)


@settings(max_examples=300, deadline=None)
@given(hostile)
def test_text_never_becomes_a_control_token(text: str) -> None:
    tokenizer = toy()
    ids = tokenizer.encode(text)
    assert not tokenizer.control_ids & set(ids)
    assert tokenizer.decode(ids, skip_special=True) == text
    assert tokenizer.encode_batch([text, text]) == [ids, ids]


@settings(max_examples=150, deadline=None)
@given(hostile)
def test_text_never_becomes_a_published_control_token(shared: Path, text: str) -> None:
    for name in ("vl", "light"):
        tokenizer = published(shared / "ax4" / name)
        ids = tokenizer.encode(text)
        assert not tokenizer.control_ids & set(ids) and tokenizer.decode(ids) == text


def test_a_long_text_is_encoded_as_a_short_one_and_others_go_on() -> None:
    words = ["가나다 라", "<|im_end|>", "\ud800", "a  b\n"]
    short = [toy().encode(word + ".") for word in words]
    lone = [toy().encode(word * 6000) for word in words]
    assert [toy()._plain.encode((w * 6000).encode("utf-16", "surrogatepass").decode("utf-16", "replace")).ids
            for w in words] == lone and all(short)


def test_the_plain_encoder_does_not_hold_control_tokens(tmp_path: Path) -> None:
    tokenizer = toy()
    held = tokenizer._plain.get_vocab(with_added_tokens=True)
    assert not set(held.values()) & tokenizer.control_ids and not set(held) & set(tokenizer.special)
    for text, i in tokenizer.special.items():
        assert tokenizer.encode_with_specials(text) == [i] and i not in tokenizer.encode(text)


@pytest.mark.parametrize("ignore_merges", [False, True])
def test_a_control_token_that_merges_would_build(ignore_merges: bool) -> None:
    vocab, merges = toy_vocab()
    vocab |= {"ab": 320, "abc": 321}
    tokenizer = AxTokenizer(
        {"vocab": vocab, "merges": [*merges, "a b", "ab c"], "ignore_merges": ignore_merges},
        [*ADDED, AddedToken(321, "abc")],
    )
    assert 321 not in tokenizer.encode("abc") and tokenizer.decode(tokenizer.encode("abc")) == "abc"
    assert 320 in tokenizer.encode("abc") and tokenizer.encode_with_specials("abc") == [321]


def test_the_longest_control_token_is_meant(tmp_path: Path) -> None:
    transformers = pytest.importorskip("transformers")
    vocab, merges = toy_vocab()
    added = [*ADDED, AddedToken(320, "<x>"), AddedToken(321, "<x><y>"), AddedToken(322, "한국")]
    tokenizer = save_tokenizer_json(tmp_path / "tokenizer.json", vocab, merges, added)
    fast = transformers.PreTrainedTokenizerFast(tokenizer_file=str(tmp_path / "tokenizer.json"))
    for text in ("<x><y>", "<x><x><y><y>", "a 한국 b", "<|pad|><|pad|>"):
        ids = tokenizer.encode_with_specials(text)
        assert ids == fast(text)["input_ids"]
        assert tokenizer.decode(ids, False) == fast.decode(ids, clean_up_tokenization_spaces=False) == text


# -- bytes and text


@settings(max_examples=200, deadline=None)
@given(st.lists(st.integers(0, 330), max_size=12))
def test_decode_is_the_bytes_of_the_tokens(ids: list[int]) -> None:
    tokenizer = toy()
    joined = b"".join(tokenizer.token_bytes(i) for i in ids).decode("utf-8", "replace")
    assert tokenizer.decode(ids, skip_special=False) == joined


def test_ids_outside_the_vocabulary_show() -> None:
    assert toy().decode([400]) == "\ufffd"


def test_lone_surrogates_do_not_break_the_encoder() -> None:
    tokenizer = toy()
    assert tokenizer.decode(tokenizer.encode("가\ud800나")) == "가\ufffd나"
    assert tokenizer.decode(tokenizer.encode("\ud83d\ude80")) == "🚀"


# -- files


def test_pair_of_files_with_unlisted_control_tokens(tmp_path: Path) -> None:
    """vocab.json holds the control tokens; without tokenizer_config.json they are still kept out of reach."""
    vocab, merges = toy_vocab()
    write(tmp_path, "vocab.json", vocab)
    (tmp_path / "merges.txt").write_text("\n".join(["#version: 0.2", *merges, ""]), encoding="utf-8")
    bare = AxTokenizer.open(tmp_path)
    assert bare.added_tokens == ADDED and bare.vocab_size == 320
    flags = {"40": {"content": "<tool_call>", "special": True}}
    write(tmp_path, "tokenizer_config.json", {"added_tokens_decoder": flags})
    assert AxTokenizer.open(tmp_path).decode([40]) == ""
    assert bare.encode("안녕 the") == toy().encode("안녕 the")


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("tokenizer.json", "{"),
        ("tokenizer.json", '{"model": {"type": "Unigram"}}'),
        ("tokenizer.json", '{"model": {"vocab": {}, "merges": []}, "pre_tokenizer": {"type": "ByteLevel"}}'),
        ("tokenizer.json", '{"model": {"vocab": {}, "merges": []}, "pre_tokenizer": {"type": "Whitespace"}}'),
        ("vocab.json", '{"a": 0, "b": 0}'),
        ("tokenizer_config.json", '{"added_tokens_decoder": {"3": {"content": 5}}}'),
        ("tokenizer_config.json", '{"added_tokens_decoder": {"3": {"content": "new"}}}'),
        ("vocab.json", '{"a": "0"}'),
        ("merges.txt", "a b c\n"),
        ("merges.txt", "q zzz\n"),
        ("tokenizer_config.json", '{"added_tokens_decoder": {"x": {}}}'),
        ("tokenizer_config.json", '{"added_tokens_decoder": {"3": {"content": "<|pad|>"}}}'),
    ],
)  # fmt: skip
def test_broken_files(tmp_path: Path, name: str, content: str) -> None:
    vocab, merges = toy_vocab()
    write(tmp_path, "vocab.json", vocab)
    (tmp_path / "merges.txt").write_text("\n".join(merges), encoding="utf-8")
    (tmp_path / name).write_text(content, encoding="utf-8")
    with pytest.raises(AdotxError) as caught:
        AxTokenizer.open(tmp_path)
    assert caught.value.code == "tokenizer.broken" and caught.value.remedy and "\n" not in str(caught.value)


def test_no_tokenizer(tmp_path: Path) -> None:
    with pytest.raises(AdotxError) as caught:
        AxTokenizer.open(tmp_path)
    assert caught.value.code == "tokenizer.missing"
