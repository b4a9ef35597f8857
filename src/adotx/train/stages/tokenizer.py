"""The tokenizer stage: a Korean/English byte-level BPE.

The control tokens of A.X 4.0 VL stand at their published ids. A run that starts from a checkpoint keeps that
one's vocabulary: its embedding knows no other.
Data: a sample of the training lines. Result: vocab.json and merges.txt (the published pair), tokenizer.json
and tokenizer_config.json in a folder.
Ids: 0..40 control tokens, 41..296 the bytes in GPT-2 order, then the merges in the order they were learnt.
Knows nothing of models.
"""

from __future__ import annotations

import json
import random
import shutil
from collections.abc import Iterable, Sequence
from pathlib import Path

from adotx.alphabet import HANJA, SYMBOLS, common_syllables
from adotx.checkpoint.tokenizer import AddedToken, AxTokenizer, byte_to_char, save_tokenizer_json
from adotx.errors import AdotxError
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
#: what a tokenizer consists of; checkpoints need not have the last two
FILES = ("tokenizer.json", "tokenizer_config.json", "vocab.json", "merges.txt")
#: what merges do not reach beyond: GPT-2's words
_WORDS = r"'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+"
#: what the sample consists of
_SHARES = {"ko": 0.84, "en": 0.08, "code": 0.08}


def run(recipe: Recipe) -> Path:
    """Learn the vocabulary on a sample of the training lines, or take that of the checkpoint `start`."""
    if recipe.start:
        for name in FILES:
            if (file := Path(recipe.start) / name).is_file():
                shutil.copyfile(file, recipe.folder() / name)
        return recipe.folder()
    pools = lines(recipe.corpora)["train"]
    rng = random.Random(recipe.seed)
    texts = [
        t for name, share in _SHARES.items() for t in _sample(rng, pools[name], int(recipe.texts * share))
    ]
    train_tokenizer(texts, recipe.folder(), recipe.vocab_size)
    return recipe.folder()


def _sample(rng: random.Random, pool: list[str], count: int) -> list[str]:
    return pool if len(pool) <= count else rng.sample(pool, count)


def train_tokenizer(
    texts: Iterable[str], folder: Path, vocab_size: int = 8_192, alphabet: Sequence[str] | None = None
) -> AxTokenizer:
    """Learn the merges and write the four files.

    Args:
        alphabet: characters that are single tokens whatever the texts say (by default all that the row reader
            can read): it meets rare syllables, signs and Hanja in names and forms, where a language model
            would have split them into bytes. Their merges come first.

    Raises:
        AdotxError: `vocab_size` is too small for the alphabet.
    """
    chosen = common_syllables() + list(SYMBOLS + HANJA) if alphabet is None else alphabet
    merges = character_merges(chosen)
    tokens = dict.fromkeys([*CONTROL_TOKENS, *gpt2_bytes(), *(a + b for a, b in merges)])
    if len(tokens) > vocab_size:
        raise AdotxError(
            "train.setting",
            "{tokens} tokens do not hold the reader's alphabet",
            "train tokenizer",
            "vocab_size of {least} or more",
            tokens=vocab_size,
            least=len(tokens),
        )
    for left, right in learnt_merges(texts, chosen, vocab_size):
        if len(tokens) >= vocab_size:
            break
        tokens[left + right] = None
        merges.append((left, right))
    vocab = {token: i for i, token in enumerate(tokens)}
    return _write(folder, vocab, merges)


def learnt_merges(texts: Iterable[str], alphabet: Sequence[str], count: int) -> list[tuple[str, str]]:
    """Up to `count` merges of whole characters of `alphabet` and ASCII, most useful first, in byte symbols.

    Learnt over characters, so that none is spent on pieces of characters.
    """
    from tokenizers import Regex, Tokenizer, models, pre_tokenizers, trainers

    characters = [*map(chr, range(0x20, 0x7F)), *alphabet]
    model = Tokenizer(models.BPE())
    model.pre_tokenizer = pre_tokenizers.Split(Regex(_WORDS), "isolated")
    trainer = trainers.BpeTrainer(
        vocab_size=len(set(characters)) + count, initial_alphabet=characters, show_progress=False
    )
    model.train_from_iterator(texts, trainer)
    known, out = set(characters), []
    for pair in json.loads(model.to_str())["model"]["merges"]:
        left, right = pair if isinstance(pair, list) else pair.split(" ")
        if left in known and right in known and left + right not in known:
            known.add(left + right)
            out.append((_symbols(left), _symbols(right)))
    return out


def _symbols(text: str) -> str:
    table = byte_to_char()
    return "".join(table[byte] for byte in text.encode("utf-8"))


def character_merges(characters: Iterable[str]) -> list[tuple[str, str]]:
    """The merges, from left to right, that make single tokens of characters of several bytes."""
    table = byte_to_char()
    merges: dict[tuple[str, str], None] = {}
    for character in characters:
        first, *others = (table[byte] for byte in character.encode("utf-8"))
        for other in others:
            merges[first, other] = None
            first += other
    return list(merges)


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
