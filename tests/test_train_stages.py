"""The shipped recipe, stage by stage: a tiny model, tiny texts, two steps each; then the result is opened."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")
zstandard = pytest.importorskip("zstandard")

from adotx.checkpoint import open_checkpoint, validate  # noqa: E402
from adotx.train import run  # noqa: E402

TINY = {
    "vision": {"hidden_size": 32, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 32},
    "text": {
        "hidden_size": 32,
        "num_hidden_layers": 3,
        "num_attention_heads": 2,
        "num_key_value_heads": 1,
        "intermediate_size": 32,
    },
}


@pytest.fixture(scope="module")
def corpora(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("corpora")
    origin = {"source": "a/b", "license": "MIT"}
    texts = [
        f"{n}번째 문장은 시험을 위해 지어낸 한국어 문장입니다. 문서를 읽는 연습을 합니다." for n in range(600)
    ]
    page = (
        "# 제목\n\n"
        + "\n\n".join(texts[:12])
        + "\n\n- 하나\n- 둘\n\n```\nprint('안녕')\nx = 1 + 2 + 3\n```\n"
    )
    rows = {
        "nsmc": [{"text": t} for t in texts],
        "chatbot": [{"question": f"{n}시에 뭐 해?", "answer": f"{n}시에는 쉬고 있어요."} for n in range(200)],
        "docs_ko": [
            {"text": page.replace("제목", f"제목 {n}"), "path": f"p{n}.md", **origin} for n in range(150)
        ],
        "pairs": [
            {
                "en": f"This is made-up sentence number {n}.",
                "ko": f"이것은 지어낸 {n}번 문장입니다.",
                **origin,
            }
            for n in range(400)
        ],
    }
    for name, entries in rows.items():
        data = "".join(json.dumps(e, ensure_ascii=False) + "\n" for e in entries).encode()
        (folder / f"{name}.jsonl.zst").write_bytes(zstandard.compress(data))
    return folder


def test_all_stages_run_and_make_a_checkpoint(
    corpora: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture
) -> None:
    from adotx.data import fonts as font_room
    from adotx.train import material, page_tiles

    package = pytest.importorskip("pylopdf_fonts_ko")
    folder = Path(package.__file__).parent
    faces = font_room.find_fonts([folder], tmp_path / "cache")
    # Two families at hand: both sides get the same ones.
    for room in (material, page_tiles):
        monkeypatch.setattr(room, "split_fonts", lambda _: (faces, faces))
    settings = {
        "out": str(tmp_path / "run"),
        "corpora": str(corpora),
        "fonts": [str(folder)],
        "model": TINY,
        "vocab_size": 3000,
        "max_steps": 2,
        "batch_size": 2,
        "workers": 0,
        "minutes": 5,
        "threads": 1,
    }
    for stage in ("tokenizer", "language", "glyphs", "reading", "pages", "export"):
        run(stage, settings)
    told = capsys.readouterr().err
    assert "144 image slots" in told and "CER of tiles" in told and "validation loss" in told
    checkpoint = open_checkpoint(str(tmp_path / "run" / "export"))
    assert checkpoint.extra == {"reader": "rows"} and checkpoint.eos_ids == (0, 27, 1)
    report = validate(str(tmp_path / "run" / "export"))
    assert report.ok, report.lines()


def test_a_stage_without_the_one_before_says_which(corpora: Path, tmp_path: Path) -> None:
    from adotx.errors import AdotxError

    with pytest.raises(AdotxError, match="adotx train tokenizer"):
        run("language", {"out": str(tmp_path), "corpora": str(corpora), "fonts": []})
