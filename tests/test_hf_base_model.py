"""The model below the output matrix: the same modules under the published names; what others ask of it."""

from __future__ import annotations

import copy
import pickle

import pytest
from packaging import version

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

import transformers  # noqa: E402
from safetensors.torch import load_file  # noqa: E402
from transformers import AutoModel, AutoModelForImageTextToText, DynamicCache  # noqa: E402
from transformers.modeling_outputs import BaseModelOutputWithPooling  # noqa: E402
from transformers.utils import find_labels  # noqa: E402

import adotx.hf as hf  # noqa: E402
from adotx.errors import AdotxError  # noqa: E402
from test_hf_model import SLOT, greedy  # noqa: E402
from test_hf_parts import small_model  # noqa: E402

IDS = torch.tensor([[50, *SLOT, *SLOT, 60, 61, 62]])


@pytest.fixture(scope="module")
def model():
    return small_model()


@pytest.fixture(scope="module")
def tiles():
    return torch.randn(4, 3, 64, 64, generator=torch.Generator().manual_seed(5)).clamp(-1, 1)


def test_base_model_is_below_and_changes_no_name(model, tiles):
    assert isinstance(model.base_model, hf.AX4VLModel) and model.base_model is model.model
    assert not any(name.startswith("model.") for name in model.state_dict())
    assert len(list(model.modules())) == len({*model.modules()})
    with torch.no_grad():
        below = model.base_model(input_ids=IDS, pixel_values=tiles[:2], output_hidden_states=True)
        whole = model(input_ids=IDS, pixel_values=tiles[:2])
    logits = model.get_output_embeddings()(below.last_hidden_state)
    assert torch.equal(logits, whole.logits) and len(below.hidden_states) == 3
    assert torch.equal(below.image_hidden_states, whole.image_hidden_states)
    as_tuple = model.base_model(input_ids=IDS, pixel_values=tiles[:2], return_dict=False)
    assert torch.equal(as_tuple[0], below.last_hidden_state)


def test_base_model_follows_what_is_put_into_the_whole(model, tiles):
    inputs = {"input_ids": IDS, "pixel_values": tiles[:2]}
    for other in (copy.deepcopy(model), pickle.loads(pickle.dumps(small_model()))):
        assert other.base_model.language_model is other.language_model is not model.language_model
        with torch.no_grad():
            other.multi_modal_projector = copy.deepcopy(other.multi_modal_projector)
            other.multi_modal_projector.mlp.mlp[0].weight.zero_()
            changed = other(**inputs).logits
            found = other.base_model(**inputs).image_hidden_states
            assert torch.equal(found, other.get_image_features(tiles[:2]))
            assert not torch.allclose(changed, model(**inputs).logits)
    replica = model._replicate_for_data_parallel()
    assert replica.base_model._modules is replica._modules is not model._modules


def test_auto_model_without_the_output_matrix(model, tiles, tmp_path):
    model.save_pretrained(tmp_path)
    base, info = AutoModel.from_pretrained(tmp_path, output_loading_info=True)
    assert type(base) is hf.AX4VLModel
    assert not info["missing_keys"] and not info["unexpected_keys"]
    with torch.no_grad():
        expected = model.base_model(input_ids=IDS, pixel_values=tiles[:2]).last_hidden_state
        found = base.eval()(input_ids=IDS, pixel_values=tiles[:2]).last_hidden_state
    assert torch.equal(found, expected)
    assert base.get_decoder() is base.language_model.model
    base.save_pretrained(tmp_path / "base")
    names = set(load_file(tmp_path / "base" / "model.safetensors"))
    assert names == {name for name in model.state_dict() if "lm_head" not in name}
    assert type(AutoModel.from_pretrained(tmp_path / "base")) is hf.AX4VLModel
    multimodal = transformers.AutoModelForMultimodalLM.from_pretrained(tmp_path)
    assert type(multimodal) is hf.AX4VLForConditionalGeneration
    # what trainers look up before they ask an Auto class
    assert transformers.AX4VLForConditionalGeneration is hf.AX4VLForConditionalGeneration
    assert multimodal.config.auto_map == {} and "auto_map" not in multimodal.config.to_dict()


def test_image_features_in_every_form(model, tiles):
    plain = model.get_image_features(tiles)
    output = model.get_image_features(tiles, return_dict=True)
    assert plain.shape == output.pooler_output.shape == (4, 4, 24)
    assert torch.equal(output.pooler_output, plain) and type(plain + 0) is torch.Tensor
    assert torch.equal(plain.pooler_output, output.pooler_output)
    assert output.last_hidden_state.shape == (4, 16, 16)
    assert torch.equal(model.get_image_features(tiles, return_dict=False)[1], output.pooler_output)


def test_encoder_outputs_and_embeddings_in_place_of_pixels(model, tiles):
    reference = model(input_ids=IDS, pixel_values=tiles[:2]).logits
    encoded = model.get_image_features(tiles[:2], return_dict=True)
    embeds = model.get_input_embeddings()(IDS)
    listed = BaseModelOutputWithPooling(pooler_output=list(encoded.pooler_output))
    for inputs in (
        {"input_ids": IDS, "mm_encoder_outputs": {"image": encoded}},
        {"input_ids": IDS, "mm_encoder_outputs": {"image": listed}},
        {"inputs_embeds": embeds, "pixel_values": tiles[:2]},
        {"inputs_embeds": embeds, "mm_encoder_outputs": {"image": encoded}},
        {"inputs_embeds": model.fuse(IDS, embeds, encoded.pooler_output)},
    ):
        assert torch.equal(model(**inputs).logits, reference)
    with pytest.raises(AdotxError, match="either pixel_values or"):
        model(input_ids=IDS, pixel_values=tiles[:2], mm_encoder_outputs={"image": encoded})
    with pytest.raises(AdotxError, match=r"8 image slots .* 4 image features"):
        model(input_ids=IDS, mm_encoder_outputs={"image": model.get_image_features(tiles[:1])})
    with pytest.raises(AdotxError, match="no pixel_values"):
        model(inputs_embeds=embeds)
    made = greedy(model, input_ids=IDS, pixel_values=tiles[:2])[:, IDS.shape[1] :]
    again = greedy(model, inputs_embeds=embeds, pixel_values=tiles[:2])
    assert torch.equal(again, made)
    for images in (encoded, listed):
        assert torch.equal(greedy(model, input_ids=IDS, mm_encoder_outputs={"image": images})[:, -8:], made)
    both = greedy(model, input_ids=IDS, inputs_embeds=embeds, pixel_values=tiles[:2])
    assert torch.equal(both[:, -8:], made)


def test_slots_without_pixels_are_refused_on_a_filled_cache(model):
    cache = DynamicCache(config=model.config.get_text_config())
    with torch.no_grad():
        model(input_ids=torch.tensor([[50, 51]]), past_key_values=cache, use_cache=True)
        with pytest.raises(AdotxError, match="8 image slots in input_ids but 0 image features"):
            model(input_ids=IDS, past_key_values=cache)
        # one that generation made is no image
        model(input_ids=torch.tensor([[22]]), past_key_values=cache)


def test_assisted_chunked_and_static_generation(model, tiles):
    inputs = {"input_ids": IDS, "pixel_values": tiles[:2]}
    reference = greedy(model, **inputs)
    for extra in (
        {"assistant_model": model},
        {"prompt_lookup_num_tokens": 3},
        {"cache_implementation": "static", "disable_compile": True},
    ):
        assert torch.equal(greedy(model, **inputs, **extra), reference), extra
    if version.parse(transformers.__version__) >= version.parse("5.23"):
        for size in (3, 64):
            assert torch.equal(greedy(model, **inputs, prefill_chunk_size=size), reference)
    else:  # which does not cut encoded images
        with pytest.raises(AdotxError, match=r"2 image slots .* but 8 image features"):
            greedy(model, **inputs, prefill_chunk_size=3)


def test_rows_that_share_no_whole_tiles_are_refused_in_generation(model, tiles):
    crossed = torch.tensor([[50, 22, 22, 22, 22, 22, 22], [50, 22, 22, 60, 61, 62, 63]])
    with pytest.raises(AdotxError, match=r"row 0 has 6, row 1 has 2"):
        greedy(model, input_ids=crossed, pixel_values=tiles[:2])


@pytest.mark.parametrize("name", ["labels", "shift_labels"])
def test_slots_are_no_labels(model, tiles, name):
    labels = IDS if name == "labels" else torch.nn.functional.pad(IDS, (0, 1), value=-100)[:, 1:]
    without = labels.masked_fill(labels == 22, -100)
    inputs = {"input_ids": IDS, "pixel_values": tiles[:2]}
    with torch.no_grad():
        expected = model(**inputs, **{name: without}).loss
        assert torch.equal(model(**inputs, **{name: labels}).loss, expected)
        assert torch.allclose(model(**inputs, **{name: labels}, loss_only=True).loss, expected)
        # a trainer that counted the slots: 8 of 11 labels
        counted = model(**inputs, **{name: labels}, num_items_in_batch=torch.tensor(11)).loss
        assert torch.allclose(counted, expected)
    assert find_labels(type(model)) == ["labels"]  # what a Trainer wants in each batch
    seen = []
    trained = copy.copy(model)
    trained.forward = lambda **inputs: seen.append(inputs[name])  # a trainer's own forward
    trained(**inputs, **{name: labels})
    assert torch.equal(seen[0], without)


def test_one_graph(model, tiles):
    torch._dynamo.reset()
    inputs = {"input_ids": IDS, "pixel_values": tiles[:2]}
    assert torch._dynamo.explain(model)(**inputs).graph_break_count == 0
    for options in ({"fullgraph": True}, {"fullgraph": True, "dynamic": True}):
        torch._dynamo.reset()
        compiled = torch.compile(model, backend="aot_eager", **options)
        with torch.no_grad():
            assert torch.allclose(compiled(**inputs).logits, model(**inputs).logits, atol=1e-5)
            for wrong in (tiles[:1], tiles[:3]):
                with pytest.raises(RuntimeError, match="image slots and features differ in number"):
                    compiled(input_ids=IDS, pixel_values=wrong)
    with torch.no_grad():
        exported = torch.export.export(model, (), {**inputs, "use_cache": False}, strict=False)
        assert torch.allclose(exported.module()(**inputs, use_cache=False).logits, model(**inputs).logits)


def test_offloaded_parts_are_fetched(model, tiles, tmp_path):
    model.save_pretrained(tmp_path)
    places = {"vision_tower": "disk", "multi_modal_projector": "disk", "language_model": "cpu"}
    offloaded = AutoModelForImageTextToText.from_pretrained(
        tmp_path, device_map=places, offload_folder=tmp_path / "offload"
    )
    with torch.no_grad():
        found = offloaded(input_ids=IDS, pixel_values=tiles[:2]).logits
        assert torch.allclose(found, model(input_ids=IDS, pixel_values=tiles[:2]).logits, atol=1e-5)
        assert offloaded.get_image_features(tiles).shape == (4, 4, 24)
