"""Sampling: processors against transformers' own, draws against the distribution, the loop guard."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adotx.engine.sampling import LoopGuard, Sampler, SamplingParams, keep_top_k, keep_top_p, process
from adotx.errors import AdotxError


def scores(seed: int, size: int = 200) -> np.ndarray:
    return np.random.default_rng(seed).normal(scale=3, size=size).astype(np.float32)


@pytest.fixture(scope="module")
def reference():
    """`reference(params, ids, scores)`: what transformers' `generate` does to the scores, in its order."""
    torch = pytest.importorskip("torch")
    processors = pytest.importorskip("transformers.generation.logits_process")

    def run(params: SamplingParams, ids: list[int], row: np.ndarray) -> np.ndarray:
        chain = processors.LogitsProcessorList()
        if params.repetition_penalty != 1.0:
            chain.append(processors.RepetitionPenaltyLogitsProcessor(params.repetition_penalty))
        if params.temperature > 0:
            chain.append(processors.TemperatureLogitsWarper(params.temperature))
            if params.top_k:
                chain.append(processors.TopKLogitsWarper(params.top_k))
            if params.top_p < 1:
                chain.append(processors.TopPLogitsWarper(params.top_p))
        return chain(torch.tensor([ids]), torch.from_numpy(row.copy())[None])[0].numpy()

    return run


SETTINGS = [
    SamplingParams(repetition_penalty=1.05),
    SamplingParams(temperature=0.7),
    SamplingParams(temperature=1.0, top_k=5),
    SamplingParams(temperature=1.0, top_k=10_000),
    SamplingParams(temperature=1.0, top_p=0.8),
    SamplingParams(temperature=1.0, top_p=0.0001),
    SamplingParams(temperature=0.5, top_p=0.8, top_k=20, repetition_penalty=1.05),  # the card, chat
    SamplingParams(temperature=0.7, top_p=0.95, top_k=1, repetition_penalty=1.05),  # the card, transcription
    SamplingParams(temperature=2.5, top_p=0.999, repetition_penalty=0.5),
]


@pytest.mark.parametrize("params", SETTINGS, ids=str)
def test_processors_equal_transformers(params: SamplingParams, reference) -> None:
    for seed in range(20):
        row, ids = scores(seed), [3, 7, 7, 150, seed]
        ours, theirs = process(row, np.unique(ids), params), reference(params, ids, row)
        np.testing.assert_array_equal(np.isneginf(ours), np.isneginf(theirs))
        kept = np.isfinite(theirs)
        np.testing.assert_allclose(ours[kept], theirs[kept], rtol=1e-6)


def test_top_p_equals_transformers_on_a_long_vocabulary(reference) -> None:
    row = scores(0, 102_400)
    params = SamplingParams(temperature=1.0, top_p=0.9)
    ours, theirs = process(row, np.zeros(0, int), params), reference(params, [0], row)
    # float32 sums over 102,400 terms round differently at the cut: at most a few of the ids there may differ.
    assert (np.isfinite(ours) != np.isfinite(theirs)).sum() <= 3


def test_ties_with_the_kth_stay() -> None:
    assert np.isfinite(keep_top_k(np.array([1, 2, 2, 0], np.float32), 1)).tolist() == [
        False,
        True,
        True,
        False,
    ]


@given(st.integers(0, 2**32 - 1), st.floats(0.01, 0.999))
def test_top_p_keeps_the_smallest_set_that_reaches_p(seed: int, p: float) -> None:
    row = scores(seed, 50)
    kept = np.sort(np.exp(row[np.isfinite(keep_top_p(row, p))]) / np.exp(row).sum())
    assert kept.sum() >= p - 1e-4
    assert kept[1:].sum() < p + 1e-4


def test_processing_changes_nothing_in_place() -> None:
    row = scores(1)
    before = row.copy()
    process(row, np.array([1, 2]), SETTINGS[6])
    np.testing.assert_array_equal(row, before)


def test_greedy_is_the_largest_score() -> None:
    assert Sampler(SamplingParams(), [1]).next(scores(5)) == scores(5).argmax()


def test_seed_repeats_and_differs() -> None:
    def draws(seed: int | None) -> list[int]:
        sampler = Sampler(SamplingParams(temperature=1.0, seed=seed), [1])
        return [sampler.next(scores(i)) for i in range(30)]

    assert draws(7) == draws(7)
    assert draws(7) != draws(8)
    assert draws(None) != draws(None)


def test_draws_follow_the_probabilities() -> None:
    row = np.log(np.array([0.1, 0.0, 0.2, 0.7], np.float32) + np.float32(1e-38))
    sampler = Sampler(SamplingParams(temperature=1.0, seed=0), [0])
    counts = np.bincount([sampler.next(row) for _ in range(4000)], minlength=4) / 4000
    np.testing.assert_allclose(counts, [0.1, 0.0, 0.2, 0.7], atol=0.03)
    assert counts[1] == 0


def test_own_output_is_penalized() -> None:
    sampler = Sampler(SamplingParams(repetition_penalty=2.0), [0])
    row = np.array([1.0, 3.0, 2.0], np.float32)
    assert [sampler.next(row), sampler.next(row)] == [1, 2]


def test_scores_that_are_not_numbers_are_refused() -> None:
    with pytest.raises(AdotxError, match="not numbers"):
        Sampler(SamplingParams(), [1]).next(np.array([1.0, np.nan], np.float32))


@pytest.mark.parametrize(
    "wrong",
    [{"max_new_tokens": 0}, {"temperature": -1}, {"temperature": float("nan")}, {"top_p": 0}, {"top_p": 1.1},
     {"top_k": -1}, {"repetition_penalty": 0}, {"seed": -1}, {"loop_guard": 3}],
    ids=str,
)  # fmt: skip
def test_wrong_settings_are_named(wrong: dict) -> None:
    with pytest.raises(AdotxError, match=next(iter(wrong))):
        SamplingParams(**wrong)


def cut_at(window: int, ids: list[int]) -> int | None:
    guard = LoopGuard(window)
    return next((i + 1 for i, token in enumerate(ids) if guard.push(token)), None)


def test_loop_guard_cuts_when_the_window_is_one_pattern() -> None:
    assert cut_at(16, [5] * 100) == 16
    assert cut_at(16, [1, 2, 3, *[8, 9, 7] * 10]) == 3 + 16
    assert cut_at(16, [1, 2, 3, 4, 5] * 20) is None  # five is more than a fourth of 16
    assert cut_at(20, [1, 2, 3, 4, 5] * 20) == 20
    assert cut_at(0, [5] * 100) is None


@given(st.lists(st.integers(0, 2), max_size=60))
def test_loop_guard_agrees_with_its_definition(ids: list[int]) -> None:
    def loops(last: list[int]) -> bool:
        return len(last) == 12 and any(
            all(last[i] == last[i - period] for i in range(period, 12)) for period in (1, 2, 3)
        )

    expected = next((end for end in range(1, len(ids) + 1) if loops(ids[max(0, end - 12) : end])), None)
    assert cut_at(12, ids) == expected
