"""GRPO on our rows: prompts as the engine renders them, answers read by id, rewards that are checked.

In: tasks (`Row` with an answer or tool calls). TRL samples and learns; it is given prompts by number, and
pictures beside them. Knows no files.
"""

from __future__ import annotations

from typing import Any

import numpy as np
import torch
from trl import GRPOConfig, GRPOTrainer

from adotx.chat import parse_tool_call_ids
from adotx.errors import AdotxError
from adotx.finetune import rewards
from adotx.finetune.packing import Loaded
from adotx.finetune.recipe import Recipe
from adotx.finetune.samples import Reader
from adotx.finetune.trainers import options


class Reward:
    """What an answer to a row is worth; see `adotx.finetune.rewards`."""

    __name__ = "verified"

    def __init__(self, reader: Reader) -> None:
        self.reader = reader

    def __call__(self, completion_ids: list[list[int]], row: list[int], **_: Any) -> list[float]:
        return [self.of(ids, number) for ids, number in zip(completion_ids, row, strict=True)]

    def of(self, ids: list[int], number: int) -> float:
        """The reward of the ids that answer a row."""
        tokenizer, row = self.reader.checkpoint.tokenizer, self.reader.row(number)
        content, made = parse_tool_call_ids(ids, tokenizer)
        if row.calls is not None:
            return rewards.tool_calls([(call.name, call.arguments) for call in made], row.calls, content)
        assert row.answer is not None
        return rewards.transcription(tokenizer.decode(ids), row.answer)


class Grpo(GRPOTrainer):
    """TRL's, with prompts from our renderer and pictures that go with their numbers.

    Args:
        reader: of the tasks.
    """

    def __init__(self, *args: Any, reader: Reader, **kwargs: Any) -> None:
        self.reader = reader
        #: pictures of the prompts in hand, as TRL's batches hold them
        self._seen: dict[str, Any] = {}
        super().__init__(*args, **kwargs)

    def create_model_card(self, *args: Any, **kwargs: Any) -> None:
        """None: what was trained on is nobody else's business."""

    def _tokenize_prompts(self, prompts: list[Any]) -> tuple[list[list[int]], None, dict[str, Any]]:
        loaded = [self._loaded(prompt) for prompt in prompts]
        pixels = {k: v for k, v in _pictures(loaded).items() if k == "pixel_values"}
        return [sample.ids for sample, _ in loaded], None, pixels

    def _loaded(self, prompt: Any) -> Loaded:
        return self.reader.loaded(int(prompt[0]["content"]))[0]

    def _generate_and_score_completions(self, inputs: list[dict[str, Any]]) -> dict[str, Any]:
        fields = _pictures([self._loaded(each["prompt"]) for each in inputs])
        if "pixel_values" in fields:
            fields["pixel_values"] = fields["pixel_values"].to(self.accelerator.device)
        self._seen = fields
        try:
            return super()._generate_and_score_completions(inputs) | fields
        finally:
            self._seen = {}

    def _get_per_token_logps_and_entropies(
        self,
        model: Any,
        input_ids: torch.Tensor,
        attention_mask: torch.Tensor,
        logits_to_keep: int,
        batch_size: int | None = None,
        **kwargs: Any,
    ) -> Any:
        """TRL's, a part of the rows at a time; a part without pictures is not given empty ones."""
        # While answers are scored the batch has no pictures yet: they are those of the prompts in hand.
        kwargs |= self._seen
        images, tiles, pixels = (kwargs.pop(key, None) for key in ("num_images", "num_tiles", "pixel_values"))
        score = super()._get_per_token_logps_and_entropies
        size, parts, at = batch_size or len(input_ids), [], 0
        for start in range(0, len(input_ids), size):
            rows = slice(start, start + size)
            held: dict[str, Any] = {}
            count = sum(tiles[rows]) if tiles else 0
            if count:
                held = {
                    "num_images": images[rows],
                    "num_tiles": tiles[rows],
                    "pixel_values": pixels[at : at + count],
                }
            at += count
            parts.append(
                score(model, input_ids[rows], attention_mask[rows], logits_to_keep, **held, **kwargs)
            )
        logps, entropies, losses = zip(*parts, strict=True)
        return (
            torch.cat(logps),
            None if entropies[0] is None else torch.cat(entropies),
            None if losses[0] is None else torch.stack(losses).mean(),
        )


def _pictures(loaded: list[Loaded]) -> dict[str, Any]:
    """Tiles of all prompts, and how many each has; {} where none has a picture."""
    tiles = [pixels for _, pixels in loaded if pixels is not None]
    if not tiles:
        return {}
    return {
        "pixel_values": torch.from_numpy(np.concatenate(tiles)),
        "num_images": [len(sample.pictures) for sample, _ in loaded],
        "num_tiles": [sum(sample.tiles) for sample, _ in loaded],
    }


def grpo_rows(rows: list[int]) -> dict[str, list[Any]]:
    """Prompts by number, as TRL's conversations."""
    return {"prompt": [[{"role": "user", "content": str(row)}] for row in rows], "row": rows}


def grpo_config(recipe: Recipe, passes: int) -> GRPOConfig:
    """`batch` counts answers: prompts times `generations`.

    Raises:
        AdotxError: ``finetune.generations``: a step does not hold whole groups of answers.
    """
    if recipe.batch % recipe.generations:
        raise AdotxError(
            "finetune.generations",
            "batch = {batch} is no multiple of generations = {generations}",
            "batch",
            "make it one: it counts answers",
            batch=recipe.batch,
            generations=recipe.generations,
        )
    return GRPOConfig(
        **options(recipe, passes),
        beta=recipe.kl,
        num_generations=recipe.generations,
        max_completion_length=recipe.max_completion,
        temperature=recipe.temperature,
        use_vllm=False,
    )
