"""What fine-tuning is tested on: a small random model, rows with pictures and tools, a run's losses."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from PIL import Image

from adotx.finetune.states import last_state
from adotx.hf import AX4VLConfig, AX4VLForConditionalGeneration
from checkpoint_toys import toy_checkpoint

CALL = {"function": {"name": "get", "arguments": {"x": 1}}}
TOOLS = [{"type": "function", "function": {"name": "get", "parameters": {"type": "object"}}}]
QUIET = {"log_steps": 1, "threads": 1, "device": "cpu"}


def toy_base(folder: Path) -> Path:
    """The toy with weights as they are before training; those of the toy itself let losses explode."""
    path = toy_checkpoint(folder)
    torch.manual_seed(0)
    config = json.loads((path / "config.json").read_text())
    model = AX4VLForConditionalGeneration(AX4VLConfig.from_dict(config))
    with torch.no_grad():  # an adapter alone can say little through a head as small as a new one's
        model.get_input_embeddings().weight.mul_(10)
        model.get_output_embeddings().weight.mul_(10)
    files = {name: (path / name).read_bytes() for name in ("config.json", "generation_config.json")}
    model.save_pretrained(path)
    for name, content in files.items():
        (path / name).write_bytes(content)
    return path


def toy_pictures(folder: Path) -> Path:
    """A folder with two pictures, of one tile and of several."""
    Image.new("RGB", (64, 64), "white").save(folder / "one.png")
    Image.new("RGB", (200, 64), "black").save(folder / "many.png")
    return folder


def asked(n: int) -> list[dict[str, Any]]:
    """A question, in two of three with a picture."""
    parts: list[dict[str, Any]] = [{"type": "text", "text": f"what is {n}?"}]
    if n % 3:
        parts.insert(0, {"type": "image", "image": "one.png" if n % 2 else "many.png"})
    return [{"role": "user", "content": parts}]


def said(text: str, *calls: Any) -> list[dict[str, Any]]:
    return [{"role": "assistant", "content": text, **({"tool_calls": list(calls)} if calls else {})}]


def written(path: Path, rows: list[Any]) -> Path:
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    return path


def toy_conversations(folder: Path) -> Path:
    """Thirteen rows, with pictures, without, and with a call."""
    rows: list[Any] = [{"messages": asked(n) + said("the " * (1 + n % 4))} for n in range(12)]
    rows.append({"messages": asked(1) + said("", CALL), "tools": TOOLS})
    return written(folder / "sft.jsonl", rows)


def losses(out: Path, key: str = "loss") -> list[float]:
    state = last_state(out)
    assert state is not None
    history = json.loads((state / "trainer_state.json").read_text())["log_history"]
    return [row[key] for row in history if key in row]
