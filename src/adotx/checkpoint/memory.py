"""What a model needs and what this machine has: ModelConfig in, bytes out.

An estimate from shapes; reads no weights.
"""

from __future__ import annotations

import os
from dataclasses import dataclass
from math import prod
from pathlib import Path

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


def _cgroup_limit() -> int | None:
    """The container's memory limit in bytes (cgroup v2, then v1); None where there is none."""
    for name in ("/sys/fs/cgroup/memory.max", "/sys/fs/cgroup/memory/memory.limit_in_bytes"):
        try:
            limit = int(Path(name).read_text())
        except (OSError, ValueError):  # "max" means none
            continue
        # v1 writes a huge number for "no limit".
        return limit if limit < 1 << 60 else None
    return None


def machine_memory() -> int | None:
    """Bytes of memory that programs on this machine may use (the container's limit if smaller); None where
    the system does not tell."""
    try:
        total = os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):  # no sysconf on Windows
        return None
    limit = _cgroup_limit()
    return min(total, limit) if limit else total


def readable_size(size: float) -> str:
    """`size` bytes for people: "15.4 GB", "92.1 MB", "600 kB" (powers of ten)."""
    if size >= 1e9:
        return f"{size / 1e9:.1f} GB"
    return f"{size / 1e6:.1f} MB" if size >= 1e6 else f"{size / 1e3:.0f} kB"
