"""The example scripts of the two model cards, unchanged but for the path of the model (and cuda: cpu).

They run on small random checkpoints with the published configuration, tokenizer and processor files.
"""

from __future__ import annotations

import io
import json
import re
import sys
import types
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from PIL import Image  # noqa: E402
from transformers import Qwen2Config, Qwen2ForCausalLM  # noqa: E402

import adotx.hf as hf  # noqa: E402

SMALL_TEXT = {
    "hidden_size": 16,
    "num_hidden_layers": 1,
    "num_attention_heads": 2,
    "num_key_value_heads": 1,
    "intermediate_size": 16,
    "layer_types": ["full_attention"],
}
SMALL_VISION = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}


def copy_files(source: Path, target: Path) -> dict:
    """The files of a published checkpoint but for its weights; returns its config.json."""
    for file in source.iterdir():
        if not file.name.startswith("model.safetensors"):
            (target / file.name).write_bytes(file.read_bytes())
    return json.loads((target / "config.json").read_text())


@pytest.fixture(scope="module")
def vl(shared, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("A.X-4.0-VL-Light")  # with dots, which break remote code
    config = copy_files(shared / "ax4" / "vl", path)
    config["text_config"].update(SMALL_TEXT)
    config["vision_config"].update(SMALL_VISION)
    config["projector_config"].update(in_hidden_size=16, out_hidden_size=16)
    model = hf.AX4VLForConditionalGeneration(hf.AX4VLConfig.from_dict(config)).to(torch.bfloat16)
    published = (path / "generation_config.json").read_text()
    model.save_pretrained(path)
    (path / "config.json").write_text(json.dumps(config))
    (path / "generation_config.json").write_text(published)
    (path / "modeling_ax4vl.py").write_text("raise SystemExit('remote code ran')")
    return path


@pytest.fixture(scope="module")
def light(shared, tmp_path_factory) -> Path:
    path = tmp_path_factory.mktemp("A.X-4.0-Light")
    config = copy_files(shared / "ax4" / "light", path) | SMALL_TEXT
    published = (path / "generation_config.json").read_text()
    Qwen2ForCausalLM(Qwen2Config(**config)).to(torch.bfloat16).save_pretrained(path)
    (path / "config.json").write_text(json.dumps(config))
    (path / "generation_config.json").write_text(published)
    return path


def whole_strings(code: str) -> str:
    """Undo the line breaks that the stored copy of a card has inside string literals."""
    lines: list[str] = []
    for line in code.splitlines():
        if lines and lines[-1].count('"') % 2 and not lines[-1].strip().startswith("#"):
            lines[-1] += line
        else:
            lines.append(line)
    return "\n".join(lines)


def indented(code: str) -> str:
    """Give back the indentation of a `with` block that the stored copy of a card has lost (one statement)."""
    lines, inside = [], 0
    for line in code.splitlines():
        opened = inside > 0 or (bool(lines) and lines[-1].startswith("with ") and not line.startswith(" "))
        lines.append("    " + line if opened else line)
        inside = inside + line.count("(") - line.count(")") if opened else 0
    return "\n".join(lines)


def vl_scripts(shared: Path) -> list[str]:
    card = (shared / "cards" / "000_028d2a97d1175595.txt").read_text(encoding="utf-8")
    scripts = [code for code in re.findall(r"```python\n(.*?)```", card, re.S) if "AutoProcessor" in code]
    # the expected answer at the end is a bare string and was cut by the same line breaks
    return [whole_strings(re.sub(r'""".*?"""', "", code, flags=re.S)) for code in scripts]


def light_script(shared: Path) -> str:
    card = (shared / "cards" / "001_1a11290b801a9a6c.txt").read_text(encoding="utf-8")
    found = re.search(r"^import torch\nfrom transformers.*?^print\(response\)$", card, re.S | re.M)
    assert found is not None
    return indented(found.group())


def run(code: str, path: Path, published: str, max_new_tokens: int = 12) -> dict:
    code, paths = re.subn(re.escape(f'"{published}"'), repr(str(path)), code, count=1)
    assert paths == 1
    code = code.replace("'cuda'", "'cpu'").replace('"cuda"', '"cpu"')
    # an untrained model does not stop by itself; how long it babbles is not what is tested
    code = re.sub(r"(max_new_tokens\"?[:=] ?)\d+", rf"\g<1>{max_new_tokens}", code)
    scope: dict = {}
    exec(compile(code, "card", "exec"), scope)
    return scope


@pytest.mark.parametrize("index", [0, 1])
def test_vl_card(shared, vl, monkeypatch, capsys, index):
    picture = io.BytesIO()
    Image.new("RGB", (500, 300), "white").save(picture, "png")
    answer = types.SimpleNamespace(content=picture.getvalue(), raise_for_status=lambda: None)
    monkeypatch.setitem(sys.modules, "requests", types.SimpleNamespace(get=lambda url: answer))
    scope = run(vl_scripts(shared)[index], vl, "skt/A.X-4.0-VL-Light")
    assert isinstance(scope["model"], hf.AX4VLForConditionalGeneration)
    assert scope["model"].dtype == torch.bfloat16 and scope["model"].generation_config.use_cache
    settings = [(0.8, 0.5, 20), (0.95, 0.7, 1)][index]
    used = scope["generation_kwargs"]
    assert (used["top_p"], used["temperature"], used["top_k"]) == settings
    assert used["repetition_penalty"] == 1.05 and used["do_sample"] is True
    tiles = scope["inputs"]["pixel_values"].shape[0]
    assert (scope["inputs"].input_ids == 22).sum() == 144 * tiles
    made = scope["generated_ids_trimmed"][0]
    assert 1 <= len(made) <= 12 and isinstance(scope["response"][0], str)
    assert capsys.readouterr().out.rstrip("\n") == scope["response"][0].rstrip("\n")


def test_light_card(shared, light, capsys):
    scope = run(light_script(shared), light, "skt/A.X-4.0-Light")
    assert type(scope["model"]) is Qwen2ForCausalLM
    chat = json.loads((shared / "ax4" / "golden" / "chats.json").read_text(encoding="utf-8"))["light"][0]
    assert scope["messages"] == chat["messages"] and scope["input_ids"].tolist() == [chat["ids"]]
    assert isinstance(scope["response"], str) and capsys.readouterr().out


def test_light_uses_its_cache_when_generating(light):
    from transformers import AutoModelForCausalLM

    model = AutoModelForCausalLM.from_pretrained(light)
    made = model.generate(
        torch.tensor([[25, 8, 50, 27, 25, 10]]),
        max_new_tokens=3,
        do_sample=False,
        return_dict_in_generate=True,
    )
    assert made.past_key_values is not None
