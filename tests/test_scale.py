"""docs/scale.md: its files are read by those who use them, its figures follow from the configurations."""

from __future__ import annotations

import re
import tomllib
from math import prod
from pathlib import Path

import pytest

from adotx.checkpoint import expected_tensors, memory_estimate, read_config
from adotx.finetune import read_recipe

FOLDER = Path(__file__).parent.parent / "docs" / "scale"
TEXT = (FOLDER.parent / "scale.md").read_text(encoding="utf-8")
#: hidden, layers, heads, KV heads, inner, vocabulary
LIGHT, LARGE = (3584, 28, 28, 4, 18944, 102400), (8192, 80, 64, 8, 29568, 102400)


def layer(h: int, heads: int, k: int, i: int) -> int:
    return 2 * h * h + 2 * h * 128 * k + 3 * h * i + (h + 2 * 128 * k) + 2 * h


def language(h: int, layers: int, heads: int, k: int, i: int, v: int) -> int:
    return layers * layer(h, heads, k, i) + 2 * v * h + h


def adapter(h: int, layers: int, k: int, i: int, r: int = 16) -> int:
    return layers * r * (2 * 2 * h + 2 * (h + 128 * k) + 3 * (h + i))


def test_every_file_is_named() -> None:
    assert all(f"scale/{path.name}" in TEXT for path in FOLDER.iterdir())


def test_sizes() -> None:
    for h, layers, heads, k, i, v in (LIGHT, LARGE):
        figures = [layer(h, heads, k, i), language(h, layers, heads, k, i, v), 2 * 2 * 128 * k * layers]
        figures.append(adapter(h, layers, k, i))
        for figure in figures:
            assert f"{figure:,}" in TEXT, figure


def test_sizes_are_those_of_the_published_configuration(shared: Path) -> None:
    config = read_config(shared / "ax4" / "vl")
    shapes = expected_tensors(config)
    words = sum(prod(shape) for name, shape in shapes.items() if name.startswith("language_model"))
    assert words == language(*LIGHT)
    assert f"{sum(map(prod, shapes.values())) - words:,}" in TEXT
    assert memory_estimate(config).kv_per_token["bf16"] == 57344


def test_memory_and_throughput() -> None:
    light, large = language(*LIGHT) + 430_035_184, language(*LARGE)
    small, big = adapter(3584, 28, 4, 18944), adapter(8192, 80, 8, 29568)
    row = {line.split("|")[1].strip(): line for line in TEXT.splitlines() if line.startswith("| ")}
    assert f"{16 * light / 8 / 1e9:.1f} GB" in row["all weights, FSDP"]
    assert f"{16 * large / 32 / 1e9:.1f} GB" in row["all weights, FSDP"]
    assert f"{(2 * light + 16 * small) / 1e9:.1f} GB" in row["LoRA, one GPU"]
    assert f"{(2 * large + 16 * big) / 1e9:.1f} GB" in row["LoRA, one GPU"]
    assert f"{(4 * light + 16 * small) / 8 / 1e9:.1f} GB" in row["LoRA, FSDP"]
    assert f"{(4 * large + 16 * big) / 32 / 1e9:.1f} GB" in row["LoRA, FSDP"]
    for whole, each, own, name in ((light, 28 * 233057792, small, 6.3), (large, 80 * 877684736, big, 43.0)):
        assert round((0.516 * each + 2 * (whole - each) + 16 * own) / 1e9, 1) == name
        assert f"{name} GB" in row["QLoRA, one GPU"]
    for whole, times, name in (
        (light, 6, "7B, LoRA"),
        (light, 8, "7B, all"),
        (large, 6, "72B, LoRA"),
        (large, 8, "72B, all"),
    ):
        rate = 989e12 * 0.4 / (times * whole)
        line = next(line for key, line in row.items() if key.startswith(name) and "P*" in key)
        told = int(line.split("|")[2].replace(",", ""))
        assert told == pytest.approx(rate, rel=0.005)
        minutes, dollars = re.findall(r"(\d+) GPU minutes, \$([\d.]+)", line)[0]
        assert int(minutes) == round(1e7 / rate / 60)
        assert float(dollars) == pytest.approx(1e7 / rate / 3600 * 2.5, abs=0.01)


@pytest.mark.parametrize("name", ["fsdp-cpu", "fsdp", "fsdp-nodes"])
def test_accelerate_reads_its_files(name: str) -> None:
    parser = pytest.importorskip("accelerate.commands.config.config_args")
    path = FOLDER / f"{name}.yaml"
    config = parser.load_config_from_file(str(path))
    assert config.distributed_type.value == "FSDP" and config.fsdp_config["fsdp_version"] == 2
    assert config.num_processes % config.num_machines == 0
    assert "Qwen2DecoderLayer" in config.fsdp_config["fsdp_transformer_layer_cls_to_wrap"]
    launch = pytest.importorskip("accelerate.commands.launch")
    arguments = launch.launch_command_parser().parse_args(["--config_file", str(path), "-m", "adotx"])
    launch._validate_launch_command(arguments)
    assert arguments.use_fsdp


@pytest.mark.parametrize("name", ["sft-7b", "sft-72b"])
def test_recipes(name: str) -> None:
    settings = tomllib.loads((FOLDER / f"{name}.toml").read_text(encoding="utf-8"))
    recipe = read_recipe("sft", {"data": ["rows.jsonl"], **settings})
    assert recipe.batch % 8 == 0 and recipe.budget[0] >= recipe.max_length


def test_trl_reads_its_file() -> None:
    trl = pytest.importorskip("trl")
    from trl.scripts.utils import TrlParser

    parser = TrlParser((trl.ScriptArguments, trl.SFTConfig, trl.ModelConfig))
    words = ["--config", str(FOLDER / "trl-sft.yaml"), "--bf16", "false", "--use_cpu", "true"]
    _, config, model = parser.parse_args_and_config(words)
    assert config.max_length is None and model.use_peft and model.lora_r == 16
    assert model.lora_target_modules == r".*language_model.*\.(q|k|v|o|gate|up|down)_proj"


@pytest.mark.parametrize("name", ["vllm-7b", "vllm-72b-ray"])
def test_vllm_files(name: str) -> None:
    yaml = pytest.importorskip("yaml")
    settings = yaml.safe_load((FOLDER / f"{name}.yaml").read_text(encoding="utf-8"))
    heads, kv = (28, 4) if "7b" in name and "72b" not in name else (64, 8)
    share = settings.get("tensor-parallel-size", 1)
    assert heads % share == 0 and kv % share == 0
    try:
        from vllm.entrypoints.openai.cli_args import make_arg_parser
        from vllm.utils.argparse_utils import FlexibleArgumentParser
    except ImportError:
        return
    make_arg_parser(FlexibleArgumentParser()).parse_args(["--config", str(FOLDER / f"{name}.yaml")])
