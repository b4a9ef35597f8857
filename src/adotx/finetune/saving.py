"""Results in the published layout: an adapter folder, and a checkpoint with the adapter merged into it.

The merged checkpoint has the base's configuration, tokenizer and processor files and only safetensors, and
names no code (`auto_map`); it is written beside its place and moved there when it is whole. Knows no
training.
"""

from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import torch
from peft import PeftModel
from safetensors.torch import load_file, save_file

from adotx.checkpoint import Checkpoint
from adotx.finetune.loading import model_class

#: files of a base that go along as they are; weights, code and pickles do not
_ALONG = ("*.json", "*.jinja", "merges.txt", "LICENSE*", "NOTICE*", "timesteps.safetensors")
_TYPES = {"BF16": torch.bfloat16, "F16": torch.float16, "F32": torch.float32}
_NOT_ALONG = ("config.json", "model.safetensors.index.json")


def weaken(adapter: Path, strength: float) -> None:
    """The adapter in a folder with `strength` of its effect: a point between the base and what was learnt."""
    path = adapter / "adapter_model.safetensors"
    weights = {name: t * strength if "lora_B" in name else t for name, t in load_file(path).items()}
    save_file(weights, path, metadata={"format": "pt"})


def merge(checkpoint: Checkpoint, adapter: Path, out: Path) -> Path:
    """The base with the adapter in it, in the base's own type.

    Merged anew from the files, in float32: training may have held the base in four bits or sharded.
    """
    model = model_class(checkpoint).from_pretrained(
        checkpoint.path, dtype=torch.float32, local_files_only=True
    )
    merged: Any = PeftModel.from_pretrained(model, adapter, local_files_only=True).merge_and_unload()
    return publish(checkpoint, merged, out)


def publish(
    checkpoint: Checkpoint, model: Any, out: Path, state: dict[str, torch.Tensor] | None = None
) -> Path:
    """Write a model (or its weights `state`) with what goes along, in the type of the base's weights."""
    partial = out.with_name(f"{out.name}.partial")
    shutil.rmtree(partial, ignore_errors=True)
    partial.mkdir(parents=True)
    stored = checkpoint.tensors.spec(next(iter(checkpoint.tensors.names())))[0]
    kept = _TYPES.get(stored, torch.bfloat16)
    if state is not None:
        state = {name: t.to(kept) if t.is_floating_point() else t for name, t in state.items()}
    model.config.dtype = kept
    model.config.use_cache = True
    (model.to(kept) if state is None else model).save_pretrained(partial, state_dict=state)
    for pattern in _ALONG:
        for path in checkpoint.path.glob(pattern):
            if path.name not in _NOT_ALONG:
                _copy(path, partial / path.name)
    shutil.rmtree(out, ignore_errors=True)
    partial.rename(out)
    return out


def _copy(path: Path, out: Path) -> None:
    """The file as it is, but for what names code: the code does not go along."""
    shutil.copyfile(path, out)
    if path.suffix == ".json" and b'"auto_map"' in path.read_bytes():
        values = json.loads(path.read_text(encoding="utf-8"))
        if isinstance(values, dict) and isinstance(values.get("auto_map"), dict):  # in a vocabulary a token
            del values["auto_map"]
            out.write_text(json.dumps(values, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
