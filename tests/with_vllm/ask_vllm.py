"""vLLM in a process of its own: `ask` from tests; as a script it answers what `ask` wrote down.

In: a checkpoint, settings of `vllm.LLM`, prompts. Out: an `Answer` for each prompt, greedy.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import Any

SOURCES = Path(__file__).resolve().parents[2] / "src"
#: what every test's vLLM has: little memory, no network
ENVIRONMENT = {
    # Two workers on a machine with one memory node, and beside whatever else runs.
    "VLLM_CPU_OMP_THREADS_BIND": "nobind",
    "VLLM_CPU_KVCACHE_SPACE": "1",
    "VLLM_NO_USAGE_STATS": "1",
    "VLLM_LOGGING_LEVEL": "WARNING",
    "HF_HUB_OFFLINE": "1",
    "TOKENIZERS_PARALLELISM": "false",
}
SETTINGS = {
    "dtype": "float32",
    "enforce_eager": True,
    "max_model_len": 4096,
    "max_num_seqs": 8,
    "seed": 0,
    "limit_mm_per_prompt": {"image": 4},
}


@dataclass(frozen=True)
class Answer:
    """One answer.

    Attributes:
        ids: the new ids.
        prompt: the prompt's ids, slots included.
        text: of `ids`.
        cached: positions of the prompt found in the prefix cache.
        margins: logarithm of the likeliest id's probability less that of the second, for each new id.
        error: instead of all that, what was refused.
    """

    ids: list[int]
    prompt: list[int]
    text: str = ""
    cached: int = 0
    margins: tuple[float, ...] = ()
    error: str = ""

    def same_as(self, expected: list[int]) -> bool:
        """Whether these are the ids; where not, fails with how near the two likeliest ids were there."""
        assert not self.error, self.error
        for place, (got, wanted) in enumerate(zip(self.ids, expected, strict=False)):
            assert got == wanted, f"id {place}: {got}, not {wanted}; margin there {self.margins[place]:.6f}"
        return self.ids == expected


def environment(**more: str) -> dict[str, str]:
    """This process's environment for a vLLM."""
    paths = os.pathsep.join(filter(None, [str(SOURCES), os.environ.get("PYTHONPATH")]))
    return {**os.environ, **ENVIRONMENT, "PYTHONPATH": paths, **more}


def ask(
    checkpoint: Path | str,
    prompts: list[dict[str, Any]],
    max_tokens: int = 16,
    **settings: Any,
) -> list[Answer]:
    """Answers of a vLLM that ends afterwards; each prompt comes after the answer to the one before.

    Args:
        prompts: {"text"} or {"ids"} with "images" (paths), or {"messages"}; each perhaps with "lora" (a
            folder), "tools" and "kwargs" (`mm_processor_kwargs`).
        **settings: of `vllm.LLM`, on top of `SETTINGS`.
    """
    with tempfile.TemporaryDirectory() as folder:
        task, out = Path(folder, "task.json"), Path(folder, "out.json")
        values = {
            "settings": {"model": str(checkpoint), **SETTINGS, **settings},
            "prompts": prompts,
            "max_tokens": max_tokens,
        }
        task.write_text(json.dumps(values), encoding="utf-8")
        # One process but for tensor parallel: quicker to start, and nothing is left where a test fails.
        single = "0" if settings.get("tensor_parallel_size", 1) == 1 else "1"
        done = subprocess.run(
            [sys.executable, __file__, str(task), str(out)],
            env=environment(VLLM_ENABLE_V1_MULTIPROCESSING=single),
            capture_output=True,
            text=True,
        )
        if not out.exists():
            raise RuntimeError(
                f"vLLM ended with {done.returncode}:\n{done.stdout[-3000:]}{done.stderr[-6000:]}"
            )
        return [Answer(**answer) for answer in json.loads(out.read_text(encoding="utf-8"))]


def main() -> None:
    from PIL import Image
    from vllm import LLM, SamplingParams
    from vllm.lora.request import LoRARequest

    task = json.loads(Path(sys.argv[1]).read_text(encoding="utf-8"))
    llm = LLM(**task["settings"])
    adapters: dict[str, LoRARequest] = {}

    def adapter(folder: str | None) -> LoRARequest | None:
        if folder is None:
            return None
        return adapters.setdefault(folder, LoRARequest(Path(folder).name, len(adapters) + 1, folder))

    def answer(prompt: dict[str, Any]) -> dict[str, Any]:
        sampling = SamplingParams(temperature=0, max_tokens=task["max_tokens"], logprobs=2)
        lora = adapter(prompt.get("lora"))
        try:
            if "messages" in prompt:
                output = llm.chat(
                    prompt["messages"],
                    sampling,
                    use_tqdm=False,
                    lora_request=lora,
                    tools=prompt.get("tools"),
                    mm_processor_kwargs=prompt.get("kwargs"),
                )[0]
            else:
                given: dict[str, Any] = (
                    {"prompt": prompt["text"]} if "text" in prompt else {"prompt_token_ids": prompt["ids"]}
                )
                if prompt.get("images"):
                    given["multi_modal_data"] = {"image": [Image.open(path) for path in prompt["images"]]}
                if prompt.get("kwargs"):
                    given["mm_processor_kwargs"] = prompt["kwargs"]
                output = llm.generate([given], sampling, use_tqdm=False, lora_request=lora)[0]
        except ValueError as error:
            return {"ids": [], "prompt": [], "error": str(error)}
        return told(output)

    def told(output: Any) -> dict[str, Any]:
        made = output.outputs[0]
        margins = []
        for step in made.logprobs or []:
            best = sorted((entry.logprob for entry in step.values()), reverse=True)
            margins.append(best[0] - best[1])
        return {
            "ids": list(made.token_ids),
            "prompt": list(output.prompt_token_ids),
            "text": made.text,
            "cached": output.num_cached_tokens or 0,
            "margins": margins,
        }

    out = [answer(prompt) for prompt in task["prompts"]]
    Path(sys.argv[2]).write_text(json.dumps(out), encoding="utf-8")


if __name__ == "__main__":
    main()
