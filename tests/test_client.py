"""The client of servers: what is asked, how answers are read, and what is said where something goes wrong."""

from __future__ import annotations

import io
import json
import socket
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from email.message import EmailMessage
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

import adotx
from adotx.chat.media import image_tiles
from adotx.cli import DONE, FINDING, REFUSED, run
from adotx.client import http as client_http
from adotx.client.documents import form, remote_transcriber
from adotx.client.http import Server
from adotx.client.model import RemoteModel
from adotx.documents.doubt import doubted, plain, with_texts
from adotx.documents.outputs import page_values
from adotx.documents.transcribe import PageResult
from adotx.engine import SamplingParams
from adotx.errors import AdotxError
from adotx.markdown import parse_markdown
from adotx.vision import TileRule
from documents_fakes import glyph_page

#: (status, headers, body) of an answer
Answer = tuple[int, dict[str, str], bytes]
SSE = {"content-type": "text/event-stream"}


class Fake(BaseHTTPRequestHandler):
    """Answers as `answers` says: path -> answers in turn, the last of them for ever. Remembers requests."""

    answers: dict[str, list[Answer]]
    seen: list[tuple[str, EmailMessage, bytes]]

    def do_GET(self) -> None:
        body = self.rfile.read(int(self.headers.get("content-length") or 0))
        self.seen.append((self.path, self.headers, body))  # type: ignore[arg-type]
        left = self.answers.get(self.path, [(404, {}, b"")])
        status, headers, content = left.pop(0) if len(left) > 1 else left[0]
        self.send_response(status)
        for name, value in headers.items():
            self.send_header(name, value)
        self.end_headers()
        self.wfile.write(content)

    do_POST = do_GET

    def log_message(self, *_: object) -> None:
        pass


@contextmanager
def served(**answers: list[Answer]) -> Iterator[tuple[str, list[Any]]]:
    """(URL, requests seen) of a server; names say the last part of the path."""
    paths = {"models": "/v1/models", "chat": "/v1/chat/completions", "pages": "/v1/documents/transcriptions"}
    told = {paths[name]: list(each) for name, each in answers.items()}
    handler = type("Handler", (Fake,), {"answers": told, "seen": []})
    server = ThreadingHTTPServer(("127.0.0.1", 0), handler)
    thread = threading.Thread(target=server.serve_forever, kwargs={"poll_interval": 0.01})
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}", handler.seen  # type: ignore[attr-defined]
    finally:
        server.shutdown()
        server.server_close()
        thread.join()


def models(*names: str, owner: str = "vllm", root: str | None = None) -> list[Answer]:
    cards = [{"id": name, "object": "model", "owned_by": owner, "root": root} for name in names]
    return [(200, {"content-type": "application/json"}, json.dumps({"data": cards}).encode())]


def chunk(text: str | None = None, reason: str | None = None) -> dict[str, Any]:
    return {"choices": [{"index": 0, "delta": {"content": text}, "finish_reason": reason}], "usage": None}


USAGE = {"choices": [], "usage": {"prompt_tokens": 9, "completion_tokens": 2,
                                  "prompt_tokens_details": {"cached_tokens": 4}}}  # fmt: skip


def events(*data: Any, done: bool = True, end: str = "\n\n") -> list[Answer]:
    lines = [f"data: {json.dumps(each, ensure_ascii=False)}{end}" for each in data]
    lines += [f"data: [DONE]{end}"] if done else []
    return [(200, SSE, "".join(lines).encode())]


def pages(*told: tuple[str, dict[str, Any] | None], done: bool = True) -> list[Answer]:
    """Events of /v1/documents/transcriptions."""
    every = [("document.created", {}), *told, *([("document.completed", {})] if done else [])]
    lines = [f"event: {name}\ndata: {json.dumps(values)}\n\n" for name, values in every]
    return [(200, SSE, "".join(lines).encode())]


def page(number: int, text: str, status: str = "ok", reason: str = "") -> Any:
    blocks = parse_markdown(text)
    result = PageResult(with_texts(tuple(blocks), plain), "ok", reason, number, doubted=blocks)
    return "page.completed", {"page": {**page_values(result), "status": status}}


@pytest.fixture(autouse=True)
def quick(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("ADOTX_LANG", "en")
    monkeypatch.delenv("ADOTX_API_KEY", raising=False)
    monkeypatch.setattr(client_http.time, "sleep", lambda _: None)


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    Image.new("RGB", (40, 30), "red").save(tmp_path / "a.png")
    return tmp_path / "a.png"


def asked(url: str, key: str = "") -> Any:
    with RemoteModel(Server(url, key)).stream(
        [{"role": "user", "content": "?"}], sampling=SamplingParams(5)
    ) as stream:
        return list(stream), stream


class TestAsking:
    def test_pieces_and_reply(self) -> None:
        answer = events(chunk(""), chunk("안"), chunk("녕\u2028"), chunk(None, "length"), USAGE)
        with served(models=models("a"), chat=answer) as (url, seen):
            pieces, stream = asked(f"{url}/v1/", "geheim")
        assert pieces == ["안", "녕\u2028"]
        reply = stream.reply
        assert (reply.text, reply.finish_reason) == ("안녕\u2028", "length")
        assert (reply.usage.prompt_tokens, reply.usage.completion_tokens, reply.usage.cached_tokens) == (
            9,
            2,
            4,
        )
        (_, _, _), (path, headers, body) = seen
        assert path == "/v1/chat/completions" and headers["authorization"] == "Bearer geheim"
        told = json.loads(body)
        assert (told["model"], told["max_tokens"], told["temperature"]) == ("a", 5, 0.0)
        assert told["stream"] and "seed" not in told and "top_k" not in told

    @settings(deadline=None, max_examples=40)  # each starts a server
    @given(st.lists(st.text(), max_size=8), st.sampled_from(["\n\n", "\r\n\r\n", "\n: ping\n\n\n"]))
    def test_any_text_comes_as_it_was_said(self, texts: list[str], end: str) -> None:
        chunks = [chunk(text) for text in texts]
        with served(models=models("a"), chat=events(*chunks, chunk(None, "stop"), end=end)) as (url, _):
            _, stream = asked(url)
        assert stream.reply.text == "".join(texts)

    def test_pictures_go_as_they_are(self, picture: Path) -> None:
        with (
            Image.open(picture) as image,
            served(models=models("a"), chat=events(chunk("x", "stop"))) as (url, seen),
        ):
            content = [{"type": "image"}, {"type": "text", "text": "?"}]
            stream = RemoteModel(Server(url)).stream(
                [{"role": "user", "content": content}], images=[image], sampling=SamplingParams(5)
            )
            assert list(stream) == ["x"]
        messages = json.loads(seen[1][2])["messages"]
        rule = TileRule()
        sent, meant = (
            image_tiles(messages, None, rule),
            image_tiles(
                [{"role": "user", "content": [{"type": "image", "image": str(picture)}]}], None, rule
            ),
        )
        assert (sent[0] == meant[0]).all()

    def test_a_server_that_does_not_stream(self) -> None:
        whole = {"choices": [{"message": {"content": "통째"}, "finish_reason": "stop"}], **{"usage": None}}
        answer = [(200, {"content-type": "application/json"}, json.dumps(whole).encode())]
        with served(models=models("a"), chat=answer) as (url, _):
            assert asked(url)[0] == ["통째"]

    def test_leaving_early_keeps_what_was_read(self) -> None:
        with served(models=models("a"), chat=events(chunk("하나"), chunk("둘"), chunk(None, "stop"))) as (
            url,
            _,
        ):
            stream = RemoteModel(Server(url)).stream(
                [{"role": "user", "content": "?"}], sampling=SamplingParams(5)
            )
            with stream:
                assert next(stream) == "하나"
        assert (stream.reply.text, stream.reply.finish_reason) == ("하나", "cancelled")


def refused(work: Callable[[], Any]) -> AdotxError:
    with pytest.raises(AdotxError) as caught:
        work()
    return caught.value


class TestFaults:
    @pytest.mark.parametrize(
        "url",
        ["", "localhost:8000", "ftp://a", "http://", "http://u:p@a", "http://a\\@b", "http://a:x", "http://a/?q",
         "http://a b", "http://호스트", "http://a:0", "http://[::1"],
    )  # fmt: skip
    def test_urls_that_are_none(self, url: str) -> None:
        assert refused(lambda: Server(url)).code == "remote.url"

    @pytest.mark.parametrize("url", ["http://[::1]:8000", "https://a.example/some/prefix/v1/", "http://A"])
    def test_urls(self, url: str) -> None:
        assert not Server(url).url.endswith(("/", "/v1"))

    @pytest.mark.parametrize("key", ["a\r\nx: y", "가"])
    def test_keys_that_are_none(self, key: str) -> None:
        assert refused(lambda: Server("http://a", key)).code == "remote.key_form"

    def test_the_key_is_not_shown(self) -> None:
        assert "geheim" not in repr(Server("http://a", "geheim"))

    def test_nobody_there(self) -> None:
        with served() as (url, _):
            pass
        error = refused(lambda: RemoteModel(Server(url)))
        assert error.code == "remote.unreachable" and error.where == url

    @pytest.mark.parametrize("status", [401, 403])
    def test_keys(self, status: int) -> None:
        with served(models=[(status, {}, b"")]) as (url, _):
            assert refused(lambda: RemoteModel(Server(url))).code == "remote.key"

    def test_models(self) -> None:
        with served(models=models("a", "b")) as (url, _):
            error = refused(lambda: RemoteModel(Server(url)))
            assert error.code == "remote.model" and "a, b" in str(error)
            assert refused(lambda: RemoteModel(Server(url), "c")).code == "remote.model"
            assert RemoteModel(Server(url), "b").name == "b"

    @pytest.mark.parametrize("body", [b"<html>", b"[]", b"{", b'{"data": [{"id": 1}, 2]}'])
    def test_no_such_api(self, body: bytes) -> None:
        with served(models=[(200, {}, body)]) as (url, _):
            assert refused(lambda: RemoteModel(Server(url))).code in ("remote.broken", "remote.model")

    def test_busy_is_asked_again(self) -> None:
        later: Answer = (429, {"retry-after": "1"}, b"")
        with served(models=models("a"), chat=[later, later, *events(chunk("x", "stop"))]) as (url, seen):
            assert asked(url)[0] == ["x"]
            assert len(seen) == 4

    def test_busy_for_too_long(self) -> None:
        body = json.dumps({"error": {"message": "all 2 places are taken"}}).encode()
        with served(models=models("a"), chat=[(429, {"retry-after": "9999999999"}, body)]) as (url, seen):
            error = refused(lambda: asked(url))
            assert error.code == "remote.busy" and "all 2 places" in str(error)
            assert len(seen) == 1 + client_http.TRIES

    @pytest.mark.parametrize(
        "body, said",
        [(b'{"error": {"message": "too\\u001b[2J long"}}', "too [2J long"), (b'{"detail": "no"}', "no"),
         (b"", "HTTP 400 Bad Request"), (b'{"error": null}', "HTTP 400"), (b"\xff", "HTTP 400")],
    )  # fmt: skip
    def test_refusals_say_why(self, body: bytes, said: str) -> None:
        with served(models=models("a"), chat=[(400, {}, body)]) as (url, _):
            error = refused(lambda: asked(url))
        assert error.code == "remote.refused" and said in str(error)

    def test_a_body_that_is_refused_before_it_is_sent(self) -> None:
        with socket.create_server(("127.0.0.1", 0)) as listening:

            def refuse() -> None:
                connection, _ = listening.accept()
                with connection:
                    connection.recv(100)
                    connection.sendall(
                        b'HTTP/1.1 413 Too Large\r\ncontent-length: 15\r\n\r\n{"detail":"big"}'
                    )
                    connection.shutdown(socket.SHUT_WR)
                    while connection.recv(1 << 20):
                        pass

            thread = threading.Thread(target=refuse)
            thread.start()
            url = f"http://127.0.0.1:{listening.getsockname()[1]}"
            error = refused(lambda: Server(url).post("/v1/x", b"x" * (8 << 20)))
            thread.join()
        assert error.code == "remote.refused"

    def test_a_redirect_is_not_followed(self) -> None:
        with (
            served(models=models("a")) as (other, seen),
            served(models=[(302, {"location": f"{other}/v1/models"}, b"")]) as (url, _),
        ):
            assert refused(lambda: RemoteModel(Server(url, "geheim"))).code == "remote.refused"
            assert not seen

    @pytest.mark.parametrize(
        "chunks, code",
        [
            ([chunk("x")], "remote.broken"),
            ([chunk("x"), {"error": {"message": "gone"}}], "remote.refused"),
            ([chunk("x"), [1]], "remote.broken"),
            ([{"choices": [{"delta": {"content": 3}}]}], "remote.broken"),
            ([{"choices": [{"delta": 3}]}], "remote.broken"),
            ([{"choices": 5}], "remote.broken"),
        ],
    )
    @pytest.mark.parametrize("done", [False, True])
    def test_streams_that_end_badly(self, chunks: list[Any], code: str, done: bool) -> None:
        with served(models=models("a"), chat=events(*chunks, done=done)) as (url, _):
            assert refused(lambda: asked(url)).code == code

    def test_a_connection_that_is_cut(self) -> None:
        data = events(chunk("x"))[0][2]
        cut = [(200, {**SSE, "content-length": "9999"}, data[:-20])]
        with served(models=models("a"), chat=cut) as (url, _):
            assert refused(lambda: asked(url)).code == "remote.broken"


class TestTranscribing:
    def test_ours_is_sent_the_document(self, picture: Path) -> None:
        answer = pages(page(1, f"# 제목 {doubted('1')}"), page(2, "", "failed", "a loop"))
        with served(models=models("nano", owner="adotx"), pages=answer) as (url, seen):
            results = list(remote_transcriber(RemoteModel(Server(url))).document(picture, "비밀"))
        assert [(each.number, each.status, each.markdown, each.marked) for each in results] == [
            (1, "ok", "# 제목 1", "# 제목 <mark>1</mark>"), (2, "failed", "", ""),
        ]  # fmt: skip
        path, headers, body = seen[1]
        assert path == "/v1/documents/transcriptions"
        parts = parts_of(headers["content-type"], body)
        assert parts["file"] == ("a.png", picture.read_bytes())
        assert parts["password"] == (None, "비밀".encode()) and parts["stream"] == (None, b"true")

    @pytest.mark.parametrize(
        "told, code",
        [([page(1, "x")], "remote.broken"), ([page(1, "x", "odd")], "remote.broken"),
         ([("page.completed", {"page": {"number": 1}})], "remote.broken"),
         ([("page.completed", None)], "remote.broken"),
         ([("error", {"error": {"message": "gone"}})], "remote.refused")],
    )  # fmt: skip
    def test_streams_that_end_badly(self, told: list[Any], code: str, picture: Path) -> None:
        answer = pages(*told, done=False)
        with served(models=models("nano", owner="adotx"), pages=answer) as (url, _):
            error = refused(lambda: list(remote_transcriber(RemoteModel(Server(url))).document(picture)))
        assert error.code == code
        assert error.where == (str(picture) if code == "remote.refused" else url)

    def test_others_are_shown_pages(self, tmp_path: Path) -> None:
        glyph_page(2).save(tmp_path / "page.png")
        with served(models=models("VL"), chat=events(chunk("# 제목\n\n본문", "stop"))) as (url, seen):
            [result] = remote_transcriber(RemoteModel(Server(url)), False).document(tmp_path / "page.png")
        assert (result.status, result.markdown.strip()) == ("ok", "# 제목\n\n본문")
        content = json.loads(seen[1][2])["messages"][0]["content"]
        assert [part["type"] for part in content] == ["image_url", "text"]

    def test_others_that_serve_a_reader_of_rows_are_not_shown_pages(self, picture: Path) -> None:
        with served(models=models("a", root=str(Path(adotx.__file__).parent / "nano"))) as (url, _):
            model = RemoteModel(Server(url))
            error = refused(lambda: remote_transcriber(model))
        assert not model.answers and (error.code, error.where) == ("remote.reader", url)
        assert error.remedy == "use adotx serve"
        for folder in (str(picture.parent), "vl", ""):
            with served(models=models("a", root=folder)) as (url, _):
                assert RemoteModel(Server(url)).answers

    @settings(deadline=None)
    @given(
        st.dictionaries(st.sampled_from(["a", "b"]), st.text()), st.text(min_size=1), st.binary(max_size=99)
    )
    def test_form(self, fields: dict[str, str], name: str, content: bytes) -> None:
        body, kind = form(fields, name, content)
        found = parts_of(kind, body)
        assert {key: value for key, (_, value) in found.items() if key != "file"} == {
            key: value.encode("utf-8", "replace") for key, value in fields.items()
        }
        assert found["file"][1] == content


def parts_of(kind: str, body: bytes) -> dict[str, tuple[str | None, bytes]]:
    """The parts of a form, read by Starlette's parser: name -> (file name, content)."""
    import asyncio

    from starlette.datastructures import Headers, UploadFile
    from starlette.formparsers import MultiPartParser

    async def chunks() -> Any:
        yield body

    async def read() -> dict[str, tuple[str | None, bytes]]:
        form = await MultiPartParser(Headers({"content-type": kind}), chunks()).parse()
        return {
            name: (value.filename, await value.read())
            if isinstance(value, UploadFile)
            else (None, value.encode())
            for name, value in form.multi_items()
        }

    return asyncio.run(read())


class TestVerbs:
    def test_ask(self, picture: Path, capsys: pytest.CaptureFixture[str]) -> None:
        with served(models=models("a"), chat=events(chunk("답"), chunk(None, "length"))) as (url, _):
            args = ["ask", str(picture), "?", "--server", url, "--max-tokens", "7"]
            assert run(args) == DONE
        out, err = capsys.readouterr()
        assert out == "답\n" and "cut at 7 tokens" in err

    def test_chat(self, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]) -> None:
        monkeypatch.setenv("ADOTX_API_KEY", "geheim")
        monkeypatch.setattr("sys.stdin", io.TextIOWrapper(io.BytesIO("안녕".encode())))
        with served(models=models("a"), chat=events(chunk("반가워", "stop"))) as (url, seen):
            assert run(["chat", "--server", url]) == DONE
        assert capsys.readouterr().out == "반가워\n"
        assert seen[0][1]["authorization"] == "Bearer geheim"

    def test_a_model_that_only_reads_is_not_asked(
        self, picture: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        card = {"id": "nano", "owned_by": "adotx", "tasks": ["transcription"]}
        with served(models=[(200, {}, json.dumps({"data": [card]}).encode())]) as (url, seen):
            assert run(["describe", str(picture), "--server", url]) == REFUSED
        assert "nano: this checkpoint transcribes" in capsys.readouterr().err and len(seen) == 1

    def test_what_it_has_read_is_asked_instead(
        self, picture: Path, capsys: pytest.CaptureFixture[str]
    ) -> None:
        card = {"id": "nano", "owned_by": "adotx", "tasks": ["transcription"]}
        listed = (200, {}, json.dumps({"data": [card]}).encode())
        with served(models=[listed] * 2, pages=pages(page(1, "합계: 5,000원\n"))) as (url, _):
            assert run(["ask", str(picture), "총액이 얼마인가요?", "--server", url]) == DONE
        assert capsys.readouterr().out == "5,000원\n"

    def test_transcribe(self, picture: Path, capsys: pytest.CaptureFixture[str]) -> None:
        answer = pages(page(1, "하나\n"), page(2, "", "failed", "a loop"))
        with served(models=models("nano", owner="adotx"), pages=answer) as (url, _):
            assert run(["transcribe", str(picture), "--server", url]) == FINDING
        out, err = capsys.readouterr()
        assert out == "하나\n" and "page 2 failed: a loop" in err

    @pytest.mark.parametrize("option", [["--online"], ["--weights", "int8"]])
    def test_what_means_nothing_to_a_server(
        self, option: list[str], capsys: pytest.CaptureFixture[str]
    ) -> None:
        assert run(["chat", "--server", "http://127.0.0.1:9", *option]) == REFUSED
        assert option[0] in capsys.readouterr().err
