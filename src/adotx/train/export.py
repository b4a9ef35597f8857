"""A trained model and its tokenizer in, a checkpoint folder in the published layout out.

It is what `open_checkpoint` and others load.
Knows nothing of training.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path

from transformers import GenerationConfig

from adotx.chat import chat_template
from adotx.hf import AX4VLForConditionalGeneration, AX4VLImageProcessor

_TOKENIZER_FILES = ("tokenizer.json", "tokenizer_config.json", "vocab.json", "merges.txt")


def save_checkpoint(model: AX4VLForConditionalGeneration, tokenizer_folder: Path, folder: Path) -> Path:
    """Write the folder, and return it.

    Weights in bfloat16, config with `adotx: {"reader": "rows"}`, tokenizer, chat template, processor
    settings.
    """
    folder.mkdir(parents=True, exist_ok=True)
    model = model.bfloat16()
    model.generation_config = GenerationConfig(
        bos_token_id=0, eos_token_id=[0, 27, 1], pad_token_id=1, use_cache=True
    )
    model.save_pretrained(folder)
    config = json.loads((folder / "config.json").read_text(encoding="utf-8"))
    config["adotx"] = {"reader": "rows"}
    _write(folder / "config.json", config)
    AX4VLImageProcessor().save_pretrained(folder)
    _write(
        folder / "processor_config.json",
        {
            "image_token": "<|extra_id_11|>",
            "num_tokens_per_tile": 144,
            "patch_size": 16,
            "processor_class": "AX4VLProcessor",
        },
    )
    for name in _TOKENIZER_FILES:
        shutil.copyfile(tokenizer_folder / name, folder / name)
    (folder / "chat_template.jinja").write_text(chat_template("a.x-4-vl"), encoding="utf-8")
    return folder


def _write(path: Path, value: dict) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
