"""The engine against golden numbers and references, alone and in company, with its refusals."""

from __future__ import annotations

import dataclasses
import math
import subprocess
import sys
import textwrap
from pathlib import Path

import numpy as np
import pytest

from adotx.checkpoint import open_checkpoint
from adotx.engine import Engine, Request, SamplingParams
from adotx.errors import AdotxError
from engine_checkpoints import TINY_TEXT, TINY_VISION, vl_config, write_checkpoint

SMALL = {"threads": 1, "kv_memory": 4 << 20}
GREEDY = SamplingParams(max_new_tokens=12, ignore_eos=True)


def random_ids(seed: int, length: int) -> list[int]:
    return np.random.default_rng(seed).integers(30, 320, length).tolist()


def random_tiles(seed: int, tiles: int) -> np.ndarray:
    return np.random.default_rng(seed).standard_normal((tiles, 3, 64, 64), dtype=np.float32)


def pictured(seed: int, tiles: int, before: int, after: int) -> Request:
    """A request with one image of `tiles` tiles (4 tokens each) between random text."""
    ids = [*random_ids(seed, before), *[22] * (4 * tiles), *random_ids(seed + 1, after)]
    return Request(ids, [(before, 4 * tiles)], [random_tiles(seed, tiles)], GREEDY)


@pytest.fixture(scope="module")
def tiny(shared: Path):
    from safetensors.numpy import load_file

    return shared / "ax4/golden/tiny", load_file(shared / "ax4/golden/tiny/expected.safetensors")


@pytest.fixture(scope="module")
def vl_path(tmp_path_factory) -> Path:
    return write_checkpoint(tmp_path_factory.mktemp("vl"), vl_config(TINY_TEXT, TINY_VISION, 2), spread=3)


@pytest.fixture(scope="module")
def engine(vl_path: Path) -> Engine:
    return Engine.load(open_checkpoint(vl_path), "f32", **SMALL)


@pytest.fixture
def idle(engine: Engine):
    """The engine; afterwards it must hold no block and no request."""
    yield engine
    assert engine.pool.available == engine.pool.count
    assert engine.stats().running == engine.stats().waiting == 0


# Golden numbers

# Largest error of features and logits on the golden model (their standard deviations are 1.3 and 1.9).
BOUNDS = {"f32": (1e-4, 1e-3), "bf16": (0.1, 0.6), "int8": (0.25, 1.5)}


@pytest.mark.parametrize("weights", ["f32", "bf16", "int8"])
def test_golden_tiny(tiny, weights: str) -> None:
    path, expected = tiny
    engine = Engine.load(open_checkpoint(path), weights, **SMALL)
    ids, pixels = expected["input_ids"][0].tolist(), expected["pixel_values"]
    features = engine.image_features(pixels)
    assert features.shape == (5, 4, 48) and features.dtype == np.float32
    runs = "".join("#" if i == 22 else " " for i in ids).split()
    images = np.split(pixels, np.cumsum([len(run) // 4 for run in runs])[:-1])
    logits = engine.logits(Request(ids, images=images))
    feature_bound, logit_bound = BOUNDS[weights]
    assert np.abs(features.reshape(-1, 48) - expected["image_features"]).max() < feature_bound
    assert np.abs(logits - expected["logits"][0]).max() < logit_bound
    assert np.corrcoef(logits.ravel(), expected["logits"].ravel())[0, 1] > 0.995
    if weights == "f32":
        request = Request(ids, images=images, sampling=SamplingParams(max_new_tokens=12))
        [output] = engine.generate([request])
        assert output.ids == expected["greedy_tokens"].tolist()
        assert output.finish_reason == "length"
    assert engine.pool.available == engine.pool.count


def test_golden_text_only_leaves_the_tower_uncompiled(tiny) -> None:
    path, expected = tiny
    engine = Engine.load(open_checkpoint(path), "f32", **SMALL)
    # The golden run's text is the prompt's end, with three image tokens read as text.
    ids = expected["input_ids"][0, -8:].tolist()
    logits = engine.logits(Request(ids, slots=[]))
    assert np.abs(logits - expected["text_only_logits"][0]).max() < 1e-3
    assert "_encoder" not in vars(engine.backend)
    with pytest.raises(AdotxError, match=r"have 3 positions.* fill 0"):
        engine.logits(Request(ids))


# Independent references


def test_tied_qwen2_equals_transformers(tmp_path: Path) -> None:
    torch = pytest.importorskip("torch")
    transformers = pytest.importorskip("transformers")
    path = write_checkpoint(tmp_path, TINY_TEXT, spread=2)
    model = transformers.Qwen2ForCausalLM.from_pretrained(path, dtype="float32").eval()
    ids = random_ids(3, 150)
    with torch.no_grad():
        expected = model(torch.tensor([ids])).logits[0].numpy()
    engine = Engine.load(open_checkpoint(path), "f32", **SMALL)
    np.testing.assert_allclose(engine.logits(Request(ids)), expected, atol=1e-3)


def project(tensors, x: np.ndarray, side: int, grid: int) -> np.ndarray:
    """The projector in float64, in the published order: MLP, adaptive mean pool, convolution + identity."""
    get = lambda name: tensors.array(f"multi_modal_projector.{name}").astype(np.float64)  # noqa: E731
    x = x @ get("mlp.mlp.0.weight").T + get("mlp.mlp.0.bias")
    x = x * 0.5 * (1 + np.vectorize(math.erf)(x / math.sqrt(2)))
    x = (x @ get("mlp.mlp.2.weight").T + get("mlp.mlp.2.bias")).reshape(len(x), side, side, -1)
    edges = [(i * side // grid, -(-(i + 1) * side // grid)) for i in range(grid)]
    x = np.stack([np.stack([x[:, a:b, c:d].mean((1, 2)) for c, d in edges], 1) for a, b in edges], 1)
    kernel, padded = get("peg.peg.0.weight")[:, 0], np.pad(x, ((0, 0), (1, 1), (1, 1), (0, 0)))
    moved = sum(kernel[:, i, j] * padded[:, i : i + grid, j : j + grid] for i in range(3) for j in range(3))
    return (moved + get("peg.peg.0.bias") + x).reshape(len(x), grid * grid, -1)


@pytest.mark.parametrize("grid", [1, 2, 3, 4])
def test_projector_pools_like_the_published_one(tmp_path: Path, grid: int) -> None:
    from adotx.engine.model.ops import Weights, parameter
    from adotx.engine.model.tower import build_projector
    from adotx.engine.runtime import compile_model, openvino

    checkpoint = open_checkpoint(write_checkpoint(tmp_path, vl_config(TINY_TEXT, TINY_VISION, 2)))
    config = dataclasses.replace(checkpoint.config.projector, grid_size=grid)
    ov = openvino()
    weights, x = Weights(checkpoint.tensors, "f32"), parameter("x", ov.Type.f32, [-1, 16, 32])
    graph = ov.Model([build_projector(config, weights, x, 4)], [x], "projector")
    request = compile_model(graph, "f32", threads=1).create_infer_request()
    patches = np.random.default_rng(0).standard_normal((2, 16, 32), dtype=np.float32)
    ours = request.infer({"x": patches})[0]
    np.testing.assert_allclose(ours, project(checkpoint.tensors, patches, 4, grid), atol=1e-5)


def test_feature_layers_index_hidden_states(tmp_path: Path, vl_path: Path) -> None:
    def features(layers: int, layer: int) -> np.ndarray:
        vision = {**TINY_VISION, "num_hidden_layers": layers}
        config = vl_config(TINY_TEXT, vision, 2, vision_feature_layer=layer)
        path = write_checkpoint(tmp_path / f"{layers}.{layer}", config)
        return Engine.load(open_checkpoint(path), "f32", **SMALL).image_features(random_tiles(0, 1))

    np.testing.assert_array_equal(features(2, -1), features(2, 2))
    np.testing.assert_array_equal(features(2, 1), features(1, -1))
    assert np.abs(features(2, 0) - features(2, -1)).max() > 0.01  # 0 is the published "after the last norm"


def test_tiles_do_not_depend_on_their_batch(idle: Engine) -> None:
    tiles = random_tiles(0, 11)
    alone = np.concatenate([idle.image_features(tiles[i : i + 1]) for i in range(11)])
    np.testing.assert_allclose(idle.image_features(tiles), alone, atol=1e-5)


# Company


def mixed_requests() -> list[Request]:
    text = [Request(random_ids(i, n), sampling=GREEDY) for i, n in enumerate((1, 31, 32, 33, 100))]
    return [text[0], pictured(10, 3, 5, 7), *text[1:], pictured(20, 1, 1, 1)]


@pytest.fixture(scope="module")
def alone(engine: Engine) -> list[list[int]]:
    return [engine.generate([request])[0].ids for request in mixed_requests()]


@pytest.mark.parametrize(
    "setting",
    [
        {},
        {"max_running": 2},
        {"step_tokens": 16, "max_running": 7, "mixed_tokens": 3},
        {"kv_memory": 6 * 12288},
        {"speculate": 4},
        {"prefix_cache": False, "feature_memory": 0},
    ],
    ids=[
        "all at once",
        "two at once",
        "prompts in pieces",
        "six blocks: preempted",
        "guesses",
        "nothing kept",
    ],
)
def test_company_changes_nothing(vl_path: Path, alone: list[list[int]], setting: dict) -> None:
    engine = Engine.load(open_checkpoint(vl_path), "f32", **{**SMALL, **setting})
    outputs = engine.generate(mixed_requests())
    assert [output.ids for output in outputs] == alone
    assert len({tuple(ids) for ids in alone}) == len(alone), "the test needs requests that differ"
    assert engine.pool.available == engine.pool.count


def test_what_was_computed_before_is_found_and_changes_nothing(vl_path: Path) -> None:
    engine = Engine.load(open_checkpoint(vl_path), "f32", **SMALL)
    page = pictured(10, 12, 5, 7)
    question = dataclasses.replace(page, ids=[*page.ids[:53], *random_ids(99, 9)])
    other = dataclasses.replace(question, images=[page.images[0][::-1].copy()])
    plain = Engine.load(open_checkpoint(vl_path), "f32", prefix_cache=False, **SMALL)
    for request, found in ((page, 0), (question, 32), (page, 32), (other, 0)):
        [output], [expected] = engine.generate([request]), plain.generate([request])
        assert (output.ids, output.cached_tokens) == (expected.ids, found)
    assert engine.stats().tiles == 12, "the same tiles in another order are not seen again"


def test_streams_read_in_turn_share_steps(idle: Engine, alone: list[list[int]]) -> None:
    streams = [idle.stream(request) for request in mixed_requests()]
    rounds = list(zip(*streams, strict=True))
    assert [list(ids) for ids in zip(*rounds, strict=True)] == alone
    assert all(stream.output and stream.output.ids == ids for stream, ids in zip(streams, alone, strict=True))


def test_logits_agree_with_generation(idle: Engine) -> None:
    request = pictured(10, 3, 5, 7)
    [output] = idle.generate([request])
    whole = dataclasses.replace(request, ids=[*request.ids, *output.ids])
    logits = idle.logits(whole)
    assert logits.shape == (len(whole.ids), 320)
    assert logits[len(request.ids) - 1 : -1].argmax(-1).tolist() == output.ids


# Endings


def test_several_stop_ids(idle: Engine, alone: list[list[int]]) -> None:
    ids = alone[5]
    stops = (ids[7], ids[3], 319)
    end = min(ids.index(stop) for stop in stops if stop in ids)
    sampling = dataclasses.replace(GREEDY, stop_ids=stops)
    [output] = idle.generate([dataclasses.replace(mixed_requests()[5], sampling=sampling)])
    assert (output.ids, output.finish_reason) == (ids[:end], "stop")


def test_the_context_ends_the_output(idle: Engine) -> None:
    [output] = idle.generate([Request(random_ids(0, 505), sampling=SamplingParams(50, ignore_eos=True))])
    assert (len(output.ids), output.finish_reason, output.prompt_tokens) == (7, "length", 505)


def test_loop_guard_ends_a_loop(idle: Engine) -> None:
    # A penalty below 1 rewards repetition: a loop is certain.
    sampling = SamplingParams(200, repetition_penalty=0.01, ignore_eos=True, loop_guard=12)
    [output] = idle.generate([Request(random_ids(0, 5), sampling=sampling)])
    assert output.finish_reason == "loop" and 12 <= len(output.ids) < 200


def test_seeds_reproduce_in_any_company(idle: Engine) -> None:
    sampling = SamplingParams(12, temperature=1.0, top_p=0.95, top_k=50, seed=4, ignore_eos=True)
    requests = [dataclasses.replace(r, sampling=sampling) for r in mixed_requests()]
    together = [output.ids for output in idle.generate(requests)]
    assert together[3] == idle.generate([requests[3]])[0].ids
    other = dataclasses.replace(requests[3], sampling=dataclasses.replace(sampling, seed=5))
    assert together[3] != idle.generate([other])[0].ids


def test_a_closed_stream_frees_its_blocks(idle: Engine) -> None:
    with idle.stream(Request(random_ids(0, 40), sampling=GREEDY)) as stream:
        assert next(stream) is not None and stream.output is None
        assert idle.pool.available < idle.pool.count
    assert stream.output is not None and stream.output.finish_reason == "cancelled"
    assert list(stream) == []
    forgotten = idle.stream(Request(random_ids(0, 40), sampling=GREEDY))
    next(forgotten)
    del forgotten


def test_scores_that_are_not_numbers_end_one_request_only(idle: Engine, monkeypatch) -> None:
    forward = idle.backend.forward

    def first_row_nan(*args):
        logits = forward(*args).copy()
        logits[0] = np.nan
        return logits

    streams = [idle.stream(Request(random_ids(i, 5), sampling=GREEDY)) for i in range(2)]
    with monkeypatch.context() as patch:
        patch.setattr(idle.backend, "forward", first_row_nan)
        with pytest.raises(AdotxError, match="not numbers"):
            next(streams[0])
    assert len(list(streams[1])) == 12


# Refusals

BAD = {
    "no tokens": (Request([]), "no tokens"),
    "unknown id": (Request([1, 320]), "id 320"),
    "longer than the context": (Request(random_ids(0, 512)), "512 tokens"),
    "pixels without slots": (Request([40], images=[random_tiles(0, 1)]), "have 0 positions.* fill 4"),
    "slots without pixels": (Request([22] * 4), "have 4 positions.* fill 0"),
    "one tile too many": (Request([22] * 4, [(0, 4)], [random_tiles(0, 2)]), "have 4 positions.* fill 8"),
    "slots elsewhere": (Request([22] * 4 + [40], [(1, 4)], [random_tiles(0, 1)]), "slots"),
    "tiles of two images exchanged": (
        Request([22] * 4 + [40] + [22] * 8, [(0, 4), (5, 8)], [random_tiles(0, 2), random_tiles(1, 1)]),
        "have 4, 8 positions.* fill 8, 4",
    ),
    "the same, found by ids": (
        Request([22] * 4 + [40] + [22] * 8, images=[random_tiles(0, 2), random_tiles(1, 1)]),
        "have 4, 4, 4 positions.* fill 8, 4",
    ),
    "another tile size": (Request([22] * 4, [(0, 4)], [np.zeros((1, 3, 32, 32), np.float32)]), "float32"),
    "bytes for pixels": (Request([22] * 4, [(0, 4)], [np.zeros((1, 3, 64, 64), np.uint8)]), "uint8"),
}  # fmt: skip


@pytest.mark.parametrize("request_, message", BAD.values(), ids=BAD.keys())
def test_malformed_requests_are_refused(idle: Engine, request_: Request, message: str) -> None:
    with pytest.raises(AdotxError, match=message):
        idle.stream(request_)
    with pytest.raises(AdotxError, match="request 2 of 2"):
        idle.generate([Request([40]), request_])


def test_what_can_never_fit_is_refused(vl_path: Path) -> None:
    engine = Engine.load(open_checkpoint(vl_path), "f32", threads=1, kv_memory=4 * 8192)
    room = engine.pool.count * engine.pool.block_size
    assert 0 < room < 200
    with pytest.raises(AdotxError, match="exceed the whole cache"):
        engine.generate([Request(random_ids(0, room + 1), sampling=GREEDY)])
    [cut] = engine.generate([Request(random_ids(0, room), sampling=GREEDY)])
    assert len(cut.ids) == 1 and cut.context_full
    with pytest.raises(AdotxError, match="free cache blocks"):
        engine.logits(Request(random_ids(0, room + 1)))
    assert len(engine.generate([Request(random_ids(0, 20), sampling=GREEDY)])[0].ids) == 12


def test_settings_are_checked(vl_path: Path, tmp_path: Path) -> None:
    checkpoint = open_checkpoint(vl_path)
    for setting, message in (
        ({"weights": "int3"}, "int3"), ({"max_running": 0}, "at least 1"), ({"kv_memory": 100}, "100"),
    ):  # fmt: skip
        with pytest.raises(AdotxError, match=message):
            Engine.load(checkpoint, **{**SMALL, **setting})
    text_only = Engine.load(open_checkpoint(write_checkpoint(tmp_path, TINY_TEXT)), **SMALL)
    with pytest.raises(AdotxError, match="text only"):
        text_only.image_features(random_tiles(0, 1))
    assert text_only.generate([Request([22, 40], sampling=GREEDY)])[0].ids  # here 22 is an ordinary id


def test_a_missing_tensor_is_named(vl_path: Path, tmp_path: Path) -> None:
    from safetensors.numpy import load_file, save_file

    tensors = load_file(vl_path / "model.safetensors")
    lost = "language_model.model.layers.1.mlp.up_proj.weight"
    del tensors[lost]
    save_file(tensors, tmp_path / "model.safetensors")
    (tmp_path / "config.json").write_bytes((vl_path / "config.json").read_bytes())
    with pytest.raises(AdotxError, match=lost):
        Engine.load(open_checkpoint(tmp_path), **SMALL)


# The process


def test_no_torch_no_telemetry_and_the_compile_cache_works(vl_path: Path, tmp_path: Path) -> None:
    program = f"""
        import sys
        import adotx.engine
        assert "openvino" not in sys.modules
        from adotx.checkpoint import open_checkpoint
        from adotx.engine import Engine, Request, SamplingParams
        checkpoint = open_checkpoint({str(vl_path)!r})
        engine = Engine.load(checkpoint, "int8", threads=1, cache_dir={str(tmp_path)!r})
        print(engine.generate([Request([40, 50], sampling=SamplingParams(5, ignore_eos=True))])[0].ids)
        loaded = {{name.partition(".")[0] for name in sys.modules}}
        assert not loaded & {{"torch", "transformers", "tokenizers", "openvino_telemetry"}}, loaded
    """
    outputs = [
        subprocess.run(
            [sys.executable, "-c", textwrap.dedent(program)], capture_output=True, text=True, timeout=120
        )
        for _ in range(2)
    ]
    assert [run.returncode for run in outputs] == [0, 0], outputs[0].stderr + outputs[1].stderr
    assert outputs[0].stdout == outputs[1].stdout
    assert len(list(tmp_path.glob("*.blob"))) == 1
