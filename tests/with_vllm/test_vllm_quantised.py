"""A quantised text part beside a tower and a projector as they are; and the text models' own tokenizer."""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from ask_vllm import ask
from references import Torch, row_tile
from safetensors.torch import load_file, save_file
from transformers import Qwen2ForCausalLM

import adotx
from adotx.chat import render_for
from adotx.checkpoint import open_checkpoint
from adotx.documents.readers.prompts import read_row

NANO = Path(adotx.__file__).parent / "nano"
INT8 = {"num_bits": 8, "type": "int", "symmetric": True}
SCHEME = {
    "quant_method": "compressed-tensors",
    "format": "int-quantized",
    "quantization_status": "compressed",
    "config_groups": {
        "group_0": {
            "targets": ["Linear"],
            "weights": {**INT8, "strategy": "channel", "dynamic": False},
            "input_activations": {**INT8, "strategy": "token", "dynamic": True},
        }
    },
    "ignore": ["re:.*lm_head", "re:.*vision_tower.*", "re:.*multi_modal_projector.*"],
}


def quantised(source: Path, target: Path) -> Path:
    """nano with the decoder's linear layers in 8 bits, as compressed-tensors writes them."""
    shutil.copytree(source, target)
    tensors = {}
    for name, tensor in load_file(source / "model.safetensors").items():
        if name.startswith("language_model.model.layers.") and name.endswith("proj.weight"):
            scale = tensor.float().abs().amax(dim=1, keepdim=True) / 127
            tensors[name] = (tensor.float() / scale).round().to(torch.int8)
            tensors[f"{name}_scale"] = scale
        else:
            tensors[name] = tensor
    save_file(tensors, target / "model.safetensors", {"format": "pt"})
    config = json.loads((source / "config.json").read_text()) | {"quantization_config": SCHEME}
    (target / "config.json").write_text(json.dumps(config))
    return target


def simulated(reference: Torch) -> None:
    """The same arithmetic in torch: weights rounded, and each position's activations on the way."""

    def rounded(_: Any, given: tuple[torch.Tensor]) -> tuple[torch.Tensor]:
        scale = given[0].abs().amax(-1, keepdim=True).clamp(min=1e-9) / 127
        return ((given[0] / scale).round() * scale,)

    for layer in reference.model.language_model.model.layers.modules():
        if isinstance(layer, torch.nn.Linear):
            scale = layer.weight.data.abs().amax(1, keepdim=True) / 127
            layer.weight.data = (layer.weight.data / scale).round() * scale
            layer.register_forward_pre_hook(rounded)


def test_eight_bits_in_the_decoder(tmp_path: Path) -> None:
    texts = ["회의 자료 1,234원", "합계 98,700원", "2026년 11월 27일", "담당자 김하나 010-1234-5678"]
    paths = [row_tile(text, tmp_path / f"{n}.png") for n, text in enumerate(texts)]
    reference = Torch(NANO)
    simulated(reference)
    prompts = [{"text": reference.text(read_row(1)), "images": [str(path)]} for path in paths]
    # vLLM's kernel takes bf16 alone, the simulation float32: a near tie may fall the other way.
    answers = ask(quantised(NANO, tmp_path / "int8"), prompts, 40, dtype="bfloat16")
    expected = [reference.answer(read_row(1), [path], 40)[1] for path in paths]
    assert sum(answer.ids == wanted for answer, wanted in zip(answers, expected, strict=True)) >= 3


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
