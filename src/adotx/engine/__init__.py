"""The embedded engine: token ids and tile pixels in, token ids out, on OpenVINO.

In: an open checkpoint (`adotx.checkpoint.Checkpoint`), then `Request`s. Out: `Output`s, token streams,
logits, image features. Knows no text, no tokenizer, no HTTP and no torch; importing this package imports only
NumPy, OpenVINO is imported by `Engine.load`.

    engine = Engine.load(open_checkpoint("nano"), weights="int8")
    [output] = engine.generate([Request(ids, images=[tiles])])

How it works, its settings and its figures: docs/engine.md. Inside, imports go one way:

    serving    requests on their way        -> model, sampling
    model      graphs of decoder and tower  -> native, runtime, weights
    native     our CPU kernels              -> runtime, weights
    runtime    OpenVINO itself              -> weights
    sampling   ids from scores              -> nothing
    weights    formats and conversions      -> nothing
"""

from __future__ import annotations

from adotx.engine.model.backend import Backend, Chunk, ImageSpec, Warmable
from adotx.engine.sampling.logprobs import TokenLogprobs
from adotx.engine.sampling.params import SamplingParams
from adotx.engine.sampling.sampler import Constraint
from adotx.engine.serving.aio import AsyncEngine, AsyncStream
from adotx.engine.serving.blocks import BlockPool
from adotx.engine.serving.engine import Engine
from adotx.engine.serving.request import EncodedImage, Output, Request
from adotx.engine.serving.stats import Stats
from adotx.engine.serving.stream import Stream

__all__ = [
    "AsyncEngine",
    "AsyncStream",
    "Backend",
    "BlockPool",
    "Chunk",
    "Constraint",
    "EncodedImage",
    "Engine",
    "ImageSpec",
    "Output",
    "Request",
    "SamplingParams",
    "Stats",
    "Stream",
    "TokenLogprobs",
    "Warmable",
]
