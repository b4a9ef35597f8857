"""The training stages: attentions against reference implementations, optimizer, recipes, samples."""

from __future__ import annotations

import random
import time

import numpy as np
import pytest

from adotx.alphabet import HANJA, IGNORE, SYMBOLS, character, classes, common_syllables, readable
from adotx.data.rows import Glyph, RowTile
from adotx.errors import AdotxError
from adotx.train.recipe import read_recipe

torch = pytest.importorskip("torch")
pytest.importorskip("transformers")


def test_every_character_of_the_alphabet_comes_back() -> None:
    for char in [*SYMBOLS, *HANJA, *map(chr, range(0xAC00, 0xD7A4))]:
        first, medial, final = classes(char)  # type: ignore[misc]
        assert character(first, max(medial, 0), max(final, 0)) == char
    assert len(set(SYMBOLS + HANJA)) == len(SYMBOLS + HANJA)
    assert readable("가 ☃a\n") == "가 a"


def attention_case(heads: int, groups: int, length: int, keys: int) -> tuple:
    g = torch.Generator().manual_seed(0)
    q = torch.randn(2, heads, length, 16, generator=g)
    return q, torch.randn(2, groups, keys, 16, generator=g), torch.randn(2, groups, keys, 16, generator=g)


@pytest.mark.parametrize("length,keys", [(7, 7), (1, 9), (3, 9)])
def test_guided_attention_is_causal_grouped_attention(
    length: int, keys: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    from adotx.train import attention
    from adotx.train.attention import guided_attention

    q, k, v = attention_case(6, 2, length, keys)
    module = torch.nn.Module()
    module.guided = 2
    out, _ = guided_attention(module, q, k, v)
    mask = torch.ones(length, keys, dtype=torch.bool).tril(keys - length)
    kk, vv = (t.repeat_interleave(3, 1) for t in (k, v))
    ref = torch.nn.functional.scaled_dot_product_attention(q, kk, vv, attn_mask=mask)
    torch.testing.assert_close(out.transpose(1, 2), ref)
    assert module.attention_weights.shape == (2, 2, length, keys)
    torch.testing.assert_close(module.attention_weights.sum(-1), torch.ones(2, 2, length))
    some = torch.rand(2, length, keys) < 0.6
    some[..., 0] = True
    chosen, _ = guided_attention(module, q, k, v, some)
    ref = torch.nn.functional.scaled_dot_product_attention(q, kk, vv, attn_mask=some[:, None])
    torch.testing.assert_close(chosen.transpose(1, 2), ref)
    monkeypatch.setattr(attention, "prefers_matmul", lambda device: False)  # as on an accelerator
    plain, _ = guided_attention(torch.nn.Module(), q, k, v)
    torch.testing.assert_close(plain, out)
    torch.testing.assert_close(guided_attention(torch.nn.Module(), q, k, v, some)[0], chosen)


@pytest.mark.parametrize("matmul", [True, False])
@pytest.mark.parametrize("window", [0, 2, 24])
def test_rows_attention_equals_attention_with_a_band_mask(
    window: int, matmul: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    from adotx.train import attention
    from adotx.train.attention import rows_attention

    monkeypatch.setattr(attention, "prefers_matmul", lambda device: matmul)
    q, k, v = attention_case(2, 2, 576, 576)
    module = torch.nn.Module()
    module.row_window = window
    out, _ = rows_attention(module, q, k, v)
    band = torch.arange(576) // (24 * (window or 24))
    ref = torch.nn.functional.scaled_dot_product_attention(q, k, v, attn_mask=band[:, None] == band[None])
    torch.testing.assert_close(out.transpose(1, 2), ref, atol=1e-5, rtol=1e-4)


def test_orthogonalise_brings_singular_values_near_one() -> None:
    from adotx.train.optim import orthogonalise

    out = orthogonalise(torch.randn(3, 40, 24))
    values = torch.linalg.svdvals(out)
    assert out.shape == (3, 40, 24) and values.min() > 0.4 and values.max() < 1.4


def test_muon_adamw_learns_and_its_state_comes_back() -> None:
    from adotx.train.optim import MuonAdamW

    torch.manual_seed(0)
    net = torch.nn.Sequential(torch.nn.Linear(8, 16), torch.nn.Tanh(), torch.nn.Linear(16, 4))
    x = torch.randn(64, 8)
    y = torch.tanh(x @ torch.randn(8, 4))
    optimizer = MuonAdamW(net.named_parameters(), 1e-2, weight_decay=0.0)

    def step(count: int) -> float:
        for _ in range(count):
            loss = (net(x) - y).square().mean()
            optimizer.zero_grad()
            loss.backward()
            optimizer.step()
        return loss.item()

    first, later = step(1), step(60)
    assert later < first * 0.7
    again = MuonAdamW(net.named_parameters(), 1e-2, weight_decay=0.0)
    again.load_state_dict(optimizer.state_dict())
    for a, b in zip(optimizer.param_groups, again.param_groups, strict=True):
        for p, q in zip(a["params"], b["params"], strict=True):
            for key, value in optimizer.state[p].items():
                torch.testing.assert_close(again.state[q][key], value)


def test_timebox_counts_minutes_over_resumes_and_lowers_the_rate() -> None:
    from adotx.train.timebox import Timebox, schedule

    box = Timebox(minutes=10.0, spent=9.0)
    assert 9.0 <= box.elapsed < 9.1 and not box.over and Timebox(10.0, 10.0).over
    soon = Timebox(10.0, spent=2.0, until=time.monotonic() + 60)  # a deadline cuts the box, spent time stays
    assert soon.minutes == pytest.approx(3.0, abs=0.01) and soon.share == pytest.approx(2 / 3, abs=0.01)
    optimizer = torch.optim.SGD([torch.nn.Parameter(torch.zeros(1))], lr=1.0)
    rates = []
    for spent in (0.0, 5.0, 9.0, 10.0):
        box.spent = spent
        rates.append(schedule(optimizer, box, warmup_steps=1, decay_from=0.5).lr_lambdas[0](5))
    assert schedule(optimizer, box, 1, decay_from=1.0).lr_lambdas[0](5) == 1.0
    rate = schedule(optimizer, Timebox(10.0), warmup_steps=10, first_step=4, decay_from=0.5)
    assert rate.lr_lambdas[0](0) == pytest.approx(0.5)  # a resumed run does not warm up again
    assert rates[0] == 1.0 and rates == sorted(rates, reverse=True) and rates[-1] == pytest.approx(0.03)


def test_recipe_takes_overrides_and_names_what_is_wrong() -> None:
    recipe = read_recipe("glyphs", {"minutes": 2, "fonts": "x", "reading": {"minutes": 7}})
    assert recipe.minutes == 2.0 and [str(f) for f in recipe.fonts] == ["x"] and recipe.batch_size == 16
    assert read_recipe("reading", {"reading": {"minutes": 7}, "minutes": 2}).minutes == 7.0
    for stage, settings, word in [
        ("nothing", {}, "tokenizer"),
        ("glyphs", {"minuts": 2}, "minuts"),
        ("glyphs", {"minutes": "long"}, "minutes"),
    ]:
        with pytest.raises(AdotxError, match=word):
            read_recipe(stage, settings)
    assert read_recipe("glyphs", {"minutes": 30, "scale": 0.1}).minutes == pytest.approx(3.0)


def test_batches_are_the_same_without_shared_memory(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    from adotx.train import batches as module

    class Numbers(torch.utils.data.IterableDataset):
        def __iter__(self):
            yield from ({"n": torch.tensor([n, n + 0.5])} for n in range(6))

    recipe = read_recipe("glyphs", {"workers": 1, "batch_size": 2, "out": str(tmp_path)})

    def read() -> list[list]:
        found = module.batches(Numbers(), recipe, None, torch.device("cpu"), module.Pace(2, 1))
        return [batch["n"].tolist() for batch in found]

    expected = read()
    monkeypatch.setattr(module, "_is_short_of_shared_memory", lambda *_: True)
    assert read() == expected and len(expected) == 3


@pytest.mark.parametrize("reuse", [2, 3])
def test_batches_are_used_again_where_makers_are_slow(tmp_path, reuse: int) -> None:
    from adotx.train import batches as module

    class Slow(torch.utils.data.IterableDataset):
        def __iter__(self):
            for n in range(8):
                time.sleep(0.02)
                yield {"n": torch.tensor([n])}

    recipe = read_recipe("glyphs", {"workers": 1, "batch_size": 1, "reuse": reuse, "out": str(tmp_path)})
    found = module.batches(Slow(), recipe, None, torch.device("cpu"), module.Pace(1, 1))
    seen = [int(batch["n"]) for batch in found]
    assert list(dict.fromkeys(seen)) == list(range(8)), "new ones in their order"
    assert all(1 <= seen.count(n) <= reuse for n in range(8)) and max(map(seen.count, range(8))) == reuse


def test_a_maker_that_fails_ends_the_training_also_where_batches_are_used_again(tmp_path) -> None:
    from adotx.train import batches as module

    class Broken(torch.utils.data.IterableDataset):
        def __iter__(self):
            yield {"n": torch.tensor([1])}
            raise ValueError("no more fonts")

    recipe = read_recipe("glyphs", {"workers": 1, "batch_size": 1, "reuse": 3, "out": str(tmp_path)})
    with pytest.raises(ValueError, match="no more fonts"):
        list(module.batches(Broken(), recipe, None, torch.device("cpu"), module.Pace(1, 1)))


def test_a_run_from_a_checkpoint_keeps_its_vocabulary(tmp_path) -> None:
    from adotx.checkpoint.tokenizer import AxTokenizer
    from adotx.train.stages.tokenizer import run

    words = few_words(tmp_path / "start")
    (tmp_path / "out" / "tokenizer").mkdir(parents=True)
    (tmp_path / "start" / "vocab.json").unlink()
    run(read_recipe("tokenizer", {"out": str(tmp_path / "out"), "start": str(tmp_path / "start")}))
    kept = AxTokenizer.open(tmp_path / "out" / "tokenizer")
    text = "가나 다라 abc"
    assert kept.vocab_size == words.vocab_size and kept.encode(text) == words.encode(text)


def test_tokenizer_stage_keeps_the_published_ids_and_spells_syllables(tmp_path) -> None:
    from adotx.train.spelling import reading_ids
    from adotx.train.stages.tokenizer import CONTROL_TOKENS, gpt2_bytes, train_tokenizer

    texts = ["한국어 문서를 읽는 모델입니다. A small model reads Korean pages."] * 50
    words = train_tokenizer(texts, tmp_path, vocab_size=6100)
    assert all(len(words.encode(c)) == 1 for c in [*common_syllables(), *SYMBOLS, *HANJA])
    assert len(words.encode("pages")) < 5 and words.vocab_size <= 6100
    assert [words.special[t] for t in CONTROL_TOKENS] == list(range(41))
    assert words.special["<|im_start|>"] == 25 and words.special["<|extra_id_11|>"] == 22
    assert [words.encode(chr(b))[0] for b in range(0x21, 0x7F)] == list(range(41, 41 + 94))
    assert len(gpt2_bytes()) == 256 and len(common_syllables()) == 2350
    text = "뷁 한글 mix 123\n둘째 줄 <|im_end|>"
    ids = reading_ids(words, text)
    assert words.decode(ids) == text and not set(ids) & words.control_ids
    assert words.decode(words.encode(text)) == text and len(words.encode(text)) <= len(ids)


def few_words(folder):
    from adotx.train.stages.tokenizer import train_tokenizer

    return train_tokenizer(["가나 다라"] * 20, folder, vocab_size=400, alphabet="가나다라뷁읽기行")


def two_rows(text: str = "가나") -> RowTile:
    glyphs = [Glyph(0, 0, 10.0, 16.0), Glyph(0, 1, 40.0, 16.0), Glyph(1, 0, 10.0, 80.0)]
    return RowTile(np.zeros((384, 384), np.uint8), [text, "뷁"], glyphs, np.zeros((144, 4, 3), np.int16))


def test_reading_sample_has_a_prompt_and_an_answer_for_each_row(tmp_path) -> None:
    from adotx.chat import render
    from adotx.documents.readers.prompts import read_row
    from adotx.train.row_samples import IGNORED, SHARED, collate, colour_labels, positions, reading_sample
    from adotx.train.spelling import reading_ids

    words = few_words(tmp_path)
    sample = reading_sample(two_rows(), words)
    start = sample.ids.index(22)
    at = positions(sample)
    # The second row of text lies in row 3 of the tile; row 2 is the first empty one.
    for row, text in ((0, "가나"), (1, ""), (2, "뷁")):
        asked = render(read_row(row + 1), words, tiles=[1], tokens_per_tile=144).ids
        seen = [i for i, r in enumerate(sample.rows) if r in (SHARED, row)]
        said = [sample.ids[i] for i in seen]
        assert said == [*asked, *reading_ids(words, text), 27]
        assert [at[i] for i in seen] == list(range(len(seen)))
        assert [sample.labels[i] for i in seen] == [IGNORED] * len(asked) + said[len(asked) :]
        looks = [sample.current[i] - start for i in seen if sample.current[i] != IGNORED]
        assert looks == {0: [0, 1], 1: [], 2: [24]}[row]
        assert [sample.next[i] for i in seen[len(asked) - 1 :]] == [
            *(sample.current[i] for i in seen[len(asked) :]),
            IGNORED,
        ]
    assert set(sample.rows) == {SHARED, 0, 1, 2} and sample.ids.count(22) == 144
    other = reading_sample(two_rows("나"), words)
    batch = collate([sample, other])
    ids = batch["input_ids"].flatten()
    assert (ids[batch["image_at"]] == 22).all() and len(batch["image_at"]) == 2 * 144
    assert (ids[batch["answer_at"] + 1] == batch["answer_ids"]).all()
    assert words.decode([i for i in batch["answer_ids"].tolist() if i != 27]) == "가나뷁나뷁"
    length = batch["input_ids"].shape[1]
    for name in ("current", "next"):
        wanted = [(n, i, p) for n, s in enumerate((sample, other)) for i, p in enumerate(getattr(s, name))]
        found = [(at // length, at % length, place) for at, place in batch[name].tolist()]
        assert found == [w for w in wanted if w[2] != IGNORED]
    assert "[144 image tokens]" in colour_labels(sample, words)


def test_corrupt_changes_inputs_only(tmp_path) -> None:
    from adotx.train.row_samples import IGNORED, corrupt, reading_sample

    words = few_words(tmp_path)
    text = "abcdefghijklmnopqrstuvwxyz"
    glyphs = [Glyph(r, i, 5.0 + 14 * i, 16.0 + 32 * r) for r in range(2) for i in range(26)]
    tile = RowTile(np.zeros((384, 384), np.uint8), [text] * 2, glyphs, np.zeros((144, 4, 3), np.int16))
    sample = reading_sample(tile, words)
    rng, changed = random.Random(0), 0
    for _ in range(20):
        noisy = corrupt(sample, rng)
        assert (noisy.labels, noisy.current, noisy.next) == (sample.labels, sample.current, sample.next)
        where = [i for i, (a, b) in enumerate(zip(noisy.ids, sample.ids, strict=True)) if a != b]
        assert all(sample.current[i] != IGNORED and noisy.ids[i] in sample.labels for i in where)
        changed += len(where)
    assert changed > 50


def test_syllables_share_parts_and_the_plain_table_is_the_same(tmp_path) -> None:
    from adotx.train.syllables import SyllableParts

    words = few_words(tmp_path)
    parts = SyllableParts(words, words.vocab_size, 8)
    own = torch.randn(words.vocab_size, 8)
    torch.testing.assert_close(parts(own), own)
    for part in parts.part_embeds:
        torch.nn.init.normal_(part.data[1:])
    moved = parts(own) - own
    syllables = {words.encode(c)[0]: c for c in "가나다라읽기"}
    assert all((moved[i] != 0).any() == (i in syllables) for i in range(words.vocab_size))
    ga, na = (moved[words.encode(c)[0]] for c in "가나")
    initial = parts.part_embeds[0]
    torch.testing.assert_close(ga - na, initial[1] - initial[3])  # the same vowel, no final


def test_a_table_is_transplanted_by_the_bytes_of_tokens(tmp_path) -> None:
    from adotx.train.stages.tokenizer import train_tokenizer
    from adotx.train.start import transplant

    old = few_words(tmp_path / "old")
    new = train_tokenizer(["나라 가다"] * 20, tmp_path / "new", vocab_size=420, alphabet="行가나다라뷁읽")
    table = torch.randn(old.vocab_size, 8)
    assert transplant(table, old, old, 1) is table
    moved = transplant(table, old, new, 1)
    assert moved.shape == (new.vocab_size, 8)
    torch.testing.assert_close(moved[:297], table[:297])
    for c in "가나다라뷁行":
        torch.testing.assert_close(moved[new.encode(c)[0]], table[old.encode(c)[0]])
    (both,) = new.encode("나라")
    torch.testing.assert_close(moved[both], table[old.encode("나라")].mean(0))


def test_look_loss_is_small_where_the_heads_look_right() -> None:
    from adotx.train.stages.reading import look_loss

    places = torch.tensor([[0, 2], [2, 0]])
    right = torch.full((1, 2, 3, 4), 0.01)
    right[:, :, 0, 2] = right[:, :, 2, 0] = 0.97
    assert look_loss(right, places) < 0.05 < look_loss(right.roll(1, -1), places)
    assert look_loss(right, torch.empty(0, 2, dtype=torch.long)) == 0.0


def test_timestep_loss_is_a_mean_over_labelled_timesteps() -> None:
    from adotx.train.timesteps import timestep_loss

    heads = tuple(torch.randn(1, 144, 4, n) for n in (6, 5, 4))
    labels = torch.full((1, 144, 4, 3), IGNORE)
    assert timestep_loss(heads, labels) == 0.0
    labels[0, 7, 2] = torch.tensor([1, 2, 3])
    alone = sum(-h[0, 7, 2].log_softmax(-1)[c] for h, c in zip(heads, (1, 2, 3), strict=True))
    torch.testing.assert_close(timestep_loss(heads, labels), alone)


def test_reading_losses_reach_every_part_and_are_those_of_single_requests(tmp_path) -> None:
    from adotx.train.architecture import new_model
    from adotx.train.row_samples import SHARED, collate, reading_sample
    from adotx.train.stages.reading import ReadingModel

    words = few_words(tmp_path)
    text = {"num_hidden_layers": 3, "num_attention_heads": 2, "num_key_value_heads": 1}
    vision = {"num_hidden_layers": 1, "num_attention_heads": 2}
    small = {"hidden_size": 32, "intermediate_size": 32}
    recipe = read_recipe(
        "reading", {"model": {"vision": vision | small, "text": text | small}, "vocab_size": 400}
    )
    model = ReadingModel(new_model(recipe), words)
    tile = two_rows()
    tile.pixels[:] = np.frombuffer(random.Random(0).randbytes(384 * 384), np.uint8).reshape(384, 384)
    sample = reading_sample(tile, words)
    batch = collate([sample, reading_sample(two_rows("나"), words)])
    model.eval()  # whole tiles, as the published forward has them
    model(**batch)["loss"].backward()
    silent = [n for n, p in model.named_parameters() if p.grad is None]
    assert not silent and set(model.losses) == {"text", "glyphs", "current", "next"}
    pixels = torch.from_numpy(tile.pixels).float()[None, None].expand(-1, 3, -1, -1) / 127.5 - 1
    total, count = 0.0, 0
    for row in range(3):
        seen = [i for i, r in enumerate(sample.rows) if r in (SHARED, row)]
        ids, labels = (torch.tensor([[values[i] for i in seen]]) for values in (sample.ids, sample.labels))
        answered = int((labels != -100).sum())
        loss = model.plain()(input_ids=ids, pixel_values=pixels, labels=labels, use_cache=False).loss
        total, count = total + float(loss) * answered, count + answered
    model(**collate([sample]))
    torch.testing.assert_close(float(model.losses["text"]), total / count, rtol=1e-4, atol=1e-4)


def test_average_spans_the_last_steps_and_steps_aside() -> None:
    from adotx.train.average import Average

    model = torch.nn.Linear(1, 1, bias=False)
    average = Average(model, 4)
    for step in range(1, 101):
        model.weight.data.fill_(step)
        average.update(step)
    with average:
        assert 94 < model.weight.item() < 98
    assert model.weight.item() == 100
    none = Average(model, 0)
    none.update(1)
    with none:
        assert model.weight.item() == 100 and not none.tensors


def test_token_loss_in_chunks_is_the_loss_at_once() -> None:
    from adotx.train.loss import token_loss

    torch.manual_seed(0)
    matrix, targets = torch.nn.Linear(6, 11, bias=False), torch.randint(0, 11, (23,))
    found = []
    for chunk in (100, 5):
        hidden = torch.linspace(-1, 1, 23 * 6).view(23, 6).requires_grad_()
        loss = token_loss(hidden, targets, matrix, chunk)
        found.append((loss, *torch.autograd.grad(loss, (hidden, matrix.weight))))
    torch.testing.assert_close(found[0], found[1])
    reference = torch.nn.functional.cross_entropy(matrix(hidden), targets)
    torch.testing.assert_close(found[0][0], reference)
    nothing = token_loss(hidden[:0], targets[:0], matrix)
    nothing.backward()
    assert nothing == 0.0


@pytest.mark.parametrize("megabytes", [0, 0.1])
def test_tensors_come_back_from_files_under_the_limit(tmp_path, megabytes: float) -> None:
    from adotx.train.weights import load_tensors, save_tensors

    tensors = {"large": torch.randn(400, 128), "step": torch.tensor(3.0), "ids": torch.arange(9)}
    save_tensors(tmp_path, "weights", tensors, megabytes)
    found = load_tensors(tmp_path, "weights")
    assert found.keys() == tensors.keys() and all(torch.equal(found[k], tensors[k]) for k in tensors)
    sizes = [path.stat().st_size for path in tmp_path.glob("*.safetensors")]
    assert len(sizes) == 1 if not megabytes else len(sizes) > 4 and max(sizes) <= megabytes * 2**20


def test_a_half_written_checkpoint_is_never_the_last(tmp_path) -> None:
    from adotx.train.average import Average
    from adotx.train.optim import MuonAdamW
    from adotx.train.trainer import last_checkpoint, save_checkpoint

    model = torch.nn.Linear(3, 3)
    optimizer, average = MuonAdamW(model.named_parameters(), 1e-2), Average(model, 3)
    save_checkpoint(tmp_path, model, optimizer, average, 9, 1.0)
    (tmp_path / "checkpoint-10.partial").mkdir()
    assert last_checkpoint(tmp_path) == tmp_path / "checkpoint-9"
    save_checkpoint(tmp_path, model, optimizer, average, 10, 1.5)
    assert [path.name for path in tmp_path.iterdir()] == ["checkpoint-10"]


@pytest.mark.parametrize("suffix", [".jsonl", ".jsonl.gz", ".jsonl.xz"])
def test_corpora_are_read_without_zstandard(tmp_path, suffix: str) -> None:
    import gzip
    import lzma

    from adotx.data.corpora import rows

    path = tmp_path / f"nsmc{suffix}"
    data = '{"text": "첫째\u2028줄"}\n{"text": "둘째"}'.encode()
    squeeze = {".jsonl": bytes, ".jsonl.gz": gzip.compress, ".jsonl.xz": lzma.compress}[suffix]
    path.write_bytes(squeeze(data))
    assert [row["text"] for row in rows(tmp_path, "nsmc")] == ["첫째\u2028줄", "둘째"]
    path.write_bytes(squeeze(data)[:-3])
    with pytest.raises(AdotxError, match="damaged after line"):
        list(rows(tmp_path, "nsmc"))
    with pytest.raises(AdotxError, match="no such corpus file"):
        list(rows(tmp_path, "pairs"))
