"""Whether a configuration agrees with itself: ModelConfig in, sentences out; none for a consistent model.

With `contradictions` the model cannot run as described: they stop `open_checkpoint`. `disagreements` are
second copies of a value (llm_config, config.json's tile keys) and `leftovers` unused InternVL keys; only
`validate` reports them.
"""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import Any

from adotx.checkpoint.config import ModelConfig, tile_size
from adotx.errors import AdotxError, Sentence, joined

# The keys of a text section that shape the model; other keys of the duplicate may differ.
_TEXT_KEYS = (
    "hidden_size",
    "num_hidden_layers",
    "num_attention_heads",
    "num_key_value_heads",
    "head_dim",
    "intermediate_size",
    "vocab_size",
    "rms_norm_eps",
    "rope_theta",
    "max_position_embeddings",
    "hidden_act",
)


_MULTIPLE = "{key} {value} is not a multiple of {other} {second}"
_DIFFERS = "{key} {value} differs from {other} {second}"
_EXPECTED = "{key} is {value}, adotx reads only {expected}"


def _pair(template: str, key: str, value: Any, other: str, second: Any) -> Sentence:
    return Sentence(template, key=key, value=value, other=other, second=second)


def _text(config: ModelConfig) -> Iterator[Sentence]:
    text, heads = config.text, ("num_attention_heads", config.text.num_attention_heads)
    if "head_dim" not in config.raw.get("text_config", config.raw) and text.hidden_size % heads[1]:
        yield _pair(_MULTIPLE, "hidden_size", text.hidden_size, *heads)
    if text.num_attention_heads % text.num_key_value_heads:
        yield _pair(_MULTIPLE, *heads, "num_key_value_heads", text.num_key_value_heads)
    if text.head_dim % 2:
        yield Sentence("head_dim {value} is odd, rotary embedding needs pairs", value=text.head_dim)
    if text.hidden_act != "silu":
        yield Sentence(_EXPECTED, key="hidden_act", value=repr(text.hidden_act), expected="'silu'")
    quantization = config.raw.get("quantization_config")
    if quantization:
        method = quantization.get("quant_method", "unknown") if isinstance(quantization, dict) else "unknown"
        yield Sentence(
            "quantization_config ({method}): only bf16, f16 and f32 weights are read", method=method
        )


def _vision(config: ModelConfig) -> Iterator[Sentence]:
    text, vision, projector, tiles = config.text, config.vision, config.projector, config.tiles
    assert vision and projector and tiles and config.image_token_id is not None
    width, side = ("vision hidden_size", vision.hidden_size), ("image_size", vision.image_size)
    if vision.hidden_size % vision.num_attention_heads:
        yield _pair(_MULTIPLE, *width, "num_attention_heads", vision.num_attention_heads)
    if vision.image_size % vision.patch_size:
        yield _pair(_MULTIPLE, *side, "patch_size", vision.patch_size)
    elif vision.grid % projector.grid_size:
        yield Sentence(
            "{patches} patches a side do not pool evenly to grid_size {grid}",
            patches=vision.grid,
            grid=projector.grid_size,
        )
    if vision.num_channels != 3:
        yield Sentence(_EXPECTED, key="num_channels", value=vision.num_channels, expected=3)
    depth, layer = vision.num_hidden_layers, vision.feature_layer
    if not -depth - 1 <= layer <= depth:
        yield Sentence(
            "vision_feature_layer {layer} is outside the tower's {depth} layers", layer=layer, depth=depth
        )
    key = "vision_feature_select_strategy"
    if (strategy := config.raw.get(key, "full")) != "full":
        yield Sentence(_EXPECTED, key=key, value=repr(strategy), expected="'full'")
    if projector.in_hidden_size != vision.hidden_size:
        yield _pair(_DIFFERS, "projector in_hidden_size", projector.in_hidden_size, *width)
    if projector.out_hidden_size != text.hidden_size:
        width = ("text hidden_size", text.hidden_size)
        yield _pair(_DIFFERS, "projector out_hidden_size", projector.out_hidden_size, *width)
    if config.image_token_id >= text.vocab_size:
        yield Sentence(
            "image_token_index {token} is outside the vocabulary of {vocabulary}",
            token=config.image_token_id,
            vocabulary=text.vocab_size,
        )
    if tiles.tile_size != vision.image_size:
        yield _pair(_DIFFERS, "the processor's tile size", tiles.tile_size, *side)
    if tiles.min_tiles > tiles.max_tiles:
        limits = ("min_num_tiles", tiles.min_tiles, "max_num_tiles", tiles.max_tiles)
        yield _pair("{key} {value} exceeds {other} {second}", *limits)
    if tiles.tokens_per_tile != projector.grid_size**2:
        squared = ("grid_size", f"{projector.grid_size} squared")
        yield _pair(_DIFFERS, "num_tokens_per_tile", tiles.tokens_per_tile, *squared)
    if any(s <= 0 for s in tiles.image_std):
        yield Sentence("image_std {values} must be positive", values=list(tiles.image_std))
    yield from _processing(config.preprocessor)


def _processing(pre: dict[str, Any]) -> Iterator[Sentence]:
    """Settings of the published processor that adotx.vision lacks, as no published checkpoint uses them."""
    never, always = ("do_tile_pad", "do_pad"), ("do_resize", "do_rescale", "do_normalize", "do_convert_rgb")
    for key in never + always:
        if pre.get(key) is (key in never):
            value, expected = ("true", "false") if key in never else ("false", "true")
            yield Sentence(_EXPECTED, key=key, value=value, expected=expected)
    factor = pre.get("rescale_factor")
    if isinstance(factor, int | float) and not math.isclose(factor, 1 / 255, rel_tol=1e-6):
        yield Sentence(_EXPECTED, key="rescale_factor", value=factor, expected="1/255")


def contradictions(config: ModelConfig) -> list[Sentence]:
    """Why the model cannot run as described, one sentence each; [] where it can."""
    return [*_text(config), *(_vision(config) if config.vision else ())]


_Pair = tuple[str, Any, str, Any]


def _copies(config: ModelConfig) -> list[_Pair]:
    """(name, value, other name, other value) of every second copy, which other software may read."""
    raw, pre, pairs = config.raw, config.preprocessor, []
    text, duplicate = raw.get("text_config") or {}, raw.get("llm_config") or {}
    if isinstance(duplicate, dict):
        pairs += [(f"text_config.{k}", text.get(k), f"llm_config.{k}", duplicate.get(k)) for k in _TEXT_KEYS]
    for key in ("max_num_tiles", "min_num_tiles", "use_thumbnail"):
        pairs.append((f"preprocessor_config {key}", pre.get(key), f"config.json {key}", raw.get(key)))
    nested = config.processor.get("image_processor")
    if isinstance(nested, dict) and nested is not pre:
        pairs += [
            (f"preprocessor_config {k}", pre.get(k), f"processor_config image_processor.{k}", nested.get(k))
            for k in ("max_num_tiles", "min_num_tiles", "use_thumbnail", "image_mean", "image_std")
        ]
        sizes = tile_size(pre.get("size")), tile_size(nested.get("size"))
        pairs.append(
            ("preprocessor_config size", sizes[0], "processor_config image_processor.size", sizes[1])
        )
    return pairs


def _different(pairs: list[_Pair]) -> list[Sentence]:
    return [
        _pair(_DIFFERS, name, value, other, second)
        for name, value, other, second in pairs
        if value is not None and second is not None and value != second
    ]


def disagreements(config: ModelConfig) -> list[Sentence]:
    """Second copies of a value that differ from the one the model reads, one sentence each; [] if none."""
    return _different(_copies(config)) if config.vision else []


def leftovers(config: ModelConfig) -> list[Sentence]:
    """InternVL keys that no A.X code reads and that differ from the value that applies, one sentence each."""
    raw, rule, vision = config.raw, config.tiles, config.vision
    if rule is None or vision is None:
        return []
    return _different(
        [
            ("image_size", vision.image_size, "the unused force_image_size", raw.get("force_image_size")),
            ("max_num_tiles", rule.max_tiles, "the unused max_dynamic_patch", raw.get("max_dynamic_patch")),
            ("min_num_tiles", rule.min_tiles, "the unused min_dynamic_patch", raw.get("min_dynamic_patch")),
        ]
    )


def require_consistent(config: ModelConfig, where: str) -> ModelConfig:
    """`config`, where it is consistent.

    Raises:
        AdotxError: ``config.contradiction``, with all contradictions in one line.
    """
    found = contradictions(config)
    if found:
        remedy = "restore the original configuration files"
        raise AdotxError("config.contradiction", "{detail}", where, remedy, detail=joined(found))
    return config
