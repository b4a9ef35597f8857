"""checkpoint.validate: the published directories, a whole small model, and broken ones."""

from __future__ import annotations

import json
import re
from pathlib import Path

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from adotx.checkpoint import expected_tensors, parse_config, validate
from adotx.checkpoint.validate import FAULT, NOTE, Report
from checkpoint_toys import PREPROCESSOR, VL, edited, toy_checkpoint, toy_vocab, write


def faults(report: Report) -> str:
    for check in report.checks:
        assert "\n" not in str(check.detail)
    return "\n".join(line for line in report.lines() if "✗" in line)


@pytest.mark.parametrize(
    ("name", "tensors", "parameters"), [("vl", 782, 7_689_660_144), ("light", 339, 7_259_624_960)]
)
def test_published_directories(shared: Path, name: str, tensors: int, parameters: int) -> None:
    report = validate(shared / "ax4" / name)
    text = "\n".join(report.lines())
    assert report.ok and report.weights_absent, text
    assert (report.tensors, report.parameters) == (tensors, parameters)
    assert f"{tensors} tensors" in text and f"{parameters:,}" in text and "weights absent" in text
    notes = [check.title for check in report.checks if check.mark == NOTE]
    assert notes[:2] == ["files", "parameters"]
    if name == "vl":
        # ax4-facts 2.1: A4 at 300 dpi is 2 x 3 tiles and a thumbnail.
        assert "2 x 3 tiles + thumbnail = 1,008 tokens" in text and "1,872: room for 8" in text


def test_a_whole_model(tmp_path: Path) -> None:
    report = validate(toy_checkpoint(tmp_path))
    assert report.ok and not report.weights_absent and report.lines()[-1].endswith("no fault found")
    assert all(re.match(r" ?\d+ [✓!✗] \S", line) for line in report.lines()[:-1])
    assert [int(line.split()[0]) for line in report.lines()[:-1]] == list(range(1, len(report.checks) + 1))
    assert {check.mark for check in report.checks} == {"ok"}


@pytest.mark.parametrize(
    ("changes", "said"),
    [
        ({"text_config.num_hidden_layers": 3}, "12 of"),
        ({"text_config.num_hidden_layers": 1}, "12 that config.json does not ask for"),
        ({"text_config.intermediate_size": 100}, "config.json asks for"),
        ({"tie_word_embeddings": True, "text_config.vocab_size": 310}, "do not fit the model's vocabulary"),
        ({"image_token_index": 100}, "image_token_index 100 is not a control token"),
        ({"image_token_index": 21}, "processor_config says <|extra_id_11|>"),
        ({"projector_config.in_hidden_size": 33}, "in_hidden_size 33"),
        ({"max_num_tiles": 6}, "max_num_tiles 12 differs from config.json max_num_tiles 6"),
        ({"llm_config": {"hidden_size": 1}}, "llm_config.hidden_size 1"),
        ({"text_config.max_position_embeddings": 52}, "leaves none for text"),
        ({"model_type": "llama"}, "'llama'"),
    ],
)
def test_contradictions_become_faults(tmp_path: Path, changes: dict, said: str) -> None:
    report = validate(toy_checkpoint(tmp_path, changes))
    assert not report.ok and said in faults(report)


def test_leftovers_are_notes(tmp_path: Path) -> None:
    report = validate(toy_checkpoint(tmp_path, {"force_image_size": 384}))
    assert report.ok and any("force_image_size 384" in str(c.detail) for c in report.checks if c.mark == NOTE)


def test_tensors_missing_strange_and_misshapen(tmp_path: Path) -> None:
    toy_checkpoint(tmp_path)
    file = tmp_path / "model.safetensors"
    tensors = load_file(file)
    tensors["strange.weight"] = tensors.pop("language_model.model.norm.weight")
    tensors["multi_modal_projector.mlp.mlp.0.weight"] = np.zeros((32, 48), np.float32)
    tensors["vision_tower.vision_model.head.probe"] = np.zeros((1, 1, 32), np.float32)
    save_file(tensors, file)
    said = faults(validate(tmp_path))
    assert "1 of" in said and "language_model.model.norm.weight" in said and "strange.weight" in said
    assert "[32, 48], config.json asks for [48, 32]" in said and "head.probe" not in said


def test_damage(tmp_path: Path) -> None:
    toy_checkpoint(tmp_path)
    weights = tmp_path / "model.safetensors"
    weights.write_bytes(weights.read_bytes()[:-10])
    assert "bytes of" in faults(validate(tmp_path))
    weights.unlink()
    assert "no model.safetensors" in faults(validate(tmp_path))
    (tmp_path / "tokenizer.json").write_text("{")
    (tmp_path / "config.json").unlink()
    (tmp_path / "generation_config.json").write_text("[")
    report = validate(tmp_path)
    assert [c.title for c in report.checks if c.mark == FAULT] == ["files", "config", "tokenizer"]
    assert not validate(tmp_path / "absent").ok


def test_index_only_and_missing_shards(tmp_path: Path) -> None:
    toy_checkpoint(tmp_path)
    (tmp_path / "model.safetensors").unlink()
    names = expected_tensors(parse_config(VL))
    index = {
        "metadata": {"total_size": 4},
        "weight_map": {n: f"model-{i % 2}.safetensors" for i, n in enumerate(names)},
    }
    write(tmp_path, "model.safetensors.index.json", index)
    assert "the index states 4 bytes" in faults(validate(tmp_path))
    index["metadata"] = {}
    write(tmp_path, "model.safetensors.index.json", index)
    report = validate(tmp_path)
    assert report.ok and report.weights_absent
    save_file({"x": np.zeros(1, np.float32)}, tmp_path / "model-0.safetensors")
    assert "1 of 2 shards missing: model-1.safetensors" in faults(validate(tmp_path))


def test_two_tokenizers_that_differ(tmp_path: Path) -> None:
    toy_checkpoint(tmp_path)
    vocab, merges = toy_vocab()
    write(tmp_path, "vocab.json", vocab)
    (tmp_path / "merges.txt").write_text("\n".join(merges), encoding="utf-8")
    assert validate(tmp_path).ok
    (tmp_path / "merges.txt").write_text("\n".join(merges[:3]), encoding="utf-8")
    assert "give different ids" in faults(validate(tmp_path))


def test_round_trip_that_loses_text(tmp_path: Path) -> None:
    toy_checkpoint(tmp_path)
    document = json.loads((tmp_path / "tokenizer.json").read_text("utf-8"))
    write(tmp_path, "tokenizer.json", document | {"normalizer": {"type": "NFKC"}})
    assert "come back changed" in faults(validate(tmp_path))


def test_end_of_answer(tmp_path: Path) -> None:
    toy_checkpoint(tmp_path)
    write(tmp_path, "generation_config.json", {"eos_token_id": 50})
    assert "eos_token_id 50 is not a control token" in faults(validate(tmp_path))


def test_larger_tiles_than_the_context(tmp_path: Path) -> None:
    toy_checkpoint(tmp_path, {"text_config.max_position_embeddings": 100})
    write(tmp_path, "preprocessor_config.json", edited(PREPROCESSOR, {"max_num_tiles": 24}))
    assert "takes 100 tokens of 100 positions" in faults(validate(tmp_path))
