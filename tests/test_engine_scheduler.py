"""Scheduling, prefix cache, preemption, speculation, limits: on a model without weights that notices
every mistake in the cache (tests/mock_backend.py)."""

from __future__ import annotations

import threading
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adotx.engine import Engine, Request, SamplingParams
from adotx.errors import AdotxError
from mock_backend import IMAGE, MockBackend


def engine(backend: MockBackend | None = None, blocks: int = 400, **others) -> Engine:
    return Engine(backend or MockBackend(), kv_memory=blocks, **others)


def ids(seed: int, length: int) -> list[int]:
    return np.random.default_rng(seed).integers(2, 40, length).tolist()


def pictured(before: list[int], tiles: list[int], after: list[int], **others) -> Request:
    """A request with one image whose tiles are named by numbers."""
    pixels = np.array(tiles, np.float32)[:, None, None, None] * np.ones((1, *IMAGE.tile_shape), np.float32)
    return Request([*before, *[1] * (3 * len(tiles)), *after], images=[pixels], **others)


def is_idle(engine: Engine) -> bool:
    stats = engine.stats()
    return stats.running == stats.waiting == 0 and engine.pool.available == engine.pool.count


# Company

LENGTHS = st.integers(1, 60)


@st.composite
def requests(draw) -> list[Request]:
    made = []
    for _ in range(draw(st.integers(1, 12))):
        shared = ids(draw(st.integers(0, 2)), draw(LENGTHS))  # several begin alike
        own = ids(draw(st.integers(0, 1000)), draw(st.integers(0, 9)))
        sampling = SamplingParams(
            draw(st.integers(1, 25)),
            temperature=draw(st.sampled_from([0.0, 0.0, 1.0])),
            repetition_penalty=draw(st.sampled_from([1.0, 1.3])),
            seed=draw(st.integers(0, 3)),
            ignore_eos=draw(st.booleans()),
        )
        tiles = draw(st.lists(st.integers(0, 2), max_size=4))
        if tiles:
            made.append(pictured(shared, tiles, own or [5], sampling=sampling))
        else:
            made.append(Request(shared + own, sampling=sampling))
    return made


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(
    requests(), st.integers(1, 6), st.integers(0, 40), st.integers(6, 40), st.integers(1, 12),
    st.booleans(), st.sampled_from([0, 3]),
)  # fmt: skip
def test_company_room_pieces_and_guesses_change_nothing(
    requests, running, spare, step_tokens, mixed, prefix_cache, speculate
) -> None:
    longest = max(len(r.ids) + r.sampling.max_new_tokens for r in requests)
    shared = engine(
        blocks=-(-longest // 4) + spare, max_running=running, step_tokens=step_tokens, mixed_tokens=mixed,
        prefix_cache=prefix_cache, speculate=speculate,
    )  # fmt: skip
    outputs = shared.generate(requests)
    for request, output in zip(requests, outputs, strict=True):
        [alone] = engine(prefix_cache=False).generate([request])
        assert (output.ids, output.finish_reason) == (alone.ids, alone.finish_reason)
    assert is_idle(shared)


def test_500_requests_in_a_quarter_of_the_blocks() -> None:
    """Random lengths, settings, cancellations, timeouts, images: all end or report, as if alone."""
    random, now = np.random.default_rng(7), [0.0]
    made, cancel_after = [], []
    for i in range(500):
        sampling = SamplingParams(
            int(random.integers(1, 60)), temperature=float(random.choice([0, 0, 0, 0.8])), seed=i,
            top_k=int(random.choice([0, 5])), ignore_eos=bool(random.integers(2)),
        )  # fmt: skip
        prompt = [
            *ids(int(random.integers(4)), int(random.integers(1, 80))),
            *ids(i, int(random.integers(1, 60))),
        ]
        timeout = 30.0 if i % 50 == 7 else None
        if i % 3 == 0:
            tiles = random.integers(0, 9, random.integers(1, 6)).tolist()
            made.append(pictured(prompt[:20], tiles, prompt[20:] or [3], sampling=sampling, timeout=timeout))
        else:
            made.append(Request(prompt, sampling=sampling, timeout=timeout))
        cancel_after.append(int(random.integers(0, 20)) if i % 10 == 4 else None)
    backend = MockBackend()
    # What the 32 that run at once would need, on average; a quarter of that.
    need = 32 * sum(-(-(len(r.ids) + r.sampling.max_new_tokens) // 4) for r in made) // len(made)
    shared = Engine(
        backend, kv_memory=need // 4, max_running=32, step_tokens=256, mixed_tokens=16, speculate=2,
        clock=lambda: now[0],
    )  # fmt: skip
    streams = [shared.stream(request) for request in made]
    open_streams = list(enumerate(streams))
    while open_streams:
        now[0] += 0.2
        for pair in list(open_streams):
            index, stream = pair
            read = len(stream._sequence.output)
            if cancel_after[index] is not None and read >= cancel_after[index]:
                stream.close()
            if stream.output is not None:
                open_streams.remove(pair)
        if open_streams:
            shared.drive(lambda: False)
    reasons: dict[str, int] = {}
    for request, stream in zip(made, streams, strict=True):
        output = stream.output
        assert output is not None and stream.error is None
        reasons[output.finish_reason] = reasons.get(output.finish_reason, 0) + 1
        [alone] = engine(prefix_cache=False).generate(
            [Request(request.ids, request.slots, request.images, request.sampling)]
        )
        if output.finish_reason in ("cancelled", "timeout"):
            assert output.ids == alone.ids[: len(output.ids)]
        else:
            assert (output.ids, output.finish_reason) == (alone.ids, alone.finish_reason)
    stats = shared.stats()
    assert is_idle(shared) and stats.preemptions > 0 and stats.cached_tokens > 0
    assert {"stop", "length", "cancelled", "timeout"} <= set(reasons)


# Prefix cache


def test_a_second_question_on_the_same_page_computes_the_question_alone() -> None:
    backend = MockBackend()
    shared, page = engine(backend), list(range(20))
    [first] = shared.generate([pictured(ids(0, 10), page, ids(1, 6))])
    assert (first.cached_tokens, backend.tiles) == (0, 20)
    before = backend.positions
    [second] = shared.generate([pictured(ids(0, 10), page, ids(2, 6), sampling=SamplingParams(1))])
    assert backend.tiles == 20, "the tower has encoded these tiles"
    assert second.cached_tokens == 68 and backend.positions - before == 76 - 68
    [other] = shared.generate([pictured(ids(0, 10), [*page[:-1], 99], ids(2, 6), sampling=SamplingParams(1))])
    assert backend.tiles == 21 and 60 <= other.cached_tokens < 68, "up to the tile that differs"


def test_the_key_includes_the_pixels() -> None:
    shared = engine()
    alone = [engine().generate([pictured([5], [n] * 4, [6] * 9)])[0].ids for n in (1, 2)]
    assert [shared.generate([pictured([5], [n] * 4, [6] * 9)])[0].ids for n in (1, 2)] == alone
    assert alone[0] != alone[1]


def test_requests_side_by_side_share_what_one_of_them_fills() -> None:
    backend = MockBackend()
    shared = engine(backend, step_tokens=40)
    outputs = shared.generate([Request(ids(0, 100), sampling=SamplingParams(3, ignore_eos=True))] * 4)
    assert len({tuple(output.ids) for output in outputs}) == 1
    assert backend.positions < 2 * 100 and shared.stats().cached_tokens > 200
    assert not any(output.cached_tokens for output in outputs), "nothing was there before they came"


@pytest.mark.parametrize(("before", "tiles"), [(5, 4), (3, 3), (0, 1), (2, 2), (17, 6)])
@pytest.mark.parametrize("blocks", [400, 30])
def test_questions_about_an_encoded_image_share_all_of_it(before: int, tiles: int, blocks: int) -> None:
    """Whether or not the image ends with a block: it is computed once, and every answer is as if alone."""
    backend = MockBackend()
    shared, start = engine(backend, blocks), ids(0, before)
    questions = [
        pictured(start, list(range(tiles)), ids(n, 1 + n % 5), sampling=SamplingParams(1 + n % 7))
        for n in range(1, 13)
    ]
    image = shared.encode(questions[0].images[0])
    assert backend.tiles == tiles and len(image) == tiles
    outputs = shared.generate([replace(question, images=[image]) for question in questions])
    alone = [engine(prefix_cache=False).generate([question])[0].ids for question in questions]
    assert [output.ids for output in outputs] == alone and is_idle(shared)
    end = before + 3 * tiles
    if blocks == 400:
        assert shared.stats().cached_tokens == 11 * end and backend.tiles == tiles
    again = shared.generate([replace(questions[3], images=[image])])[0]
    assert again.ids == alone[3] and (blocks == 30 or again.cached_tokens >= end)


def test_outputs_are_found_again_by_the_next_turn_of_a_chat() -> None:
    shared = engine()
    [answer] = shared.generate([Request(ids(0, 30), sampling=SamplingParams(20, ignore_eos=True))])
    [next_turn] = shared.generate([Request([*ids(0, 30), *answer.ids, 7, 8, 9])])
    assert next_turn.cached_tokens == 48  # all but the last new id, in whole blocks


def test_without_a_prefix_cache_nothing_is_found() -> None:
    shared = engine(prefix_cache=False, feature_memory=0)
    outputs = [shared.generate([pictured([5], [3] * 4, [6] * 9)])[0] for _ in range(2)]
    assert outputs[1].cached_tokens == 0 and shared.stats().tiles == 2 and shared.pool.cached == 0


# Fairness and limits


def test_running_ones_get_on_while_a_long_prompt_is_read() -> None:
    backend = MockBackend(context=3000)
    shared = engine(backend, blocks=1000, mixed_tokens=8, step_tokens=512)
    small = [
        shared.stream(Request(ids(i, 5), sampling=SamplingParams(200, ignore_eos=True))) for i in range(4)
    ]
    for stream in small:
        next(stream)
    backend.sizes.clear()
    long = shared.stream(Request(ids(9, 400), sampling=SamplingParams(5, ignore_eos=True)))
    next(long)
    assert all(sorted(sizes)[:4] == [1] * 4 and sum(sizes) <= 12 for sizes in backend.sizes)
    assert len(backend.sizes) >= 400 // 8


def test_where_nothing_is_streamed_steps_are_full() -> None:
    backend = MockBackend()
    requests = [Request(ids(i, 100), sampling=SamplingParams(4, ignore_eos=True)) for i in range(6)]
    engine(backend, mixed_tokens=4, step_tokens=200).generate(requests)
    assert len(backend.sizes) <= 3 + 4 and [sum(sizes) > 150 for sizes in backend.sizes[:3]] == [True] * 3


@pytest.mark.parametrize(("waiting", "room"), [(1, 4), (5, 20)])
def test_prompts_get_more_room_where_more_of_them_wait(waiting: int, room: int) -> None:
    backend = MockBackend()
    shared = engine(backend, mixed_tokens=4, step_tokens=200)
    running = shared.stream(Request(ids(0, 5), sampling=SamplingParams(90, ignore_eos=True)))
    next(running)
    prompts = [shared.stream(Request(ids(i, 60))) for i in range(waiting)]
    shared.drive(lambda: False)
    assert 1 + room // 2 <= sum(backend.sizes[-1]) <= 1 + room
    assert all(stream.output is None for stream in prompts)


def test_short_questions_pass_a_long_document_and_the_document_gets_half() -> None:
    backend = MockBackend(context=3000)
    shared = engine(backend, blocks=1000, step_tokens=40)
    long = shared.stream(Request(ids(0, 400), sampling=SamplingParams(1)))
    short = [shared.stream(Request(ids(i, 10), sampling=SamplingParams(1))) for i in range(1, 5)]
    ended: list[int] = []
    while len(ended) < 5:
        shared.drive(lambda: False)
        ended += [i for i, s in enumerate([long, *short]) if s.output and i not in ended]
    assert ended[-1] == 0 and all(sizes[0] >= 20 for sizes in backend.sizes[:-1])


def test_the_oldest_is_never_preempted() -> None:
    backend = MockBackend()
    shared = engine(backend, blocks=20, max_running=6)
    streams = [
        shared.stream(Request(ids(i, 20), sampling=SamplingParams(50, ignore_eos=True))) for i in range(6)
    ]
    order = []
    while len(order) < 6:
        shared.drive(lambda: False)
        order += [i for i, s in enumerate(streams) if s.output and i not in order]
    assert order == sorted(order) and shared.stats().preemptions > 0 and is_idle(shared)


def test_too_much_for_the_cache_is_refused_at_once() -> None:
    shared = engine(blocks=10)
    with pytest.raises(AdotxError, match=r"the prompt's 41 tokens exceed the whole cache, 40"):
        shared.stream(Request(ids(0, 41)))
    wanted = Request(ids(0, 30), sampling=SamplingParams(12, ignore_eos=True))
    with pytest.raises(AdotxError, match=r"12 new tokens are asked for.* 30 there is room for 11"):
        shared.stream(replace(wanted, require_room=True))
    [cut] = shared.generate([wanted])
    assert (len(cut.ids), cut.finish_reason, cut.context_full) == (11, "length", True)
    just = replace(wanted, sampling=SamplingParams(11, ignore_eos=True), require_room=True)
    [whole] = shared.generate([just])
    assert (whole.ids, whole.finish_reason, whole.context_full) == (cut.ids, "length", False)


def test_a_full_queue_is_refused_and_empties() -> None:
    shared = engine(max_running=1, max_waiting=2)
    streams = [shared.stream(Request(ids(i, 5))) for i in range(3)]
    with pytest.raises(AdotxError) as refused:
        shared.stream(Request(ids(9, 5)))
    assert refused.value.code == "engine.queue_full"
    list(streams[0])
    assert list(shared.stream(Request(ids(9, 5))))


def test_a_timeout_ends_with_what_there_is() -> None:
    now = [0.0]
    shared = engine(clock=lambda: now[0])
    request = Request(ids(0, 5), sampling=SamplingParams(50, ignore_eos=True), timeout=2.0)
    with shared.stream(request) as stream:
        got = [next(stream), next(stream)]
        now[0] = 2.0
        assert list(stream) == [] and stream.output.ids == got and stream.output.finish_reason == "timeout"
    for bad in (0.0, -1.0, float("inf"), float("nan")):
        with pytest.raises(AdotxError, match="above 0 seconds"):
            shared.stream(Request(ids(0, 5), timeout=bad))


def test_threads_share_steps() -> None:
    backend = MockBackend()
    shared, results = engine(backend), {}
    made = [Request(ids(i, 20), sampling=SamplingParams(40, ignore_eos=True)) for i in range(12)]
    threads = [
        threading.Thread(target=lambda i=i, r=r: results.__setitem__(i, list(shared.stream(r))))
        for i, r in enumerate(made)
    ]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join(timeout=60)
    assert [results[i] for i in range(12)] == [engine().generate([r])[0].ids for r in made]
    assert is_idle(shared)


def test_a_stream_closed_during_a_step_of_another_thread_has_ended() -> None:
    backend, inside, go_on = MockBackend(), threading.Event(), threading.Event()
    shared = engine(backend)
    stream = shared.stream(Request(ids(0, 5), sampling=SamplingParams(50, ignore_eos=True, logprobs=1)))
    got = [next(stream), next(stream)]
    assert [step.token for step in stream.logprobs] == got and stream.finish_reason is None
    forward = backend.forward

    def held(chunks):
        inside.set()
        assert go_on.wait(10)
        return forward(chunks)

    backend.forward = held
    other = threading.Thread(target=shared.drive, args=(lambda: False,))
    other.start()
    assert inside.wait(10)
    shared.cancel(stream._sequence)  # does not wait
    assert stream.finish_reason is None
    threading.Timer(0.05, go_on.set).start()
    stream.close()
    assert stream.finish_reason == "cancelled" and stream.output.ids[:2] == got and is_idle(shared)
    assert len(stream.output.logprobs) == len(stream.output.ids)
    other.join()


def test_what_is_abandoned_during_a_step_is_freed_at_its_end() -> None:
    backend = MockBackend()
    shared = engine(backend)
    streams = [shared.stream(Request(ids(i, 5), sampling=SamplingParams(1))) for i in range(2)]
    endless = [shared.stream(Request(ids(9, 5), sampling=SamplingParams(50, ignore_eos=True)))]
    forward = backend.forward

    def abandoned(chunks):
        endless.clear()  # the last reference: as the garbage collector would, inside the step
        return forward(chunks)

    backend.forward = abandoned
    assert [len(list(stream)) for stream in streams] == [1, 1]
    assert is_idle(shared)


# Speculation


def test_guesses_save_steps_where_the_output_repeats() -> None:
    sampling = SamplingParams(200, ignore_eos=True)
    slow, fast = MockBackend(memory=1, vocabulary=12), MockBackend(memory=1, vocabulary=12)
    request = Request([3, 4], sampling=sampling)
    [plain] = engine(slow).generate([request])
    [guessed] = engine(fast, speculate=8).generate([request])
    assert plain.ids == guessed.ids and fast.steps < 0.5 * slow.steps
    assert 0 < guessed.accepted <= guessed.drafted and plain.drafted == 0


def test_guesses_rest_where_they_do_not_pay() -> None:
    # Pairs of ids repeat by chance all the time, what follows them does not.
    [output] = engine(MockBackend(vocabulary=12), speculate=8).generate(
        [Request([2, 3, 2], sampling=SamplingParams(300, ignore_eos=True))]
    )
    assert 0 < output.drafted < 100


# The backend fails


def test_an_error_in_a_step_reaches_everyone_and_nothing_is_found_afterwards(monkeypatch) -> None:
    backend = MockBackend()
    shared = engine(backend)
    streams = [
        shared.stream(Request(ids(i, 9), sampling=SamplingParams(9, ignore_eos=True))) for i in range(2)
    ]
    next(streams[0])
    with monkeypatch.context() as patch:
        patch.setattr(backend, "forward", lambda *_: (_ for _ in ()).throw(RuntimeError("out of luck")))
        for stream in streams:
            with pytest.raises(RuntimeError, match="out of luck"):
                list(stream)
    assert is_idle(shared) and shared.pool.cached == 0
    assert shared.generate([Request(ids(0, 9))])[0].cached_tokens == 0


def test_an_interrupt_before_a_copy_loses_nothing(monkeypatch) -> None:
    """What a request shares with an earlier one up to a place within a block is copied in the next step."""
    backend, copied = MockBackend(), []
    shared, copy = engine(backend), backend.copy_block
    questions = [pictured(ids(0, 5), [1, 2], ids(n, 4), sampling=SamplingParams(9)) for n in range(3)]
    image = shared.encode(questions[0].images[0])
    asked = [replace(question, images=[image]) for question in questions]
    shared.generate(asked[:1])
    streams = [shared.stream(request) for request in asked[1:]]

    def interrupted(source: int, target: int) -> None:
        copied.append(target)
        if len(copied) == 2:
            raise KeyboardInterrupt
        copy(source, target)

    monkeypatch.setattr(backend, "copy_block", interrupted)
    with pytest.raises(KeyboardInterrupt):
        next(streams[0])
    made = [list(stream) for stream in streams]
    assert made == [engine(prefix_cache=False).generate([question])[0].ids for question in questions[1:]]
    assert len(copied) == 3 and copied[1] == copied[2] and is_idle(shared)


def test_an_interrupt_in_a_step_loses_nothing(monkeypatch) -> None:
    backend = MockBackend()
    shared = engine(backend)
    request = Request(ids(0, 9), sampling=SamplingParams(9, ignore_eos=True))
    stream = shared.stream(request)
    got = [next(stream)]
    with monkeypatch.context() as patch:
        patch.setattr(backend, "forward", lambda *_: (_ for _ in ()).throw(KeyboardInterrupt))
        with pytest.raises(KeyboardInterrupt):
            next(stream)
    assert got + list(stream) == engine().generate([request])[0].ids and is_idle(shared)
