"""What a decoder is made of: the contracts of its layers and of their stack over a key/value cache.

In: the chunks of a step. Out: the same as the arrays that attention reads. There are two kinds of layers and
two of stacks: `native_decoder` has those of our kernels, `openvino_decoder` those of OpenVINO's operations.
Native layers go with either stack, for a cache of u8 is OpenVINO's alone. Knows no operation.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Protocol

import numpy as np

from adotx.engine.model.backend import Chunk
from adotx.engine.model.ops import Value
from adotx.engine.runtime import GraphInputs
from adotx.engine.weights.formats import WeightFormat

if TYPE_CHECKING:
    import openvino as ov

# Attention of one layer: query, key, value and the layer's number -> what it has gathered.
Attend = Callable[[Value, Value, Value, int], Value]


@dataclass(frozen=True)
class StepLayout:
    """Which rows and which cache blocks of a step belong to which chunk; arrays are int32.

    Args:
        past: [C], positions of each chunk's sequence already in the cache.
        lengths: [C], rows of each chunk.
        blocks: [B], all chunks' blocks end to end, as many of each as its positions reach into.
        block_begins: [C + 1], where each chunk's blocks begin in them.
    """

    past: np.ndarray
    lengths: np.ndarray
    blocks: np.ndarray
    block_begins: np.ndarray

    @classmethod
    def of(cls, chunks: Sequence[Chunk], block_size: int) -> StepLayout:
        """The layout of these chunks in a cache whose blocks hold `block_size` positions."""
        count = len(chunks)
        past = np.fromiter((chunk.start for chunk in chunks), np.int32, count)
        lengths = np.fromiter(map(len, chunks), np.int32, count)
        reached = -(-(past + lengths) // block_size)
        begins = np.zeros(count + 1, np.int32)
        np.cumsum(reached, out=begins[1:])
        blocks = np.fromiter(
            (block for chunk, n in zip(chunks, reached.tolist(), strict=True) for block in chunk.blocks[:n]),
            np.int32,
            int(begins[-1]),
        )
        return cls(past, lengths, blocks, begins)


class DecoderLayers(Protocol):
    """The layers between embeddings and logits, as graph nodes."""

    count: int
    precision: WeightFormat  # in which OpenVINO is to compute what it computes of the graph
    cacheable: bool  # whether OpenVINO may store the compiled graph

    def layer(self, x: Value, index: int, attend: Attend) -> Value:
        """One layer: [N, hidden] -> [N, hidden]."""
        ...

    def head(self, x: Value) -> Value:
        """The last norm and the output matrix: [R, hidden] -> logits [R, V]."""
        ...


class DecoderStack(Protocol):
    """All layers over a key/value cache.

    Attributes:
        parameters: the graph's inputs besides embeddings; whole once the stack has been called.
        block_size: positions in a cache block; known once attached.
        block_bytes: bytes of a block, keys and values of all layers together; known once attached.
    """

    parameters: list[Any]
    block_size: int
    block_bytes: int

    def __call__(self, x: Value) -> Value:
        """Build all layers: embeddings [N, hidden] -> [N, hidden]."""
        ...

    def attach(self, compiled: ov.CompiledModel, inputs: GraphInputs) -> None:
        """Take up the compiled graph and its request's inputs."""

    def reserve(self, blocks: int) -> None:
        """Make the cache; its memory is taken by the system as it is written."""

    def copy_block(self, source: int, target: int) -> None:
        """Write a block's keys and values of all layers to another one."""

    def begin_step(self, layout: StepLayout) -> None:
        """Say whose the rows of the next inference are."""
