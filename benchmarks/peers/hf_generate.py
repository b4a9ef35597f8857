"""Worker for `transformers` generate; see `protocol.py`. Needs torch and transformers.

Settings: the library's defaults (SDPA attention, growing cache), one batch, as many threads as there are
cores. A batch of `generate` is fixed when it starts, so nothing can arrive late.
"""

from __future__ import annotations

import time
from typing import Any

import torch
import transformers
from protocol import serve

model: Any = None


def load(checkpoint: str, weights: str, threads: int, context: int, streams: int) -> dict[str, str]:
    global model
    torch.set_num_threads(threads)
    dtype = {"bf16": torch.bfloat16, "f32": torch.float32}[weights]
    model = transformers.AutoModelForCausalLM.from_pretrained(checkpoint, dtype=dtype).eval()
    return {"transformers": transformers.__version__, "torch": torch.__version__}


class Stamps(transformers.StoppingCriteria):
    """Never stops; notes when it was asked, which is once after each token."""

    def __init__(self) -> None:
        self.start = time.perf_counter()
        self.times: list[float] = []

    def __call__(self, input_ids: torch.Tensor, scores: object, **_: object) -> torch.Tensor:
        self.times.append(time.perf_counter() - self.start)
        return torch.zeros(len(input_ids), dtype=torch.bool)


def run(streams: list[dict]) -> dict:
    if any("after" in stream for stream in streams):
        raise NotImplementedError("a batch of generate is fixed when it starts")
    [new] = {stream["new"] for stream in streams}
    ids = torch.tensor([stream["ids"] for stream in streams])
    stamps = Stamps()
    with torch.inference_mode():
        model.generate(
            ids,
            attention_mask=torch.ones_like(ids),
            do_sample=False,
            max_new_tokens=new,
            min_new_tokens=new,
            pad_token_id=0,
            stopping_criteria=[stamps],
        )
    return {"times": [stamps.times] * len(streams), "arrivals": [0.0] * len(streams)}


if __name__ == "__main__":
    serve(load=load, run=run)
