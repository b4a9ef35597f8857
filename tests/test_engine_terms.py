"""The terms on which requests wait and run: priority, queue, salt, room, times; what is counted; what is
refused. Without weights."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adotx.engine import EncodedImage, Engine, Request, SamplingParams
from adotx.engine.sampling.sampler import Sampler
from adotx.errors import AdotxError
from mock_backend import IMAGE, MockBackend

LONG = SamplingParams(20, ignore_eos=True)


def engine(backend: MockBackend | None = None, **settings: Any) -> Engine:
    return Engine(backend or MockBackend(), **{"kv_memory": 400, **settings})


def request(seed: int, length: int = 5, **others: Any) -> Request:
    ids = np.random.default_rng(seed).integers(2, 40, length).tolist()
    return Request(ids, **{"sampling": LONG, **others})


def tiles(*numbers: float) -> np.ndarray:
    return np.array(numbers, np.float32)[:, None, None, None] * np.ones((1, *IMAGE.tile_shape), np.float32)


def pictured(*numbers: float, **others: Any) -> Request:
    ids = [5, *[1] * (3 * len(numbers)), 6, 7]
    return Request(ids, **{"images": [tiles(*numbers)], "sampling": LONG, **others})


def code_of(shared: Engine, asked: Request) -> str:
    with pytest.raises(AdotxError) as refused:
        shared.stream(asked)
    return refused.value.code


def order_of_ends(shared: Engine, streams: list[Any]) -> list[int]:
    order: list[int] = []
    while len(order) < len(streams):
        shared.drive(lambda: False)
        order += [i for i, stream in enumerate(streams) if stream.output and i not in order]
    return order


# Who goes first


def test_the_smaller_number_starts_first_and_equal_ones_come_in_order() -> None:
    shared = engine(max_running=1)
    priorities = [0, 0, 5, -3, 0, -3, 5]
    streams = [shared.stream(request(i, priority=p)) for i, p in enumerate(priorities)]
    assert order_of_ends(shared, streams) == sorted(range(7), key=lambda i: (priorities[i], i))


def test_a_newcomer_before_others_does_not_displace_who_runs() -> None:
    shared = engine(max_running=1)
    running, waiting = shared.stream(request(0)), shared.stream(request(1))
    next(running)
    urgent = shared.stream(request(2, priority=-1))
    assert order_of_ends(shared, [running, waiting, urgent]) == [0, 2, 1]


def test_where_blocks_run_out_the_largest_number_gives_its_own_back() -> None:
    shared = engine(kv_memory=14, max_running=3)
    first = shared.stream(request(0, 12, priority=1))
    next(first)
    others = [shared.stream(request(i, 12)) for i in (1, 2)]
    assert order_of_ends(shared, [first, *others])[-1] == 0
    assert shared.stats().preemptions > 0
    expected = [engine().generate([request(i, 12)])[0].ids for i in range(3)]
    assert [stream.output.ids for stream in (first, *others)] == expected


# Who waits


@pytest.mark.parametrize("waiting", [0, 4])
def test_only_who_must_wait_counts_as_waiting(waiting: int) -> None:
    shared = engine(MockBackend(), kv_memory=4000, max_running=16, max_waiting=waiting)
    streams = [shared.stream(request(i)) for i in range(16 + waiting)]
    assert code_of(shared, request(99)) == "engine.queue_full"
    streams[3].close()
    streams += [shared.stream(request(99))]
    assert code_of(shared, request(99)) == "engine.queue_full"
    assert all(len(list(stream)) == 20 for i, stream in enumerate(streams) if i != 3)


def test_who_waits_for_blocks_waits_too() -> None:
    """Sixteen places, but blocks for two: the third waits."""
    shared = engine(kv_memory=14, max_running=16, max_waiting=1)
    streams = [shared.stream(request(i, 20)) for i in range(2)]
    next(streams[0])
    streams.append(shared.stream(request(2, 20)))
    assert code_of(shared, request(3, 20)) == "engine.queue_full"
    assert [len(list(stream)) for stream in streams] == [19, 20, 20]


def test_a_request_in_the_queue_for_too_long_fails_and_one_that_runs_does_not() -> None:
    now = [0.0]
    shared = engine(max_running=1, clock=lambda: now[0])
    running = shared.stream(request(0, queue_timeout=2.0))
    next(running)
    waiting = [shared.stream(request(i, queue_timeout=2.0, timeout=t)) for i, t in ((1, None), (2, 1.0))]
    now[0] = 1.5
    next(running)
    assert waiting[1].output.finish_reason == "timeout" and waiting[0].output is None
    now[0] = 2.0
    assert len(list(running)) == 18
    with pytest.raises(AdotxError, match=r"no room came free within 2\.0 seconds") as late:
        next(waiting[0])
    assert late.value.code == "engine.queue_timeout"
    assert waiting[0].output.queue_seconds == 2.0 and waiting[0].output.prompt_seconds == 0


def test_an_output_tells_how_long_it_waited_and_read() -> None:
    now = [0.0]
    shared = engine(max_running=1, step_tokens=10, clock=lambda: now[0])
    streams = [shared.stream(request(i, 25, sampling=SamplingParams(2, ignore_eos=True))) for i in range(2)]
    while streams[1].output is None:
        shared.drive(lambda: False)
        now[0] += 1
    # Three steps for the first prompt and one more; the second's last two positions end its third step.
    assert [s.output.queue_seconds for s in streams] == [0, 4]
    assert [s.output.prompt_seconds for s in streams] == [2, 2]


# What is found, and what is counted


def test_a_salt_keeps_what_it_computed_to_itself() -> None:
    backend = MockBackend()
    shared = engine(backend)
    outputs, found, encoded = [], [], []
    for salt in (None, "가", "가", "나", None, "나"):
        [output] = shared.generate([pictured(1, 2, 3, cache_salt=salt)])
        outputs.append(output.ids)
        found.append(output.cached_tokens > 0)
        encoded.append(backend.tiles)
    assert len({tuple(ids) for ids in outputs}) == 1
    assert found == [False, False, True, False, True, True]
    assert encoded == [3, 6, 6, 9, 9, 9], "the tower's features are kept apart too"
    side_by_side = shared.generate([pictured(9, 9, cache_salt=salt) for salt in ("a", "b", "a")])
    assert len({tuple(output.ids) for output in side_by_side}) == 1 and backend.tiles == 9 + 2


@pytest.mark.parametrize("salt", ["", 7, "x" * 1025, b"salt"])
def test_what_is_no_salt_is_refused(salt: Any) -> None:
    assert code_of(engine(), request(0, cache_salt=salt)) == "request.cache_salt"


def test_cached_tokens_count_what_was_there_before() -> None:
    shared = engine()
    together = shared.generate([request(0, 41)] * 3)
    assert [output.cached_tokens for output in together] == [0, 0, 0]
    assert shared.stats().cached_tokens == 80, "two of them were spared it nevertheless"
    assert shared.generate([request(0, 41)])[0].cached_tokens == 40
    stats = shared.stats()
    assert (stats.prefix_queries, stats.cached_tokens) == (4 * 41, 120)
    apart = engine(prefix_cache=False)
    apart.generate([request(0, 41)])
    assert apart.stats().prefix_queries == 0


def test_what_a_preempted_request_finds_again_is_its_own() -> None:
    shared = engine(kv_memory=16, max_running=4)
    outputs = shared.generate([request(i, 20) for i in range(4)])
    assert shared.stats().preemptions > 0
    assert [output.cached_tokens for output in outputs] == [0] * 4


def test_the_numbers_of_a_moment() -> None:
    now = [0.0]
    backend = MockBackend()
    encode = backend.encode_images

    def slow(pixels: np.ndarray) -> np.ndarray:
        now[0] += 3
        return encode(pixels)

    backend.encode_images = slow  # type: ignore[method-assign]
    shared = engine(backend, max_running=1, kv_memory=100, clock=lambda: now[0])
    assert shared.stats().cache_use == 0
    streams = [shared.stream(pictured(1, 2)), shared.stream(pictured(3, 4, 5))]
    next(streams[0])
    stats = shared.stats()
    assert (stats.running, stats.waiting, stats.tiles, stats.tower_seconds) == (1, 1, 2, 3)
    assert stats.cache_use == 1 - stats.free_blocks / 100 > 0
    for stream in streams:
        list(stream)
    stats = shared.stats()
    assert (stats.running, stats.waiting, stats.tiles, stats.tower_seconds) == (0, 0, 5, 6)
    assert (stats.prompt_tokens, stats.output_tokens) == (9 + 12, 40)


# Room


def test_more_than_fits_is_cut_and_says_so_or_is_refused() -> None:
    shared = engine(MockBackend(context=30))
    wanted = request(0, 20, sampling=SamplingParams(50, ignore_eos=True))
    [cut] = shared.generate([wanted])
    assert (len(cut.ids), cut.finish_reason, cut.context_full) == (10, "length", True)
    assert code_of(shared, replace(wanted, require_room=True)) == "request.no_room"
    [whole] = shared.generate(
        [request(0, 20, sampling=SamplingParams(10, ignore_eos=True), require_room=True)]
    )
    assert (whole.ids, whole.finish_reason, whole.context_full) == (cut.ids, "length", False)
    [ended] = shared.generate([replace(wanted, sampling=SamplingParams(50, stop_ids=cut.ids[3:4]))])
    assert ended.finish_reason == "stop" and not ended.context_full


# Nonsense

BAD = {
    "a float id": (Request([2, 3.5]), "request.id"),
    "a float that is whole": (Request([2.0, 3.0]), "request.id"),
    "a NumPy float": (Request(np.array([2.0, 3.0])), "request.id"),
    "true": (Request([True, False]), "request.id"),
    "text": (Request("안녕"), "request.id"),
    "texts": (Request(["2", "3"]), "request.id"),
    "None": (Request([2, None]), "request.id"),
    "lists": (Request([[2, 3]]), "request.id"),
    "lists of several lengths": (Request([[2, 3], [4]]), "request.id"),
    "beyond 64 bits": (Request([2, 1 << 70]), "request.id"),
    "below 0": (Request([2, -1]), "request.id"),
    "a number": (Request(7), "request.id"),
    "no ids": (Request(np.zeros(0, np.int64)), "request.empty"),
    "slots of a trillion": (replace(pictured(1), slots=[(1, 10**12)]), "request.images"),
    "slots a trillion away": (replace(pictured(1), slots=[(10**12, 3)]), "request.slots"),
    "slots below 0": (replace(pictured(1), slots=[(-1, 3)]), "request.slots"),
    "slots of floats": (replace(pictured(1), slots=[(1.0, 3.0)]), "request.slots"),
    "slots of NaN": (replace(pictured(1), slots=[(float("nan"), 3)]), "request.slots"),
    "slots that are no pairs": (replace(pictured(1), slots=[1, 3]), "request.slots"),
    "pixels with NaN": (pictured(1, float("nan")), "request.not_finite"),
    "pixels with infinity": (pictured(1, float("inf")), "request.not_finite"),
    "pixels with minus infinity": (pictured(float("-inf"), 1), "request.not_finite"),
    "pixels in a list": (replace(pictured(1), images=[tiles(1).tolist()]), "request.pixels"),
    "no tiles": (replace(pictured(1), images=[tiles()]), "request.pixels"),
    "a tile without its axis": (replace(pictured(1), images=[tiles(1)[0]]), "request.pixels"),
    "features with NaN": (
        replace(pictured(1), images=[EncodedImage([b"x"], np.full((1, 3, 1), np.nan, np.float32))]),
        "request.not_finite",
    ),
    "features of another shape": (
        replace(pictured(1), images=[EncodedImage([b"x"], np.zeros((2, 3, 1), np.float32))]),
        "request.features",
    ),
    "no features": (
        replace(pictured(1), images=[EncodedImage([], np.zeros((0, 3, 1), np.float32))]),
        "request.features",
    ),
    "time that is text": (request(0, timeout="5"), "request.timeout"),
    "patience that is NaN": (request(0, queue_timeout=float("nan")), "request.timeout"),
    "no patience": (request(0, queue_timeout=0), "request.timeout"),
    "half a priority": (request(0, priority=0.5), "request.priority"),
}  # fmt: skip


@pytest.mark.parametrize("asked, code", BAD.values(), ids=BAD.keys())
def test_nonsense_is_refused_with_its_reason(asked: Request, code: str) -> None:
    shared = engine()
    assert code_of(shared, asked) == code
    stats = shared.stats()
    assert stats.waiting == 0 and shared.generate([request(0)])[0].finish_reason == "length"


@pytest.mark.parametrize("method", ["encode", "image_features"])
def test_pixels_that_are_no_numbers_are_refused_everywhere(method: str) -> None:
    with pytest.raises(AdotxError) as refused:
        getattr(engine(), method)(tiles(1, float("nan")))
    assert refused.value.code == "request.not_finite"


@given(st.lists(st.integers(2, 39), min_size=1, max_size=20), st.sampled_from([np.int32, np.uint8, np.int64]))
def test_ids_may_be_integers_of_any_kind(ids: list[int], dtype: Any) -> None:
    shared = engine()
    wanted = shared.generate([Request(ids, sampling=SamplingParams(3))])[0].ids
    for given_ids in (tuple(ids), np.array(ids, dtype), [dtype(each) for each in ids]):
        assert shared.generate([Request(given_ids, sampling=SamplingParams(3))])[0].ids == wanted


# Sampling's own


def test_no_stop_id_comes_before_min_tokens() -> None:
    for seed in range(20):
        for least in (0, 1, 7, 30):
            sampling = SamplingParams(30, temperature=3, seed=seed, stop_ids=range(20), min_tokens=least)
            [output] = engine().generate([request(0, sampling=sampling)])
            assert len(output.ids) >= least and not set(output.ids) & set(sampling.stop_ids)


def test_min_tokens_agrees_with_transformers() -> None:
    torch = pytest.importorskip("torch")
    logits_process = pytest.importorskip("transformers.generation.logits_process")
    row = np.random.default_rng(0).normal(size=40).astype(np.float32)
    reference = logits_process.MinNewTokensLengthLogitsProcessor(2, 3, [4, 9])
    sampler = Sampler(SamplingParams(min_tokens=3), [2, 3], stop_ids=[4, 9])
    row[4] = 9
    prompt = [2, 3]
    for _ in range(5):
        expected = reference(torch.tensor([prompt]), torch.tensor(row[None])).argmax().item()
        assert sampler.next(row) == expected
        prompt.append(expected)
    assert prompt[-1] == 4


def test_a_constraint_that_is_complete_may_stop_before_min_tokens() -> None:
    class StopsOnly:
        finished = False

        def mask(self, scores: np.ndarray) -> None:
            scores[1:] = -np.inf

        def accept(self, token: int) -> None:
            assert token == 0

    [output] = engine().generate([request(0, sampling=SamplingParams(9, min_tokens=5), constraint=StopsOnly)])
    assert (output.ids, output.finish_reason) == ([], "stop")


def test_any_whole_number_is_a_seed() -> None:
    def drawn(seed: int) -> list[int]:
        sampling = SamplingParams(20, temperature=2, seed=seed, ignore_eos=True)
        return engine().generate([request(0, sampling=sampling)])[0].ids

    seeds = (-1, -2, 0, 1, -(1 << 63), 1 << 64, np.int64(-7))
    assert len({tuple(drawn(seed)) for seed in seeds}) == len(seeds)
    assert all(drawn(seed) == drawn(seed) for seed in seeds)
