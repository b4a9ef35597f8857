"""The export stage: the last reading stage's weights become a checkpoint folder in the published layout.

Data: none. Result: what `open_checkpoint` and others load: weights in bfloat16, config with
`adotx: {"reader": "rows", "answer": "row"}`, tokenizer, chat template, processor settings; and the timestep
heads (`timesteps.safetensors`), which only the row reader knows. Written beside its place and moved there
when it is whole. Knows nothing of training.
"""

from __future__ import annotations

import json
import shutil
import sys
from pathlib import Path

import torch
from transformers import GenerationConfig

from adotx.chat import chat_template
from adotx.checkpoint.tokenizer import AxTokenizer
from adotx.hf import AX4VLImageProcessor
from adotx.train import timesteps
from adotx.train.architecture import new_model
from adotx.train.recipe import Recipe
from adotx.train.results import is_finished, need
from adotx.train.stages.reading import ReadingModel
from adotx.train.stages.tokenizer import FILES
from adotx.train.trainer import latest_weights, load_weights
from adotx.train.weights import load_state, save_tensors, shard_limit

NEEDS = ("tokenizer",)
#: larger than any model that is trained here
_ONE_FILE = 2**40


def run(recipe: Recipe) -> Path:
    """Export the stage `pages`, or `reading` where pages were not trained on.

    A stage that is not finished is exported as it was last saved, so that a long run can be tried meanwhile.
    """
    words = need(recipe, "tokenizer")
    model = ReadingModel(new_model(recipe), AxTokenizer.open(words))
    load_state(model, _weights(recipe))
    return save_checkpoint(model, words, recipe.folder(), recipe.shard_megabytes)


def _weights(recipe: Recipe) -> dict[str, torch.Tensor]:
    for stage in ("pages", "reading"):
        folder = recipe.folder(stage)
        if is_finished(folder):
            return load_weights(folder)
        weights = latest_weights(folder)
        if weights:
            print(f"export: {stage} is not finished, its last save is taken", file=sys.stderr, flush=True)
            return weights
    return load_weights(need(recipe, "reading"))


def save_checkpoint(
    reader: ReadingModel, tokenizer_folder: Path, folder: Path, shard_megabytes: float = 0.0
) -> Path:
    """Write the folder, and return it; weights in files of at most `shard_megabytes` MiB (0: one file)."""
    made = folder.with_name(f"{folder.name}.partial")
    shutil.rmtree(made, ignore_errors=True)
    made.mkdir(parents=True)
    save_tensors(made, timesteps.FILE, timesteps.published(reader.heads))
    model = reader.plain().bfloat16()
    model.generation_config = GenerationConfig(
        bos_token_id=0, eos_token_id=[0, 27, 1], pad_token_id=1, use_cache=True
    )
    model.save_pretrained(made, max_shard_size=shard_limit(shard_megabytes) or _ONE_FILE)
    config = json.loads((made / "config.json").read_text(encoding="utf-8"))
    config["adotx"] = {"reader": "rows", "answer": "row"}
    _write(made / "config.json", config)
    AX4VLImageProcessor().save_pretrained(made)
    _write(
        made / "processor_config.json",
        {
            "image_token": "<|extra_id_11|>",
            "num_tokens_per_tile": 144,
            "patch_size": 16,
            "processor_class": "AX4VLProcessor",
        },
    )
    for name in FILES:
        if (tokenizer_folder / name).is_file():
            shutil.copyfile(tokenizer_folder / name, made / name)
    (made / "chat_template.jinja").write_text(chat_template("a.x-4-vl"), encoding="utf-8")
    shutil.rmtree(folder, ignore_errors=True)
    made.rename(folder)
    return folder


def _write(path: Path, value: dict) -> None:
    path.write_text(json.dumps(value, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
