"""What a model needs: ModelConfig in, bytes out.

An estimate from shapes; reads no weights.
"""

from __future__ import annotations

from dataclasses import dataclass
from math import prod

from adotx.checkpoint.config import ModelConfig
from adotx.checkpoint.names import expected_tensors


@dataclass(frozen=True)
class MemoryEstimate:
    """Bytes that a model needs.

    Attributes:
        weights: by format ("bf16", "int8", "int4").
        kv_per_token: KV cache of one position, by format: "bf16", "u8" (with scale and zero point per head).
    """

    weights: dict[str, int]
    kv_per_token: dict[str, int]

    def kv(self, tokens: int, dtype: str = "bf16") -> int:
        """Bytes of the KV cache for `tokens` positions."""
        return self.kv_per_token[dtype] * tokens


def memory_estimate(config: ModelConfig) -> MemoryEstimate:
    """The estimate for each weight format and cache format.

    int8: one float32 scale per row of a matrix, vectors bf16. int4: as int8, but the decoder's layers
    have 4 bits and one float16 scale per 128 weights.
    """
    tensors, text = expected_tensors(config), config.text
    bf16 = 2 * sum(prod(shape) for shape in tensors.values())
    int8 = int4 = 0
    for name, shape in tensors.items():
        size = prod(shape) + 4 * shape[0] if len(shape) > 1 else 2 * prod(shape)
        int8 += size
        in_decoder = len(shape) > 1 and "model.layers." in name
        int4 += prod(shape) // 2 + 2 * prod(shape) // 128 if in_decoder else size
    heads = 2 * text.num_hidden_layers * text.num_key_value_heads
    return MemoryEstimate(
        weights={"bf16": bf16, "int8": int8, "int4": int4},
        kv_per_token={"bf16": heads * text.head_dim * 2, "u8": heads * (text.head_dim + 8)},
    )


def readable_size(size: float) -> str:
    """`size` bytes for people: "15.4 GB", "92.1 MB", "600 kB" (powers of ten)."""
    if size >= 1e9:
        return f"{size / 1e9:.1f} GB"
    return f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{size / 1e3:.0f} kB"
