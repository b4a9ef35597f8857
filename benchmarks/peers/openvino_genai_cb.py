"""Worker for OpenVINO GenAI's continuous batching pipeline; see `protocol.py`.

Needs openvino-genai, optimum-intel and openvino-tokenizers. The checkpoint is exported by optimum-intel once,
into a folder beside it, with a toy tokenizer, since the pipeline insists on one: only ids go in and out.
Settings: int8 weights (optimum's default compression, one scale a row) or bf16, inference in bf16, hint
LATENCY, as many threads as there are cores, 2 GB of cache (u8, the plugin's default), no prefix cache, 2,048
positions a step (with its default of 256 prompts were measured to take twice as long).
"""

from __future__ import annotations

import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from protocol import drive, serve

pipeline: Any = None


def export(checkpoint: str, weights: str, folder: Path) -> None:
    """Write the checkpoint as OpenVINO IR, int8 or bf16, to `folder`."""
    import openvino
    from openvino_tokenizers import convert_tokenizer
    from optimum.intel import OVModelForCausalLM
    from tokenizers import Tokenizer, models
    from transformers import PreTrainedTokenizerFast

    model = OVModelForCausalLM.from_pretrained(
        checkpoint, export=True, compile=False, local_files_only=True, load_in_8bit=weights == "int8"
    )
    toy = Tokenizer(models.BPE({"a": 0, "b": 1, "ab": 2}, [("a", "b")]))
    tokenizer = PreTrainedTokenizerFast(tokenizer_object=toy, eos_token="a", pad_token="a")
    parts = convert_tokenizer(tokenizer, with_detokenizer=True)
    folder.mkdir(exist_ok=True)
    for part, name in zip(parts, ("tokenizer", "detokenizer"), strict=True):
        openvino.save_model(part, folder / f"openvino_{name}.xml")
    model.save_pretrained(folder)
    (folder / "done").touch()


def load(checkpoint: str, weights: str, threads: int, context: int, streams: int) -> dict[str, str]:
    global pipeline
    import openvino_genai

    assert weights in ("int8", "bf16"), weights
    folder = Path(f"{checkpoint}-openvino-{weights}")
    if not (folder / "done").exists():
        # In a process of its own: what the export takes is not the engine's memory.
        command = [sys.executable, __file__, checkpoint, weights, str(folder)]
        subprocess.run(command, check=True, stdin=subprocess.DEVNULL)
    scheduler = openvino_genai.SchedulerConfig()
    scheduler.cache_size, scheduler.max_num_seqs, scheduler.max_num_batched_tokens = 2, streams, 2048
    scheduler.enable_prefix_caching = False
    settings = {
        "INFERENCE_NUM_THREADS": threads,
        "PERFORMANCE_HINT": "LATENCY",
        "INFERENCE_PRECISION_HINT": "bf16",
    }
    pipeline = openvino_genai.ContinuousBatchingPipeline(str(folder), scheduler, "CPU", settings)
    return {"openvino-genai": openvino_genai.__version__}


def run(streams: list[dict]) -> dict:
    import numpy as np
    import openvino
    import openvino_genai

    running: dict[int, Any] = {}

    def submit(index: int, ids: list[int], new: int) -> None:
        sampling = openvino_genai.GenerationConfig(max_new_tokens=new, ignore_eos=True, do_sample=False)
        running[index] = pipeline.add_request(index, openvino.Tensor(np.array([ids], np.int64)), sampling)

    def step() -> Iterator[tuple[int, int]]:
        pipeline.step()
        for index, handle in running.items():
            while handle.can_read():
                [output] = handle.read().values()
                yield index, len(output.generated_ids)

    return drive(streams, submit, step)


if __name__ == "__main__":
    if len(sys.argv) > 1:
        export(sys.argv[1], sys.argv[2], Path(sys.argv[3]))
    else:
        serve(load=load, run=run)
