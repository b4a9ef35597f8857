"""Thirty requests of all sampling kinds give what they gave before the engine was cut into parts.

The golden file was made with the code of 2840ecf on the same mock backend; ids and reasons are held exactly,
under every setting, and so is what each setting's run cost.
"""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from adotx.checkpoint import open_checkpoint
from adotx.engine import Engine, Request, SamplingParams
from engine_requests import (
    SETTINGS,
    Case,
    EvenThenOdd,
    constraints,
    counters,
    grammar_cases,
    outcome,
    small_cases,
)
from mock_backend import IMAGE, MockBackend

GOLDEN = json.loads(
    (Path(__file__).parent / "goldens" / "engine_ids.json").read_text(encoding="utf-8"),
)


def request(case: Case, grammars: dict[str, Any]) -> Request:
    ones = np.ones((1, *IMAGE.tile_shape), np.float32)
    images = [np.array(tiles, np.float32)[:, None, None, None] * ones for tiles in case.images]
    constraint = grammars[case.constraint] if case.constraint else None
    return Request(case.ids, images=images, sampling=SamplingParams(**case.sampling), constraint=constraint)


def agree(
    group: str, setting: str, cases: list[Case], grammars: dict[str, Any], backend: MockBackend
) -> None:
    engine = Engine(backend, clock=lambda: 0.0, **SETTINGS[setting])
    outputs = engine.generate([request(case, grammars) for case in cases])
    for case, output in zip(cases, outputs, strict=True):
        got, wanted = outcome(output), GOLDEN["outputs"][case.name]
        for name in ("ids", "finish_reason", "loop_start"):
            assert got[name] == wanted[name], (case.name, name)
        assert len(got["logprobs"]) == len(wanted["logprobs"])
        for mine, theirs in zip(got["logprobs"], wanted["logprobs"], strict=True):
            assert [mine[0], *(i for i, _ in mine[2])] == [theirs[0], *(i for i, _ in theirs[2])]
            np.testing.assert_allclose(
                [mine[1], *(p for _, p in mine[2])], [theirs[1], *(p for _, p in theirs[2])], atol=2e-6
            )
    assert counters(engine.stats(), backend) == GOLDEN["counters"][f"{group}, {setting}"]
    assert engine.pool.available == engine.pool.count


@pytest.mark.parametrize("setting", SETTINGS)
def test_all_sampling_kinds(setting: str) -> None:
    agree("small", setting, small_cases(), {"even then odd": EvenThenOdd}, MockBackend())


@pytest.fixture(scope="module")
def grammars() -> dict[str, Any]:
    pytest.importorskip("llguidance")
    return constraints()


@pytest.mark.parametrize("setting", SETTINGS)
def test_grammars(setting: str, grammars: dict[str, Any]) -> None:
    backend = MockBackend(vocabulary=8_192)
    backend.eos_ids = frozenset(open_checkpoint("nano").eos_ids)
    agree("grammar", setting, grammar_cases(), grammars, backend)


def test_the_golden_outputs_all_differ() -> None:
    assert len({tuple(each["ids"]) for each in GOLDEN["outputs"].values()}) == len(GOLDEN["outputs"]) == 30
