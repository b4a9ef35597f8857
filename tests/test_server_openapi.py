"""The OpenAPI document: frozen, and held against the server by schemathesis."""

from __future__ import annotations

import itertools
import json
import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, settings

from adotx.server.app import create_app
from adotx.server.service import Service
from adotx.server.settings import Settings
from serving import scripted, serving

FROZEN = Path(__file__).parent / "goldens" / "openapi.json"


@pytest.fixture(scope="module")
def served(tmp_path_factory: pytest.TempPathFactory) -> Iterator[tuple[str, Service]]:
    model = scripted(tmp_path_factory.mktemp("toy"), {})
    with serving(model, Settings(access_log=False, max_tokens=8, max_n=128)) as served:
        yield served


@pytest.fixture(scope="module")
def app(served: tuple[str, Service]) -> FastAPI:
    return create_app(served[1])


def document(app: FastAPI) -> dict:
    """Without the version, which changes with every release."""
    found = app.openapi()
    return {**found, "info": {**found["info"], "version": ""}}


def test_is_frozen(app: FastAPI) -> None:
    """Who changes the API writes it anew, with ADOTX_FREEZE=1, and says so in the CHANGELOG."""
    found = json.dumps(document(app), ensure_ascii=False, indent=1, sort_keys=True) + "\n"
    if os.environ.get("ADOTX_FREEZE"):
        FROZEN.write_text(found, encoding="utf-8")
    assert found == FROZEN.read_text(encoding="utf-8")


def test_whatever_is_asked_is_answered(served: tuple[str, Service]) -> None:
    """Never with a 5xx, and every refusal in the API's shape."""
    url, service = served
    api = schemathesis.openapi.from_url(f"{url}/openapi.json")
    counter, seen = itertools.count(), set()
    for found in api.get_all_operations():
        operation = found.ok()

        @settings(
            max_examples=15,
            deadline=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(operation.as_strategy())
        def ask(case: schemathesis.Case) -> None:
            if isinstance(case.body, dict):
                known: dict[str, Any] = {"model": service.name}
                if next(counter) % 2:  # past the first refusals, with whatever else there is
                    known |= {"messages": [{"role": "user", "content": "?"}], "prompt": "?"}
                case.body.update({key: value for key, value in known.items() if key in case.body})
            answer = case.call()
            seen.add((case.operation.path, answer.status_code))
            assert answer.status_code < 500, answer.text
            if answer.status_code >= 400:
                assert answer.json()["error"].keys() == {"message", "type", "param", "code"}, answer.text

        ask()
    assert {path for path, _ in seen} == set(api.raw_schema["paths"])
    assert {("/v1/chat/completions", 200), ("/tokenize", 200)} <= seen, seen
