"""The A.X 4.0 VL model in torch: goldens, round trips, batches, cache, loss, gradients, refusals."""

from __future__ import annotations

import copy
import json

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from safetensors.torch import load_file  # noqa: E402
from transformers import AutoModelForCausalLM, AutoModelForImageTextToText  # noqa: E402

import adotx.hf as hf  # noqa: E402
from adotx.checkpoint import expected_tensors, parameter_count, read_config  # noqa: E402
from adotx.errors import AdotxError  # noqa: E402
from adotx.hf.versions import CACHE  # noqa: E402
from test_hf_parts import VOCAB, small_config, small_model  # noqa: E402

SLOT = [22] * 4


@pytest.fixture(scope="module")
def model():
    return small_model()


@pytest.fixture(scope="module")
def tiles():
    return torch.randn(5, 3, 64, 64, generator=torch.Generator().manual_seed(5)).clamp(-1, 1)


def greedy(model, **inputs):
    return model.generate(max_new_tokens=8, do_sample=False, eos_token_id=None, **inputs)


@pytest.mark.parametrize("attention", ["sdpa", "eager"])
def test_golden_tiny_model(shared, attention):
    folder = shared / "ax4" / "golden" / "tiny"
    golden = load_file(folder / "expected.safetensors")
    model, info = AutoModelForCausalLM.from_pretrained(
        folder, attn_implementation=attention, output_loading_info=True
    )
    assert not any(info[key] for key in ("missing_keys", "unexpected_keys", "mismatched_keys"))
    assert isinstance(model, hf.AX4VLForConditionalGeneration) and model.dtype == torch.float32
    assert model.vision_tower.config._attn_implementation == attention
    with torch.no_grad():
        features = model.get_image_features(golden["pixel_values"])
        assert (features.flatten(0, 1) - golden["image_features"]).abs().max() < 5e-6
        output = model(input_ids=golden["input_ids"], pixel_values=golden["pixel_values"])
    assert (output.logits - golden["logits"]).abs().max() < 5e-5
    assert (output.image_hidden_states - features).abs().max() < 1e-6
    made = model.generate(
        input_ids=golden["input_ids"], pixel_values=golden["pixel_values"], max_new_tokens=12, do_sample=False
    )
    assert made[0, -12:].tolist() == golden["greedy_tokens"].tolist()


def test_golden_tiny_model_round_trip(shared, tmp_path):
    folder = shared / "ax4" / "golden" / "tiny"
    model = AutoModelForImageTextToText.from_pretrained(folder)
    model.save_pretrained(tmp_path)
    before, after = load_file(folder / "model.safetensors"), load_file(tmp_path / "model.safetensors")
    assert set(before) == set(after) and len(after) == 98
    assert all(torch.equal(before[name], after[name]) for name in before)
    assert json.loads((tmp_path / "generation_config.json").read_text())["use_cache"] is True


@pytest.mark.parametrize("tied", [False, True])
def test_round_trip_and_names(tmp_path, tied):
    model = small_model(tie_word_embeddings=tied)
    model.save_pretrained(tmp_path, max_shard_size="20KB")
    index = json.loads((tmp_path / "model.safetensors.index.json").read_text())
    config = read_config(tmp_path)
    expected = expected_tensors(config)
    assert set(index["weight_map"]) == set(expected)
    assert ("language_model.lm_head.weight" in expected) is not tied
    again = hf.AX4VLForConditionalGeneration.from_pretrained(tmp_path)
    assert sum(p.numel() for p in again.parameters()) == parameter_count(config)
    for name, value in model.state_dict().items():
        assert list(expected.get(name, value.shape)) == list(value.shape)
        assert torch.equal(again.state_dict()[name], value), name
    weights = again.get_input_embeddings().weight, again.get_output_embeddings().weight
    assert (weights[0] is weights[1]) is tied


def test_cache_is_on_though_files_say_no(tmp_path, model, tiles):
    model.save_pretrained(tmp_path)
    for name in ("config.json", "generation_config.json"):
        content = json.loads((tmp_path / name).read_text())
        content["use_cache"] = False
        if "text_config" in content:
            content["text_config"]["use_cache"] = False
        (tmp_path / name).write_text(json.dumps(content))
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path)
    ids = torch.tensor([[50, *SLOT, 60]])
    seen = []
    handle = loaded.vision_tower.register_forward_hook(lambda *_: seen.append(1))
    made = loaded.generate(
        input_ids=ids,
        pixel_values=tiles[:1],
        max_new_tokens=3,
        do_sample=False,
        eos_token_id=None,
        return_dict_in_generate=True,
    )
    handle.remove()
    assert made.past_key_values is not None and len(seen) == 1


def test_cache_changes_nothing(model, tiles):
    ids = torch.tensor([[50, *SLOT, *SLOT, 60, 61]])
    with_cache = greedy(model, input_ids=ids, pixel_values=tiles[:2])
    assert torch.equal(with_cache, greedy(model, input_ids=ids, pixel_values=tiles[:2], use_cache=False))
    # and by hand: the last logits of a long pass are those of a step
    with torch.no_grad():
        whole = model(input_ids=with_cache, pixel_values=tiles[:2]).logits
        first = model(input_ids=ids, pixel_values=tiles[:2])
        for name in ("past_key_values", "cache"):  # transformers 5.24 renamed it
            kept = copy.deepcopy(first[CACHE])
            step = model(input_ids=with_cache[:, ids.shape[1] :], **{name: kept})
            assert torch.allclose(whole[:, ids.shape[1] :], step.logits, atol=1e-4)
            assert step[CACHE] is kept


def test_batch_of_different_images_equals_single_rows(model, tiles):
    rows = [[50, *SLOT, 51, *SLOT, *SLOT, 52], [60, *SLOT, 61], [70, 71, 72]]
    counts = [3, 1, 0]
    width = max(map(len, rows))
    ids = torch.tensor([[1] * (width - len(row)) + row for row in rows])
    mask = torch.tensor([[0] * (width - len(row)) + [1] * len(row) for row in rows])
    made = greedy(model, input_ids=ids, attention_mask=mask, pixel_values=tiles[:4])
    start = 0
    for row, count, batched in zip(rows, counts, made, strict=True):
        pixel_values = tiles[start : start + count] if count else None
        alone = greedy(model, input_ids=torch.tensor([row]), pixel_values=pixel_values)
        assert batched[width:].tolist() == alone[0, len(row) :].tolist()
        start += count


def test_beams_and_several_answers_keep_images_with_their_rows(model, tiles):
    ids = torch.tensor([[50, *SLOT, *SLOT, 60], [51, *SLOT, *SLOT, 61]])
    together = greedy(model, input_ids=ids, pixel_values=tiles[:4], num_beams=3)
    for row in range(2):
        alone = greedy(
            model, input_ids=ids[row : row + 1], pixel_values=tiles[2 * row : 2 * row + 2], num_beams=3
        )
        assert torch.equal(together[row], alone[0])
    torch.manual_seed(0)
    several = model.generate(
        input_ids=ids, pixel_values=tiles[:4], max_new_tokens=2, do_sample=True, num_return_sequences=2
    )
    assert several.shape[0] == 4


def test_loss_counts_labelled_positions_only(model, tiles):
    ids = torch.tensor([[50, *SLOT, 60, 61, 62], [1, 1, 70, 71, 72, 73, 74, 75]])
    mask = (ids != 1).long()
    labels = ids.clone()
    labels[0, :5] = -100
    with torch.no_grad():
        out = model(input_ids=ids, attention_mask=mask, pixel_values=tiles[:1], labels=labels)
        only = model(
            input_ids=ids, attention_mask=mask, pixel_values=tiles[:1], labels=labels, loss_only=True
        )
    keep = (labels[:, 1:] != -100) & (mask[:, 1:] == 1)
    expected = torch.nn.functional.cross_entropy(out.logits[:, :-1][keep], labels[:, 1:][keep])
    assert torch.allclose(out.loss, expected, atol=1e-6) and torch.allclose(only.loss, expected, atol=1e-6)
    assert only.logits is None
    with torch.no_grad():
        scaled = model(input_ids=ids[:1], pixel_values=tiles[:1], labels=labels[:1], num_items_in_batch=6)
        plain = model(input_ids=ids[:1], pixel_values=tiles[:1], labels=labels[:1])
        none = model(
            input_ids=ids[:1],
            pixel_values=tiles[:1],
            labels=torch.full_like(ids[:1], -100),
            loss_only=True,
        )
    assert torch.allclose(scaled.loss * 6, plain.loss * 3, atol=1e-5) and none.loss == 0


def test_gradient_checkpointing_gives_the_same_gradients(tiles):
    ids = torch.tensor([[50, *SLOT, *SLOT, 60, 61, 62]])

    def gradients(checkpointed: bool) -> dict[str, torch.Tensor]:
        model = small_model().train()
        if checkpointed:
            model.gradient_checkpointing_enable()
            assert any(getattr(m, "gradient_checkpointing", False) for m in model.vision_tower.modules())
        model(input_ids=ids, pixel_values=tiles[:2], labels=ids).loss.backward()
        return {name: p.grad for name, p in model.named_parameters()}

    plain, checkpointed = gradients(False), gradients(True)
    assert all(
        grad is not None and grad.abs().sum() > 0 for name, grad in plain.items() if "k_proj.bias" not in name
    )
    for name, grad in plain.items():
        assert torch.allclose(grad, checkpointed[name], atol=1e-6), name


def test_logits_to_keep_bf16_and_attention_kinds(model, tiles):
    ids = torch.tensor([[50, *SLOT, 60, 61]])
    with torch.no_grad():
        full = model(input_ids=ids, pixel_values=tiles[:1]).logits
        last = model(input_ids=ids, pixel_values=tiles[:1], logits_to_keep=2).logits
        chosen = model(input_ids=ids, pixel_values=tiles[:1], logits_to_keep=torch.tensor([0, 5])).logits
        assert torch.allclose(full[:, -2:], last, atol=1e-6)
        assert torch.allclose(full[:, [0, 5]], chosen, atol=1e-6)
        as_tuple = model(input_ids=ids, pixel_values=tiles[:1], return_dict=False)
        assert torch.equal(as_tuple[0], full)
        detailed = model(input_ids=ids, pixel_values=tiles[:1], output_hidden_states=True)
        assert len(detailed.hidden_states) == 3
        half = small_model().to(torch.bfloat16)
        assert half.get_image_features(tiles[:1]).dtype == torch.bfloat16
        low = half(input_ids=ids, pixel_values=tiles[:1]).logits
        assert (low.float() - full).abs().max() < 0.1 * full.abs().max()
        eager = small_model()
        eager.set_attn_implementation("eager")
        assert eager.vision_tower.config._attn_implementation == "eager"
        assert torch.allclose(eager(input_ids=ids, pixel_values=tiles[:1]).logits, full, atol=1e-4)


def test_mismatches_name_both_numbers(model, tiles):
    cases = [
        ([50, *SLOT, 60], tiles[:2], "4 image slots", "8 image features"),
        ([50, *SLOT, *SLOT, 60], tiles[:1], "8 image slots", "4 image features"),
        ([50, 60], tiles[:1], "0 image slots", "4 image features"),
        ([50, *SLOT, 60], None, "4 image slots", "0 image features"),
    ]
    for ids, pixel_values, *parts in cases:
        for run in (model, model.generate):
            with pytest.raises(AdotxError) as caught:
                run(input_ids=torch.tensor([ids]), pixel_values=pixel_values)
            assert all(part in str(caught.value) for part in parts), caught.value
    crossed = torch.tensor([[50, 22, 22, 22, 22, 22, 22], [50, 22, 22, 60, 61, 62, 63]])
    with pytest.raises(AdotxError, match=r"row 0 has 6, row 1 has 2"):
        model(input_ids=crossed, pixel_values=tiles[:2])
    with pytest.raises(AdotxError, match=r"0 image slots .* 4 image features"):
        model(inputs_embeds=torch.zeros(1, 3, 24), pixel_values=tiles[:1])
    with pytest.raises(AdotxError, match="exactly one"):
        model(pixel_values=tiles[:1])


def test_inner_feature_layers_and_embeddings(tiles):
    model = small_model(vision_feature_layer=-1)
    assert not torch.allclose(model.get_image_features(tiles), small_model().get_image_features(tiles))
    model.resize_token_embeddings(VOCAB + 3)
    assert model.get_output_embeddings().weight.shape[0] == VOCAB + 3
    assert model.config.text_config.vocab_size == VOCAB + 3
    fresh = hf.AX4VLForConditionalGeneration(small_config())
    deviations = [p.std() for n, p in fresh.named_parameters() if n.endswith("proj.weight")]
    assert all(0.01 < d < 0.05 for d in deviations)
