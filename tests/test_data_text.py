"""The text side of the data room: corpora readers, the split, Markdown blocks, text sources."""

from __future__ import annotations

import io
import json
import random
import unicodedata
from pathlib import Path

import pytest

from adotx.data import fill
from adotx.data.corpora import CORPORA, dialogues, documents, pairs, squeeze
from adotx.data.source import TextSource, clean, sentences
from adotx.data.split import split
from adotx.errors import AdotxError

zstandard = pytest.importorskip("zstandard")


def _write(folder: Path, name: str, rows: list[dict]) -> None:
    text = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
    (folder / f"{name}.jsonl.zst").write_bytes(zstandard.ZstdCompressor().compress(text.encode()))


@pytest.fixture
def corpora(tmp_path: Path) -> Path:
    """Small files of the published shape; half of the pairs lie in the documents, too."""
    folder = tmp_path / "corpora"
    folder.mkdir()
    origin = {"source": "a/b", "license": "MIT"}
    shared = [f"함께 쓰이는 {n}번째 문장은 두 곳에 있습니다." for n in range(400)]
    _write(folder, "nsmc", [{"text": f"{n}번째로 본 정말 좋은 영화\u2028 ㅋㅋ"} for n in range(600)])
    _write(folder, "chatbot", [{"question": f"{n}시에 뭐 해?", "answer": "쉬고 있어요."} for n in range(50)])
    _write(
        folder,
        "docs_ko",
        [
            {
                "text": f"# 문서 {n}\n\n{shared[n]} {n}번 문서에만 있습니다.\n\n```\nprint({n})\n```\n",
                "source": "a/b",
                "license": "MIT",
                "path": f"{n}.md",
            }
            for n in range(200)
        ],
    )
    _write(
        folder,
        "pairs",
        [{"en": f"Sentence number {n} is here.", "ko": t, **origin} for n, t in enumerate(shared)],
    )
    _write(
        folder,
        "laws",
        [{"text": f"# 법\n\n제{n}조 이 법은 시행한다.", "path": f"{n}.md"} for n in range(100)],
    )
    return folder


def test_the_split_never_moves() -> None:
    # Frozen by hand: were one of these to change, every measured number would be void.
    assert [n for n in range(300) if split(f"key {n}") == "validation"] == [3, 90, 182, 251, 260, 269, 292]
    share = sum(split(str(n)) == "validation" for n in range(20_000)) / 20_000
    assert 0.017 < share < 0.023


def test_documents_have_keys_and_licences(corpora: Path) -> None:
    found = list(documents(corpora))
    assert {document.corpus for document in found} == set(CORPORA)
    assert all(document.license and document.source and document.key for document in found)
    assert all(unicodedata.is_normalized("NFC", document.text) for document in found)
    assert len([d for d in found if d.corpus == "nsmc"]) == 600  # U+2028 in a string does not break a line
    pair = [d for d in found if d.corpus == "pairs"][:2]
    assert [d.lang for d in pair] == ["en", "ko"] and pair[0].key == pair[1].key
    assert next(pairs(corpora)).en == "Sentence number 0 is here."
    assert next(dialogues(corpora)).answer == "쉬고 있어요."


def test_reader_errors_are_one_line_with_a_remedy(corpora: Path, tmp_path: Path) -> None:
    (corpora / "nsmc.jsonl.zst").write_bytes((corpora / "nsmc.jsonl.zst").read_bytes()[:200])
    evalsets = tmp_path / "evalsets"
    evalsets.mkdir()
    cases = [(corpora, ["nope"]), (corpora, ["nsmc"]), (tmp_path, ["pairs"]), (evalsets, ["pairs"])]
    for folder, names in cases:
        with pytest.raises(AdotxError) as caught:
            list(documents(folder, names))
        assert "\n" not in str(caught.value) and caught.value.remedy


def test_validation_text_was_never_trained_on(corpora: Path) -> None:
    held_out = TextSource.from_corpora(corpora, "validation")
    trained = {squeeze(text) for text in TextSource.from_corpora(corpora, "train").korean}
    assert held_out.korean
    assert not [text for text in held_out.korean if squeeze(text) in trained]


def test_corpora_beside_the_project(shared: Path) -> None:
    folder = shared / "corpora"
    if not folder.is_dir():
        pytest.skip("corpora are not on this machine")
    assert sum(1 for _ in documents(folder, ["chatbot"])) == 11_750
    assert sum(1 for _ in documents(folder, ["docs_ko"])) == 1_306
    assert sum(1 for _ in documents(folder, ["laws"])) == 627


def test_clean_refuses_what_the_truth_could_not_hold() -> None:
    assert clean("이것은 `code`와 **굵은** 글씨다.") == "이것은 code와 굵은 글씨다."
    assert clean("한글은 NFC로 된다".encode().decode()) == "한글은 NFC로 된다"
    for text in (
        "- 항목",
        "1. 항목",
        "# 제목",
        "a | b",
        "<b>굵게</b>",
        "$x$",
        "ひ만",
        "😀",
        "__init__",
    ):
        assert clean(text) is None, text
    assert list(sentences('그는 "그래요." 라고 했다. 끝났습니다. Yes it is!')) == [
        '그는 "그래요." 라고 했다.',
        "끝났습니다.",
        "Yes it is!",
    ]


def test_invented_facts_are_nfc_and_reproducible() -> None:
    makers = [
        fill.name,
        fill.address,
        fill.company,
        fill.phone,
        fill.email,
        fill.date,
        fill.amount,
        fill.product,
        fill.code,
    ]
    first = [make(random.Random(3)) for make in makers]
    assert first == [make(random.Random(3)) for make in makers]
    assert all(text and unicodedata.is_normalized("NFC", text) for text in first)
    assert io.StringIO("\n".join(first)).read().count("\n") == len(first) - 1
