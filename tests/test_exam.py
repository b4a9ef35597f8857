"""benchmarks/exam: content and its truth, what keeps it out of training; whole pages where a browser is."""

from __future__ import annotations

import json
import os
import random
import shutil
from pathlib import Path

import pytest

from adotx.data.fonts import EXAM_FAMILIES, VALIDATION_FAMILIES, FontFace, split_fonts
from adotx.evaluate.transcription import Answer, Sample, find_samples, score
from adotx.markdown import Cell, Fields, Heading, Item, Paragraph, Table, parse_markdown, to_markdown
from benchmark_modules import BENCHMARKS, importer
from hangul_fonts import hangul_font

ROOT = Path(__file__).resolve().parent.parent
EXAM = BENCHMARKS / "exam"
TEXT = "한강은 서울을 지나 서해로 흐르는 강이다. 길이는 약 494km이며 여러 도시를 지난다. "
KINDS = ["prose", "letter", "minutes", "contract", "table", "table_open", "merged", "form", "receipt"]
KINDS += ["columns", "small", "sign", "handwriting", "screen", "hanja", "photo", "seal", "fax"]


@pytest.fixture
def load(monkeypatch):
    """Import a module of the benchmarks by its name."""
    yield from importer(monkeypatch, EXAM)


@pytest.fixture
def public(load):
    """Sentences enough for every kind."""
    names = ("강", "산", "바다", "도시", "나라", "언덕", "호수", "정부", "학교", "들판", "섬")
    rows = [
        f"{name}{number}번은 오래된 {name}이고 그 역사는 {number}년이 넘는다."
        for name in names
        for number in range(9)
    ]
    return load("sources").Sentences([TEXT, *rows])


def test_truth_is_the_markdown_of_the_same_blocks(load) -> None:
    content = load("content")
    merged = (
        (content.Cell("구분", rowspan=2), content.Cell("값", colspan=2)),
        (content.Cell("1"), content.Cell("<2>")),
    )
    blocks = [
        content.Heading("제목"),
        content.Text("본문이다.", "sender"),
        content.Rule(),
        content.Item("첫째", "1."),
        content.Item("가항", "가.", 1),
        content.Item("둘째", "2."),
        content.Fields((("수신", "총무과장"), ("제목", "협조"))),
        content.Table.of([("가", "나"), ("1", "2")], "none"),
        content.Table(merged),
    ]
    truth = content.markdown(blocks)
    read = [
        Heading.of("제목"),
        Paragraph.of("본문이다."),
        Item.of("첫째", "1."),
        Item.of("가항", "가.", 1),
        Item.of("둘째", "2."),
        Fields((("수신", "총무과장"), ("제목", "협조")), ":"),
        Table.of([("가", "나"), ("1", "2")]),
        Table(((Cell("구분", rowspan=2), Cell("값", 2)), (Cell("1"), Cell("<2>")))),
    ]
    assert parse_markdown(truth) == read
    # The writer of adotx, which knows nothing of this one, says it in the same words.
    assert truth == to_markdown(read) + "\n"
    assert content.texts(blocks)[:4] == ["제목", "본문이다.", "1.", "첫째"]


def test_every_kind_has_content_whose_truth_reads_back(load, public) -> None:
    pages, content = load("pages"), load("content")
    assert list(pages.KINDS) == KINDS
    for kind in KINDS:
        for number in range(6):
            page, _ = pages.make(kind, number, 1, public)
            again, _ = pages.make(kind, number, 1, public)
            truth = content.markdown(page.blocks)
            assert truth == content.markdown(again.blocks) and page.kind == kind
            assert "{" not in truth and "None" not in truth and len(truth) > 5
            truth = truth.replace("*", "")  # the hidden digits of a card, which the parser takes for marks
            blocks = parse_markdown(truth)
            own = score(Sample("page", kind, truth, None), Answer(to_markdown(blocks)))
            assert own.cer == 0, truth
            assert own.cells.matched == own.cells.true and own.structure.matched == own.structure.true
            tables = [block for block in page.blocks if isinstance(block, content.Table)]
            assert sum(isinstance(block, Table) for block in blocks) == len(tables)
        if kind == "merged":
            assert tables[0].merged and "<table>" in truth
        if kind == "form":
            assert "☑" in truth and "☐" in truth
        if kind == "hanja":
            assert any("一" <= char <= "鿿" for char in truth)


def test_templates_fill(load) -> None:
    filler = load("filler")
    fill = filler.Filler(random.Random(3))
    lists = {name: found for name, found in filler.words().items() if isinstance(found, list)}
    flat = [
        text for found in lists.values() for row in found for text in ([row] if isinstance(row, str) else row)
    ]
    assert len(flat) > 300
    for text in flat:
        assert "{" not in fill.fill(text), text
    same = [filler.Filler(random.Random(5)).fill("{name} {date} {amount}") for _ in range(2)]
    assert same[0] == same[1]


def test_sentences_are_whole_and_korean(load) -> None:
    found = load("sources").Sentences(
        [
            TEXT,
            "는 낱말을 잃은 문장이라 쓰지 않는다.",
            "This sentence is English only, so it is left out.",
            "괄호가 (열리기만 한 문장은 쓰지 않는다.",
        ]
    )
    assert found.all == [part.strip() + "." for part in TEXT.split(".") if part.strip()]


def test_both_markups_say_all_that_the_truth_says(load, public) -> None:
    pages, content, markup, office = (load(name) for name in ("pages", "content", "markup", "office"))
    faces = load("faces")
    face = faces.Face("Exam", Path("/exam.ttf"), Path("/exam-bold.ttf"))
    seals = faces.Face(faces.SIGNS[0], hangul_font(), hangul_font())
    for kind in KINDS:
        page, rng = pages.make(kind, 0, 1, public)
        written = [markup.page_html(page, [face, seals], rng)]
        # A seal is a picture: what it says is no text of the page.
        assert ("src='data:image/png" in written[0]) == (kind == "seal")
        if kind in ("letter", "minutes", "contract"):
            written.append(office.page_fodt(page, ["Exam"], rng))
        for text in content.texts(page.blocks):
            assert all(markup.html.escape(text, quote=False) in markups for markups in written), (kind, text)
    assert written[0].count("file:///exam.ttf") == 1


def test_its_families_are_never_trained_on(load) -> None:
    faces = load("faces")
    named = {family.lower() for family in (*faces.TEXT, *faces.HAND)}
    assert named <= VALIDATION_FAMILIES | EXAM_FAMILIES and named >= EXAM_FAMILIES
    assert not VALIDATION_FAMILIES & EXAM_FAMILIES

    def face(family: str) -> FontFace:
        return FontFace("x.ttf", 0, family, 400, "normal", False, "OFL-1.1")

    train, held_out = split_fonts([face(name) for name in (*faces.TEXT, *faces.HAND, "NanumGothic")])
    assert [one.family for one in train] == ["NanumGothic"]
    assert {one.family.lower() for one in held_out} == VALIDATION_FAMILIES


def test_the_package_knows_nothing_of_it() -> None:
    for path in (ROOT / "src").rglob("*.py"):
        assert "benchmarks" not in [
            line.split()[1].split(".")[0]
            for line in path.read_text("utf-8").splitlines()
            if line.startswith(("import ", "from "))
        ]


def test_a_missing_ingredient_is_named(load, tmp_path, monkeypatch) -> None:
    engines, faces, sources = load("engines"), load("faces"), load("sources")
    monkeypatch.setattr(engines.shutil, "which", lambda name: None)
    with pytest.raises(SystemExit, match="apt-get install chromium"):
        engines.find_browser()
    assert engines.find_office() is None
    with pytest.raises(SystemExit, match="Hi Melody"):
        faces.find_faces([tmp_path])
    with pytest.raises(SystemExit, match="kowiki"):
        sources.Sentences.read(tmp_path)


def test_truth_and_page_are_compared_by_their_characters(load) -> None:
    engines, content = load("engines"), load("content")
    blocks = [content.Heading("제목"), content.Item("하나"), content.Fields((("값", "3"),))]
    assert not engines.differences(blocks, "제목\n• 하나\n값:\t3")
    assert engines.differences(blocks, "제목 하 값: 3") == {"나": 1}


@pytest.mark.skipif(not shutil.which("chromium"), reason="no browser")
@pytest.mark.skipif("ADOTX_EXAM_FONTS" not in os.environ, reason="ADOTX_EXAM_FONTS names no fonts")
def test_pages_are_made(load, tmp_path, shared) -> None:
    for name in ("cv2", "augraphy"):
        pytest.importorskip(name)
    words = [str(tmp_path), "--evalsets", str(shared / "evalsets"), "--textures", str(shared / "textures")]
    words += ["--fonts", *os.environ["ADOTX_EXAM_FONTS"].split(os.pathsep), "--pages", "3"]
    load("make").main([*words, "--kinds", "table", "sign", "photo"])
    samples = find_samples(tmp_path)
    assert [sample.kind for sample in samples] == ["photo", "sign", "table"]
    facts = json.loads((tmp_path / "photo" / "000.json").read_text("utf-8"))
    assert facts["damage"] == "photographed" and facts["engine"] == "chromium" and facts["family"]
