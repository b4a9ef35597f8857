"""Bodies that are no requests: refused with what is wrong, in little time, however much of them is wrong."""

from __future__ import annotations

import gzip
import json
import threading
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st

from adotx.errors import AdotxError
from adotx.server.bodies import MOST_VALUES, read_json
from adotx.server.settings import Settings
from serving import scripted, serving

JSON = {"content-type": "application/json"}
PATH = "/v1/chat/completions"


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    model = scripted(tmp_path_factory.mktemp("toy"), {"가": "나"})
    limits = Settings(model_name="toy", access_log=False)
    with serving(model, limits) as (url, _), httpx.Client(base_url=url, timeout=60) as client:
        yield client


def body(**more: Any) -> bytes:
    asked = {"model": "toy", "messages": [{"role": "user", "content": "가"}], "max_tokens": 3, **more}
    return json.dumps(asked).encode()


def error(answer: httpx.Response) -> dict[str, Any]:
    found = answer.json()["error"]
    assert found.keys() == {"message", "type", "param", "code"}
    return found


@given(
    st.recursive(
        st.none()
        | st.booleans()
        | st.integers(-(10**30), 10**30)
        | st.floats(allow_nan=False, allow_infinity=False)
        | st.text(),
        lambda inner: st.lists(inner, max_size=4) | st.dictionaries(st.text(), inner, max_size=4),
        max_leaves=20,
    ),
    st.booleans(),
)
def test_json_is_read_as_it_is(value: Any, ascii_only: bool) -> None:
    # A lone surrogate has no UTF-8; as an escape it is JSON.
    try:
        written = json.dumps(value, ensure_ascii=ascii_only).encode()
    except UnicodeEncodeError:
        written = json.dumps(value).encode()
    assert read_json(written) == value


@pytest.mark.parametrize(
    "text, said",
    [
        (b"", "empty"),
        (b" \n", "empty"),
        (b'{"a": 1, "a": 1}', "twice"),
        (b'{"b": {"a": 1, "a": 2}}', "twice"),
        (b'{"a": NaN}', "NaN"),
        (b"[-Infinity]", "-Infinity"),
        (b'{"a": "\xff"}', "UTF-8"),
        ('{"a": 1}'.encode("utf-16"), "UTF-8"),
        (b'{"a": 1} {', "character 9"),
        (b"[" * 100_000, "nested"),
        (b'{"a":' * 100_000, "nested"),
        (b"[" + b"9" * 5000 + b"]", "too long"),
    ],
)
def test_what_is_not_json(text: bytes, said: str) -> None:
    with pytest.raises(AdotxError, match=said) as refusal:
        read_json(text)
    assert refusal.value.where == "body" and refusal.value.code == "server.parameter"


def test_more_values_than_any_request_has(client: httpx.Client) -> None:
    for item in (b"1", b"[]", b"{}", b'"a":1'):
        open_, close = (b"{", b"}") if b":" in item else (b"[", b"]")
        text = open_ + b",".join([item] * (MOST_VALUES + 1)) + close
        with pytest.raises(AdotxError) as refusal:
            read_json(text)
        assert refusal.value.code == "server.limit"
    assert error(client.post(PATH, content=text, headers=JSON))["code"] == "server.limit"


@pytest.mark.parametrize(
    "more, param",
    [
        ({"messages": [1] * 100_000}, "messages[0]"),
        ({"messages": [[]] * 100_000}, "messages[0]"),
        ({"stop": [1] * 100_000}, "stop"),
        ({"stop_token_ids": ["a"] * 100_000}, "stop_token_ids[0]"),
        ({"tools": ["a"] * 100_000}, "tools[0]"),
        ({"logit_bias": {str(i): "a" for i in range(50_000)}}, "logit_bias"),
        ({f"k{i}": 1 for i in range(100_000)}, "k0"),
    ],
    ids=lambda value: str(value)[:20],
)
def test_all_of_it_is_wrong_and_one_thing_is_told(
    client: httpx.Client, more: dict[str, Any], param: str
) -> None:
    """Each wrong value would be an error of pydantic's, and a million of them take a server's minutes."""
    answer = client.post(PATH, content=body(**more), headers=JSON)
    assert answer.status_code == 400 and (error(answer)["param"] or "").startswith(param)
    assert len(answer.content) < 1000


def test_how_a_body_is_announced(client: httpx.Client) -> None:
    for kind in (
        "application/json",
        "application/json; charset=utf-8",
        "Application/JSON",
        "application/x+json",
    ):
        assert client.post(PATH, content=body(), headers={"content-type": kind}).status_code == 200
    for kind in ("text/plain", "application/x-www-form-urlencoded", "multipart/form-data", "json"):
        answer = client.post(PATH, content=body(), headers={"content-type": kind})
        assert answer.status_code == 415 and "application/json" in error(answer)["message"]
    assert client.post(PATH, content=body(), headers={}).status_code == 415
    for route in (PATH, "/v1/documents/transcriptions"):
        answer = client.post(
            route, content=gzip.compress(body()), headers={**JSON, "content-encoding": "gzip"}
        )
        assert answer.status_code == 415 and error(answer)["param"] == "content-encoding"


@pytest.mark.parametrize(
    "more, param",
    [
        ({"min_tokens": 5}, "min_tokens"),
        ({"logit_bias": {"99999999": 1}}, "logit_bias"),
        ({"stop_token_ids": [99_999_999]}, "stop_token_ids"),
    ],
)
def test_settings_are_called_as_the_api_calls_them(
    client: httpx.Client, more: dict[str, Any], param: str
) -> None:
    answer = client.post(PATH, content=body(**more), headers=JSON)
    found = error(answer)
    assert answer.status_code == 400 and found["param"] == param
    assert "max_new_tokens" not in found["message"] and "stop_ids" not in found["message"]


def test_long_texts_leave_others_time(client: httpx.Client) -> None:
    """A text is turned into ids beside the event loop: health answers long before it is done."""
    with httpx.Client(base_url=client.base_url, timeout=60) as other:
        done: list[int] = []
        text = json.dumps({"prompt": "가나다 라" * 300_000}).encode()
        asking = threading.Thread(
            target=lambda: done.append(other.post("/tokenize", content=text, headers=JSON).status_code)
        )
        asking.start()
        answered = 0
        while asking.is_alive():
            answered += client.get("/health").status_code == 200
            time.sleep(0.01)
        asking.join()
    assert done == [200] and answered > 1


@pytest.mark.parametrize("file", ["many fields", "many files", "long field", "long head", "no boundary"])
def test_forms_of_nothing_but_parts(client: httpx.Client, file: str) -> None:
    part = b'--x\r\nContent-Disposition: form-data; name="%s"%s\r\n\r\n%s\r\n'
    forms = {
        "many fields": b"".join(part % (b"f%d" % i, b"", b"1") for i in range(5000)) + b"--x--\r\n",
        "many files": b"".join(part % (b"file", b'; filename="a"', b"1") for _ in range(1500)) + b"--x--\r\n",
        "long field": part % (b"pages", b"", b"1" * 3_000_000) + b"--x--\r\n",
        "long head": b"--x\r\n" + b"a: b\r\n" * 100_000,
        "no boundary": b"abc",
    }
    kind = "multipart/form-data" + ("" if file == "no boundary" else "; boundary=x")
    answer = client.post("/v1/documents/transcriptions", content=forms[file], headers={"content-type": kind})
    assert answer.status_code == 400 and error(answer)


def test_probes_of_load_balancers(tmp_path: Path) -> None:
    with serving(scripted(tmp_path, {}), Settings(access_log=False, api_keys=("k",))) as (url, _):
        head = httpx.head(f"{url}/health")
        assert head.status_code == 200 and not head.content
        assert httpx.head(f"{url}/ready").status_code == 401
        assert httpx.head(f"{url}/ready", headers={"authorization": "Bearer k"}).status_code == 200
