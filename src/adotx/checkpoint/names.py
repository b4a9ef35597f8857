"""The tensors a configuration asks for: ModelConfig in, {published name: shape} out. Reads no files."""

from __future__ import annotations

from math import prod

from adotx.checkpoint.config import VL, ModelConfig, ProjectorConfig, TextConfig, VisionConfig

Shape = tuple[int, ...]


def _text(text: TextConfig, prefix: str) -> dict[str, Shape]:
    hidden, inner = text.hidden_size, text.intermediate_size
    q, kv = text.num_attention_heads * text.head_dim, text.num_key_value_heads * text.head_dim
    shapes: dict[str, Shape] = {f"{prefix}model.embed_tokens.weight": (text.vocab_size, hidden)}
    for i in range(text.num_hidden_layers):
        layer = f"{prefix}model.layers.{i}."
        shapes[layer + "input_layernorm.weight"] = (hidden,)
        for name, rows in (("q_proj", q), ("k_proj", kv), ("v_proj", kv)):
            shapes[f"{layer}self_attn.{name}.weight"] = (rows, hidden)
            shapes[f"{layer}self_attn.{name}.bias"] = (rows,)
        shapes[layer + "self_attn.o_proj.weight"] = (hidden, q)
        shapes[layer + "post_attention_layernorm.weight"] = (hidden,)
        shapes[layer + "mlp.gate_proj.weight"] = (inner, hidden)
        shapes[layer + "mlp.up_proj.weight"] = (inner, hidden)
        shapes[layer + "mlp.down_proj.weight"] = (hidden, inner)
    shapes[f"{prefix}model.norm.weight"] = (hidden,)
    if not text.tie_word_embeddings:
        shapes[f"{prefix}lm_head.weight"] = (text.vocab_size, hidden)
    return shapes


def _vision(vision: VisionConfig) -> dict[str, Shape]:
    hidden, inner, patch = vision.hidden_size, vision.intermediate_size, vision.patch_size
    prefix = "vision_tower.vision_model."
    shapes: dict[str, Shape] = {
        prefix + "embeddings.patch_embedding.weight": (hidden, vision.num_channels, patch, patch),
        prefix + "embeddings.patch_embedding.bias": (hidden,),
        prefix + "embeddings.position_embedding.weight": (vision.grid**2, hidden),
    }
    for i in range(vision.num_hidden_layers):
        layer = f"{prefix}encoder.layers.{i}."
        for norm in ("layer_norm1", "layer_norm2"):
            shapes |= {f"{layer}{norm}.weight": (hidden,), f"{layer}{norm}.bias": (hidden,)}
        for name in ("q_proj", "k_proj", "v_proj", "out_proj"):
            shapes |= {
                f"{layer}self_attn.{name}.weight": (hidden, hidden),
                f"{layer}self_attn.{name}.bias": (hidden,),
            }
        shapes |= {layer + "mlp.fc1.weight": (inner, hidden), layer + "mlp.fc1.bias": (inner,)}
        shapes |= {layer + "mlp.fc2.weight": (hidden, inner), layer + "mlp.fc2.bias": (hidden,)}
    shapes |= {prefix + "post_layernorm.weight": (hidden,), prefix + "post_layernorm.bias": (hidden,)}
    return shapes


def _projector(projector: ProjectorConfig) -> dict[str, Shape]:
    prefix, width = "multi_modal_projector.", projector.out_hidden_size
    return {
        prefix + "mlp.mlp.0.weight": (width, projector.in_hidden_size),
        prefix + "mlp.mlp.0.bias": (width,),
        prefix + "mlp.mlp.2.weight": (width, width),
        prefix + "mlp.mlp.2.bias": (width,),
        prefix + "peg.peg.0.weight": (width, 1, 3, 3),
        prefix + "peg.peg.0.bias": (width,),
    }


def text_prefix(config: ModelConfig) -> str:
    """The prefix of `model.` and `lm_head.` in the tensor names of this family."""
    return "language_model." if config.family == VL else ""


def expected_tensors(config: ModelConfig) -> dict[str, Shape]:
    """Published name -> shape (row-major, as stored) of every tensor of a checkpoint."""
    shapes = _text(config.text, text_prefix(config))
    if config.vision and config.projector:
        shapes |= _projector(config.projector) | _vision(config.vision)
    return shapes


def is_ignorable(config: ModelConfig, name: str) -> bool:
    """True for a tensor that a checkpoint of this family may hold although it is not used: buffers, the
    pooling head, the copy of a tied output matrix."""
    if name.endswith((".rotary_emb.inv_freq", ".position_ids")):
        return True
    if name.startswith("vision_tower.vision_model.head."):
        return True
    return config.text.tie_word_embeddings and name == f"{text_prefix(config)}lm_head.weight"


def parameter_count(config: ModelConfig) -> int:
    """Parameters of the model, a tied output matrix counted once."""
    return sum(prod(shape) for shape in expected_tensors(config).values())
