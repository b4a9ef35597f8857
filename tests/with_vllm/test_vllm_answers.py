"""vLLM, torch and our engine give the same greedy ids, on nano and on the published architecture in small."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from ask_vllm import ask
from PIL import Image
from references import Torch, published_in_small

import adotx
from adotx.documents.layout import lay_out, pack
from adotx.documents.readers.prompts import read_row, transcribe_page
from adotx.engine import Engine, Request, SamplingParams
from reading_pages import reading_pages

NANO = Path(adotx.__file__).parent / "nano"
ROWS_ASKED = (1, 5)
PICTURE = [{"type": "image"}]


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
    """One tile; 5 or more; the most there can be."""
    folder = tmp_path_factory.mktemp("pictures")
    page = reading_pages()[0].image.convert("RGB")
    width = page.width
    sizes = {"one": page.crop((0, 0, width, width)), "some": page.crop((0, 0, width, width // 4))}
    sizes["most"] = page.crop((0, 0, width, width // 12))
    for name, picture in sizes.items():
        picture.save(folder / f"{name}.png")
    return [folder / f"{name}.png" for name in sizes]


def test_rows_of_twenty_pages(tiles: list[Path]) -> None:
    reference = Torch(NANO)
    engine = Engine.load(NANO, weights="f32")
    asked = [(path, row) for path in tiles for row in ROWS_ASKED]
    expected = [reference.answer(read_row(row), [path], 40) for path, row in asked]
    prompts = [{"text": reference.text(read_row(row)), "images": [str(path)]} for path, row in asked]
    answers = ask(NANO, prompts, 40)
    stops = set(reference.model.generation_config.eos_token_id)
    for (path, row), (prompt, wanted), answer in zip(asked, expected, answers, strict=True):
        assert answer.prompt == prompt, (path, row)
        assert answer.same_as(wanted)
        pixels = reference.inputs(read_row(row), [path])["pixel_values"].numpy()
        ours = engine.generate(
            [Request(prompt, images=[pixels], sampling=SamplingParams(max_new_tokens=40))]
        )[0]
        assert list(ours.ids) == [i for i in wanted if i not in stops]
    # The second row of a tile finds picture and beginning in the cache.
    assert all(answer.cached >= 128 for (_, row), answer in zip(asked, answers, strict=True) if row == 5)
    assert sum(len(answer.text) > 3 for answer in answers) > 20, "the rows are read, not passed over"


def conversations(pictures: list[Path]) -> list[tuple[list[dict], list[Path]]]:
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


def compare(checkpoint: Path, pictures: list[Path], **settings: object) -> None:
    reference = Torch(checkpoint)
    engine = Engine.load(checkpoint, weights="f32")
    cases = conversations(pictures)
    prompts = [
        {"text": reference.text(messages), "images": [str(path) for path in images]}
        for messages, images in cases
    ]
    answers = ask(checkpoint, prompts, 24, **settings)
    assert max(answer.prompt.count(22) for answer in answers) >= 13 * 144
    for (messages, images), answer in zip(cases, answers, strict=True):
        prompt, wanted = reference.answer(messages, images, 24)
        assert answer.prompt == prompt and answer.same_as(wanted)
        inputs, parts = reference.inputs(messages, images), []
        if images:
            counts = [
                reference.processor.image_processor.get_number_of_tiles(*Image.open(path).size)
                for path in images
            ]
            parts = [part.numpy() for part in inputs["pixel_values"].split(counts)]
        sampling = SamplingParams(max_new_tokens=24)
        ours = engine.generate([Request(prompt, images=parts, sampling=sampling)])[0]
        assert list(ours.ids) == wanted[: len(ours.ids)] and len(ours.ids) >= len(wanted) - 1


def test_pictures_in_nano_with_prompts_in_chunks(pictures: list[Path]) -> None:
    compare(NANO, pictures, max_num_batched_tokens=512)


def test_the_published_architecture_in_small(shared: Path, tmp_path: Path, pictures: list[Path]) -> None:
    checkpoint = published_in_small(shared, tmp_path / "A.X-4.0-VL-Light")
    assert "auto_map" in json.loads((checkpoint / "config.json").read_text())
    compare(checkpoint, pictures)


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
