"""A pack: the same split and the same pictures from a fraction of the bytes."""

from __future__ import annotations

import json
import random
from pathlib import Path

import numpy as np
import pytest
from PIL import Image, ImageDraw

from adotx.alphabet import HANJA, SYMBOLS, common_syllables
from adotx.data import fonts as fonts_module
from adotx.data.corpora import documents, is_read
from adotx.data.fonts import FontFace, find_fonts, load
from adotx.data.packing import _LEAN, _cut, cut_faces, make_pack
from adotx.data.row_fonts import RowFonts
from adotx.data.split import split
from adotx.data.subset import cut, drawn
from adotx.errors import AdotxError
from hangul_fonts import both_sides

pytest.importorskip("fontTools")


@pytest.fixture(scope="module")
def folders(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, Path]:
    """Corpora and fonts."""
    root = tmp_path_factory.mktemp("originals")
    rows = {
        "nsmc": [{"text": f"{n}번째 영화", "label": 1} for n in range(3000)],
        "chatbot": [{"question": "안녕?", "answer": "네"}],
        "docs_ko": [{"text": "# 제목", "path": "a.md", "source": "a/b", "license": "MIT"}],
        "pairs": [{"en": "Yes", "ko": "네", "source": "a/b", "license": "MIT"}],
        "laws": [{"text": "# 법", "path": "1.md"}],
    }
    for name, entries in rows.items():
        lines = "".join(json.dumps(entry, ensure_ascii=False) + "\n" for entry in entries)
        (root / f"{name}.jsonl").write_text(lines, encoding="utf-8")
    # A part of the font of the development extra: cutting all of it takes a minute.
    small = SYMBOLS + "가한글봄빛뚫읽기" + "".join(common_syllables()[::8]) + HANJA[:1100]
    for number, face in enumerate(find_fonts([both_sides(root / "whole")])):
        (root / "fonts").mkdir(exist_ok=True)
        (root / "fonts" / f"{number}.otf").write_bytes(cut(face, drawn(face, small)))
    return root, root / "fonts"


@pytest.fixture(scope="module")
def pack(folders: tuple[Path, Path], tmp_path_factory: pytest.TempPathFactory) -> Path:
    out = tmp_path_factory.mktemp("pack")
    make_pack(out, folders[0], [folders[1]], 20)
    return out


def test_training_reads_the_same_texts(folders: tuple[Path, Path], pack: Path) -> None:
    for side in ("train", "validation"):
        before, after = (
            [d for d in documents(corpora) if split(d.key) == side and is_read(d)]
            for corpora in (folders[0], pack / "corpora")
        )
        assert before == after and before
    reviews = list(documents(folders[0], ["nsmc"]))
    held_out = [d for d in reviews if split(d.key) == "validation"]
    carried = list(documents(pack / "corpora", ["nsmc"]))
    assert [d for d in carried if split(d.key) == "validation"] == held_out
    assert 0.25 < len(carried) / len(reviews) < 0.42


def drawn_as(face: FontFace, text: str) -> np.ndarray:
    picture = Image.new("L", (1200, 150))
    ImageDraw.Draw(picture).text((5, 5), text, font=load(face, 96), fill=255)
    return np.asarray(picture, np.int16)


def test_faces_keep_their_names_sides_and_shapes(
    folders: tuple[Path, Path], pack: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(fonts_module, "default_cache", lambda: tmp_path)
    before, after = find_fonts([folders[1]]), find_fonts([pack / "fonts"])

    def described(face: FontFace) -> tuple:
        return face.family, face.weight, face.style, face.held_out, face.license

    assert list(map(described, before)) == list(map(described, after))
    for old, new in zip(before, after, strict=True):
        for text in ("한글 一丁 abc 123", "읽기 ○□※"):
            shown = "".join(c for c in text if c in RowFonts([(new.path, 0, 1.0)]).cover[0] or c == " ")
            # Large: what hinting does to small letters is gone.
            one, other = (drawn_as(f, shown) for f in (old, new))
            assert one.any() and np.abs(one - other).mean() < 4
    assert "OFL" in (pack / "NOTICE").read_text(encoding="utf-8")


def test_what_a_size_cannot_hold_is_told(folders: tuple[Path, Path], pack: Path, tmp_path: Path) -> None:
    with pytest.raises(AdotxError, match="not empty"):
        make_pack(pack, folders[0], [folders[1]])
    faces = find_fonts([folders[1]])
    with pytest.raises(AdotxError, match="too much"):
        cut_faces(faces, 1000)
    lean = cut_faces(faces, sum(len(_cut(face, drawn(face, _LEAN)).packed) for face in faces))
    assert len(lean) == len(faces) and not any(set(HANJA) & set(one.characters) for one in lean)
    rich = cut_faces(faces, 2**30)
    assert [set(HANJA) & set(one.characters) != set() for one in rich] == [not f.held_out for f in faces]


def test_faces_of_the_exam_are_left_out(
    folders: tuple[Path, Path], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    family = next(f.family for f in find_fonts([folders[1]]) if not f.held_out)
    monkeypatch.setattr(fonts_module, "EXAM_FAMILIES", frozenset({family.lower()}))
    made = make_pack(tmp_path / "pack", folders[0], [folders[1]], 20)
    assert made.faces == 1


def test_widths_from_one_syllable_are_the_widths(pack: Path) -> None:
    face = find_fonts([pack / "fonts"])[0]
    fonts = RowFonts([(face.path, face.index, 1.0)])
    assert fonts.even(0)
    syllables = sorted(c for c in fonts.cover[0] if "가" <= c <= "힣")
    rng = random.Random(1)
    for size in (11, 26, 40):
        text = "".join(rng.sample(syllables, 30)) + "abc 1,2"
        edges = fonts.advances(0, size, text)
        measured = np.cumsum([0.0, *(fonts.load(0, size).getlength(c) for c in text)])
        assert edges == pytest.approx(measured)
        assert fonts.advances(0, size, text, edges[5]) == edges[:7]
