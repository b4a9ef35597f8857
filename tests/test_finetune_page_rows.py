"""Rows to fine-tune with, from pages: only text that a row shows, letter for letter, is taught."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image, ImageDraw, ImageFont

from adotx.checkpoint import Checkpoint
from adotx.errors import AdotxError
from adotx.finetune.page_rows import aligned, fitting, write_rows
from adotx.finetune.recipe import read_recipe
from adotx.finetune.rows import find_lines
from adotx.finetune.samples import Reader
from adotx.model import Model
from hangul_fonts import hangul_font

LETTERS = "가나다라마바사아자차카타파하거너더러머버서어저처커터퍼허고노도로모보소오조초코토포호"
word = st.text(LETTERS, min_size=1, max_size=6)
page = st.lists(st.lists(word, min_size=1, max_size=6).map(" ".join), min_size=1, max_size=8)


@given(page)
def test_rows_read_right_are_theirs(rows: list[str]) -> None:
    assert aligned(rows, "\n\n".join(rows)) == rows


def misread(rows: list[str], rng: random.Random, rate: float) -> list[str]:
    """Letters wrong, lost and too many."""
    out = []
    for row in rows:
        said = ""
        for letter in row:
            chance = rng.random() / rate
            said += (
                letter
                if chance > 1
                else rng.choice(LETTERS)
                if chance > 0.4
                else rng.choice(("", letter * 2))
            )
        out.append(said)
    return out


@pytest.mark.parametrize(("rate", "most"), [(0.05, 0.005), (0.2, 0.02), (0.4, 0.05)])
def test_rows_read_wrong_are_theirs_or_left_out(rate: float, most: float) -> None:
    """How many rows may be given another text than their own, by the share of letters read wrong."""
    rng = random.Random(1)
    kept = wrong = total = 0
    for _ in range(400):
        rows = [
            " ".join("".join(rng.choices(LETTERS, k=rng.randint(1, 6))) for _ in range(rng.randint(2, 5)))
            for _ in range(8)
        ]
        for text, row in zip(aligned(misread(rows, rng, rate), "\n\n".join(rows)), rows, strict=True):
            total += 1
            kept += text is not None
            wrong += text is not None and text != row
    assert wrong <= most * kept and kept > 0.9 * total


def test_what_is_not_in_the_truth_is_left_out() -> None:
    rows = ["가나다 라마바", "사아자 차카타", "거너더 러머버"]
    truth = "\n".join(rows)
    assert aligned([rows[0], "- 38 -", *rows[1:]], truth)[1] is None  # a page number
    assert aligned([*rows, "ABCDEFG"], truth) == [*rows, None]
    assert aligned([], truth) == [] and aligned(["", ""], truth) == [None, None]
    assert aligned(rows, "") == [None, None, None]


def test_what_was_not_read_is_nobodys() -> None:
    """Of a row that the reader did not see, no part is given to its neighbours."""
    rows = ["가나다 라마바", "사아자 차카타", "거너더 러머버"]
    found = aligned([rows[0], rows[2]], "\n".join(rows))
    assert all(text in (None, row) for text, row in zip(found, (rows[0], rows[2]), strict=True))


def test_a_text_is_as_wide_as_its_ink() -> None:
    texts = ["가나다라마바사"] * 5
    assert fitting(texts, [140] * 5) == texts
    assert fitting(texts, [140, 140, 140, 140, 60]) == [*texts[:4], None]
    assert fitting([*texts[:4], "가나"], [140, 140, 140, 140, 400])[4] == "가나"  # too short to say
    assert fitting([None, "가"], [10, 10]) == [None, "가"]


@pytest.fixture(scope="module")
def nano() -> Model:
    return Model.open("nano")


LINES = ["오늘은 하늘이 맑고 바람이 분다", "책상 위에 연필이 놓여 있다", "내일 아침에 다시 만나기로 했다"]


@pytest.fixture(scope="module")
def pages(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("pages")
    image = Image.new("L", (900, 500), 255)
    font = ImageFont.truetype(hangul_font(), 36)
    for n, line in enumerate(LINES):
        ImageDraw.Draw(image).text((60, 80 + 110 * n), line, font=font, fill=0)
    image.save(folder / "one.png")
    (folder / "one.md").write_text("\n\n".join(LINES) + "\n", encoding="utf-8")
    return folder


def test_pages_become_rows_to_train_on(nano: Model, pages: Path, tmp_path: Path) -> None:
    steps: list[tuple[int, int]] = []
    kept, found = write_rows(pages, tmp_path, nano, lambda done, total: steps.append((done, total)))
    assert (kept, found) == (3, 3) and steps == [(1, 1)]
    rows = [json.loads(line) for line in (tmp_path / "rows.jsonl").read_text(encoding="utf-8").splitlines()]
    assert [row["messages"][-1]["content"] for row in rows] == LINES
    recipe = read_recipe("sft", {"data": [tmp_path / "rows.jsonl"]})
    checkpoint: Checkpoint = nano.checkpoint
    reader = Reader(recipe, checkpoint, find_lines(recipe.data))
    for index, line in enumerate(LINES):
        ((sample, seen),) = reader.loaded(index)
        assert seen is not None and seen.shape == (1, 3, 384, 384) and seen.dtype == np.float32
        trained = [token for token, wanted in zip(sample.ids, sample.mask, strict=True) if wanted]
        assert checkpoint.tokenizer.decode(trained).startswith(line)


def test_who_cannot_make_rows_is_told(nano: Model, pages: Path, toy: Path, tmp_path: Path) -> None:
    with pytest.raises(AdotxError, match="does not read packed rows"):
        write_rows(pages, tmp_path, Model.open(str(toy), "f32"))
    (tmp_path / "file").write_text("")
    with pytest.raises(AdotxError, match="choose another"):
        write_rows(pages, tmp_path / "file" / "out", nano)
    (tmp_path / "empty").mkdir()
    with pytest.raises(AdotxError):
        write_rows(tmp_path / "empty", tmp_path, nano)
