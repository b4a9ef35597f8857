"""Incidents of other servers that no other test of ours stands for; docs/server-checks.md names the rest."""

from __future__ import annotations

import ast
import io
from collections.abc import Iterator
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from openai import OpenAI
from PIL import Image

import adotx
from adotx.chat import render
from adotx.checkpoint import open_checkpoint
from adotx.checkpoint.tokenizer import AxTokenizer
from adotx.model import Model
from serving import asked, image_part

SOURCE = Path(adotx.__file__).parent


@pytest.fixture(scope="module")
def tokenizer() -> AxTokenizer:
    return open_checkpoint("nano").tokenizer


@pytest.fixture(scope="module")
def nano() -> Iterator[OpenAI]:
    with asked(Model.open("nano", local_files=False)) as client:
        yield client


@given(st.lists(st.tuples(st.text(max_size=20), st.integers(1, 40)), min_size=1, max_size=40))
@settings(deadline=None)
def test_placeholders_are_expanded_in_linear_work(
    tokenizer: AxTokenizer, parts: list[tuple[str, int]]
) -> None:
    """CVE-2025-46560: each text is encoded once and each position written once, however many pictures."""
    encoded: list[str] = []

    class Counting:
        def __getattr__(self, name: str) -> object:
            return getattr(tokenizer, name)

        def encode(self, text: str) -> list[int]:
            encoded.append(text)
            return tokenizer.encode(text)

    content: list[dict[str, str]] = []
    for text, _ in parts:
        content += [{"type": "text", "text": text}, {"type": "image"}]
    tiles = [count for _, count in parts]
    counting: AxTokenizer = Counting()  # type: ignore[assignment]
    rendered = render([{"role": "user", "content": content}], counting, tiles=tiles, tokens_per_tile=7)
    bare = render([{"role": "user", "content": ""}], tokenizer)
    assert sum(map(len, encoded)) <= len(bare.text) + sum(len(text) for text, _ in parts)
    assert [slot.length for slot in rendered.slots] == [7 * count for count in tiles]
    texts = sum(len(tokenizer.encode(text)) for text in encoded)
    assert len(rendered.ids) <= 7 * sum(tiles) + texts + len(bare.ids)


def prompt(client: OpenAI, file: bytes) -> tuple[list[float], int]:
    """What the model makes of a picture, and how much of it was in the cache."""
    messages = [{"role": "user", "content": [image_part(file)]}]
    answer = client.chat.completions.create(
        model="nano",
        messages=messages,  # type: ignore[arg-type]
        logprobs=True,
        top_logprobs=3,
        max_tokens=1,
        extra_body={"ignore_eos": True},
    )
    assert answer.usage and answer.usage.prompt_tokens_details and answer.choices[0].logprobs
    [token] = answer.choices[0].logprobs.content or []
    return [top.logprob for top in token.top_logprobs], answer.usage.prompt_tokens_details.cached_tokens or 0


def test_the_same_bytes_in_another_shape_are_another_picture(nano: OpenAI) -> None:
    """CVE-2025-46722: pictures were known again by their bytes alone, without mode and size."""
    values = bytes((i * 37) % 256 for i in range(64 * 96))
    files = []
    for mode, size in (("L", (64, 96)), ("L", (96, 64)), ("RGB", (32, 64)), ("RGB", (64, 32))):
        file = io.BytesIO()
        Image.frombytes(mode, size, values).save(file, "PNG")
        files.append(file.getvalue())
    seen = [prompt(nano, file) for file in files]
    assert len({tuple(logprobs) for logprobs, _ in seen}) == len(files)
    again = [prompt(nano, file) for file in files]
    assert [logprobs for logprobs, _ in again] == [logprobs for logprobs, _ in seen]
    assert all(cached > 0 for _, cached in again)


def test_nothing_is_unpickled_and_no_text_becomes_code() -> None:
    """CVE-2025-32444, CVE-2026-3059 and their kin: weights are safetensors, processes speak JSON."""
    for path in SOURCE.rglob("*.py"):
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
            if isinstance(node, ast.Import | ast.ImportFrom):
                module = getattr(node, "module", None) or ""
                names = {module.split(".")[0], *(alias.name.split(".")[0] for alias in node.names)}
                assert not names & {"pickle", "dill", "cloudpickle", "marshal", "shelve", "joblib"}, path
            if isinstance(node, ast.Call):
                called = node.func.id if isinstance(node.func, ast.Name) else ""
                assert called not in ("eval", "exec", "compile", "__import__"), path
                if isinstance(node.func, ast.Attribute) and ast.unparse(node.func) in (
                    "torch.load",
                    "np.load",
                ):
                    safe = {keyword.arg: ast.unparse(keyword.value) for keyword in node.keywords}
                    assert safe.get("weights_only") == "True" or safe.get("allow_pickle") == "False", path
                for keyword in node.keywords:
                    if keyword.arg == "trust_remote_code":
                        assert ast.unparse(keyword.value) == "False", path
