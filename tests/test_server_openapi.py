"""The OpenAPI document: frozen, and held against the server by schemathesis."""

from __future__ import annotations

import json
import os
from pathlib import Path

import pytest
import schemathesis
from fastapi import FastAPI
from hypothesis import HealthCheck, Phase, given, settings

from adotx.model import AsyncModel
from adotx.server.app import create_app
from adotx.server.service import Service
from adotx.server.settings import Settings
from serving import scripted

FROZEN = Path(__file__).parent / "goldens" / "openapi.json"


@pytest.fixture(scope="module")
def app(tmp_path_factory: pytest.TempPathFactory) -> FastAPI:
    model = scripted(tmp_path_factory.mktemp("toy"), {})
    allowed = Settings(access_log=False, hosts=("testserver",), max_tokens=8, max_n=2)
    return create_app(Service(AsyncModel(model), allowed))


@pytest.fixture(scope="module")
def api(app: FastAPI) -> schemathesis.BaseSchema:
    return schemathesis.openapi.from_asgi("/openapi.json", app)


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


def test_whatever_is_asked_is_answered(app: FastAPI, api: schemathesis.BaseSchema) -> None:
    """Never with a 5xx, and every refusal in the API's shape."""
    tried = set()
    for found in api.get_all_operations():
        operation = found.ok()
        tried.add(operation.path)

        @settings(
            max_examples=12,
            deadline=None,
            derandomize=True,
            phases=[Phase.generate],
            suppress_health_check=list(HealthCheck),
        )
        @given(operation.as_strategy())
        def ask(case: schemathesis.Case) -> None:
            if isinstance(case.body, dict) and isinstance(case.body.get("model"), str):
                case.body["model"] = app.state.service.name  # past the first refusal
            answer = case.call()
            assert answer.status_code < 500, answer.text
            if answer.status_code >= 400:
                assert answer.json()["error"].keys() == {"message", "type", "param", "code"}, answer.text

        ask()
    assert tried == set(api.raw_schema["paths"])
