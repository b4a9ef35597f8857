"""The shape of a model: config.json and the two processor files in, frozen dataclasses out.

Reads both families, the key spellings of transformers 4 and 5 (`rope_theta` or `rope_parameters`,
`torch_dtype` or `dtype`), and tolerates every unknown key. An absent key has the default of the published
class that reads it (Qwen2Config, SiglipVisionConfig). Knows no tensors and no tokenizer; whether the values
fit together is judged in `contradictions`.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from adotx.checkpoint.files import read_json, read_json_if_present
from adotx.errors import AdotxError, Sentence
from adotx.vision.plan import TileRule

VL = "a.x-4-vl"
QWEN2 = "qwen2"

_COPY = "copy config.json from the original checkpoint"


@dataclass(frozen=True)
class TextConfig:
    """A Qwen2-shaped decoder; sizes in elements.

    Attributes:
        rope_scaling: as in config.json, with "rope_type"; None for plain RoPE.
        sliding_window: positions that a layer attends to; None for full attention.
    """

    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    num_key_value_heads: int
    head_dim: int
    intermediate_size: int
    vocab_size: int
    rms_norm_eps: float
    rope_theta: float
    max_position_embeddings: int
    tie_word_embeddings: bool
    hidden_act: str = "silu"
    rope_scaling: dict[str, Any] | None = field(default=None, hash=False)
    sliding_window: int | None = None


@dataclass(frozen=True)
class VisionConfig:
    """A SigLIP-shaped tower.

    Attributes:
        patch_size, image_size: the side of a patch and of a tile in pixels.
        feature_layer: 0 for the last layer after post_layernorm, as published; any other value indexes
            hidden_states (1: output of the first layer, -1: of the last one, before post_layernorm).
    """

    hidden_size: int
    num_hidden_layers: int
    num_attention_heads: int
    intermediate_size: int
    patch_size: int
    image_size: int
    num_channels: int
    layer_norm_eps: float
    hidden_act: str
    feature_layer: int = 0

    @property
    def grid(self) -> int:
        """Patches on one side of a tile."""
        return self.image_size // self.patch_size


@dataclass(frozen=True)
class ProjectorConfig:
    """The LDPNetV2 projector.

    Attributes:
        in_hidden_size, out_hidden_size: width of the tower and of the decoder.
        grid_size: a tile becomes `grid_size` x `grid_size` tokens.
    """

    in_hidden_size: int
    out_hidden_size: int
    grid_size: int


@dataclass(frozen=True)
class ModelConfig:
    """One model.

    Attributes:
        family: `VL` or `QWEN2`.
        vision, projector, tiles, image_token_id: None for a text model.
        raw: config.json as read.
        preprocessor, processor: the settings of the image processor and of the processor that apply.
    """

    family: str
    text: TextConfig
    vision: VisionConfig | None = None
    projector: ProjectorConfig | None = None
    tiles: TileRule | None = None
    image_token_id: int | None = None
    raw: dict[str, Any] = field(default_factory=dict, repr=False, hash=False)
    preprocessor: dict[str, Any] = field(default_factory=dict, repr=False, hash=False)
    processor: dict[str, Any] = field(default_factory=dict, repr=False, hash=False)


class _Section:
    """One object of a JSON file: typed access to keys, errors name file and key; null is absent."""

    def __init__(self, values: dict[str, Any], where: str, prefix: str = "") -> None:
        self.values, self.where, self.prefix = values, where, prefix

    def wrong(self, key: str, expected: str) -> AdotxError:
        what, name, value = "{key} is {value}, expected {expected}", self.prefix + key, self.values.get(key)
        return AdotxError(
            "config.value", what, self.where, _COPY, key=name, value=repr(value)[:200], expected=expected
        )

    def missing(self, key: str) -> AdotxError:
        return AdotxError("config.value", "{key} is missing", self.where, _COPY, key=self.prefix + key)

    def get(self, key: str, default: Any = None) -> Any:
        value = self.values.get(key)
        return default if value is None else value

    def integer(self, key: str, default: int | None = None, least: int | None = 1) -> int:
        value = self.get(key, default)
        if value is None:
            raise self.missing(key)
        if isinstance(value, bool) or not isinstance(value, int) or (least is not None and value < least):
            raise self.wrong(key, "a whole number" if least is None else f"a whole number of {least} or more")
        return value

    def number(self, key: str, default: float) -> float:
        value = self.get(key, default)
        if isinstance(value, bool) or not isinstance(value, int | float) or not 0 < value < float("inf"):
            raise self.wrong(key, "a positive number")
        return float(value)

    def flag(self, key: str, default: bool) -> bool:
        value = self.get(key, default)
        if not isinstance(value, bool):
            raise self.wrong(key, "true or false")
        return value

    def string(self, key: str, default: str) -> str:
        value = self.get(key, default)
        if not isinstance(value, str):
            raise self.wrong(key, "a string")
        return value

    def triple(self, key: str, default: tuple[float, float, float]) -> tuple[float, float, float]:
        value = self.get(key, default)
        numbers = isinstance(value, list | tuple) and all(
            isinstance(v, int | float) and not isinstance(v, bool) for v in value
        )
        if not numbers or len(value) != 3:
            raise self.wrong(key, "three numbers")
        return (float(value[0]), float(value[1]), float(value[2]))

    def section(self, key: str, required: bool = True) -> _Section:
        value = self.get(key)
        if value is None and required:
            raise self.missing(key)
        if value is not None and not isinstance(value, dict):
            raise self.wrong(key, "an object")
        return _Section(value or {}, self.where, f"{self.prefix}{key}.")


def _rope(text: _Section) -> tuple[float, dict[str, Any] | None]:
    """theta and the scaling, None for plain RoPE; transformers 5 writes both in `rope_parameters`."""
    parameters = text.section("rope_parameters", required=False)
    if "full_attention" in parameters.values:
        parameters = parameters.section("full_attention")
    theta = text.number("rope_theta", parameters.number("rope_theta", 10000.0))
    if text.get("rope_theta") is not None and parameters.number("rope_theta", theta) != theta:
        detail = Sentence(
            "{key} {value} differs from {other} {second}",
            key=f"{text.prefix}rope_theta",
            value=f"{theta:g}",
            other="rope_parameters.rope_theta",
            second=parameters.values["rope_theta"],
        )
        raise AdotxError(
            "config.contradiction", "{detail}", text.where, "keep the right one of the two", detail=detail
        )
    scaling = parameters.values or text.section("rope_scaling", required=False).values
    kind = scaling.get("rope_type", scaling.get("type", "default"))
    plain = kind in (None, "default") or (kind == "linear" and scaling.get("factor") == 1)
    return theta, None if plain else {**scaling, "rope_type": kind}


def _text(text: _Section, tied: bool | None = None) -> TextConfig:
    kind = text.string("model_type", QWEN2)
    if kind != QWEN2:
        raise text.wrong("model_type", f"{QWEN2!r}")
    hidden, heads = text.integer("hidden_size", 4096), text.integer("num_attention_heads", 32)
    theta, scaling = _rope(text)
    kv_default = heads if "num_key_value_heads" in text.values else 32
    layers = text.integer("num_hidden_layers", 32)
    layer_types = text.get("layer_types")
    slides = text.flag("use_sliding_window", False)
    if isinstance(layer_types, list):
        # transformers follows layer_types where it is written out.
        slides = "sliding_attention" in layer_types
    return TextConfig(
        hidden_size=hidden,
        num_hidden_layers=layers,
        num_attention_heads=heads,
        num_key_value_heads=text.integer("num_key_value_heads", kv_default),
        head_dim=text.integer("head_dim", max(1, hidden // heads)),
        intermediate_size=text.integer("intermediate_size", 22016),
        vocab_size=text.integer("vocab_size", 151936),
        rms_norm_eps=text.number("rms_norm_eps", 1e-6),
        rope_theta=theta,
        max_position_embeddings=text.integer("max_position_embeddings", 32768),
        tie_word_embeddings=text.flag("tie_word_embeddings", False) if tied is None else tied,
        hidden_act=text.string("hidden_act", "silu"),
        rope_scaling=scaling,
        sliding_window=text.integer("sliding_window", 4096) if slides else None,
    )


def _vision(root: _Section) -> VisionConfig:
    vision = root.section("vision_config")
    if vision.string("model_type", "siglip_vision_model") != "siglip_vision_model":
        raise vision.wrong("model_type", "'siglip_vision_model'")
    return VisionConfig(
        hidden_size=vision.integer("hidden_size", 768),
        num_hidden_layers=vision.integer("num_hidden_layers", 12),
        num_attention_heads=vision.integer("num_attention_heads", 12),
        intermediate_size=vision.integer("intermediate_size", 3072),
        patch_size=vision.integer("patch_size", 16),
        image_size=vision.integer("image_size", 224),
        num_channels=vision.integer("num_channels", 3),
        layer_norm_eps=vision.number("layer_norm_eps", 1e-6),
        hidden_act=vision.string("hidden_act", "gelu_pytorch_tanh"),
        feature_layer=root.integer("vision_feature_layer", 0, least=None),
    )


def _projector(root: _Section, vision: VisionConfig, text: TextConfig) -> ProjectorConfig:
    projector = root.section("projector_config", required=False)
    if projector.string("model_type", "ldpnetv2_projector") != "ldpnetv2_projector":
        raise projector.wrong("model_type", "'ldpnetv2_projector'")
    return ProjectorConfig(
        in_hidden_size=projector.integer("in_hidden_size", vision.hidden_size),
        out_hidden_size=projector.integer("out_hidden_size", text.hidden_size),
        grid_size=projector.integer("grid_size", max(1, vision.grid // 2)),
    )


def tile_size(size: Any) -> int | None:
    """The side in pixels that a processor's `size` gives: a number, {shortest_edge} or {height, width};
    None where it gives none."""
    if isinstance(size, dict):
        sides = {size[k] for k in ("shortest_edge", "height", "width") if size.get(k) is not None}
        size = sides.pop() if len(sides) == 1 else None
    return size if isinstance(size, int) and not isinstance(size, bool) and size > 0 else None


def _tiles(root: _Section, pre: _Section, processor: _Section, vision: VisionConfig, grid: int) -> TileRule:
    """preprocessor_config.json decides; config.json's copies of the keys, which the published code does not
    read, are defaults."""
    default = TileRule()
    side = vision.image_size
    if pre.get("size") is not None:
        found = tile_size(pre.get("size"))
        if found is None:
            raise pre.wrong("size", "a tile side such as {'shortest_edge': 384}")
        side = found
    return TileRule(
        tile_size=side,
        min_tiles=pre.integer("min_num_tiles", root.integer("min_num_tiles", default.min_tiles)),
        max_tiles=pre.integer("max_num_tiles", root.integer("max_num_tiles", default.max_tiles)),
        use_thumbnail=pre.flag("use_thumbnail", root.flag("use_thumbnail", default.use_thumbnail)),
        tokens_per_tile=processor.integer("num_tokens_per_tile", grid * grid),
        image_mean=pre.triple("image_mean", default.image_mean),
        image_std=pre.triple("image_std", default.image_std),
    )


def parse_config(
    raw: dict[str, Any],
    preprocessor: dict[str, Any] | None = None,
    processor: dict[str, Any] | None = None,
    where: str = "config.json",
) -> ModelConfig:
    """The model that the configuration files describe.

    Args:
        raw, preprocessor, processor: config.json, preprocessor_config.json and processor_config.json.
        where: the path of config.json, for messages.

    Raises:
        AdotxError: ``config.family`` for another kind of model, ``config.value`` for a value that is missing
            or of the wrong type, ``config.contradiction`` for two values of rope_theta.
    """
    preprocessor, processor = preprocessor or {}, processor or {}
    root = _Section(raw, where)
    architectures = raw.get("architectures") or []
    kind = raw.get("model_type") or (QWEN2 if "Qwen2ForCausalLM" in architectures else None)
    if kind == QWEN2:
        return ModelConfig(QWEN2, _text(root), raw=raw)
    if kind != VL:
        found = "missing" if kind is None else repr(str(kind)[:80])
        remedy = "adotx reads {vl!r} and Qwen2-shaped text models ({text!r})"
        raise AdotxError(
            "config.family", "model_type is {found}", where, remedy, found=found, vl=VL, text=QWEN2
        )
    # As in transformers: the top-level flag decides, the text section's only where that is absent.
    tied = root.flag("tie_word_embeddings", False) if raw.get("tie_word_embeddings") is not None else None
    text = _text(root.section("text_config"), tied)
    vision = _vision(root)
    projector = _projector(root, vision, text)
    pre = _Section(preprocessor, where.replace("config.json", "preprocessor_config.json"))
    proc = _Section(processor, where.replace("config.json", "processor_config.json"))
    key = "image_token_index" if raw.get("image_token_index") is not None else "image_token_id"
    if raw.get(key) is None:
        # The published class default (102400) is not the published model's token (22): never guess here.
        raise root.missing("image_token_index")
    return ModelConfig(
        family=VL,
        text=text,
        vision=vision,
        projector=projector,
        tiles=_tiles(root, pre, proc, vision, projector.grid_size),
        image_token_id=root.integer(key, least=0),
        raw=raw,
        preprocessor=preprocessor,
        processor=processor,
    )


def read_config(path: str | Path) -> ModelConfig:
    """The configuration of the checkpoint directory `path`, not checked for contradictions.

    Raises:
        AdotxError: ``config.unreadable``, and as `parse_config`.
    """
    path = Path(path)
    raw = read_json(path / "config.json", "config.unreadable")
    processor = read_json_if_present(path / "processor_config.json", "config.unreadable")
    preprocessor = read_json_if_present(path / "preprocessor_config.json", "config.unreadable")
    if not preprocessor:
        # transformers 5 saves the image processor inside processor_config.json.
        nested = processor.get("image_processor")
        preprocessor = nested if isinstance(nested, dict) else {}
    return parse_config(raw, preprocessor, processor, str(path / "config.json"))
