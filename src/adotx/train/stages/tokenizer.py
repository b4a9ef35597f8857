"""The tokenizer stage: a Korean/English byte-level BPE.

The control tokens of A.X 4.0 VL stand at their published ids.
Data: a sample of the training lines. Result: vocab.json and merges.txt (the published pair), tokenizer.json
and tokenizer_config.json in a folder.
Ids: 0..40 control tokens, 41..296 the bytes in GPT-2 order, then the merges in the order they were learnt.
Knows nothing of models.
"""

from __future__ import annotations

import json
import random
from collections.abc import Iterable, Iterator
from pathlib import Path

from adotx.checkpoint.tokenizer import AddedToken, AxTokenizer, byte_to_char, save_tokenizer_json
from adotx.train.corpus import lines
from adotx.train.recipe import Recipe

NEEDS = ()

#: control tokens of A.X 4.0 VL Light in the order of their ids (ax4-facts 3.1)
CONTROL_TOKENS = (
    "<|endoftext|> <|pad|> <|unk|> <|sep|> <|mask|> <|cls|> <|image|> <|audio|> "
    "<|user|> <|system|> <|assistant|> "
    + " ".join(f"<|extra_id_{i}|>" for i in range(14))
    + " <|im_start|> <|im_sep|> <|im_end|> <|resident_reg|> <|foreigner_reg|> <|business_reg|>"
    " <|credit_card|> <|passport|> <|driver_license|> <|telephone|> <|health_insurance|> <|bank_account|>"
    " </tool_output> <tool_output> </tool_call> <tool_call>"
).split()
#: the tool tags survive decode(skip_special=True), as published
PLAIN_CONTROL = 4
#: what the sample consists of
_SHARES = {"ko": 0.84, "en": 0.08, "code": 0.08}


def run(recipe: Recipe) -> Path:
    """Learn the vocabulary on a sample of the training lines."""
    pools = lines(recipe.corpora)["train"]
    rng = random.Random(recipe.seed)
    texts = [
        t for name, share in _SHARES.items() for t in _sample(rng, pools[name], int(recipe.texts * share))
    ]
    train_tokenizer(texts, recipe.folder(), recipe.vocab_size)
    return recipe.folder()


def _sample(rng: random.Random, pool: list[str], count: int) -> list[str]:
    return pool if len(pool) <= count else rng.sample(pool, count)


def common_syllables() -> list[str]:
    """The 2,350 Hangul syllables of KS X 1001."""
    return [chr(c) for c in range(0xAC00, 0xD7A4) if len(chr(c).encode("euc-kr", "ignore")) == 2]


def train_tokenizer(
    texts: Iterable[str], folder: Path, vocab_size: int = 16_384, syllable_weight: int = 400
) -> AxTokenizer:
    """Learn the merges and write the four files.

    Args:
        syllable_weight: how often each common syllable is shown on its own, so that all of them become single
            tokens: a reader meets rare syllables in names, where a language model would have split them into
            bytes.
    """
    from tokenizers import Tokenizer, models, pre_tokenizers, trainers

    model = Tokenizer(models.BPE())
    model.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=True)

    def stream() -> Iterator[str]:
        yield from texts
        for _ in range(syllable_weight):
            yield "\n".join(common_syllables())

    merges_wanted = vocab_size - len(CONTROL_TOKENS) - 256
    trainer = trainers.BpeTrainer(
        vocab_size=256 + merges_wanted,
        initial_alphabet=pre_tokenizers.ByteLevel.alphabet(),
        show_progress=False,
    )
    model.train_from_iterator(stream(), trainer)
    learnt = json.loads(model.to_str())["model"]["merges"]
    merges = [tuple(m) if isinstance(m, list) else tuple(m.split(" ")) for m in learnt][:merges_wanted]
    vocab = {
        token: i
        for i, token in enumerate([*CONTROL_TOKENS, *gpt2_bytes(), *dict.fromkeys(a + b for a, b in merges)])
    }
    return _write(folder, vocab, merges)


def gpt2_bytes() -> list[str]:
    """The byte tokens in the order of GPT-2's table: the printable ones first, then the others."""
    table = byte_to_char()
    printable = [b for b in range(256) if ord(table[b]) == b]
    return [table[b] for b in [*printable, *(b for b in range(256) if ord(table[b]) != b)]]


def _write(folder: Path, vocab: dict[str, int], merges: list[tuple[str, str]]) -> AxTokenizer:
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "vocab.json").write_text(json.dumps(vocab, ensure_ascii=False), encoding="utf-8")
    (folder / "merges.txt").write_text("\n".join(" ".join(m) for m in merges) + "\n", encoding="utf-8")
    added = [AddedToken(i, t, i < len(CONTROL_TOKENS) - PLAIN_CONTROL) for i, t in enumerate(CONTROL_TOKENS)]
    config = {
        "add_prefix_space": False,
        "added_tokens_decoder": {
            str(t.id): {
                "content": t.content,
                "lstrip": False,
                "normalized": False,
                "rstrip": False,
                "single_word": False,
                "special": t.special,
            }
            for t in added
        },
        "bos_token": "<|endoftext|>",
        "eos_token": "<|im_end|>",
        "pad_token": "<|pad|>",
        "unk_token": "<|unk|>",
        "clean_up_tokenization_spaces": False,
        "model_max_length": 8192,
        "tokenizer_class": "GPT2Tokenizer",
    }
    (folder / "tokenizer_config.json").write_text(
        json.dumps(config, ensure_ascii=False, indent=2), encoding="utf-8"
    )
    return save_tokenizer_json(folder / "tokenizer.json", vocab, merges, added)
