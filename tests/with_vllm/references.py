"""What torch says: greedy answers of `adotx.hf`, in the process of the test, and checkpoints made for it."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from PIL import Image, ImageDraw
from transformers import AutoProcessor

import adotx.hf as hf
from adotx.documents.layout import lay_out, pack
from documents_pages import hangul_face

#: the published architecture in small: 7 query heads for each of 2 key heads, heads of 32, rotary base and
#: biases as published, output matrix of its own; a tower whose heads are 72 wide, 576 patches, 144 tokens
SMALL_TEXT = {
    "hidden_size": 448,
    "num_hidden_layers": 3,
    "num_attention_heads": 14,
    "num_key_value_heads": 2,
    "intermediate_size": 512,
    "layer_types": ["full_attention"] * 3,
}
SMALL_VISION = {
    "hidden_size": 288,
    "num_hidden_layers": 3,
    "num_attention_heads": 4,
    "intermediate_size": 256,
}


class Torch:
    """A checkpoint in torch, float32 unless said otherwise."""

    def __init__(self, checkpoint: Path | str, dtype: torch.dtype = torch.float32) -> None:
        self.processor = AutoProcessor.from_pretrained(checkpoint)
        self.model = hf.AX4VLForConditionalGeneration.from_pretrained(checkpoint, dtype=dtype).eval()

    def text(self, messages: list[dict[str, Any]]) -> str:
        """A conversation as text with one image token for each image."""
        return self.processor.apply_chat_template(messages, add_generation_prompt=True)

    def inputs(self, messages: list[dict[str, Any]], images: list[Path], **options: Any) -> Any:
        """Of one conversation, rendered by id."""
        pictures = [Image.open(path) for path in images]
        return self.processor.apply_chat_template(
            messages,
            images=pictures,
            add_generation_prompt=True,
            tokenize=True,
            return_dict=True,
            return_tensors="pt",
            **options,
        )

    def tiles(self, messages: list[dict[str, Any]], images: list[Path]) -> list[Any]:
        """The tiles of each image, as arrays."""
        if not images:
            return []
        count = self.processor.image_processor.get_number_of_tiles
        counts = [count(*Image.open(path).size) for path in images]
        pixels = self.inputs(messages, images)["pixel_values"]
        return [part.numpy() for part in pixels.split(counts)]

    def answer(
        self, messages: list[dict[str, Any]], images: list[Path] = (), max_tokens: int = 16, **options: Any
    ) -> tuple[list[int], list[int]]:
        """(ids of the prompt, new ids up to and with the one that ends the answer)."""
        inputs = self.inputs(messages, list(images), **options)
        prompt = inputs["input_ids"][0].tolist()
        with torch.no_grad():
            made = self.model.generate(
                **inputs, max_new_tokens=max_tokens, do_sample=False, repetition_penalty=1.0
            )
        return prompt, made[0, len(prompt) :].tolist()

    def stops(self) -> set[int]:
        """The ids that end an answer, which the engine leaves out."""
        eos = self.model.generation_config.eos_token_id
        return set(eos if isinstance(eos, list) else [eos])


def row_picture(text: str) -> Image.Image:
    """A tile as nano reads it, with one row of text."""
    page = Image.new("RGB", (900, 300), "white")
    ImageDraw.Draw(page).text((80, 120), text, fill="black", font=hangul_face("Sans", 30))
    return Image.fromarray(pack(lay_out(page)).tiles[0]).convert("RGB")


def row_tile(text: str, path: Path) -> Path:
    """`row_picture` as a file."""
    row_picture(text).save(path)
    return path


def published_in_small(shared: Path, path: Path) -> Path:
    """A random checkpoint: every published file (vocabulary, `auto_map`), and small matrices."""
    path.mkdir(parents=True)
    for file in (shared / "ax4" / "vl").iterdir():
        if not file.name.startswith("model.safetensors"):
            (path / file.name).write_bytes(file.read_bytes())
    config = json.loads((path / "config.json").read_text())
    config["text_config"].update(SMALL_TEXT)
    config["vision_config"].update(SMALL_VISION)
    config["projector_config"].update(
        in_hidden_size=SMALL_VISION["hidden_size"], out_hidden_size=SMALL_TEXT["hidden_size"]
    )
    kept = (path / "generation_config.json").read_bytes()
    torch.manual_seed(0)
    model = hf.AX4VLForConditionalGeneration(hf.AX4VLConfig.from_dict(config))
    with torch.no_grad():
        for parameter in model.parameters():
            if parameter.ndim > 1:  # wide enough for answers that do not hang on the last bit
                parameter.normal_(0.0, 2.0 / parameter[0].numel() ** 0.5)
            else:
                parameter.add_(torch.randn_like(parameter) * 0.05)
    model.to(torch.bfloat16).save_pretrained(path)
    (path / "config.json").write_text(json.dumps(config))
    (path / "generation_config.json").write_bytes(kept)
    (path / "modeling_ax4vl.py").write_text("raise SystemExit('remote code ran')")
    return path
