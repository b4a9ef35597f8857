"""/v1/documents/transcriptions: uploads, pages as JSON and events, what is refused, what ends.

Readers that need no model (`documents_fakes`) where the test is about the server; nano reads the example.
"""

from __future__ import annotations

import base64
import hashlib
import io
import json
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pypdfium2
import pytest
from hypothesis import given
from hypothesis import strategies as st
from PIL import Image

from adotx.cli.errors import in_language
from adotx.client.documents import RemoteTranscriber
from adotx.client.http import Server
from adotx.documents.doubt import doubted
from adotx.documents.outputs import FORMATS
from adotx.documents.readers import PageReading
from adotx.documents.selection import Selection
from adotx.documents.transcribe import Transcriber
from adotx.errors import AdotxError
from adotx.markdown import Paragraph
from adotx.model import Model
from adotx.server.settings import Settings
from conftest import ROOT
from documents_fakes import DarkRows, row_model
from serving import scripted, serving
from test_errors import locked_pdf

#: pages that say the same would be taken for running heads
NAMES = ["", "사과나무 아래에서", "강을 따라 걷는 사람들의", "겨울", "먼 도시의 밤"]
FIGURES = st.from_regex("[0-9]{1,4}(,[0-9]{3})?", fullmatch=True)
PATH = "/v1/documents/transcriptions"
Read = Callable[[int, Callable[[], bool]], PageReading]


class Reader:
    """A page reader made of a function of the page's number, which its width tells: 100 + n points."""

    def __init__(self, read: Read) -> None:
        self._read = read

    def read(self, image: Image.Image, is_cancelled: Callable[[], bool]) -> PageReading:
        return self._read(round(image.width * 72 / 200) - 100, is_cancelled)


def said(number: int, _: object = None) -> PageReading:
    block = Paragraph.of(f"{NAMES[number]} 합계 {doubted('1,200')}원").at((10.4, 20.0, 200.0, 50.0))
    return PageReading((block,), "ok", "", 1, 0.98)


def pdf(pages: int) -> bytes:
    images = [Image.new("RGB", (100 + n, 80), "white") for n in range(1, pages + 1)]
    file = io.BytesIO()
    images[0].save(file, "PDF", save_all=True, append_images=images[1:], resolution=72)
    return file.getvalue()


def png(width: int = 300, height: int = 200) -> bytes:
    file = io.BytesIO()
    Image.new("RGB", (width, height), "white").save(file, "PNG")
    return file.getvalue()


@contextmanager
def reading(folder: Path, read: Read = said, **settings: Any) -> Iterator[tuple[httpx.Client, Any]]:
    """A client of a server whose pages are read by a function."""
    with serving(scripted(folder, {}), Settings(access_log=False, **settings)) as (url, service):
        transcriber = Transcriber(row_model(DarkRows()), 2)
        transcriber._reader = Reader(read)
        service.documents.transcriber = transcriber
        service.say = in_language
        with httpx.Client(base_url=url, timeout=60) as client:
            yield client, service


@pytest.fixture(scope="module")
def client(tmp_path_factory: pytest.TempPathFactory) -> Iterator[httpx.Client]:
    with reading(tmp_path_factory.mktemp("toy"), max_upload=200_000, max_document_pages=3) as (client, _):
        yield client


def post(client: httpx.Client, file: bytes, **form: str) -> httpx.Response:
    headers = {"accept-language": form.pop("language", "en")}
    return client.post(PATH, files={"file": ("../문서.pdf", file)}, data=form, headers=headers)


def error(response: httpx.Response) -> tuple[int, str]:
    return response.status_code, response.json()["error"]["code"]


def events(response: httpx.Response) -> list[dict[str, Any]]:
    found = []
    for event in response.text.split("\n\n"):
        lines = [line for line in event.split("\n") if line and not line.startswith(":")]
        if lines:
            name, data = lines
            found.append(json.loads(data.removeprefix("data: ")))
            assert name == f"event: {found[-1]['type']}"
    return found


class TestAnswers:
    def test_pages_with_their_blocks(self, client: httpx.Client) -> None:
        response = post(client, pdf(2))
        values = response.json()
        assert response.status_code == 200 and values["object"] == "document.transcription"
        assert values["status"] == "ok" and values["page_counts"]["ok"] == 2
        assert (
            values["markdown"] == "사과나무 아래에서 합계 1,200원\n\n강을 따라 걷는 사람들의 합계 1,200원\n"
        )
        first, second = values["pages"]
        assert (first["number"], second["number"]) == (1, 2)
        # 101 and 80 points at 200 dpi; boxes are in these pixels.
        assert abs(first["width"] - 101 * 200 / 72) < 1 and abs(first["height"] - 80 * 200 / 72) < 1
        assert first["marked"] == "사과나무 아래에서 합계 <mark>1,200</mark>원"
        assert first["confidence"] == 0.98 and first["doubtful"] == ["1,200"] and first["reason"] == ""
        [block] = first["blocks"]
        assert block == {
            "id": "p1-1",
            "kind": "paragraph",
            "box": [10.4, 20.0, 200.0, 50.0],
            "confidence": None,
            "markdown": "사과나무 아래에서 합계 1,200원",
            "spans": [{"text": "사과나무 아래에서 합계 1,200원", "doubtful": [[13, 18]]}],
        }

    def test_our_client_has_what_the_command_line_shows(self, client: httpx.Client, tmp_path: Path) -> None:
        (tmp_path / "a.pdf").write_bytes(pdf(1))
        [page] = RemoteTranscriber(Server(str(client.base_url))).document(tmp_path / "a.pdf")
        assert (page.number, page.status) == (1, "ok")
        assert page.markdown == "사과나무 아래에서 합계 1,200원"
        assert page.marked == "사과나무 아래에서 합계 <mark>1,200</mark>원"

    def test_the_schema_of_the_command_line(self, client: httpx.Client) -> None:
        jsonschema = pytest.importorskip("jsonschema_rs")
        schema = json.loads((ROOT / "docs" / "document.schema.json").read_text(encoding="utf-8"))
        values = post(client, pdf(2)).json()
        assert not [error.message for error in jsonschema.validator_for(schema).iter_errors(values)]

    @pytest.mark.parametrize("format", ["text", "html", "pdf", "csv", "xlsx"])
    def test_files(self, client: httpx.Client, format: str) -> None:
        response = post(client, pdf(2), response_format=format)
        assert response.status_code == 200
        assert response.headers["content-type"].startswith(FORMATS[format].media_type)
        said = "사과나무 아래에서 합계 1,200원"
        if format == "pdf":
            pages = pypdfium2.PdfDocument(response.content)
            text = "".join(pages[0].get_textpage().get_text_range().split())
            assert len(pages) == 2 and "".join(said.split()) in text
        elif format in ("text", "html"):
            assert said in response.text

    def test_what_is_redacted_leaves_no_trace(self, tmp_path: Path) -> None:
        def read(number: int, _: object) -> PageReading:
            return PageReading((Paragraph.of("900101-1234568 漢字"),), "ok", "", 1, 0.98)

        with reading(tmp_path, read) as (client, _):
            whole = post(client, pdf(1), redact="resident", hanja="reading")
            streamed = post(client, pdf(1), redact="resident", stream="true")
            refused = post(client, pdf(1), redact="all", stream="true", page_images="true")
            unknown = post(client, pdf(1), redact="shoes")
        assert whole.json()["markdown"] == "██████-███████ 漢字(한자)\n"
        assert "1234568" not in whole.text and "1234568" not in streamed.text
        assert error(refused) == (400, "server.parameter") and error(unknown) == (400, "redact.kind")

    def test_events(self, client: httpx.Client) -> None:
        response = post(client, pdf(2), stream="true", page_images="true")
        assert response.headers["content-type"].startswith("text/event-stream")
        told = events(response)
        assert [e["type"] for e in told].count("page.opened") == 2
        order = [e["type"] for e in told if e["type"] != "page.opened"]
        assert order == ["document.created", "page.completed", "page.completed", "document.completed"]
        assert told[0]["page_numbers"] == [1, 2]
        for opened in (e for e in told if e["type"] == "page.opened"):
            head, _, data = opened["image"].partition(",")
            with Image.open(io.BytesIO(base64.b64decode(data))) as shown:
                assert head == "data:image/jpeg;base64" and shown.format == "JPEG"
                assert shown.size == (opened["width"], opened["height"])
        whole = post(client, pdf(2)).json()
        for page, event in zip(
            whole["pages"], [e for e in told if e["type"] == "page.completed"], strict=True
        ):
            assert {**page, "seconds": 0} == {**event["page"], "seconds": 0}

    def test_pictures_of_large_pages_are_smaller(self, client: httpx.Client) -> None:
        opened = events(post(client, png(4000, 1000), stream="true", page_images="true"))[1]
        with Image.open(io.BytesIO(base64.b64decode(opened["image"].partition(",")[2]))) as shown:
            assert (opened["width"], opened["height"]) == (4000, 1000) and shown.size == (1800, 450)

    def test_markdown(self, client: httpx.Client) -> None:
        response = post(client, pdf(1), response_format="markdown")
        assert response.headers["content-type"].startswith("text/markdown")
        assert response.text == "사과나무 아래에서 합계 1,200원\n"

    @pytest.mark.parametrize(
        ("pages", "numbers"), [("2", [2]), ("1-2,4", [1, 2, 4]), ("3-", [3, 4]), (" ", 0)]
    )
    def test_selection(self, client: httpx.Client, pages: str, numbers: list[int]) -> None:
        response = post(client, pdf(4), pages=pages)
        if not numbers:  # all four, of which three are allowed
            assert error(response) == (400, "server.too_many_pages")
        else:
            assert [page["number"] for page in response.json()["pages"]] == numbers

    def test_frames_of_a_tiff_are_pages(self, client: httpx.Client) -> None:
        file = io.BytesIO()
        frames = [Image.new("RGB", (280, 200), "white") for _ in range(2)]
        frames[0].save(file, "TIFF", save_all=True, append_images=frames[1:], compression="tiff_lzw")
        assert len(post(client, file.getvalue()).json()["pages"]) == 2


class TestRefusals:
    @pytest.mark.parametrize("stream", ["true", "false"])
    @pytest.mark.parametrize(
        ("file", "code"),
        [
            (b"no picture", "input.unknown"),
            (b"", "image.empty"),
            (png()[:100], "image.truncated"),
            (b"%PDF-1.4 and no more", "pdf.damaged"),
            (locked_pdf(), "pdf.encrypted"),
            (b"PK\x03\x04" + bytes(60), "package.damaged"),
        ],
    )
    def test_files(self, client: httpx.Client, file: bytes, code: str, stream: str) -> None:
        response = post(client, file, stream=stream)
        assert error(response) == (400, code)
        told = response.json()["error"]
        assert told["param"] == "file" and "/tmp" not in told["message"]

    def test_too_large(self, client: httpx.Client) -> None:
        assert error(post(client, bytes(300_000))) == (413, "server.body_too_large")

    def test_too_many_pixels(self, tmp_path: Path) -> None:
        with reading(tmp_path, max_image_pixels=10_000) as (client, _):
            assert error(post(client, png())) == (400, "image.too_many_pixels")

    @pytest.mark.parametrize(
        ("form", "param"),
        [
            ({"pages": "x"}, "pages"),
            ({"pages": "2-1"}, "pages"),
            ({"pages": "0"}, "pages"),
            ({"pages": "5"}, "pages"),
            ({"colour": "red"}, "colour"),
            ({"stream": "perhaps"}, "stream"),
            ({"page_images": "true"}, "page_images"),
            ({"stream": "true", "response_format": "markdown"}, "response_format"),
            ({"response_format": "docx"}, "response_format"),
            ({"model": "another"}, "model"),
            ({"redact": "sekret"}, "redact"),
        ],
    )
    def test_forms(self, client: httpx.Client, form: dict[str, str], param: str) -> None:
        response = post(client, pdf(2), **form)
        assert response.status_code in (400, 404) and response.json()["error"]["param"] == param
        assert "--" not in response.json()["error"]["message"], "options of the command line"

    def test_what_stands_twice_is_not_dropped(self, client: httpx.Client) -> None:
        response = client.post(PATH, files=[("file", ("a.png", png())), ("file", ("b.png", png()))])
        assert response.status_code == 400 and response.json()["error"]["param"] == "file"

    def test_no_file(self, client: httpx.Client) -> None:
        response = client.post(PATH, data={"stream": "true"})
        assert response.status_code == 400 and response.json()["error"]["param"] == "file"
        # A text is no upload, and a path is a text.
        response = client.post(PATH, data={"file": "/etc/passwd"})
        assert response.status_code == 400 and response.json()["error"]["param"] == "file"

    def test_passwords(self, client: httpx.Client) -> None:
        locked = pdf_with_password(b"open sesame")
        assert error(post(client, locked)) == (400, "pdf.encrypted")
        assert error(post(client, locked, password="wrong")) == (400, "pdf.password")
        # A form has no options of a command line.
        said = post(client, locked).json()["error"]["message"]
        assert "--" not in said and "(give it with the form field password)" in said
        assert post(client, locked, password="open sesame").json()["pages"][0]["number"] == 1

    def test_a_model_that_reads_text_only(self, tmp_path: Path) -> None:
        model = scripted(tmp_path, {})
        object.__setattr__(model.checkpoint.config, "tiles", None)
        with serving(model) as (url, _):
            response = httpx.post(url + PATH, files={"file": ("a.png", png())})
        assert error(response) == (400, "checkpoint.no_vision")

    @given(st.text(alphabet="0123456789-, x", max_size=12))
    def test_any_selection(self, text: str) -> None:
        try:
            selection = Selection.of(text)
        except AdotxError as refusal:
            assert refusal.code == "input.pages"
        else:
            assert all(first >= 1 and (last >= first or last == 0) for first, last in selection.ranges)


class TestFailures:
    def test_a_page_costs_no_other_and_its_exception_stays_here(self, tmp_path: Path) -> None:
        def read(number: int, _: object) -> PageReading:
            if number == 1:
                raise RuntimeError("secret at 0x7f00 in /home/somebody")
            return said(number)

        with reading(tmp_path, read) as (client, _):
            response = post(client, pdf(2), language="ko")
            values = response.json()
            text = post(client, pdf(2), response_format="markdown").text
        assert values["status"] == "partial" and values["page_counts"]["failed"] == 1
        first, second = values["pages"]
        assert first["status"] == "failed" and first["blocks"] == [] and second["status"] == "ok"
        assert "RuntimeError" in first["reason"] and "secret" not in response.text and "secret" not in text
        assert any("가" <= letter <= "힣" for letter in first["reason"])
        assert text.startswith("<!-- page 1: failed: ") and text.endswith(
            "강을 따라 걷는 사람들의 합계 1,200원\n"
        )

    def test_others_wait_and_nobody_else_does(self, tmp_path: Path) -> None:
        go, begun = threading.Event(), threading.Event()

        def read(number: int, is_cancelled: Callable[[], bool]) -> PageReading:
            begun.set()
            assert go.wait(30)
            return said(number)

        with reading(tmp_path, read, max_documents=1, queue_timeout=0.3) as (client, _):
            first: list[httpx.Response] = []
            reads = threading.Thread(target=lambda: first.append(post(client, pdf(1))))
            reads.start()
            assert begun.wait(30)
            assert error(post(client, pdf(1))) == (503, "server.documents_busy")
            # The event loop and the threads of conversations are free.
            assert client.get("/health").status_code == 200
            model = client.get("/v1/models").json()["data"][0]["id"]
            asked = {"model": model, "messages": [{"role": "user", "content": "?"}], "max_tokens": 2}
            assert client.post("/v1/chat/completions", json=asked).status_code == 200
            go.set()
            reads.join(30)
        assert first[0].status_code == 200

    @pytest.mark.parametrize("stream", ["true", "false"])
    def test_a_client_that_leaves_ends_its_reading(
        self, tmp_path: Path, stream: str, monkeypatch: pytest.MonkeyPatch
    ) -> None:
        begun, ended = threading.Event(), threading.Event()
        folder = tmp_path / "uploads"
        folder.mkdir()
        monkeypatch.setattr("tempfile.tempdir", str(folder))

        def read(number: int, is_cancelled: Callable[[], bool]) -> PageReading:
            begun.set()
            until = time.monotonic() + 30
            while not is_cancelled() and time.monotonic() < until:
                time.sleep(0.01)
            ended.set()
            return said(number)

        (tmp_path / "toy").mkdir()
        with reading(tmp_path / "toy", read) as (client, service):
            files = {"file": ("a.pdf", pdf(3))}

            def leave() -> None:
                begun.wait(30)
                client.close()

            leaving = threading.Thread(target=leave)
            leaving.start()
            try:
                with client.stream("POST", PATH, files=files, data={"stream": stream}) as response:
                    for _ in response.iter_bytes():
                        begun.wait(30)
                        break
            except httpx.TransportError:
                pass
            leaving.join(30)
            assert ended.wait(30)
            until = time.monotonic() + 30
            while (service._held or list(folder.iterdir())) and time.monotonic() < until:
                time.sleep(0.02)
            assert service._held == 0 and not list(folder.iterdir())
            assert not service.documents._places.locked()


def test_nano_reads_the_example_as_the_command_line_does(shared_nano: Model) -> None:
    page = (ROOT / "examples" / "page.png").read_bytes()
    with serving(shared_nano) as (url, _):
        values = httpx.post(url + PATH, files={"file": ("page.png", page)}, timeout=300).json()
        result = next(Transcriber(shared_nano).pages(ROOT / "examples" / "page.png"))
    [told] = values["pages"]
    assert told["markdown"] == result.markdown and told["status"] == "ok"
    assert [block["kind"] for block in told["blocks"]] == [block.kind for block in result.blocks]
    assert told["blocks"][0]["spans"][0]["text"] == "사내 문서 관리 안내"
    for block in told["blocks"]:
        x0, y0, x1, y1 = block["box"]
        assert 0 <= x0 < x1 <= told["width"] and 0 <= y0 < y1 <= told["height"]
        assert 0 <= block["confidence"] <= 1


@pytest.fixture(scope="module")
def shared_nano() -> Model:
    return Model.open("nano", local_files=False)


def pdf_with_password(password: bytes) -> bytes:
    """A page that opens with a password: 40 bit RC4, PDF 1.4, section 3.5."""
    padding = bytes.fromhex("28BF4E5E4E758A4164004E56FFFA01082E2E00B6D0683E802F0CA9FE6453697A")
    owner = bytes(32)
    permissions = (-4).to_bytes(4, "little", signed=True)
    key = hashlib.md5((password + padding)[:32] + owner + permissions + b"\0").digest()[:5]
    return (
        locked_pdf()
        .replace(b"<" + b"00" * 32 + b">", b"<" + owner.hex().encode() + b">")
        .replace(b"<" + b"11" * 32 + b">", b"<" + rc4(key, padding).hex().encode() + b">")
    )


def rc4(key: bytes, data: bytes) -> bytes:
    state, at = list(range(256)), 0
    for n in range(256):
        at = (at + state[n] + key[n % len(key)]) % 256
        state[n], state[at] = state[at], state[n]
    out, i, j = bytearray(), 0, 0
    for byte in data:
        i = (i + 1) % 256
        j = (j + state[i]) % 256
        state[i], state[j] = state[j], state[i]
        out.append(byte ^ state[(state[i] + state[j]) % 256])
    return bytes(out)
