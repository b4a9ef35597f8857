"""PEFT's adapters and TRL's trainers: a few steps each on a model of a few thousand parameters."""

from __future__ import annotations

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")
peft = pytest.importorskip("peft")

from peft import AutoPeftModelForCausalLM, LoraConfig, PeftModel, get_peft_model  # noqa: E402
from safetensors.torch import load_file  # noqa: E402
from transformers import AutoModelForImageTextToText, AutoProcessor  # noqa: E402

import adotx.hf as hf  # noqa: E402
from test_hf_model import SLOT  # noqa: E402
from test_hf_parts import small_model, write_processor  # noqa: E402
from test_hf_processor import RED, WIDE  # noqa: E402

IDS = torch.tensor([[50, *SLOT, *SLOT, 60, 61, 62]])
LANGUAGE_ONLY = r".*language_model.*\.(q|k|v|o|gate|up|down)_proj"


@pytest.fixture(scope="module")
def folder(tmp_path_factory):
    """A whole checkpoint, as it would be published."""
    path = write_processor(tmp_path_factory.mktemp("small"))
    small_model().save_pretrained(path)
    AutoProcessor.from_pretrained(path).save_pretrained(path)
    return path


@pytest.fixture
def model(folder):
    return AutoModelForImageTextToText.from_pretrained(folder)


@pytest.fixture
def tiles():
    return torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(5)).clamp(-1, 1)


@pytest.mark.parametrize("reentrant", [True, False, None])
def test_adapters_of_every_part_get_gradients(model, tiles, reentrant):
    adapted = get_peft_model(
        model, LoraConfig(r=2, target_modules=["q_proj", "v_proj"], init_lora_weights=False)
    ).train()
    if reentrant is not None:
        adapted.gradient_checkpointing_enable({"use_reentrant": reentrant})
        adapted.enable_input_require_grads()
    adapted(input_ids=IDS, pixel_values=tiles, labels=IDS).loss.backward()
    trained = {name: p for name, p in adapted.named_parameters() if p.requires_grad}
    assert {"vision_tower" in name for name in trained} == {True, False}
    assert all(p.grad is not None and p.grad.abs().sum() > 0 for p in trained.values())


def test_a_pattern_leaves_the_tower_alone(model):
    adapted = get_peft_model(model, LoraConfig(r=2, target_modules=LANGUAGE_ONLY))
    trained = [name for name, p in adapted.named_parameters() if p.requires_grad]
    assert len(trained) == 2 * 2 * 7 and all("language_model" in name for name in trained)


def test_adapters_load_three_ways_and_merge_into_the_published_names(folder, model, tiles, tmp_path):
    config = LoraConfig(
        r=2, target_modules=["q_proj", "v_proj"], init_lora_weights=False, task_type="CAUSAL_LM"
    )
    adapted = get_peft_model(model, config)
    inputs = {"input_ids": IDS, "pixel_values": tiles}
    with torch.no_grad():
        expected = adapted(**inputs).logits
    adapted.save_pretrained(tmp_path / "adapter")
    later = AutoModelForImageTextToText.from_pretrained(folder)
    later.load_adapter(tmp_path / "adapter")
    loaded = [
        PeftModel.from_pretrained(AutoModelForImageTextToText.from_pretrained(folder), tmp_path / "adapter"),
        AutoPeftModelForCausalLM.from_pretrained(tmp_path / "adapter"),
        later,
    ]
    merged = adapted.merge_and_unload()
    assert type(merged) is hf.AX4VLForConditionalGeneration
    for one in (*loaded, merged):
        with torch.no_grad():
            assert torch.allclose(one.eval()(**inputs).logits, expected, atol=1e-5)
    merged.save_pretrained(tmp_path / "merged")
    names = [set(load_file(path / "model.safetensors")) for path in (folder, tmp_path / "merged")]
    assert names[0] == names[1]


def test_saved_parts_and_moved_modules_are_used(model, tiles):
    adapted = get_peft_model(
        model, LoraConfig(r=2, target_modules=["q_proj"], modules_to_save=["multi_modal_projector"])
    )
    adapted.train()(input_ids=IDS, pixel_values=tiles, labels=IDS).loss.backward()
    found = [p for name, p in adapted.named_parameters() if "modules_to_save" in name]
    assert found and all(p.grad is not None and p.grad.abs().sum() > 0 for p in found)


# ---- TRL


@pytest.fixture
def trainer_options(tmp_path):
    pytest.importorskip("trl")
    return {
        "output_dir": str(tmp_path / "run"),
        "max_steps": 2,
        "report_to": [],
        "use_cpu": True,
        "bf16": False,
        "save_strategy": "no",
        "learning_rate": 1e-2,
        "logging_steps": 1,
        "disable_tqdm": True,
    }


def rows(**columns):
    from datasets import Dataset

    return Dataset.from_list([
        {"images": [image], **{key: value(i) for key, value in columns.items()}}
        for i, image in enumerate([RED, WIDE, WIDE, RED])
    ])  # fmt: skip


def asked(i):
    return [{"role": "user", "content": f"what? {i}"}]


def answer(text):
    return [{"role": "assistant", "content": text}]


@pytest.mark.parametrize("form", ["messages", "completion"])
def test_supervised(folder, trainer_options, form):
    from trl import SFTConfig, SFTTrainer

    processor = AutoProcessor.from_pretrained(folder)
    data = (
        rows(messages=lambda i: asked(i) + answer(f"red {i}"))
        if form == "messages"
        else rows(prompt=asked, completion=lambda i: answer(f"red {i}"))
    )
    options = {**trainer_options, "per_device_train_batch_size": 2, "max_length": None}
    trainer = SFTTrainer(
        str(folder),  # by path: TRL finds the class itself
        args=SFTConfig(**options),
        train_dataset=data,
        processing_class=processor,
        peft_config=LoraConfig(r=2, target_modules=LANGUAGE_ONLY),
    )
    assert type(trainer.model.get_base_model()) is hf.AX4VLForConditionalGeneration
    batch = next(iter(trainer.get_train_dataloader()))
    labelled = trainer.model(**batch, fused_lm_head=True).label_mask
    shifted = batch["labels"][:, 1:]
    assert torch.equal(labelled, (shifted != -100) & (shifted != 22))
    trainer.train()
    losses = [row["loss"] for row in trainer.state.log_history if "loss" in row]
    assert len(losses) == 2 and all(0 < loss < 20 for loss in losses)
    trainer.save_model(trainer_options["output_dir"])
    loaded = AutoModelForImageTextToText.from_pretrained(trainer_options["output_dir"])
    assert type(loaded) is hf.AX4VLForConditionalGeneration


def test_preferences(folder, trainer_options):
    from trl import DPOConfig, DPOTrainer

    trainer = DPOTrainer(
        str(folder),
        args=DPOConfig(**trainer_options, per_device_train_batch_size=2, max_length=None),
        train_dataset=rows(prompt=asked, chosen=lambda _: answer("good"), rejected=lambda _: answer("bad")),
        processing_class=AutoProcessor.from_pretrained(folder),
    )
    trainer.train()
    assert any("rewards/margins" in row for row in trainer.state.log_history)


def test_rewards_with_several_tiles(folder, trainer_options):
    from trl import GRPOConfig, GRPOTrainer

    trainer = GRPOTrainer(
        str(folder),
        reward_funcs=lambda completions, **_: [float(len(str(each))) for each in completions],
        args=GRPOConfig(
            **trainer_options, per_device_train_batch_size=4, num_generations=2, max_completion_length=4
        ),
        train_dataset=rows(prompt=asked),
        processing_class=AutoProcessor.from_pretrained(folder),
    )
    trainer.train()
    assert any("reward" in row for row in trainer.state.log_history)
