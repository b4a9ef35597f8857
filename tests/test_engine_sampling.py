"""Sampling: processors against transformers' own classes and pipeline, draws against the distribution,
constraints, log-probabilities, refusals."""

from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st

from adotx.engine.sampling.logprobs import TokenLogprobs, log_probabilities
from adotx.engine.sampling.params import MOST_LOGPROBS, SamplingParams, check_ids
from adotx.engine.sampling.processors import candidates, nucleus
from adotx.engine.sampling.sampler import Sampler
from adotx.errors import AdotxError

SIZE = 200
SEEDS = st.integers(0, 2**32 - 1)
IDS = st.lists(st.integers(0, SIZE - 1), max_size=12)


def scores(seed: int, size: int = SIZE, spread: float = 3) -> np.ndarray:
    return np.random.default_rng(seed).normal(scale=spread, size=size).astype(np.float32)


def after(params: SamplingParams, prompt: list[int], output: list[int], constraint=None) -> Sampler:
    """A sampler that has already picked `output`."""
    sampler = Sampler(params, prompt, constraint)
    for token in output:
        spike = np.zeros(SIZE, np.float32)
        spike[token] = 1e9
        assert sampler.next(spike) == token
    return sampler


def processed(sampler: Sampler, row: np.ndarray) -> np.ndarray:
    """Scores before the pick (greedy) or probabilities of the draw, float32 [V]."""
    row = sampler._process(row)
    if sampler.params.greedy:
        return row
    ids, weights = candidates(row, sampler.params)
    out = np.zeros_like(row)
    out[slice(None) if ids is None else ids] = weights / weights.sum()
    return out


@pytest.fixture(scope="module")
def reference():
    """`run(params, prompt, output, row)`: what transformers' own pipeline of `generate` makes of a row."""
    torch = pytest.importorskip("torch")
    from transformers import GenerationConfig, GenerationMixin
    from transformers.generation import LogitsProcessor

    class Counted(LogitsProcessor):
        """The two that transformers lacks, by OpenAI's formula; a caller's processor, where it stands."""

        def __init__(self, params: SamplingParams, start: int) -> None:
            self.params, self.start = params, start

        def __call__(self, ids, row):
            times = torch.bincount(ids[0, self.start :], minlength=row.shape[-1]).float()[None]
            return row - self.params.frequency_penalty * times - self.params.presence_penalty * (times > 0)

    def run(params: SamplingParams, prompt: list[int], output: list[int], row: np.ndarray) -> np.ndarray:
        config = GenerationConfig(
            do_sample=not params.greedy,
            repetition_penalty=params.repetition_penalty,
            sequence_bias={(token,): float(value) for token, value in params.logit_bias.items()} or None,
        )
        if not params.greedy:
            config.update(
                temperature=params.temperature,
                top_k=params.top_k,
                top_p=params.top_p,
                min_p=params.min_p or None,
            )
        model = SimpleNamespace(config=SimpleNamespace(is_encoder_decoder=False))
        model._merge_criteria_processor_list = GenerationMixin._merge_criteria_processor_list.__get__(model)
        chain = GenerationMixin._get_logits_processor(
            model, config, input_ids_seq_length=len(prompt), logits_processor=[Counted(params, len(prompt))]
        )
        ids = torch.tensor([[*prompt, *output]], dtype=torch.int64)
        out = chain(ids, torch.from_numpy(row.copy())[None])
        return (out if params.greedy else out.softmax(-1))[0].numpy()

    return run


SETTINGS = [
    SamplingParams(repetition_penalty=1.05),
    SamplingParams(repetition_penalty=0.7),
    SamplingParams(presence_penalty=1.5),
    SamplingParams(frequency_penalty=-0.75),
    SamplingParams(logit_bias={3: 4.5, 7: -100, 199: 0.25}),
    SamplingParams(
        repetition_penalty=1.3, presence_penalty=0.4, frequency_penalty=0.3, logit_bias={3: 4, 150: -4}
    ),
    SamplingParams(temperature=0.7),
    SamplingParams(temperature=1.0, top_k=5),
    SamplingParams(temperature=1.0, top_k=10_000),
    SamplingParams(temperature=1.0, top_p=0.8),
    SamplingParams(temperature=1.0, top_p=0.0001),
    SamplingParams(temperature=1.0, min_p=0.02),
    SamplingParams(temperature=2.0, min_p=1.0),
    SamplingParams(temperature=0.5, top_p=0.8, top_k=20, repetition_penalty=1.05),  # the card, chat
    SamplingParams(temperature=0.7, top_p=0.95, top_k=1, repetition_penalty=1.05),  # the card, transcription
    SamplingParams(temperature=2.5, top_p=0.999, repetition_penalty=0.5),
    SamplingParams(
        temperature=1.3,
        top_k=40,
        top_p=0.92,
        min_p=0.03,
        repetition_penalty=1.1,
        presence_penalty=0.6,
        frequency_penalty=0.2,
        logit_bias={7: 2.5, 40: -3, 150: 1},
    ),
]


def agree(params, prompt, output, row, reference) -> None:
    ours = processed(after(params, prompt, output), row)
    theirs = reference(params, prompt, output, row)
    np.testing.assert_array_equal(ours == 0, theirs == 0)
    np.testing.assert_allclose(ours, theirs, rtol=3e-5, atol=1e-7)


@pytest.mark.parametrize("params", SETTINGS, ids=str)
def test_fixed_settings_equal_transformers(params: SamplingParams, reference) -> None:
    for seed in range(20):
        agree(params, [3, 7, 7, 150, seed], [40, 3, 40, 11 + seed], scores(seed), reference)


@given(
    SEEDS,
    IDS.filter(bool),
    IDS,
    st.builds(
        SamplingParams,
        temperature=st.sampled_from([0.0, 1.0]) | st.floats(0.05, 5),
        top_k=st.integers(0, SIZE + 5),
        top_p=st.just(1.0) | st.floats(0.01, 0.999),
        min_p=st.just(0.0) | st.floats(1e-4, 1),
        repetition_penalty=st.just(1.0) | st.floats(0.2, 5),
        presence_penalty=st.just(0.0) | st.floats(-2, 2),
        frequency_penalty=st.just(0.0) | st.floats(-2, 2),
        logit_bias=st.dictionaries(st.integers(0, SIZE - 1), st.floats(-100, 100), max_size=5),
    ),
)
@settings(max_examples=300, deadline=None)
def test_any_combination_equals_transformers(reference, seed, prompt, output, params) -> None:
    row = scores(seed)
    ours, theirs = processed(after(params, prompt, output), row), reference(params, prompt, output, row)
    if params.greedy:
        np.testing.assert_allclose(ours, theirs, rtol=1e-5, atol=1e-5)
        return
    # float32 sums round differently: an id whose probability lies on a filter's edge may differ, no other.
    differ = np.flatnonzero((ours == 0) != (theirs == 0))
    assert differ.size <= 1
    if not differ.size:
        np.testing.assert_allclose(ours, theirs, rtol=1e-3, atol=1e-6)


def test_a_long_vocabulary_equals_transformers(reference) -> None:
    for spread, params in [
        (3, SamplingParams(temperature=1.0, top_p=0.9)),
        (0.1, SamplingParams(temperature=1.0, top_p=0.9)),
        (1, SamplingParams(temperature=0.8, top_k=5000, top_p=0.95, min_p=0.001)),
    ]:
        row = scores(0, 102_400, spread)
        ours = candidates(row, params)[0]
        theirs = np.flatnonzero(reference(params, [0], [], row))
        # float32 sums over 102,400 terms round differently at the cut.
        assert len(np.setxor1d(ours, theirs)) <= 3e-4 * len(theirs) + 1


def test_ties_with_the_kth_stay() -> None:
    ids, _ = candidates(np.array([1, 2, 2, 0], np.float32), SamplingParams(temperature=1.0, top_k=1))
    assert ids.tolist() == [1, 2]


@given(SEEDS, st.floats(0.001, 0.999), st.sampled_from([5, 300, 5000, 20_000]), st.sampled_from([0.01, 1, 6]))
@settings(max_examples=60, deadline=None)
def test_nucleus_is_the_smallest_set_that_reaches_p(seed: int, p: float, size: int, spread: float) -> None:
    weights = np.exp(scores(seed, size, spread))
    kept = nucleus(weights, p)
    share = np.sort(weights[kept].astype(np.float64)) / weights.sum(dtype=np.float64)
    assert share.sum() >= p - 1e-6
    assert share[1:].sum() < p + 1e-6
    assert (np.diff(kept) > 0).all()
    assert weights[kept].min() >= np.delete(weights, kept).max(initial=0)


def test_nucleus_among_equals_keeps_as_many_as_needed() -> None:
    assert len(nucleus(np.ones(10_000, np.float32), 0.25)) == 2500
    assert nucleus(np.array([1, 1, 2], np.float32), 0.6).tolist() == [1, 2]  # as torch.sort orders them


def test_nothing_is_changed_in_place() -> None:
    row = scores(1)
    before = row.copy()
    for params in SETTINGS:
        sampler = Sampler(params, [1, 2])
        sampler.next(row)
        sampler.next(row)
        np.testing.assert_array_equal(row, before)


@pytest.mark.parametrize("temperature", [0.0, 1e-6, 1e-40])
def test_greedy_is_the_largest_score(temperature: float) -> None:
    assert Sampler(SamplingParams(temperature=temperature), [1]).next(scores(5)) == scores(5).argmax()


def test_seed_repeats_and_differs() -> None:
    def draws(seed: int | None) -> list[int]:
        sampler = Sampler(SamplingParams(temperature=1.0, seed=seed), [1])
        return [sampler.next(scores(i)) for i in range(30)]

    assert draws(7) == draws(7)
    assert draws(7) != draws(8)
    assert draws(None) != draws(None)


@pytest.mark.parametrize("size", [4, 3000])
def test_draws_follow_the_probabilities(size: int) -> None:
    row = np.full(size, -np.inf, np.float32)
    held = [0, size // 3, size // 2, size - 1]
    row[held] = np.log(np.array([0.1, 0.15, 0.2, 0.55], np.float32))
    sampler = Sampler(SamplingParams(temperature=1.0, seed=0), [0])
    counts = np.bincount([sampler.next(row) for _ in range(4000)], minlength=size) / 4000
    np.testing.assert_allclose(counts[held], [0.1, 0.15, 0.2, 0.55], atol=0.03)
    assert counts.sum() == pytest.approx(counts[held].sum())


@given(SEEDS, st.floats(0, 1, exclude_max=True), st.integers(1, 4000))
@example(0, 1 - 2**-53, 4000)
@example(0, 0.0, 4000)
@settings(max_examples=60, deadline=None)
def test_a_draw_inverts_the_cumulated_probabilities(seed: int, draw: float, size: int) -> None:
    row = scores(seed, size)
    sampler = Sampler(SamplingParams(temperature=1.0), [0])
    sampler._random = SimpleNamespace(random=lambda: draw)
    token = sampler.next(row)
    sums = np.cumsum(np.exp(row.astype(np.float64)))
    sums = np.concatenate([[0], sums / sums[-1]])
    assert sums[token] - 1e-6 <= draw <= sums[token + 1] + 1e-6


def test_penalties_count_what_they_say() -> None:
    row = np.array([1.0, 3.0, 2.5], np.float32)
    repeats = Sampler(SamplingParams(repetition_penalty=2.0), [0])
    assert [repeats.next(row), repeats.next(row)] == [1, 2]
    # The prompt does not count for the OpenAI penalties, the output does, once or as often as it is there.
    presence = Sampler(SamplingParams(presence_penalty=1.0), [1, 1, 1])
    assert [presence.next(row) for _ in range(3)] == [1, 2, 1]
    frequency = Sampler(SamplingParams(frequency_penalty=0.4), [1, 1, 1])
    assert [frequency.next(row) for _ in range(5)] == [1, 1, 2, 1, 2]


def test_many_ids_are_remembered() -> None:
    sampler = Sampler(SamplingParams(frequency_penalty=2.0, repetition_penalty=1.5), [5])
    picked = [sampler.next(np.linspace(10, 9, 1000, dtype=np.float32)) for _ in range(600)]
    assert len(set(picked)) == 600


# Constraints


class Only:
    """Allows a fixed set of ids at every step."""

    finished = False

    def __init__(self, allowed: list[int]) -> None:
        self.allowed, self.taken = allowed, []

    def mask(self, row: np.ndarray) -> None:
        kept = row[self.allowed]
        row[:] = -np.inf
        row[self.allowed] = kept

    def accept(self, token: int) -> None:
        self.taken.append(token)


@given(SEEDS, st.lists(st.integers(0, SIZE - 1), min_size=1, max_size=5), st.sampled_from(SETTINGS))
@settings(deadline=None)
def test_a_masked_id_is_never_picked(seed: int, allowed: list[int], params: SamplingParams) -> None:
    other = next(i for i in range(SIZE) if i not in allowed)
    only = Only(allowed)
    biased = SamplingParams(**{**vars(params), "logit_bias": {other: 1e6, **params.logit_bias}})
    sampler = Sampler(biased, [1, other], only)
    picked = [sampler.next(scores(seed + i)) for i in range(5)]
    assert set(picked) <= set(allowed)
    assert only.taken == picked


def test_a_constraint_without_a_way_on_is_an_error() -> None:
    for params in SETTINGS:
        with pytest.raises(AdotxError, match="no id may follow") as caught:
            Sampler(params, [1], Only([])).next(scores(0))
        assert caught.value.code == "sampling.nothing_allowed"


# Log-probabilities


@given(SEEDS, st.integers(0, MOST_LOGPROBS), st.sampled_from(SETTINGS))
@settings(deadline=None)
def test_logprobs_are_those_of_the_raw_distribution(seed: int, count: int, params: SamplingParams) -> None:
    row = scores(seed)
    sampler = Sampler(SamplingParams(**{**vars(params), "logprobs": count, "seed": 1}), [3, 7])
    plain = Sampler(SamplingParams(**{**vars(params), "seed": 1}), [3, 7])
    tokens = [sampler.next(row), sampler.next(row)]
    assert tokens == [plain.next(row), plain.next(row)] and plain.logprobs == []
    exact = row.astype(np.float64) - np.log(np.exp(row.astype(np.float64)).sum())
    for token, entry in zip(tokens, sampler.logprobs, strict=True):
        assert entry.token == token and len(entry.top) == count
        assert entry.logprob == pytest.approx(exact[token], abs=1e-5)
        best = np.argsort(-exact, kind="stable")[:count]
        assert [i for i, _ in entry.top] == best.tolist()
        np.testing.assert_allclose([lp for _, lp in entry.top], exact[best], atol=1e-5)


def test_logprobs_of_equal_and_impossible_ids() -> None:
    row = np.array([0, 1, 1, -np.inf, 1], np.float32)
    entry = log_probabilities(row, 3, 2)
    assert entry.logprob == -np.inf
    assert [i for i, _ in entry.top] == [1, 2]
    assert len(log_probabilities(row, 0, 20).top) == 5
    assert isinstance(entry, TokenLogprobs)


# Refusals


@pytest.mark.parametrize("params", [SamplingParams(), *SETTINGS], ids=str)
@pytest.mark.parametrize("bad", [np.nan, np.inf])
def test_scores_that_are_not_numbers_are_refused(params: SamplingParams, bad: float) -> None:
    row = scores(0)
    row[17] = bad
    with pytest.raises(AdotxError, match="not numbers"):
        Sampler(params, [1]).next(row)


def test_values_that_leave_float32_are_refused() -> None:
    params = SamplingParams(logit_bias={0: 3e38}, repetition_penalty=1e-3)
    with pytest.raises(AdotxError, match="float32"):
        Sampler(params, [0]).next(scores(0))


NAN, INF = float("nan"), float("inf")
WRONG = [
    *({"max_new_tokens": v} for v in (0, True, 2.5, "5", None)),
    *({"temperature": v} for v in (-1, NAN, INF, True, "1", None, 1e39)),
    *({"top_p": v} for v in (0, 1.1, NAN, True, "0.5")),
    *({"top_k": v} for v in (-1, True, 1.5, "3")),
    *({"min_p": v} for v in (-0.1, 1.01, NAN, False)),
    *({"repetition_penalty": v} for v in (0, -1, INF, NAN, True, "1")),
    *({"presence_penalty": v} for v in (NAN, INF, -INF, False, "0")),
    *({"frequency_penalty": v} for v in (NAN, INF, -INF, False, "0")),
    *({"logit_bias": v} for v in ({1: NAN}, {1: INF}, {"1": 1}, {-1: 1}, {1: True}, {True: 1}, [1])),
    {"logit_bias": {1: 1e39}},
    *({"seed": v} for v in (1.5, True, "1")),
    *({"min_tokens": v} for v in (-1, 257, True, 1.5, "1")),
    *({"stop_ids": v} for v in ("1", [-1], [1.5], [True], 7)),
    *({"ignore_eos": v} for v in (1, None, "no")),
    *({"logprobs": v} for v in (-1, 21, True, 1.5, "1")),
    *({"loop_guard": v} for v in (3, -8, True, 10.5, 65_537)),
    *({"loop_exempt": v} for v in ("ab", ["a"], [-1], 5)),
]  # fmt: skip


@pytest.mark.parametrize("wrong", WRONG, ids=str)
def test_wrong_settings_are_named(wrong: dict) -> None:
    with pytest.raises(AdotxError, match=next(iter(wrong))) as caught:
        SamplingParams(**wrong)
    assert caught.value.code == "sampling.value"


def test_numpy_numbers_are_numbers() -> None:
    params = SamplingParams(np.int64(5), np.float32(0.5), seed=np.uint8(3), stop_ids=np.array([4]).tolist())
    assert Sampler(params, np.array([1, 2])).next(scores(0)) == Sampler(params, [1, 2]).next(scores(0))


def test_params_keep_their_own_copies() -> None:
    bias, stops = {1: 1.0}, [2]
    params = SamplingParams(logit_bias=bias, stop_ids=stops)
    bias[5] = 2.0
    stops.append(9)
    assert params.logit_bias == {1: 1.0} and params.stop_ids == (2,)


@pytest.mark.parametrize("wrong", [{"logit_bias": {3: 1, 10: 1}}, {"stop_ids": [10]}], ids=str)
def test_ids_outside_the_vocabulary_are_refused(wrong: dict) -> None:
    params = SamplingParams(**wrong)
    check_ids(params, 11)
    with pytest.raises(AdotxError, match=f"{next(iter(wrong))} has id 10, the vocabulary ends at 9"):
        check_ids(params, 10)
