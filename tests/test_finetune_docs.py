"""docs/transformers.md and docs/finetune.md: their scripts run as written, their settings are the recipe's.

Needs the extra `finetune`.
"""

from __future__ import annotations

import dataclasses
import re
from pathlib import Path
from typing import Any

import pytest

from adotx.finetune.recipe import ALL_LAYERS, TEXT_LAYERS, Recipe

ROOT = Path(__file__).resolve().parent.parent
FINETUNE = (ROOT / "docs" / "finetune.md").read_text(encoding="utf-8")


def blocks(text: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```", text, re.M | re.S)


def test_settings_are_those_of_the_recipe() -> None:
    fields = {field.name for field in dataclasses.fields(Recipe)} - {"method"}
    table = FINETUNE.split("## Settings")[1].split("\n## ")[0]
    rows = [line.split("|")[1] for line in table.splitlines() if line.startswith("| `")]
    named = {word for row in rows for word in re.findall(r"`([a-z_]+)`", row)}
    assert named <= fields, named - fields
    # The rest are options of the command and stand in its commands.
    assert fields - named <= {"data", "images", "model", "online", "out", "lora"}, fields - named
    for setting in re.findall(r"\b([a-z_]+)=[\w.-]+", "\n".join(re.findall(r"^    .*", FINETUNE, re.M))):
        assert setting in fields, setting


def test_the_script_of_transformers_runs_as_written(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    pytest.importorskip("torch")
    monkeypatch.chdir(ROOT)
    (script,) = blocks((ROOT / "docs" / "transformers.md").read_text(encoding="utf-8"))
    exec(compile(script, "docs/transformers.md", "exec"), {})
    first = (ROOT / "examples" / "page.md").read_text(encoding="utf-8").splitlines()[0]
    assert capsys.readouterr().out.strip() == first.lstrip("# ")


def test_the_patterns_for_adapters_say_what_they_hit() -> None:
    pytest.importorskip("peft")
    from peft import LoraConfig

    (script,) = blocks(FINETUNE)
    made: list[Any] = []
    exec(script, {"LoraConfig": lambda **kwargs: made.append(LoraConfig(**kwargs))})
    both, text = (config.target_modules for config in made)
    assert both == {"q_proj", "v_proj"} and text == TEXT_LAYERS
    tower, decoder = (
        "vision_tower.vision_model.encoder.layers.0.self_attn.q_proj",
        ("language_model.model.layers.0.self_attn.q_proj"),
    )
    assert all(re.fullmatch(ALL_LAYERS, name) for name in (tower, decoder))
    assert re.fullmatch(TEXT_LAYERS, decoder) and not re.fullmatch(TEXT_LAYERS, tower)
