"""Whether a configuration agrees with itself: ModelConfig in, sentences out; none for a consistent model.

With `contradictions` the model cannot run as described: they stop `open_checkpoint`. `disagreements` are
second copies of a value (llm_config, config.json's tile keys) and `leftovers` unused InternVL keys; only
`validate` reports them.
"""

from __future__ import annotations

import math
from typing import Any

from adotx.checkpoint.config import ModelConfig, tile_size
from adotx.errors import AdotxError

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


def _text(config: ModelConfig) -> list[str]:
    text, found = config.text, []
    if (
        "head_dim" not in config.raw.get("text_config", config.raw)
        and text.hidden_size % text.num_attention_heads
    ):
        found.append(
            f"hidden_size {text.hidden_size} is not a multiple of "
            f"num_attention_heads {text.num_attention_heads}"
        )
    if text.num_attention_heads % text.num_key_value_heads:
        found.append(
            f"num_attention_heads {text.num_attention_heads} is not a multiple of "
            f"num_key_value_heads {text.num_key_value_heads}"
        )
    if text.head_dim % 2:
        found.append(f"head_dim {text.head_dim} is odd, rotary embedding needs pairs")
    if text.hidden_act != "silu":
        found.append(f"hidden_act is {text.hidden_act!r}, Qwen2 decoders have 'silu'")
    quantization = config.raw.get("quantization_config")
    if quantization:
        method = quantization.get("quant_method", "unknown") if isinstance(quantization, dict) else "unknown"
        found.append(f"quantization_config ({method}): only bf16, f16 and f32 weights are read")
    return found


def _vision(config: ModelConfig) -> list[str]:
    text, vision, projector, tiles = config.text, config.vision, config.projector, config.tiles
    assert vision and projector and tiles and config.image_token_id is not None
    found = []
    if vision.hidden_size % vision.num_attention_heads:
        found.append(
            f"vision hidden_size {vision.hidden_size} is not a multiple of "
            f"num_attention_heads {vision.num_attention_heads}"
        )
    if vision.image_size % vision.patch_size:
        found.append(f"image_size {vision.image_size} is not a multiple of patch_size {vision.patch_size}")
    elif vision.grid % projector.grid_size:
        found.append(f"{vision.grid} patches a side do not pool evenly to grid_size {projector.grid_size}")
    if vision.num_channels != 3:
        found.append(f"num_channels is {vision.num_channels}, tiles have 3")
    depth = vision.num_hidden_layers
    if not -depth - 1 <= vision.feature_layer <= depth:
        found.append(f"vision_feature_layer {vision.feature_layer} is outside the tower's {depth} layers")
    strategy = config.raw.get("vision_feature_select_strategy", "full")
    if strategy != "full":
        found.append(f"vision_feature_select_strategy is {strategy!r}, a SigLIP tower needs 'full'")
    if projector.in_hidden_size != vision.hidden_size:
        found.append(
            f"projector in_hidden_size {projector.in_hidden_size} differs from "
            f"vision hidden_size {vision.hidden_size}"
        )
    if projector.out_hidden_size != text.hidden_size:
        found.append(
            f"projector out_hidden_size {projector.out_hidden_size} differs from "
            f"text hidden_size {text.hidden_size}"
        )
    if config.image_token_id >= text.vocab_size:
        found.append(
            f"image_token_index {config.image_token_id} is outside the vocabulary of {text.vocab_size}"
        )
    if tiles.tile_size != vision.image_size:
        found.append(
            f"the processor's tile size {tiles.tile_size} differs from image_size {vision.image_size}"
        )
    if tiles.min_tiles > tiles.max_tiles:
        found.append(f"min_num_tiles {tiles.min_tiles} exceeds max_num_tiles {tiles.max_tiles}")
    if tiles.tokens_per_tile != projector.grid_size**2:
        found.append(
            f"num_tokens_per_tile {tiles.tokens_per_tile} differs from "
            f"grid_size {projector.grid_size} squared"
        )
    if any(s <= 0 for s in tiles.image_std):
        found.append(f"image_std {list(tiles.image_std)} must be positive")
    return found + _processing(config.preprocessor)


def _processing(pre: dict[str, Any]) -> list[str]:
    """Settings of the published processor that adotx.vision lacks, as no published checkpoint uses them."""
    found = [
        f"{key} is true, adotx stretches tiles" for key in ("do_tile_pad", "do_pad") if pre.get(key) is True
    ]
    always = ("do_resize", "do_rescale", "do_normalize", "do_convert_rgb")
    found += [f"{key} is false, adotx always does it" for key in always if pre.get(key) is False]
    factor = pre.get("rescale_factor")
    if isinstance(factor, int | float) and not math.isclose(factor, 1 / 255, rel_tol=1e-6):
        found.append(f"rescale_factor is {factor}, adotx uses 1/255")
    return found


def contradictions(config: ModelConfig) -> list[str]:
    """Why the model cannot run as described, one sentence each; [] where it can."""
    return _text(config) + (_vision(config) if config.vision else [])


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


def _different(pairs: list[_Pair]) -> list[str]:
    return [
        f"{name} {value} differs from {other} {second}"
        for name, value, other, second in pairs
        if value is not None and second is not None and value != second
    ]


def disagreements(config: ModelConfig) -> list[str]:
    """Second copies of a value that differ from the one the model reads, one sentence each; [] if none."""
    return _different(_copies(config)) if config.vision else []


def leftovers(config: ModelConfig) -> list[str]:
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
        raise AdotxError("config.contradiction", "{detail}", where, remedy, detail="; ".join(found))
    return config
