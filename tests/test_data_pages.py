"""Fonts and the page maker: exact truth, reproducible, readable, held-out families held out."""

from __future__ import annotations

import re
from importlib.util import find_spec
from pathlib import Path

import numpy as np
import pytest

from adotx.data import fonts as fonts_module
from adotx.data.corpora import squeeze
from adotx.data.fonts import FontFace, find_fonts, missing, split_fonts, usable
from adotx.data.kinds import KINDS
from adotx.data.look import FontSet
from adotx.data.pages import make_page, validation_pages
from adotx.data.source import TextSource
from adotx.data.wrap import Type, to_spans, to_words, wrap
from adotx.errors import AdotxError
from adotx.markdown import Span, to_markdown

pytest.importorskip("fontTools")

KOREAN = [
    "이 문서는 새로 바뀐 신청 절차를 안내하기 위해 작성되었습니다.",
    "회의는 매주 수요일 오전 10시에 3층 대회의실에서 열립니다.",
    "설정 파일(config.toml)을 열어 포트 번호를 8080으로 바꾸고 다시 시작하세요.",
    "올해 매출은 지난해보다 12.4% 늘어난 3,482억 원으로 집계되었다.",
    "“그래요?” 하고 그가 물었다.",
    "짧은 문장.",
]
ENGLISH = ["Open the settings file and change the port number.", "It does not work without a restart."]


@pytest.fixture(scope="session")
def faces() -> list[FontFace]:
    """The Hangul fonts of the development extra, else those of the system."""
    spec = find_spec("pylopdf_fonts_ko")
    folders = [Path(spec.origin).parent] if spec and spec.origin else [Path("/usr/share/fonts")]
    try:
        return find_fonts(folders)
    except AdotxError:
        pytest.skip("no font with Hangul on this machine: pip install 'adotx[dev]'")


@pytest.fixture(scope="session")
def source() -> TextSource:
    return TextSource(KOREAN, ENGLISH)


@pytest.fixture(scope="session")
def pages(faces: list[FontFace], source: TextSource) -> list:
    """Two pages of each kind, small enough to be quick."""
    fonts = FontSet(faces)
    return [
        make_page(seed, source, fonts, kind, strength=strength)
        for kind in KINDS
        for seed, strength in ((1, "clean"), (2, "strong"))
    ]


def test_faces_are_described(faces: list[FontFace]) -> None:
    assert all(face.family and 100 <= face.weight <= 900 and face.license for face in faces)
    assert len({(face.family, face.weight, face.style) for face in faces}) == len(faces)


def test_usable_looks_at_the_picture(faces: list[FontFace]) -> None:
    assert usable(faces[0], "가나다 ABC 123, 힣")
    assert missing(faces[0], "가\ue123\U0001f600\u0301") == {"\ue123", "\U0001f600", "\u0301"}


def test_held_out_families() -> None:
    def face(family: str) -> FontFace:
        return FontFace("x.ttf", 0, family, 400, "normal", False, "OFL-1.1")

    train, held_out = split_fonts(
        [face(name) for name in ("Gowun Batang", "NanumGothic", "IBM Plex Sans KR", "HAHMLET")]
    )
    assert [f.family for f in train] == ["NanumGothic"]
    assert [f.family for f in held_out] == ["Gowun Batang", "IBM Plex Sans KR", "HAHMLET"]


def test_weights_do_not_leak_out_of_a_family(faces: list[FontFace], tmp_path: Path) -> None:
    from fontTools.ttLib import TTFont

    names = {
        "IBM Plex Sans KR ExtraLight": "IBM Plex Sans KR",
        "Gowun Batang Bold": "Gowun Batang",
        "Hahmlet Semi Bold": "Hahmlet",
    }
    for number, name in enumerate(names):
        font = TTFont(faces[0].path)
        for record in list(font["name"].names):
            if record.nameID in (1, 16):
                font["name"].removeNames(nameID=record.nameID)
        font["name"].setName(name, 1, 3, 1, 0x409)
        font.save(tmp_path / f"font{number}.otf")
    assert {face.family for face in find_fonts([tmp_path])} == set(names.values())


def test_woff2_is_decompressed_once(faces: list[FontFace], tmp_path: Path) -> None:
    pytest.importorskip("brotli")
    from fontTools.subset import Options, Subsetter
    from fontTools.ttLib import TTFont

    font = TTFont(faces[0].path)
    subset = Subsetter(Options(notdef_outline=True, name_IDs=["*"]))
    subset.populate(text="가한글뷁0123456789abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ")
    subset.subset(font)
    font.flavor = "woff2"
    (tmp_path / "in").mkdir()
    font.save(tmp_path / "in" / "test-korean-300-normal.woff2")
    (face,) = find_fonts([tmp_path / "in"], tmp_path / "cache")
    made = Path(face.path).stat().st_mtime_ns
    assert face.weight == 300 and usable(face, "한글") and not usable(face, "값")
    assert find_fonts([tmp_path / "in"], tmp_path / "cache") == [face]
    assert Path(face.path).stat().st_mtime_ns == made


def test_missing_fonts_are_named(tmp_path: Path) -> None:
    (tmp_path / "broken.ttf").write_bytes(b"not a font")
    for folder in (tmp_path, tmp_path / "absent"):
        with pytest.raises(AdotxError, match="adotx data fonts"):
            find_fonts([folder])
    assert fonts_module.default_cache().name == "fonts"


def test_same_seed_same_page(faces: list[FontFace], source: TextSource) -> None:
    for kind in ("mixed", "receipt"):
        one, two = (make_page(7, source, faces, kind, strength="strong") for _ in range(2))
        assert one.markdown == two.markdown and one.lines == two.lines
        assert np.array_equal(np.asarray(one.image), np.asarray(two.image))
        assert make_page(8, source, faces, kind).markdown != one.markdown


def test_truth_is_the_lines_in_order(pages: list) -> None:
    for page in pages:
        assert page.markdown == to_markdown(page.blocks)
        text = ""
        for line, following in zip(page.lines, [*page.lines[1:], None], strict=True):
            text += line.markdown
            same = following is not None and following.block == line.block and following.cell == line.cell
            text += line.glue if same else "\n"
        seen = re.sub(r"\W", "", squeeze(page.markdown))
        assert squeeze(text) == seen, page.kind
        assert [line.block for line in page.lines] == sorted(line.block for line in page.lines)


def test_paragraphs_come_back_from_their_lines(pages: list) -> None:
    for page in pages:
        for index, block in enumerate(page.blocks):
            if block.kind in ("paragraph", "heading"):
                lines = [line for line in page.lines if line.block == index]
                text = "".join(line.text + (line.glue if line is not lines[-1] else "") for line in lines)
                assert text == block.text


def test_boxes_hold_the_ink(faces: list[FontFace], source: TextSource) -> None:
    for seed in range(3):
        page = make_page(seed, source, faces, "prose", canvas=(800, 1000), size=22, strength="clean")
        grey = np.asarray(page.image.convert("L")).astype(int)
        paper = grey[0, 0]
        outside = np.abs(grey - paper) > 40
        for line in page.lines:
            x0, y0, x1, y1 = (round(edge) for edge in line.box)
            assert outside[y0:y1, x0:x1].any(), line.text
            outside[max(y0 - 2, 0) : y1 + 2, max(x0 - 2, 0) : x1 + 2] = False
        rules = outside.sum(axis=1) > 0.5 * (page.lines[0].box[2] - page.lines[0].box[0])
        assert outside[~rules].sum() == 0  # all ink is a line's, but for the rule under a heading


def test_lines_stay_on_the_page_and_have_sizes(pages: list) -> None:
    for page in pages:
        for line in page.lines:
            assert 0 <= line.box[0] < line.box[2] <= page.image.width + 1, (page.kind, line)
            assert 0 <= line.box[1] < line.box[3] <= page.image.height + 1, (page.kind, line)
            assert 9 <= line.size <= 220


def test_skew_moves_the_boxes(faces: list[FontFace], source: TextSource) -> None:
    for seed in range(40):
        page = make_page(seed, source, faces, "prose", canvas=(800, 1000), size=24, strength="strong")
        if "skew" in page.meta["damages"] and abs(page.affine[1]) > 0.01:
            break
    a, b, c, d, e, f = page.affine
    assert abs(np.degrees(np.arctan2(d, a))) <= 2.5
    line = max(page.lines, key=lambda each: each.flat[2] - each.flat[0])
    x, y = (line.flat[0] + line.flat[2]) / 2, (line.flat[1] + line.flat[3]) / 2
    assert line.box[0] <= a * x + b * y + c <= line.box[2] and line.box[1] <= d * x + e * y + f <= line.box[3]
    assert line.box[3] - line.box[1] > line.flat[3] - line.flat[1]


def test_two_columns_read_left_then_right(faces: list[FontFace], source: TextSource) -> None:
    page = make_page(3, source, faces, "two_column", canvas=(1240, 1754), strength="clean")
    body = [line for line in page.lines if line.kind == "paragraph"]
    lefts = [line.flat[0] for line in body]
    turn = max(range(1, len(body)), key=lambda n: lefts[n] - lefts[n - 1])
    assert body[turn].flat[1] < body[turn - 1].flat[1]
    assert max(line.flat[2] for line in body[:turn]) < min(lefts[turn:])


def test_unknown_kind_is_named(faces: list[FontFace], source: TextSource) -> None:
    with pytest.raises(AdotxError, match="prose"):
        make_page(1, source, faces, "poem")


def test_validation_pages(faces: list[FontFace], source: TextSource) -> None:
    from dataclasses import replace

    held_out = [replace(face, family="Gowun Batang") for face in faces[:1]]
    kinds = len(KINDS)
    listed = validation_pages(3 * kinds, 5, source, [*faces, *held_out])
    assert len(listed) == 3 * kinds
    assert [page.kind for page in listed[:kinds]] == list(KINDS)
    for page in (listed[0], listed[2 * kinds]):
        assert all(face.held_out for face in page.fonts)
    assert listed[0].kind == "prose" and listed[0].meta["size"] >= 20 and listed[kinds].meta["size"] >= 20
    assert listed[3].markdown == validation_pages(9, 5, source, held_out)[3].markdown
    with pytest.raises(AdotxError, match="held-out"):
        validation_pages(1, 5, source, faces)


def test_wrap_loses_nothing(faces: list[FontFace]) -> None:
    type_ = Type(faces[0], 20)
    text = " ".join(KOREAN + ENGLISH + ["A" * 90])
    for keep_all in (True, False):
        for width in (60.0, 200.0, 700.0):
            lines = wrap(to_words([Span(text)], lambda _: type_), width, 20.0, type_.space, keep_all)
            assert "".join(span.text for span in to_spans(lines)) == text
            assert all(line.width <= width + 0.01 for line in lines)
