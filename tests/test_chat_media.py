"""Pictures in messages: all ways to give one lead to the same tiles, in order; mistakes are told by place."""

from __future__ import annotations

import base64
import copy
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from PIL import Image

from adotx.chat.media import image_parts, image_tiles
from adotx.checkpoint import TileRule, parse_config
from adotx.errors import AdotxError
from adotx.vision import Limits, pixels
from checkpoint_toys import PREPROCESSOR, PROCESSOR, VL


@pytest.fixture(scope="module")
def rule() -> TileRule:
    tiles = parse_config(VL, PREPROCESSOR, PROCESSOR).tiles
    assert tiles is not None
    return tiles


def picture(seed: int, size: tuple[int, int] = (40, 30)) -> Image.Image:
    random = np.random.default_rng(seed)
    return Image.fromarray(random.integers(0, 256, (size[1], size[0], 3), dtype=np.uint8))


def png(image: Image.Image) -> bytes:
    file = io.BytesIO()
    image.save(file, "PNG")
    return file.getvalue()


def uri(image: Image.Image) -> str:
    return "data:image/png;base64," + base64.b64encode(png(image)).decode()


def user(*parts: Any) -> list[dict[str, Any]]:
    return [{"role": "user", "content": [*parts, {"type": "text", "text": "무엇?"}]}]


def code(messages: Any, rule: TileRule, images: Any = None, **options: Any) -> tuple[str, str]:
    """(code, message) of the refusal."""
    with pytest.raises(AdotxError) as refusal:
        image_tiles(messages, images, rule, **options)
    assert len(str(refusal.value)) < 400 and refusal.value.remedy
    return refusal.value.code, str(refusal.value)


def test_every_way_to_give_a_picture(rule: TileRule, tmp_path: Path) -> None:
    image = picture(0)
    path = tmp_path / "그림.png"
    image.save(path)
    lines = base64.encodebytes(png(image)).decode()
    parts = [
        {"type": "image", "image": image},
        {"type": "image", "image": path},
        {"type": "image", "image": str(path)},
        {"type": "image", "image": png(image)},
        {"type": "image", "image": io.BytesIO(png(image))},
        {"type": "image", "image": uri(image)},
        {"image": image},
        {"type": "image", "image": pixels(image, rule)},
        {"type": "image_url", "image_url": {"url": uri(image)}},
        {"type": "image_url", "image_url": {"url": uri(image), "detail": "high"}},
        {"type": "image_url", "image_url": uri(image)},
        {"type": "image_url", "image_url": {"url": f"DATA:;base64,{lines}"}},
        {"type": "image_url", "image_url": str(path)},
        {"type": "input_image", "image_url": uri(image)},
    ]
    found = image_tiles(user(*parts), None, rule)
    assert len(found) == len(parts)
    for tiles in found:
        assert np.array_equal(tiles, pixels(image, rule))


def test_order_is_that_of_the_parts(rule: TileRule) -> None:
    made = [picture(n, (40 + 50 * n, 30)) for n in range(5)]
    messages = [
        {"role": "system", "content": "a"},
        *user({"type": "image"}, {"type": "image", "image": made[1]}),
        {"role": "assistant", "content": None},
        *user({"type": "image_url", "image_url": uri(made[2])}, {"type": "image"}, {"type": "image"}),
    ]
    before = copy.deepcopy(messages)
    found = image_tiles(messages, (made[0], png(made[3]), made[4]), rule)
    assert all(np.array_equal(a, pixels(b, rule)) for a, b in zip(found, made, strict=True))
    assert [place for place, _ in image_parts(messages)] == [
        f"messages[{i}].content[{j}]" for i, j in ((1, 0), (1, 1), (3, 0), (3, 1), (3, 2))
    ]
    for message, old in zip(messages, before, strict=True):
        assert message.keys() == old.keys() and len(message["content"] or "") == len(old["content"] or "")


def test_a_turned_transparent_picture_is_opened_as_a_person_sees_it(rule: TileRule) -> None:
    clear = Image.new("RGBA", (30, 40), (0, 0, 0, 0))
    [tiles] = image_tiles(user({"type": "image", "image": clear}), None, rule)
    assert np.array_equal(tiles, pixels(Image.new("RGB", (30, 40), "white"), rule))
    assert clear.mode == "RGBA"


@pytest.mark.parametrize("given", [0, 1, 3])
def test_too_many_or_too_few(rule: TileRule, given: int) -> None:
    messages = user({"type": "image"}, {"type": "image", "image": picture(1)}, {"type": "image"})
    found, message = code(messages, rule, [picture(n) for n in range(given)])
    assert found == "chat.image_count"
    assert "2 image parts" in message and f"{given} images" in message


@pytest.mark.parametrize(
    "url",
    [
        "http://a.kr/x.png",
        "https://a.kr/x.png",
        "HTTPS://a.kr/x.png",
        "file:///etc/passwd",
        "file:x",
        "ftp://a/b",
    ],
)
@pytest.mark.parametrize("local_files", [True, False])
def test_nothing_is_fetched(rule: TileRule, url: str, local_files: bool) -> None:
    for part in ({"type": "image_url", "image_url": {"url": url}}, {"type": "image", "image": url}):
        found, message = code(user(part), rule, local_files=local_files)
        assert found == "media.url" and message.startswith("messages[0].content[0]: ")


def test_files_only_where_allowed(rule: TileRule, tmp_path: Path) -> None:
    path = tmp_path / "a.png"
    picture(0).save(path)
    for source in (path, str(path)):
        found, message = code(user({"type": "image", "image": source}), rule, local_files=False)
        assert found == "media.file" and str(path) not in message
        assert code(user({"type": "image"}), rule, [source], local_files=False)[0] == "media.file"
    assert image_tiles(user({"type": "image", "image": picture(0)}), None, rule, local_files=False)
    assert image_tiles(
        user({"type": "image_url", "image_url": uri(picture(0))}), None, rule, local_files=False
    )


def test_damage_names_the_part(rule: TileRule, tmp_path: Path) -> None:
    good = {"type": "image", "image": picture(0)}
    whole = png(picture(0))
    for source, expected in (
        ("data:image/png;base64,AAA", "media.data"),
        ("data:image/png;base64,가나다라", "media.data"),
        ("data:image/png;base64,A*AA", "media.data"),
        ("data:image/png,abc", "media.data"),
        ("data:", "media.data"),
        ("data:image/png;base64,", "image.empty"),
        ("data:image/png;base64," + base64.b64encode(b"no picture").decode(), "image.not_an_image"),
        (b"", "image.empty"),
        (whole[: len(whole) // 2], "image.truncated"),
        (5, "image.source"),
        ("", "media.source"),
        (base64.b64encode(bytes(9000)).decode(), "media.source"),
        (np.zeros((3, 4)), "media.source"),
        (np.zeros((0, 3, 4, 4), np.float32), "media.source"),
    ):
        messages = [
            *user(good),
            {"role": "assistant", "content": "그림"},
            *user(good, {"type": "image", "image": source}),
        ]
        found, message = code(messages, rule)
        assert found == expected, message
        assert message.startswith("messages[2].content[1]: "), message
        found, message = code(user({"type": "image"}, {"type": "image"}), rule, [picture(0), source])
        assert found == expected and message.startswith("images[1]: ")
    found, message = code(user({"type": "image", "image": tmp_path / "absent.png"}), rule)
    assert (
        found == "image.missing"
        and message.startswith("messages[0].content[0], ")
        and "absent.png" in message
    )


@pytest.mark.parametrize(
    "part", [{"type": "image_url"}, {"type": "image_url", "image_url": {}}, {"type": "input_image"}]
)
def test_a_url_part_without_one(rule: TileRule, part: dict[str, Any]) -> None:
    assert code(user(part), rule, [picture(0)])[0] == "media.source"


def test_limits(rule: TileRule) -> None:
    data = uri(picture(0, (200, 200)))  # noise: about 120 kB
    part = {"type": "image_url", "image_url": data}
    assert code(user(part), rule, limits=Limits(max_bytes=10_000))[0] == "image.too_many_bytes"
    # Judged before decoding: what is no base64 at all is refused for its size.
    huge = {"type": "image_url", "image_url": "data:image/png;base64," + "*" * 200_000}
    assert code(user(huge), rule, limits=Limits(max_bytes=10_000))[0] == "image.too_many_bytes"
    assert code(user(part), rule, limits=Limits(max_pixels=1000))[0] == "image.too_many_pixels"
    assert image_tiles(user(part), None, rule, limits=Limits(max_bytes=200_000))


@pytest.mark.parametrize("images", ["a.png", b"abc", picture(0), {"a": 1}])
def test_images_are_a_list(rule: TileRule, images: Any) -> None:
    assert code(user({"type": "image"}), rule, images)[0] == "media.source"


@pytest.mark.parametrize(
    "messages", [None, "a", {}, [None], ["a"], [{}], [{"content": 5}], [{"content": [None, 5, "a", {}]}]]
)
def test_what_is_malformed_is_left_to_the_renderer(rule: TileRule, messages: Any) -> None:
    assert image_tiles(messages, None, rule) == []
