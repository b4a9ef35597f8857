"""A model on disk: find it, read its configuration, tokenizer and tensors, and check them.

Of other rooms it knows the tile formula alone (`adotx.vision.plan`). Needs no torch; reaches the network only
in `open_checkpoint(..., online=True)`.
"""

from adotx.checkpoint.config import (
    ModelConfig,
    ProjectorConfig,
    TextConfig,
    VisionConfig,
    parse_config,
    read_config,
)
from adotx.checkpoint.memory import MemoryEstimate, memory_estimate
from adotx.checkpoint.names import expected_tensors, parameter_count
from adotx.checkpoint.source import Checkpoint, find_checkpoint, open_checkpoint
from adotx.checkpoint.tensors import TensorStore
from adotx.checkpoint.tokenizer import AddedToken, AxTokenizer, save_tokenizer_json
from adotx.checkpoint.validate import Check, Report, validate
from adotx.machine import machine_memory
from adotx.vision.plan import TileRule

__all__ = [
    "AddedToken",
    "AxTokenizer",
    "Check",
    "Checkpoint",
    "MemoryEstimate",
    "ModelConfig",
    "ProjectorConfig",
    "Report",
    "TensorStore",
    "TextConfig",
    "TileRule",
    "VisionConfig",
    "expected_tensors",
    "find_checkpoint",
    "machine_memory",
    "memory_estimate",
    "open_checkpoint",
    "parameter_count",
    "parse_config",
    "read_config",
    "save_tokenizer_json",
    "validate",
]
