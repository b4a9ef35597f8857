"""What a form may ask for besides its document, as the command line may; and how long a document may take."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest

from adotx.client.documents import RemoteTranscriber
from adotx.client.http import Server
from adotx.documents.readers import PageReading
from adotx.documents.side_by_side import Cancelled
from adotx.markdown import Paragraph
from pdf_files import Page
from pdf_files import pdf as typeset
from test_documents_office import docx, wp
from test_documents_text_layer import KOREAN, lines
from test_server_documents import PATH, error, events, pdf, post, reading, said

CHANGED = (
    "<w:r><w:t>본문</w:t></w:r><w:ins><w:r><w:t> 넣음</w:t></w:r></w:ins>"
    "<w:del><w:r><w:delText> 지움</w:delText></w:r></w:del>"
)


def seen(_: int, __: object = None) -> PageReading:
    return PageReading((Paragraph.of("보고 읽은 글"),), "ok", "", 1, 0.98)


def test_marks(tmp_path: Path) -> None:
    marked = "사과나무 아래에서 합계 <mark>1,200</mark>원"
    with reading(tmp_path) as (client, _):
        for form in ({"response_format": "markdown"}, {"response_format": "json"}):
            answer = post(client, pdf(1), mark_doubtful="true", page_marks="true", **form)
            text = answer.json()["markdown"] if form["response_format"] == "json" else answer.text
            assert text == f"<!-- page: 1 -->\n\n{marked}\n"
        assert "<mark>1,200</mark>" in post(client, pdf(1), mark_doubtful="true", response_format="html").text
        assert "<mark" not in post(client, pdf(1), response_format="markdown").text


def test_tracked_changes(tmp_path: Path) -> None:
    file = docx(tmp_path / "a.docx", wp(CHANGED))
    with reading(tmp_path / "model") as (client, _):
        for form, text in (({}, "본문 넣음\n"), ({"show_changes": "true"}, None)):
            found = client.post(PATH, files={"file": file.read_bytes()}, data=form).json()["markdown"]
            assert found == (text or "본문<ins> 넣음</ins><del> 지움</del>\n")
        remote = RemoteTranscriber(Server(str(client.base_url)))
        [page] = remote.pages(file, show_changes=True)
        assert "<del> 지움</del>" in page.markdown


def test_the_text_that_a_pdf_brings(tmp_path: Path) -> None:
    file = tmp_path / "a.pdf"
    file.write_bytes(typeset([Page(lines(KOREAN))]))
    with reading(tmp_path / "model", seen) as (client, _):
        remote = RemoteTranscriber(Server(str(client.base_url)))
        for wanted, source in ((True, "layer"), (False, "pixels")):
            form = {} if wanted else {"text_layer": "false"}
            [page] = client.post(PATH, files={"file": file.read_bytes()}, data=form).json()["pages"]
            assert page["text_source"] == source
            assert ("보고 읽은 글" in page["markdown"]) == (not wanted)
            [again] = remote.pages(file, text_layer=wanted)
            assert ("보고 읽은 글" in again.markdown) == (not wanted)


@pytest.mark.parametrize("stream", ["true", "false"])
def test_a_long_document_only_has_to_go_on(tmp_path: Path, stream: str) -> None:
    stuck = threading.Event()

    def slowly(number: int, is_cancelled: Callable[[], bool]) -> PageReading:
        waited = 0.0
        while waited < 0.8 or (number > 3 and stuck.is_set()):
            if is_cancelled():
                raise Cancelled
            time.sleep(0.05)
            waited += 0.05
        return said(number)

    with reading(tmp_path, slowly, run_timeout=2.0) as (client, service):
        service.documents.transcriber._window = 1
        response = post(client, pdf(4), stream=stream)  # 3.2 seconds
        last = events(response)[-1] if stream == "true" else response.json()
        assert response.status_code == 200 and last["page_counts"]["ok"] == 4
        stuck.set()
        response = post(client, pdf(4), stream=stream)
        if stream == "true":
            assert events(response)[-1]["error"]["code"] == "server.timeout"
        else:
            assert error(response) == (504, "server.timeout")
