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


def test_activations_and_what_moves() -> None:
    tokens = int(tomllib.loads((FOLDER / "sft-7b.toml").read_text(encoding="utf-8"))["pack_tokens"])
    gathered, kept = (line for line in TEXT.splitlines() if line.startswith(("| gathered", "| activations")))
    for h, layers, heads, k, i, _ in (LIGHT, LARGE):
        assert f"{4 * layer(h, heads, k, i) / 1e9:.1f} GB" in gathered
        held, in_hand = 2 * layers * tokens * h, 2 * tokens * (6 * h + 3 * i)
        assert f"{held / 1e9:.1f} + {in_hand / 1e9:.1f} GB" in kept
    assert f"{tokens**2 / 1e6:.0f} MB" in TEXT
    light, large = language(*LIGHT) + 430_035_184, language(*LARGE)
    moved = 6 * light
    assert f"{moved / 1e9:.0f} GB for the 7B, {moved / 400e9:.2f} s at" in TEXT
    assert f"and {moved / 50e9:.1f} s at 50 GB/s" in TEXT
    assert f"computes for {tokens / (989e12 * 0.4 / (6 * light)):.2f} s" in TEXT
    assert f"({8 * 28 * 3584 * tokens / (6 * light):.0%} at" in TEXT.replace(" %", "%")
    assert (
        f"{16 * light / 1e9:.0f} GB do not fit" in TEXT and f"four GPUs hold {4 * light / 1e9:.1f} GB" in TEXT
    )
    assert f"gather {4 * large / 1e9:.0f} GB" in TEXT
    assert f"({2 * adapter(3584, 28, 4, 18944) / 1e6:.0f} MB)" in TEXT
    assert f"{2 * light / 3e9:.0f} s for the 7B" in TEXT and f"{2 * large / 3e9:.0f} s for the 72B" in TEXT
    assert round((2 * 60 * 7 * 86400) ** 0.5, -2) == 8500 and "8,500 s" in TEXT


def test_serving() -> None:
    """Room, sequences, steps and pages from the formulas and from vLLM's files."""
    yaml = pytest.importorskip("yaml")
    row = {line.split("|")[1].strip(): line for line in TEXT.splitlines() if line.startswith("| ")}
    at, length, bandwidth = 64, 4096, 0.8 * 3.35e12
    files = {
        name: yaml.safe_load((FOLDER / f"{name}.yaml").read_text()) for name in ("vllm-7b", "vllm-72b-ray")
    }
    share = {settings["gpu-memory-utilization"] for settings in files.values()}
    assert share == {0.9}
    ray = files["vllm-72b-ray"]
    for name, size, total, kv, tp, pp in (
        ("7B, one GPU", language(*LIGHT), language(*LIGHT) + 430_035_184, 57_344, 1, 1),
        ("72B, four GPUs (`tp` 4)", language(*LARGE), language(*LARGE), 327_680, 4, 1),
        (
            "72B, two machines of four (`tp` 4, `pp` 2)",
            *[language(*LARGE)] * 2,
            327_680,
            ray["tensor-parallel-size"],
            ray["pipeline-parallel-size"],
        ),
    ):
        room = 0.9 * 80e9 * tp * pp - 2 * total - 2e9 * tp * pp
        step = (2 * size + at * length * kv) / tp / bandwidth
        assert f"{room / 1e9:.1f} GB | {int(room / (length * kv))} | {step * 1e3:.1f} ms" in row[name]
        told = int(re.findall(r"(\d,\d{3})", row[name].rpartition("ms")[2])[0].replace(",", ""))
        assert told == pytest.approx(at / step, rel=0.004)
    step = (2 * language(*LIGHT) + at * length * 57_344) / bandwidth
    prompt = 2 * language(*LIGHT) * 1872 / (989e12 * 0.4)
    pages = at / (1000 * step + at * prompt)
    assert f"{prompt:.2f} s at an MFU" in TEXT and f"= {pages:.2f} pages/s" in TEXT
    assert f"${1000 * 2.5 / 3600 / pages:.2f}" in TEXT


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
