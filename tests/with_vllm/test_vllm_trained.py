"""Adapters of `adotx train sft`, served: each request names its own, and says what PEFT and the engine say.

Needs the extra `finetune`.
"""

from __future__ import annotations

import json
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import openai
import pytest
from references import Torch, row_picture
from serving_vllm import served
from test_vllm_serve import expected, row_messages, url_of

import adotx
from adotx.checkpoint import open_checkpoint
from adotx.documents.readers.prompts import read_row
from adotx.engine import Engine, Request, SamplingParams
from adotx.finetune import run

pytest.importorskip("trl")
from peft import PeftModel

NANO = Path(adotx.__file__).parent / "nano"
TOKENS = 24


def rows(folder: Path, wrong: str) -> Path:
    """A few rows to read, each with an answer that nano would never give by itself."""
    out = folder / f"{wrong}.jsonl"
    with out.open("w", encoding="utf-8") as file:
        for number in range(4):
            row_picture(f"번호 {number}").save(folder / f"{number}.png")
            prompt = read_row(1)
            prompt[-1]["content"][0] = {"type": "image", "image": f"{number}.png"}
            answer = {"role": "assistant", "content": f"{wrong} {number}"}
            print(json.dumps({"messages": [*prompt, answer]}), file=file)
    return out


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("trained")


@pytest.fixture(scope="module")
def runs(folder: Path) -> dict[str, Path]:
    """Runs by name: the decoder alone, and the tower with it.

    Not named "text" or "image": vLLM takes such an adapter for every message with such a part.
    """
    out = {}
    for name, targets in (("decoder", "text"), ("everything", "all")):
        out[name] = folder / name
        data = rows(folder, f"{name}로 배운 것")
        settings = {"targets": targets, "max_steps": 8, "batch": 1, "learning_rate": 3e-3, "threads": 1}
        run("sft", {"data": [data], "out": out[name], **settings}, lambda what: None)
    return out


def test_each_request_has_the_adapter_it_names(folder: Path, runs: dict[str, Path]) -> None:
    picture = folder / "page.png"
    messages = row_messages(url_of(row_picture("합계 1,234원"), picture))
    names = [None, *runs, None, *reversed(runs)]
    modules = [f"{name}={out / 'adapter'}" for name, out in runs.items()]
    options = "--served-model-name nano --dtype float32 --max-model-len 2048 --enforce-eager --enable-lora"
    options += f" --max-loras 2 --max-lora-rank 16 --lora-modules {' '.join(modules)}"
    with served(NANO, folder / "log", *options.split()) as url:
        client = openai.OpenAI(base_url=url, api_key="none", max_retries=0)
        assert {"nano", *runs} == {model.id for model in client.models.list()}

        def say(name: str | None) -> str:
            more: dict[str, Any] = {"temperature": 0, "max_tokens": TOKENS}
            answer = client.chat.completions.create(model=name or "nano", messages=messages, **more)
            return answer.choices[0].message.content

        said = [say(name) for name in names]
        with ThreadPoolExecutor(len(names)) as pool:
            assert list(pool.map(say, names)) == said, "one beside another"
    plain = Torch(NANO)
    stops = plain.stops()
    wanted: dict[str | None, str] = {None: expected(plain, messages, [picture], TOKENS)}
    for name, out in runs.items():
        adapted = Torch(NANO)
        adapted.model = PeftModel.from_pretrained(adapted.model, out / "adapter").eval()
        prompt, ids = adapted.answer(read_row(1), [picture], TOKENS)
        merged = Engine.load(open_checkpoint(out / "merged"), weights="f32")
        request = Request(
            prompt, images=plain.tiles(read_row(1), [picture]), sampling=SamplingParams(max_new_tokens=TOKENS)
        )
        (output,) = merged.generate([request])
        assert list(output.ids) == [i for i in ids if i not in stops]
        wanted[name] = expected(adapted, messages, [picture], TOKENS)
    assert len(set(wanted.values())) == 3, "what changes nothing proves nothing"
    # At the end vLLM leaves half a character out.
    assert said == [wanted[name].rstrip("\ufffd") for name in names]
