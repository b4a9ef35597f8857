"""vLLM, torch and our engine give the same greedy ids, on nano and on the published architecture in small."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from ask_vllm import Answer, ask
from PIL import Image
from references import Torch, published_in_small

import adotx
from adotx.checkpoint import open_checkpoint
from adotx.documents.layout import lay_out, pack
from adotx.documents.readers.prompts import read_row, transcribe_page
from adotx.engine import Engine, Request, SamplingParams
from reading_pages import reading_pages

NANO = Path(adotx.__file__).parent / "nano"
Case = tuple[list[dict[str, Any]], list[Path]]
PICTURE = [{"type": "image"}]
BLOCK = 128  # positions that vLLM for processors keeps together in its prefix cache


@pytest.fixture(scope="module")
def tiles(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """The first tile of rows of 20 pages of the page maker."""
    folder, paths = tmp_path_factory.mktemp("tiles"), []
    for number, page in enumerate(reading_pages()[:20]):
        path = folder / f"{number}.png"
        Image.fromarray(pack(lay_out(page.image)).tiles[0]).convert("RGB").save(path)
        paths.append(path)
    return paths


@pytest.fixture(scope="module")
def pictures(tmp_path_factory: pytest.TempPathFactory) -> list[Path]:
    """One tile; some; the most there can be."""
    folder = tmp_path_factory.mktemp("pictures")
    page = reading_pages()[0].image.convert("RGB")
    width = page.width
    sizes = {"one": page.crop((0, 0, 384, 384)), "some": page.crop((0, 0, width, width // 4))}
    sizes["most"] = page.crop((0, 0, width, width // 12))
    for name, picture in sizes.items():
        picture.save(folder / f"{name}.png")
    return [folder / f"{name}.png" for name in sizes]


def conversations(pictures: list[Path]) -> list[Case]:
    one, some, most = pictures
    question = transcribe_page()
    two = [{"role": "user", "content": [*PICTURE, {"type": "text", "text": "그리고"}, *PICTURE]}]
    return [
        (question, [one]),
        (question, [some]),
        (question, [most]),
        (two, [one, some]),
        (two, [some, one]),
        ([{"role": "user", "content": PICTURE * 3}], [one, one, some]),
        ([{"role": "user", "content": "한국의 수도는 어디인가요?"}], []),
    ]


def compare(checkpoint: Path, cases: list[Case], tokens: int, **settings: object) -> list[Answer]:
    """vLLM's answers, which are those of torch and of our engine."""
    reference = Torch(checkpoint)
    expected = [reference.answer(messages, images, tokens) for messages, images in cases]
    engine = Engine.load(open_checkpoint(checkpoint), weights="f32")
    stops = reference.stops()
    sampling = SamplingParams(max_new_tokens=tokens)
    requests = [
        Request(prompt, images=reference.tiles(*case), sampling=sampling)
        for case, (prompt, _) in zip(cases, expected, strict=True)
    ]
    for output, (_, wanted) in zip(engine.generate(requests), expected, strict=True):
        assert list(output.ids) == [i for i in wanted if i not in stops]
    del engine
    prompts = [
        {"text": reference.text(messages), "images": [str(path) for path in images]}
        for messages, images in cases
    ]
    answers = ask(checkpoint, prompts, tokens, **settings)
    for (prompt, wanted), answer in zip(expected, answers, strict=True):
        assert answer.prompt == prompt and answer.same_as(wanted)
    return answers


def test_nano_reads_rows_of_twenty_pages_and_whole_pictures(tiles: list[Path], pictures: list[Path]) -> None:
    rows: list[Case] = [(read_row(1), [path]) for path in tiles]
    again: list[Case] = [(read_row(5), [path]) for path in tiles[-4:]]
    talks = conversations(pictures)
    repeated = [talks[3], talks[5]]  # several pictures
    # In steps smaller than a picture: prompts are computed in chunks.
    cases = [*rows, *again, *talks, *repeated]
    answers = compare(NANO, cases, 24, max_num_batched_tokens=512)
    # Another row of a tile finds the picture and what is before it in the cache.
    assert all(answer.cached >= 128 for answer in answers[len(rows) :][: len(again)])
    # Behind another picture a picture is computed anew; the same prompt is there but for its end.
    turned = answers[len(rows) + len(again) + 4]
    slots = [place for place, token in enumerate(turned.prompt) if token == 22]
    assert turned.cached <= slots[-144]
    assert all(answer.cached > len(answer.prompt) - 2 * BLOCK for answer in answers[-2:])
    assert sum(len(answer.text) > 3 for answer in answers[:20]) > 15, "the rows are read, not passed over"
    assert {144, 13 * 144} < {answer.prompt.count(22) for answer in answers}


def test_the_published_architecture_in_small(
    shared: Path, tmp_path: Path, tiles: list[Path], pictures: list[Path]
) -> None:
    checkpoint = published_in_small(shared, tmp_path / "A.X-4.0-VL-Light")
    assert "auto_map" in json.loads((checkpoint / "config.json").read_text())
    rows: list[Case] = [(read_row(1), [path]) for path in tiles]
    compare(checkpoint, [*rows, *conversations(pictures)], 24)


def test_tensor_parallel_of_two(tiles: list[Path], pictures: list[Path]) -> None:
    reference = Torch(NANO)
    cases = [(read_row(1), [tiles[0]]), (read_row(2), [tiles[1]]), (transcribe_page(), [pictures[2]])]
    prompts = [
        {"text": reference.text(messages), "images": [str(path) for path in images]}
        for messages, images in cases
    ]
    for more in ({}, {"mm_encoder_tp_mode": "data"}):
        answers = ask(NANO, prompts, tensor_parallel_size=2, distributed_executor_backend="mp", **more)
        for (messages, images), answer in zip(cases, answers, strict=True):
            wanted = reference.answer(messages, images)[1]
            assert answer.same_as(wanted)
