"""Thirty requests of all sampling kinds for the mock backend, as plain records, and the settings they run in.

`tests/goldens/engine_ids.json` holds what came of them before the engine was cut into parts. Knows no engine.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any

import numpy as np

TOKENS_PER_TILE, IMAGE_ID = 3, 1


@dataclass(frozen=True)
class Case:
    """One request.

    Args:
        name: which kind it is.
        ids: the prompt.
        images: of each image the numbers that fill its tiles.
        sampling: arguments of `SamplingParams`.
        constraint: name of a grammar, None for none.
    """

    name: str
    ids: list[int]
    images: list[list[int]] = field(default_factory=list)
    sampling: dict[str, Any] = field(default_factory=dict)
    constraint: str | None = None


def text(seed: int, length: int) -> list[int]:
    return np.random.default_rng(seed).integers(2, 40, length).tolist()


def image(tiles: int) -> list[int]:
    return [IMAGE_ID] * (TOKENS_PER_TILE * tiles)


def small_cases() -> list[Case]:
    """Twenty-six for a vocabulary of 40, id 0 ending an answer."""
    drawn = {"temperature": 1.0, "ignore_eos": True, "max_new_tokens": 30}
    long = {"ignore_eos": True, "max_new_tokens": 40}
    shared = text(100, 37)  # several begin with it
    return [
        Case("greedy", text(42, 12), sampling={"max_new_tokens": 80}),
        Case("greedy, logprobs of the picked id", text(2, 5), sampling={**long, "logprobs": 0}),
        Case("greedy, logprobs of five", text(3, 9), sampling={**long, "logprobs": 5}),
        Case("one token", text(4, 1), sampling={"max_new_tokens": 1, "logprobs": 20}),
        Case("temperature", text(5, 7), sampling={**drawn, "temperature": 0.7, "seed": 1}),
        Case("another seed", text(5, 7), sampling={**drawn, "temperature": 0.7, "seed": 2}),
        Case("hot", text(6, 7), sampling={**drawn, "temperature": 3.0, "seed": 3, "logprobs": 3}),
        Case("top-k", text(7, 20), sampling={**drawn, "top_k": 5, "seed": 4}),
        Case("top-p", text(8, 20), sampling={**drawn, "top_p": 0.8, "seed": 5}),
        Case("min-p", text(9, 20), sampling={**drawn, "min_p": 0.2, "seed": 6}),
        Case(
            "top-k, top-p, min-p",
            text(10, 33),
            sampling={**drawn, "top_k": 12, "top_p": 0.9, "min_p": 0.05, "seed": 7},
        ),
        Case("repetition penalty", text(11, 15), sampling={**long, "repetition_penalty": 1.5}),
        Case("frequency penalty", text(12, 15), sampling={**long, "frequency_penalty": 0.6}),
        Case("presence penalty", text(13, 15), sampling={**long, "presence_penalty": 0.9}),
        Case(
            "all penalties, drawn",
            text(14, 15),
            sampling={
                **drawn,
                "repetition_penalty": 1.2,
                "frequency_penalty": 0.1,
                "presence_penalty": 0.2,
                "seed": 8,
                "logprobs": 2,
            },
        ),
        Case("logit bias", text(15, 6), sampling={**long, "logit_bias": {5: 2.0, 17: -3.5, 30: 1.0}}),
        Case("stop ids", text(16, 6), sampling={"stop_ids": (7, 21, 33), "max_new_tokens": 60}),
        Case(
            "loop",
            text(17, 4),
            sampling={"logit_bias": {9: 2.6}, "loop_guard": 8, "max_new_tokens": 90, "ignore_eos": True},
        ),
        Case(
            "loop of exempt ids",
            text(17, 4),
            sampling={
                "logit_bias": {9: 90.0},
                "loop_guard": 12,
                "loop_exempt": (9,),
                "max_new_tokens": 150,
                "ignore_eos": True,
            },
        ),
        Case("constraint", text(18, 8), constraint="even then odd", sampling={"max_new_tokens": 50}),
        Case("one image", [*text(19, 6), *image(1), *text(20, 5)], [[3]], long),
        Case("one image of six tiles", [*text(21, 6), *image(6), *text(22, 5)], [[4, 5, 6, 7, 5, 9]], long),
        Case(
            "two images, drawn",
            [*text(23, 3), *image(2), *text(24, 4), *image(3), *text(25, 9)],
            [[1, 2], [4, 5, 6]],
            {**drawn, "seed": 9},
        ),
        Case("shared beginning", [*shared, *text(26, 4)], sampling=long),
        Case("the same with another end", [*shared, *text(27, 9)], sampling={**drawn, "seed": 10}),
        Case("the same again", [*shared, *text(26, 4)], sampling={**long, "max_new_tokens": 20}),
    ]  # fmt: skip


def grammar_cases() -> list[Case]:
    """Four for nano's vocabulary: answers held to a grammar."""
    return [
        Case("JSON schema", text(28, 10), sampling={"max_new_tokens": 120}, constraint="schema"),
        Case(
            "JSON schema, drawn",
            text(29, 10),
            sampling={"max_new_tokens": 120, "temperature": 0.8, "top_p": 0.9, "seed": 11, "logprobs": 1},
            constraint="schema",
        ),
        Case("regular expression", text(30, 10), sampling={"max_new_tokens": 60}, constraint="regex"),
        Case("tool call", text(31, 10), sampling={"max_new_tokens": 150}, constraint="tools"),
    ]


SCHEMA = {
    "type": "object",
    "properties": {
        "도시": {"enum": ["서울", "부산"]},
        "인구": {"type": "integer", "minimum": 0, "maximum": 99999999},
        "tags": {"type": "array", "items": {"type": "string", "maxLength": 6}, "maxItems": 2},
    },
    "required": ["도시", "인구", "tags"],
    "additionalProperties": False,
}
REGEX = "(가|나|다){3,5}-[0-9]{4}"
TOOLS = [
    {
        "type": "function",
        "function": {
            "name": "weather",
            "parameters": {
                "type": "object",
                "properties": {
                    "city": {"enum": ["Seoul", "Busan"]},
                    "days": {"type": "integer", "minimum": 1, "maximum": 9},
                },
                "required": ["city", "days"],
                "additionalProperties": False,
            },
        },
    }
]

# Arguments of `Engine`; the mock's cache has as many blocks as `kv_memory` says.
SETTINGS: dict[str, dict[str, Any]] = {
    "all at once": {"kv_memory": 1000, "max_running": 40},
    "a few at a time": {"kv_memory": 1000, "max_running": 5, "step_tokens": 24},
    "few blocks": {"kv_memory": 60, "max_running": 12},
    "guesses": {"kv_memory": 1000, "max_running": 3, "speculate": 4},
    "nothing is found again": {"kv_memory": 90, "prefix_cache": False, "feature_memory": 0, "speculate": 2},
}


class EvenThenOdd:
    """A constraint: even and odd ids take turns, and after twenty the answer is complete."""

    def __init__(self) -> None:
        self.taken = 0

    def mask(self, scores: np.ndarray) -> None:
        scores[(self.taken + 1) % 2 :: 2] = -np.inf
        scores[0] = -np.inf

    def accept(self, token: int) -> None:
        assert token % 2 == self.taken % 2
        self.taken += 1

    @property
    def finished(self) -> bool:
        return self.taken >= 20


def constraints() -> dict[str, Any]:
    """The grammars that `grammar_cases` name, for nano's tokenizer."""
    from adotx.chat import Grammar
    from adotx.checkpoint import open_checkpoint

    checkpoint = open_checkpoint("nano")
    grammar = Grammar(checkpoint.tokenizer, stop_ids=checkpoint.eos_ids)
    return {
        "schema": grammar.json_schema(SCHEMA),
        "regex": grammar.regex(REGEX),
        "tools": grammar.tool_calls(TOOLS, name="weather"),
    }


def outcome(output: Any) -> dict[str, Any]:
    """An `Output` as the golden file holds it; log-probabilities rounded, for exp differs by CPU."""
    return {
        "ids": list(output.ids),
        "finish_reason": output.finish_reason,
        "loop_start": output.loop_start,
        "logprobs": [
            [step.token, round(step.logprob, 6), [[token, round(each, 6)] for token, each in step.top]]
            for step in output.logprobs
        ],
    }


def counters(stats: Any, backend: Any) -> dict[str, int]:
    """What a setting's run cost: these too are to stay."""
    names = ("steps", "prompt_tokens", "cached_tokens", "output_tokens", "tiles", "preemptions", "drafted")
    return {
        **{name: getattr(stats, name) for name in names},
        "accepted": stats.accepted,
        "positions": backend.positions,
    }
