"""Configuration of A.X 4.0 VL for transformers: the published config.json in, the same layout out.

In: the dictionary of a config.json (published, re-saved or nano's); unknown keys are written back.
Out: `AX4VLConfig` with `vision_config` (SigLIP), `projector_config` (LDPNetV2) and `text_config` (Qwen2).
Does not know tensors, tokenizers or images.

What is changed on loading, because the published values describe the machine of its authors, not the model:
`attn_implementation` and `use_cache: false` are dropped (choose at load or call time), `auto_map` is dropped
(no remote code is run or passed on).
"""

from __future__ import annotations

from typing import Any, ClassVar

from transformers import PreTrainedConfig, Qwen2Config, SiglipVisionConfig

from adotx.errors import AdotxError, Sentence

# Sizes of the published 7B checkpoint; used only where a caller gives none.
PUBLISHED_VISION = {
    "hidden_size": 1152,
    "num_hidden_layers": 27,
    "num_attention_heads": 16,
    "intermediate_size": 4304,
    "patch_size": 16,
    "image_size": 384,
    "hidden_act": "gelu_pytorch_tanh",
    "layer_norm_eps": 1e-6,
    "vision_use_head": False,
}
PUBLISHED_TEXT = {
    "hidden_size": 3584,
    "num_hidden_layers": 28,
    "num_attention_heads": 28,
    "num_key_value_heads": 4,
    "intermediate_size": 18944,
    "vocab_size": 102400,
    "rms_norm_eps": 1e-5,
    "rope_theta": 1_000_000,
    "max_position_embeddings": 16384,
    "bos_token_id": 0,
    "eos_token_id": 0,
    "pad_token_id": 1,
}

# Keys that every transformers config carries and no reader of this layout needs.
_BOILERPLATE = frozenset(
    {
        "chunk_size_feed_forward",
        "id2label",
        "is_encoder_decoder",
        "label2id",
        "output_attentions",
        "output_hidden_states",
        "problem_type",
        "return_dict",
        "_name_or_path",
    }
)
_SUB_CONFIGS = ("vision_config", "projector_config", "text_config")


class AX4VLProjectorConfig(PreTrainedConfig):
    """Shape of the LDPNetV2 projector: channels in and out, and tokens per tile as a square grid."""

    model_type = "ldpnetv2_projector"
    base_config_key = "projector_config"

    in_hidden_size: int = 1152
    out_hidden_size: int = 3584
    grid_size: int = 12


class AX4VLConfig(PreTrainedConfig):
    """Configuration of `AX4VLForConditionalGeneration`.

    Args:
        vision_config, projector_config, text_config: dictionaries or configurations of the three parts.
        image_token_index: id whose positions are overwritten by image features (`<|extra_id_11|>`, 22).
        vision_feature_layer: 0 means the last layer after `post_layernorm`, as published; any other integer
            indexes the hidden states before it.
        vision_feature_select_strategy: "full" only; a SigLIP tower has no class token to drop.
        tie_word_embeddings: the output matrix is the embedding matrix, and not in the file; default: as in
            `text_config`.

    Raises:
        AdotxError: ``config.contradiction`` when the sizes of the parts do not fit each other.
    """

    model_type = "a.x-4-vl"
    attribute_map = {"image_token_id": "image_token_index"}  # noqa: RUF012
    sub_configs = {  # noqa: RUF012
        "vision_config": SiglipVisionConfig,
        "projector_config": AX4VLProjectorConfig,
        "text_config": Qwen2Config,
    }
    #: dropped on loading; there, since trainers read it of every configuration
    auto_map: ClassVar[dict[str, str]] = {}

    vision_config: Any = None
    projector_config: Any = None
    text_config: Any = None
    image_token_index: int = 22
    vision_feature_layer: int = 0
    vision_feature_select_strategy: str = "full"
    pad_token_id: int | None = 1
    tie_word_embeddings: bool | None = None

    def __post_init__(self, **kwargs: Any) -> None:
        self.vision_config = _sub_config(self.vision_config, SiglipVisionConfig, PUBLISHED_VISION)
        self.text_config = _sub_config(self.text_config, Qwen2Config, PUBLISHED_TEXT)
        default = {
            "in_hidden_size": self.vision_config.hidden_size,
            "out_hidden_size": self.text_config.hidden_size,
            "grid_size": self.vision_config.image_size // self.vision_config.patch_size // 2,
        }
        self.projector_config = _sub_config(self.projector_config, AX4VLProjectorConfig, default)
        # The top-level flag decides where there is one; both must agree, since each part reads its section.
        if self.tie_word_embeddings is None:
            self.tie_word_embeddings = bool(self.text_config.tie_word_embeddings)
        self.text_config.tie_word_embeddings = self.tie_word_embeddings
        super().__post_init__(**kwargs)
        self._check()

    @property
    def tokens_per_tile(self) -> int:
        """Image tokens of one tile."""
        return self.projector_config.grid_size**2

    def _check(self) -> None:
        vision, projector, text = self.vision_config, self.projector_config, self.text_config
        pairs = [
            (
                "projector_config.in_hidden_size",
                projector.in_hidden_size,
                "vision_config.hidden_size",
                vision,
            ),
            ("projector_config.out_hidden_size", projector.out_hidden_size, "text_config.hidden_size", text),
        ]
        for name, value, other, part in pairs:
            if value != part.hidden_size:
                detail = Sentence(
                    "{key} {value} differs from {other} {second}",
                    key=name,
                    value=value,
                    other=other,
                    second=part.hidden_size,
                )
                raise AdotxError(
                    "config.contradiction", "{detail}", "config.json", "make the two equal", detail=detail
                )
        if vision.image_size % vision.patch_size:
            detail = Sentence(
                "{key} {value} is not a multiple of {other} {second}",
                key="image_size",
                value=vision.image_size,
                other="patch_size",
                second=vision.patch_size,
            )
            where, remedy = "config.json vision_config", "correct one of them"
            raise AdotxError("config.contradiction", "{detail}", where, remedy, detail=detail)
        if self.vision_feature_select_strategy != "full":
            what, value = "{key} is {value!r}", self.vision_feature_select_strategy
            key = "vision_feature_select_strategy"
            raise AdotxError("config.unsupported", what, "config.json", 'use "full"', key=key, value=value)

    @classmethod
    def from_dict(cls, config_dict: dict[str, Any], **kwargs: Any) -> Any:
        """Build from a config.json dictionary, without the keys that the module's docstring lists."""
        config_dict = {k: v for k, v in config_dict.items() if k not in ("attn_implementation", "auto_map")}
        for name in _SUB_CONFIGS:
            if isinstance(part := config_dict.get(name), dict):
                dropped = ("attn_implementation", "_attn_implementation", "use_cache")
                config_dict[name] = {k: v for k, v in part.items() if k not in dropped}
        return super().from_dict(config_dict, **kwargs)

    def to_dict(self) -> dict[str, Any]:
        """All keys, with the published spelling of the rotary settings as well as the current one."""
        output = super().to_dict()
        text = output.get("text_config")
        if isinstance(text, dict) and isinstance(rope := text.get("rope_parameters"), dict):
            # Software for the published layout reads rope_theta only, and would silently take 10,000.
            text["rope_theta"] = rope.get("rope_theta")
            text.setdefault("rope_scaling", None)
        return output

    def to_diff_dict(self) -> dict[str, Any]:
        """What is written to config.json: every key that describes the model, also where it is a default."""
        return _without_boilerplate(self.to_dict())


def _sub_config(value: Any, kind: type[PreTrainedConfig], defaults: dict[str, Any]) -> PreTrainedConfig:
    if value is None:
        return kind(**defaults)
    if isinstance(value, dict):
        return kind(**{k: v for k, v in value.items() if k != "model_type"})
    return value


def _without_boilerplate(config: dict[str, Any]) -> dict[str, Any]:
    output = {k: v for k, v in config.items() if k not in _BOILERPLATE}
    for name in _SUB_CONFIGS:
        if isinstance(part := output.get(name), dict):
            output[name] = {k: v for k, v in part.items() if k not in _BOILERPLATE and v is not None}
    return output
