"""Pictures over HTTP, with nano: the model sees what a person sees; what is no picture is a clear 400."""

from __future__ import annotations

import base64
import io
import struct
import zlib
from collections.abc import Iterator
from typing import Any

import httpx2 as httpx
import openai
import pytest
from openai import OpenAI
from PIL import Image

from adotx.model import Model
from adotx.server.service import Service
from adotx.server.settings import Settings
from serving import data_uri, image_part, openai_client, picture, serving


@pytest.fixture(scope="module")
def served() -> Iterator[tuple[str, Service]]:
    settings = Settings(access_log=False, max_images=4, max_image_bytes=200_000, max_image_pixels=4_000_000)
    with serving(Model.open("nano", "f32", local_files=False), settings) as served:
        yield served


@pytest.fixture(scope="module")
def client(served: tuple[str, Service]) -> OpenAI:
    return openai_client(served[0])


def ask(client: OpenAI, *parts: Any, **more: Any) -> Any:
    content = [*parts, {"type": "text", "text": "?"}]
    return client.chat.completions.create(
        model="nano",
        messages=[{"role": "user", "content": content}],
        max_tokens=more.pop("max_tokens", 2),
        **more,
    )


def details(answer: Any) -> dict[str, int]:
    return answer.usage.prompt_tokens_details.model_dump()


def saved(image: Image.Image, kind: str = "PNG", **saving: Any) -> bytes:
    file = io.BytesIO()
    image.save(file, kind, **saving)
    return file.getvalue()


def prompt(client: OpenAI, file: bytes) -> list[Any]:
    """What the model makes of a picture: its first tokens' exact log-probabilities."""
    answer = ask(client, image_part(file), logprobs=True, top_logprobs=3, max_tokens=3)
    return [(token.token, token.logprob) for token in answer.choices[0].logprobs.content]


class TestCounts:
    def test_image_tokens(self, client: OpenAI) -> None:
        one, two = (
            ask(client, image_part(picture())),
            ask(client, image_part(picture()), image_part(picture(seed=1))),
        )
        assert details(two)["image_tokens"] == 2 * details(one)["image_tokens"] > 0
        for answer in (one, two):
            told = details(answer)
            assert told["image_tokens"] + told["text_tokens"] == answer.usage.prompt_tokens

    def test_detail(self, client: OpenAI) -> None:
        wide = picture(240, 120)
        counts = {
            detail: details(ask(client, image_part(wide, detail=detail)))["image_tokens"]
            for detail in ("low", "auto", "high")
        }
        assert counts["low"] <= counts["auto"] == counts["high"]
        told = client.models.list().data[0].model_dump()["tiles"]
        assert counts["low"] == told["tokens_per_tile"] * told["low_detail"]

    def test_cached_and_salted(self, client: OpenAI) -> None:
        page = image_part(picture(seed=77))
        first, again = (details(ask(client, page))["cached_tokens"] for _ in range(2))
        salted = details(ask(client, page, extra_body={"cache_salt": "mine"}))["cached_tokens"]
        assert first < again and salted == 0

    def test_metrics(self, served: tuple[str, Service], client: OpenAI) -> None:
        def told(name: str) -> float:
            lines = httpx.get(served[0] + "/metrics").text.splitlines()
            return sum(float(line.split()[-1]) for line in lines if line.startswith(f"adotx:{name}"))

        before = told("images_total"), told("tiles_total"), told("image_failures_total")
        ask(client, image_part(picture()))
        with pytest.raises(openai.BadRequestError):
            ask(client, image_part(b"no picture"))
        after = told("images_total"), told("tiles_total"), told("image_failures_total")
        assert after[0] == before[0] + 1 and after[1] > before[1] and after[2] == before[2] + 1


class TestSeenAsAPersonSeesIt:
    """CVE-2026-12491: rotation in EXIF and transparency were ignored, so the model saw another picture."""

    def test_rotation(self, client: OpenAI) -> None:
        image = Image.open(io.BytesIO(picture(60, 60)))
        exif = Image.Exif()
        exif[0x0112] = 6  # to be turned by 90 degrees clockwise
        turned = saved(image.rotate(90, expand=True), exif=exif)
        assert prompt(client, turned) == prompt(client, saved(image))

    def test_transparency(self, client: OpenAI) -> None:
        letters = Image.new("RGB", (60, 60), "white")
        letters.paste("black", (10, 10, 30, 30))
        hidden = Image.new("RGBA", (60, 60), (0, 0, 0, 0))  # black that nobody sees
        hidden.paste((0, 0, 0, 255), (10, 10, 30, 30))
        palette = Image.new("P", (60, 60), 0)
        palette.putpalette([0, 0, 0, 0, 0, 1])
        palette.paste(1, (10, 10, 30, 30))
        seen = prompt(client, saved(letters))
        assert prompt(client, saved(hidden)) == seen
        assert prompt(client, saved(hidden.convert("LA"))) == seen
        almost = Image.new("RGB", (60, 60), "white")
        almost.paste((0, 0, 1), (10, 10, 30, 30))
        assert prompt(client, saved(palette, transparency=0)) == prompt(client, saved(almost))


def png_of(width: int, height: int) -> bytes:
    """A PNG that claims a size and holds next to nothing."""

    def chunk(kind: bytes, data: bytes) -> bytes:
        return struct.pack(">I", len(data)) + kind + data + struct.pack(">I", zlib.crc32(kind + data))

    head = struct.pack(">IIBBBBB", width, height, 8, 2, 0, 0, 0)
    return (
        b"\x89PNG\r\n\x1a\n"
        + chunk(b"IHDR", head)
        + chunk(b"IDAT", zlib.compress(b"\0" * 100))
        + chunk(b"IEND", b"")
    )


def frames(count: int) -> bytes:
    pages = [Image.new("RGB", (8, 8), (i, 0, 0)) for i in range(count)]
    return saved(pages[0], "GIF", save_all=True, append_images=pages[1:])


WHOLE = picture()
BAD = {
    "not base64": "data:image/png;base64,!!!",
    "not a picture": data_uri(b"hello"),
    "empty": data_uri(b""),
    "cut": data_uri(WHOLE[: len(WHOLE) // 2]),
    "damaged": data_uri(WHOLE[:60] + b"\0" * 40 + WHOLE[100:]),
    "bomb": data_uri(png_of(100_000, 100_000)),
    "a side of nothing": data_uri(png_of(0, 5)),
    "over the pixels": data_uri(saved(Image.new("L", (2001, 2000)))),
    "over the bytes": data_uri(picture(400, 400, "BMP")),
    "many frames": data_uri(frames(5), "image/gif"),
    "pdf": data_uri(b"%PDF-1.4 1 0 obj", "application/pdf"),
    "svg": data_uri(b"<svg xmlns='http://www.w3.org/2000/svg'/>", "image/svg+xml"),
    "video": data_uri(b"\0\0\0\x18ftypmp42" + b"\0" * 40, "video/mp4"),
    "no scheme": base64.b64encode(WHOLE).decode(),
    "path": "/etc/passwd",
    "file": "file:///etc/passwd",
    "http": "http://127.0.0.1:1/a.png",
    "https": "https://example.org/a.png",
    "ftp": "ftp://example.org/a.png",
    "nothing": "",
    "no string": 7,
    "null": None,
}


class TestBadPictures:
    """vLLM #21254, #47163, #11629, Rapid-MLX #457: 500s, empty answers. CVE-2026-22778: decoders' words."""

    @pytest.mark.parametrize("kind", BAD)
    @pytest.mark.parametrize("stream", [False, True])
    def test_a_clear_400(self, served: tuple[str, Service], kind: str, stream: bool) -> None:
        parts = [image_part(WHOLE), {"type": "image_url", "image_url": {"url": BAD[kind]}}]
        body = {
            "model": "nano",
            "messages": [{"role": "user", "content": parts}],
            "max_tokens": 1,
            "stream": stream,
        }
        answer = httpx.post(f"{served[0]}/v1/chat/completions", json=body)
        assert answer.status_code == 400, answer.text
        error = answer.json()["error"]
        assert error["param"].startswith("messages[0].content[1]") and error["code"].split(".")[0] in (
            "image",
            "media",
        )
        for words in ("PIL", "object at 0x", "zlib", "Errno", "libpng", "passwd", "Traceback"):
            assert words not in answer.text

    def test_they_hold_nothing(self, served: tuple[str, Service], client: OpenAI) -> None:
        assert ask(client, image_part(WHOLE)).choices
        stats = served[1].model.model.engine.stats()
        assert stats.running == stats.waiting == 0

    def test_tiny_ones_are_read(self, client: OpenAI) -> None:
        for width, height in ((1, 1), (1, 2), (2, 1)):
            assert details(ask(client, image_part(picture(width, height))))["image_tokens"] > 0

    def test_too_many(self, client: OpenAI) -> None:
        with pytest.raises(openai.BadRequestError) as refusal:
            ask(client, *[image_part(WHOLE)] * 5)
        assert refusal.value.code == "server.limit"

    def test_other_detail(self, client: OpenAI) -> None:
        with pytest.raises(openai.BadRequestError) as refusal:
            ask(client, image_part(WHOLE, detail="8k"))
        assert refusal.value.code == "server.parameter"

    def test_other_parts(self, client: OpenAI) -> None:
        for part in (
            {"type": "video_url", "video_url": {"url": BAD["video"]}},
            {"type": "input_audio"},
            {"type": "image", "image": "/etc/passwd"},
            {"type": "image"},
            {},
        ):
            with pytest.raises(openai.BadRequestError):
                ask(client, part)
