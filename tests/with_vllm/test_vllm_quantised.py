"""A quantised text part beside a tower and a projector as they are; and the text models' own tokenizer."""

from __future__ import annotations

from pathlib import Path

import pytest
import torch
from ask_vllm import ask
from reduced import CONFIGS, reduced, simulate
from references import Torch, row_tile
from transformers import Qwen2ForCausalLM

import adotx
from adotx.chat import render_for
from adotx.checkpoint import open_checkpoint
from adotx.documents.readers.prompts import read_row

NANO = Path(adotx.__file__).parent / "nano"
ROWS = ["회의 자료 1,234원", "합계 98,700원", "2026년 11월 27일", "담당자 김하나 010-1234-5678"]


@pytest.mark.parametrize("kind", CONFIGS)
def test_fewer_bits_in_the_decoder(kind: str, tmp_path: Path) -> None:
    paths = [row_tile(text, tmp_path / f"{n}.png") for n, text in enumerate(ROWS)]
    reference = Torch(NANO)
    simulate(reference, kind)
    prompts = [{"text": reference.text(read_row(1)), "images": [str(path)]} for path in paths]
    # vLLM's kernels take bf16 alone, the simulation float32: a near tie may fall the other way.
    answers = ask(reduced(NANO, tmp_path / kind, kind), prompts, 40, dtype="bfloat16")
    expected = [reference.answer(read_row(1), [path], 40)[1] for path in paths]
    assert sum(answer.ids == wanted for answer, wanted in zip(answers, expected, strict=True)) >= 3


def test_a_quantised_tower_is_refused(tmp_path: Path) -> None:
    with pytest.raises(RuntimeError, match="leave vision_tower and multi_modal_projector out of quant"):
        ask(reduced(NANO, tmp_path / "all", "w8a8", everywhere=True), [], dtype="bfloat16")


def test_a_text_model_has_its_own_tokenizer(tmp_path: Path) -> None:
    """vLLM alone takes Qwen2's: digits one by one, line breaks joined."""
    reference = Torch(NANO)
    model = Qwen2ForCausalLM(reference.model.config.text_config)
    model.load_state_dict(reference.model.language_model.state_dict())
    model.generation_config = reference.model.generation_config
    model.save_pretrained(tmp_path)
    reference.processor.tokenizer.save_pretrained(tmp_path)
    text = "2026년 11월\n\n 합계 1,234원"
    messages = [{"role": "user", "content": f"{text}<|im_end|>"}]
    ids = reference.processor.tokenizer.encode(text)
    generate = model.eval().generate(torch.tensor([ids]), max_new_tokens=12, do_sample=False)
    written, talked = ask(tmp_path, [{"text": text}, {"messages": messages}], 12, limit_mm_per_prompt={})
    assert written.prompt == ids and written.ids == generate[0, len(ids) :].tolist()
    assert talked.prompt == list(render_for(open_checkpoint(NANO), messages).ids)
