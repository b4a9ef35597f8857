"""Weights that are there only while their module runs: what ZeRO and FSDP do with the model's classes."""

from __future__ import annotations

import copy

import pytest

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")

import torch.distributed as dist  # noqa: E402

from test_hf_model import SLOT, greedy  # noqa: E402
from test_hf_parts import small_model  # noqa: E402

IDS = torch.tensor([[50, *SLOT, *SLOT, 60, 61, 62]])


@pytest.fixture(scope="module")
def model():
    return small_model()


@pytest.fixture(scope="module")
def tiles():
    return torch.randn(2, 3, 64, 64, generator=torch.Generator().manual_seed(5)).clamp(-1, 1)


def partitioned(model):
    """A copy whose every parameter is empty but while the module that owns it runs, as with ZeRO stage 3."""
    model = copy.deepcopy(model)
    whole = {parameter: parameter.data for parameter in model.parameters()}

    def fetch(module, _):
        for parameter in module.parameters(recurse=False):
            parameter.data = whole[parameter]

    def release(module, *_):
        for parameter in module.parameters(recurse=False):
            parameter.data = torch.empty(0)

    for module in model.modules():
        module.register_forward_pre_hook(fetch)
        module.register_forward_hook(release)
        release(module)
    return model


def test_weights_are_used_by_calling_their_module_alone(model, tiles):
    inputs = {"input_ids": IDS, "pixel_values": tiles}
    empty = partitioned(model)
    with torch.no_grad():
        assert torch.equal(empty(**inputs).logits, model(**inputs).logits)
        assert torch.equal(
            empty(**inputs, labels=IDS, loss_only=True).loss, model(**inputs, labels=IDS, loss_only=True).loss
        )
        assert torch.equal(greedy(empty, **inputs), greedy(model, **inputs))
        embeds = model.get_input_embeddings()(IDS)
        made = empty(inputs_embeds=embeds, pixel_values=tiles)
        assert torch.equal(made.logits, model(**inputs).logits)
    assert all(parameter.numel() == 0 for parameter in empty.parameters())


@pytest.fixture
def alone():
    """A process group of one."""
    dist.init_process_group("gloo", rank=0, world_size=1, store=dist.HashStore())
    yield
    dist.destroy_process_group()


@pytest.mark.parametrize("checkpointing", [False, True])
def test_sharded_layer_by_layer(model, tiles, alone, checkpointing):
    from torch.distributed.fsdp import fully_shard

    plain, sharded = copy.deepcopy(model), copy.deepcopy(model)
    mesh = dist.init_device_mesh("cpu", (1,))
    layers = [part for part in sharded.modules() if type(part).__name__ in sharded._no_split_modules]
    assert len({type(layer) for layer in layers}) == 2  # of the tower and of the decoder
    for part in (*layers, sharded):
        fully_shard(part, mesh=mesh)
    losses = []
    for each in (plain, sharded):
        each.train()
        if checkpointing:
            each.gradient_checkpointing_enable({"use_reentrant": False})
        loss = each(input_ids=IDS, pixel_values=tiles, labels=IDS).loss
        loss.backward()
        losses.append(loss.detach())
    assert torch.allclose(*losses)
    expected = {name: parameter.grad for name, parameter in plain.named_parameters()}
    found = {name: parameter.grad.full_tensor() for name, parameter in sharded.named_parameters()}
    assert found.keys() == expected.keys()
    assert all(torch.allclose(found[name], expected[name], atol=1e-6) for name in found)
