"""What scripts rely on besides one pass: text alone, a kept cache, accumulation, four bits."""

from __future__ import annotations

import copy
from pathlib import Path

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

from transformers import (  # noqa: E402
    AutoModelForImageTextToText,
    BitsAndBytesConfig,
    DynamicCache,
    Qwen2ForCausalLM,
)

import adotx.hf  # noqa: E402
from adotx.hf.versions import CACHE  # noqa: E402
from test_hf_model import SLOT, greedy  # noqa: E402
from test_hf_parts import small_model  # noqa: E402

NANO = Path(adotx.hf.__file__).parents[1] / "nano"


@pytest.fixture(scope="module")
def model():
    return small_model()


@pytest.fixture(scope="module")
def tiles():
    return torch.randn(3, 3, 64, 64, generator=torch.Generator().manual_seed(5)).clamp(-1, 1)


def test_text_alone_is_qwen2_to_the_bit(model):
    plain = Qwen2ForCausalLM(model.config.text_config).eval()
    plain.load_state_dict(model.language_model.state_dict())
    ids = torch.tensor([[50, 51, 52, 60]])
    with torch.no_grad():
        assert torch.equal(model(input_ids=ids).logits, plain(input_ids=ids).logits)
    assert torch.equal(greedy(model, input_ids=ids), greedy(plain, input_ids=ids))


@pytest.mark.parametrize("more", [[60, 61], [60, *SLOT, *SLOT, 61]])
def test_a_second_question_or_picture_on_a_kept_cache(model, tiles, more):
    cache = DynamicCache(config=model.config.get_text_config())
    first = torch.tensor([[50, *SLOT, 51]])
    answered = greedy(model, input_ids=first, pixel_values=tiles[:1], **{CACHE: cache})
    assert cache.get_seq_length() == answered.shape[1] - 1
    ids = torch.cat([answered, torch.tensor([more])], 1)
    count = more.count(22) // len(SLOT)
    second = {"pixel_values": tiles[1 : 1 + count]} if count else {}
    kept = greedy(model, input_ids=ids, attention_mask=torch.ones_like(ids), **second, **{CACHE: cache})
    assert torch.equal(kept, greedy(model, input_ids=ids, pixel_values=tiles[: 1 + count]))


def test_accumulated_gradients_are_those_of_the_whole_batch(model, tiles):
    ids = torch.tensor([[50, *SLOT, *SLOT, 60, 61], [1, 1, 1, 1, 51, *SLOT, 62, 63]])
    mask = (ids != 1).long()
    counts, labels = [2, 1], ids.masked_fill(mask == 0, -100)
    labelled = ((labels[:, 1:] != -100) & (labels[:, 1:] != 22)).sum()

    def gradients(rows: list[tuple[slice, slice]]) -> list[torch.Tensor]:
        trained = copy.deepcopy(model).train()
        for row, part in rows:
            trained(
                input_ids=ids[row],
                attention_mask=mask[row],
                pixel_values=tiles[part],
                labels=labels[row].masked_fill(ids[row] == 22, -100),
                num_items_in_batch=labelled,
            ).loss.backward()
        return [parameter.grad for parameter in trained.parameters()]

    whole = gradients([(slice(0, 2), slice(0, 3))])
    parts = gradients([(slice(0, 1), slice(0, counts[0])), (slice(1, 2), slice(counts[0], 3))])
    assert all(torch.allclose(a, b, atol=1e-6) for a, b in zip(whole, parts, strict=True))


def test_the_decoder_in_four_bits():
    """nano: bitsandbytes' kernels for processors want wider matrices than those of small models."""
    pytest.importorskip("bitsandbytes")
    four = BitsAndBytesConfig(
        load_in_4bit=True, llm_int8_skip_modules=["vision_tower", "multi_modal_projector", "lm_head"]
    )
    plain = AutoModelForImageTextToText.from_pretrained(NANO, dtype=torch.float32)
    loaded = AutoModelForImageTextToText.from_pretrained(NANO, quantization_config=four, dtype=torch.float32)
    reduced = [name for name, part in loaded.named_modules() if type(part).__name__ == "Linear4bit"]
    assert len(reduced) == 7 * len(plain.language_model.model.layers)
    assert all(name.startswith("language_model.model.layers.") for name in reduced)
    tile = torch.zeros(1, 3, 384, 384)
    ids = torch.tensor([[25, 8, *[22] * 144, 60, 61]])
    with torch.no_grad():
        found = loaded(input_ids=ids, pixel_values=tile).logits.float()
        expected = plain(input_ids=ids, pixel_values=tile).logits
    assert (found - expected).norm() < 0.3 * expected.norm()
    assert greedy(loaded, input_ids=ids, pixel_values=tile).shape == (1, ids.shape[1] + 8)
