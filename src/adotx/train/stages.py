"""The stages of nano, one function each: a recipe in, files of the stage's folder out.

tokenizer -> language -> glyphs -> reading -> pages -> export; each can be resumed, and says which one it
misses. Knows nothing of the command line.
"""

from __future__ import annotations

import random
import sys
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adotx.train.recipe import Recipe

if TYPE_CHECKING:
    import torch

    from adotx.checkpoint.tokenizer import AxTokenizer
    from adotx.hf import AX4VLConfig, AX4VLForConditionalGeneration

#: tiles or samples of the validation measured while training
_CHECKED = 32
#: share of the samples of the pages stage that are cut from made pages
_PAGE_SHARE = 0.25


def tokenizer(recipe: Recipe) -> Path:
    """Learn the vocabulary on a sample of the training lines."""
    from adotx.train.material import lines
    from adotx.train.tokenizer import train_tokenizer

    pools = lines(recipe.corpora)["train"]
    rng = random.Random(recipe.seed)
    shares = {"ko": 0.84, "en": 0.08, "code": 0.08}
    texts = [t for k, share in shares.items() for t in _sample(rng, pools[k], int(recipe.texts * share))]
    train_tokenizer(texts, recipe.folder(), recipe.vocab_size)
    return recipe.folder()


def language(recipe: Recipe) -> Path:
    """The decoder alone on text."""
    import torch
    from transformers import Qwen2ForCausalLM

    from adotx.train.attention import GUIDED
    from adotx.train.language_stage import LanguageModel, TextBlocks
    from adotx.train.material import lines
    from adotx.train.trainer import fit

    words, pools = _tokenizer(recipe), lines(recipe.corpora)
    texts = pools["train"]["ko"] + pools["train"]["en"] + pools["train"]["code"][::4]
    torch.manual_seed(recipe.seed)
    decoder = Qwen2ForCausalLM(model_config(recipe).text_config)
    decoder.set_attn_implementation(GUIDED)
    model = LanguageModel(decoder)
    checks = {
        name: [
            s["input_ids"]
            for s, _ in zip(
                TextBlocks(pools["validation"]["ko"], words, recipe.block, share),
                range(_CHECKED),
                strict=False,
            )
        ]
        for name, share in (("words", 0.0), ("spelt", 1.0))
    }

    def measure() -> str:
        return ", ".join(f"validation loss {k} {model.mean_loss(v):.3f}" for k, v in checks.items())

    return fit(model, TextBlocks(texts, words, recipe.block, seed=recipe.seed), recipe, measure)


def glyphs(recipe: Recipe) -> Path:
    """Tower and projector on glyph labels."""
    import torch

    from adotx.data.rows import make_tile
    from adotx.train.glyph_stage import GlyphReader, RowTiles, glyph_accuracy
    from adotx.train.material import reading_fonts, reading_text
    from adotx.train.trainer import fit

    config = model_config(recipe)
    torch.manual_seed(recipe.seed)
    model = GlyphReader(config.vision_config, config.text_config.hidden_size)
    rng = random.Random(recipe.seed)
    text, fonts = reading_text(recipe.corpora, "validation"), reading_fonts(recipe.fonts, "validation")
    checks = [make_tile(rng, text, fonts) for _ in range(_CHECKED)]
    tiles = RowTiles(reading_text(recipe.corpora, "train"), reading_fonts(recipe.fonts, "train"), recipe.seed)
    return fit(
        model,
        tiles,
        recipe,
        lambda: f"glyphs right, unseen fonts and texts {glyph_accuracy(model, checks):.4f}",
    )


def reading(recipe: Recipe) -> Path:
    """The whole model on tiles of rows."""
    from adotx.train.trainer import load_weights

    seen = {_published(k): v for k, v in load_weights(recipe.need("glyphs", "weights.safetensors")).items()}
    text = load_weights(recipe.need("language", "weights.safetensors"))
    seen |= {f"model.language_model.{k.removeprefix('decoder.')}": v for k, v in text.items()}
    return _read(recipe, seen, pages=0.0)


def pages(recipe: Recipe) -> Path:
    """The same on the lines of whole pages, as transcription cuts them, beside fresh tiles."""
    from adotx.train.trainer import load_weights

    return _read(recipe, load_weights(recipe.need("reading", "weights.safetensors")), pages=_PAGE_SHARE)


def export(recipe: Recipe) -> Path:
    """The checkpoint to ship, from the last reading stage."""
    from adotx.train.export import save_checkpoint
    from adotx.train.reading_stage import ReadingModel
    from adotx.train.trainer import load_weights

    last = "pages" if (recipe.folder("pages") / "weights.safetensors").exists() else "reading"
    model = ReadingModel(new_model(recipe))
    _load(model, load_weights(recipe.need(last, "weights.safetensors")))
    return save_checkpoint(model.model, recipe.need("tokenizer", "tokenizer.json").parent, recipe.folder())


def _read(recipe: Recipe, weights: dict[str, torch.Tensor], pages: float) -> Path:
    from adotx.data.rows import make_tile
    from adotx.documents.prompts import READ_SYSTEM, TRANSCRIBE
    from adotx.evaluate.cer import cer
    from adotx.train.material import reading_fonts, reading_text
    from adotx.train.page_tiles import PageTiles
    from adotx.train.reading_stage import ReadingModel, ReadingTiles, collate, read_greedy, reading_sample
    from adotx.train.show import show_mask
    from adotx.train.trainer import fit

    words = _tokenizer(recipe)
    model = ReadingModel(new_model(recipe))
    _load(model, weights)
    rows: list[dict] = [
        {"role": "system", "content": READ_SYSTEM},
        {"role": "user", "content": [{"type": "image"}]},
    ]
    card: list[dict] = [
        {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": TRANSCRIBE}]}
    ]
    tiles: Any = ReadingTiles(
        reading_text(recipe.corpora, "train"),
        reading_fonts(recipe.fonts, "train"),
        words,
        [(rows, 0.9), (card, 0.1)],
        recipe.seed,
    )
    if pages:
        tiles = PageTiles(tiles, recipe.corpora, recipe.fonts, pages)
    rng = random.Random(recipe.seed)
    text, fonts = reading_text(recipe.corpora, "validation", 0.05), reading_fonts(recipe.fonts, "validation")
    checks = [reading_sample(make_tile(rng, text, fonts), words, rows) for _ in range(_CHECKED // 2)]
    truths = [words.decode([i for i in s.labels if i >= 0]) for s in checks]
    print(show_mask(next(iter(tiles)), words), file=sys.stderr)

    def measure() -> str:
        errors = [cer(h, r) for h, r in zip(read_greedy(model.model, checks, words), truths, strict=True)]
        return f"CER of tiles, unseen fonts and texts {sum(errors) / len(errors):.4f}"

    return fit(model, tiles, recipe, measure, collate)


def model_config(recipe: Recipe) -> AX4VLConfig:
    """The architecture of the recipe, with the ids of our tokenizer."""
    from adotx.hf import AX4VLConfig

    vision = {
        "num_channels": 3,
        "layer_norm_eps": 1e-6,
        "hidden_act": "gelu_pytorch_tanh",
        "attention_dropout": 0.0,
        "vision_use_head": False,
    }
    text = {
        "vocab_size": recipe.vocab_size,
        "bos_token_id": 0,
        "eos_token_id": 27,
        "pad_token_id": 1,
        "attention_dropout": 0.0,
    }
    return AX4VLConfig(
        vision_config=vision | recipe.model["vision"],
        text_config=text | recipe.model["text"],
        tie_word_embeddings=True,
    )


def new_model(recipe: Recipe) -> AX4VLForConditionalGeneration:
    """A fresh model with the training attentions."""
    import torch

    from adotx.hf import AX4VLForConditionalGeneration
    from adotx.train.attention import GUIDED, ROWS

    torch.manual_seed(recipe.seed)
    model = AX4VLForConditionalGeneration(model_config(recipe))
    model.vision_tower.config._attn_implementation = ROWS
    model.language_model.set_attn_implementation(GUIDED)
    return model


def _load(model: torch.nn.Module, weights: dict[str, torch.Tensor]) -> None:
    """Load what an earlier stage left; tied tensors may stand under either name."""
    missing, unexpected = model.load_state_dict(weights, strict=False)
    lost = [name for name in missing if not name.endswith(("lm_head.weight", "embed_tokens.weight"))]
    assert not lost and not unexpected, f"missing {lost[:3]}, unexpected {unexpected[:3]}"


def _published(name: str) -> str:
    return name if name.startswith("slot_") else f"model.{name}"


def _tokenizer(recipe: Recipe) -> AxTokenizer:
    from adotx.checkpoint.tokenizer import AxTokenizer

    return AxTokenizer.open(recipe.need("tokenizer", "tokenizer.json").parent)


def _sample(rng: random.Random, pool: list[str], count: int) -> list[str]:
    return pool if len(pool) <= count else rng.sample(pool, count)
