"""The page at /: its files, and the page itself in a headless browser (skipped where there is none).

The browser asks a server whose reader and answers are given; one test has nano read the example page.
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx2 as httpx
import pytest

from adotx.checkpoint import open_checkpoint
from adotx.cli.errors import in_language
from adotx.documents.doubt import doubted
from adotx.documents.readers import PageReading
from adotx.documents.transcribe import Transcriber
from adotx.engine import Engine
from adotx.markdown import Cell, Heading, Item, Paragraph, Table
from adotx.model import Model
from adotx.server import page as page_module
from adotx.server.page import PATHS
from adotx.server.settings import Settings
from browsers import Seen, violations
from checkpoint_toys import toy_checkpoint
from conftest import ROOT
from documents_fakes import DarkRows, row_model
from mock_backend import MockBackend
from scripted_answers import mock_model, says
from serving import ScriptedModel, serving
from test_server_documents import Reader, pdf, pdf_with_password, png

FOLDER = Path(page_module.__file__).parent
HOSTILE = '<img src=x onerror="document.title=1"> <script>1</script> **a**'
ANSWER = f"두 가지입니다.\n\n| 가 | 나 |\n| --- | --- |\n| **1** | {HOSTILE} |\n\n- 하나\n- `둘`"


class TestFiles:
    def test_nothing_comes_from_elsewhere(self) -> None:
        for path in FOLDER.glob("*.*"):
            text = path.read_text(encoding="utf-8")
            links = re.findall(r"https?://[^\s\"')]+", text)
            assert set(links) <= {"http://www.w3.org/2000/svg"}, path
            imports = re.findall(r"from \"([^\"]+)\"", text) if path.suffix == ".js" else []
            assert set(imports) <= PATHS

    def test_texts_never_become_markup(self) -> None:
        scripts = [path.read_text(encoding="utf-8") for path in FOLDER.glob("*.js")]
        for word in ("innerHTML", "insertAdjacentHTML", "document.write", "eval(", "DOMParser"):
            assert not any(word in script for script in scripts), word
        html = (FOLDER / "index.html").read_text(encoding="utf-8")
        assert not re.search(r"\son\w+=|style=|<style|<script>", html)

    def test_every_sentence_is_there_in_both_languages(self) -> None:
        words = (FOLDER / "words.js").read_text(encoding="utf-8")
        known = re.findall(r'^  "([^"]+)": \[', words, re.M)
        assert len(known) == len(set(known))
        pairs = re.findall(r'\["((?:[^"\\]|\\.)*)",\s*"((?:[^"\\]|\\.)*)"\]', words)
        assert len(pairs) == len(known)
        for english, korean in pairs:
            assert sorted(re.findall(r"\{\w+\}", english)) == sorted(re.findall(r"\{\w+\}", korean))
        html = (FOLDER / "index.html").read_text(encoding="utf-8")
        used = set(re.findall(r'data-t(?:-label|-placeholder)?="([^"]+)"', html))
        scripts = "".join(p.read_text(encoding="utf-8") for p in FOLDER.glob("*.js") if p.name != "words.js")
        assert used <= set(known)
        unused = [key for key in known if key not in used and f'"{key}"' not in scripts]
        assert not unused

    def test_headers(self, tmp_path: Path) -> None:
        with serving(mock_model(tmp_path), Settings(access_log=False, api_keys=("k",))) as (url, _):
            for path in PATHS:
                response = httpx.get(url + path)
                assert response.status_code == 200
                policy = response.headers["content-security-policy"]
                assert "default-src 'none'" in policy and "unsafe" not in policy
                assert "require-trusted-types-for 'script'" in policy
                again = httpx.get(url + path, headers={"if-none-match": response.headers["etag"]})
                assert again.status_code == 304 and not again.content
                assert httpx.head(url + path).status_code == 200
            # The page is open; what it asks is not.
            assert httpx.get(f"{url}/v1/models").status_code == 401
            for path in ("/page/", "/page/../errors.py", "/page/%2e%2e/errors.py", "/page/__init__.py"):
                assert httpx.get(url + path).status_code in (401, 404)


class Talker(ScriptedModel):
    """Answers by the text of the last message; pictures, which its backend cannot see, are left out."""

    def _ask(self, messages: Any, **options: Any) -> Any:
        seen = [
            {**m, "content": "".join(part.get("text", "") for part in m["content"])}
            if isinstance(m.get("content"), list)
            else m
            for m in messages
        ]
        answer = self.answers.get(seen[-1]["content"]) if seen[-1]["role"] != "tool" else "찾았습니다."
        options["constraint"] = says(self.checkpoint.tokenizer.encode_with_specials(answer or "네."))
        return Model._ask(self, seen, **options)


def read(number: int, _: object) -> PageReading:
    if number == 2:
        raise RuntimeError("beyond us")
    cells = ((Cell("구분"), Cell("금액", colspan=2)), (Cell("합계"), Cell(doubted("1,200")), Cell(HOSTILE)))
    down = 20 * number  # what stands at one place of several pages is taken for a running head
    blocks = (
        Heading.of(f"{number}쪽 제목").at((10, 10 + down, 150, 40 + down)),
        Paragraph.of(HOSTILE).at((10, 50 + down, 150, 80 + down)),
        Table(cells).at((10, 100 + down, 250, 150 + down)),
        Item.of("하나", "가."),
    )
    return PageReading(blocks, "ok", "", 1, 0.987)


@pytest.fixture(scope="module")
def url(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    checkpoint = open_checkpoint(toy_checkpoint(tmp_path_factory.mktemp("toy")))
    backend = MockBackend(vocabulary=320, context=20_000, block_size=16)
    model = Talker(checkpoint, Engine(backend, kv_memory=20_000), local_files=False)
    call = '<tool_call>{"name": "find_text", "arguments": {"words": "합계"}}</tool_call>'
    own = '<tool_call>{"name": "weather", "arguments": {}}</tool_call>'
    model.answers = {"무엇이 있나요?": ANSWER, "합계는?": f"찾아보죠.{call}", "날씨는?": own}
    with serving(model, Settings(access_log=False)) as (url, service):
        service.documents.transcriber = Transcriber(row_model(DarkRows()), 2)
        service.documents.transcriber._reader = Reader(read)
        service.say = in_language
        yield url


@pytest.fixture
def opened(browser: Any, url: str) -> Iterator[tuple[Any, Seen]]:
    """The page in English, and what it does; at its end no script failed and nobody else was asked."""
    context = browser.new_context(locale="en-US", viewport={"width": 1280, "height": 800})
    context.set_default_timeout(60_000)
    page = context.new_page()
    seen = Seen(page)
    page.goto(url)
    page.wait_for_selector("#model:not(:empty)")
    yield page, seen
    assert not seen.errors
    assert all(asked.startswith((url, "data:", "blob:")) for asked in seen.asked)
    context.close()


def drop(page: Any, file: bytes, name: str = "a.pdf") -> None:
    page.set_input_files("#file", [{"name": name, "mimeType": "application/pdf", "buffer": file}])


def test_a_document(opened: tuple[Any, Seen], tmp_path: Path) -> None:
    page, _ = opened
    assert page.title() == "adotx" and not violations(page)
    drop(page, pdf(3), "보고서.pdf")
    page.wait_for_selector("#results:not([hidden])")
    assert "1 of 3 pages" in page.inner_text("#state")
    sections = page.query_selector_all("#text .page")
    assert len(sections) == 3 and "could not be read" in sections[1].inner_text()

    # Texts are shown as they are, tables as tables.
    assert page.inner_text("#text .page p.block") == HOSTILE
    assert page.get_attribute("#text .page table th:nth-child(2)", "colspan") == "2"
    assert page.query_selector("#text img, #text script") is None
    assert page.inner_text("#text mark.doubt") == "1,200"

    # A block shows its place, and the place its block.
    page.click("#text .page p.block")
    box, paper = page.locator(".box.marked").bounding_box(), page.locator("#paper").bounding_box()
    assert box and paper
    wide = 101 * 200 / 72
    assert abs((box["x"] + 3 - paper["x"]) / paper["width"] - 10 / wide) < 0.01
    page.locator(".box").first.click()
    assert page.inner_text(".block.marked") == "1쪽 제목"
    page.keyboard.press("ArrowDown")
    assert page.inner_text(".block.marked") == HOSTILE
    page.click("#next-doubt")
    assert page.query_selector("mark.doubt.now") is not None
    page.click("#next-doubt")
    assert page.inner_text("#where") == "Page 3 of 3"
    page.click("#previous")
    assert page.inner_text("#where") == "Page 2 of 3"
    assert not violations(page)

    page.click("#tab-source")
    markdown = page.inner_text("#markdown")
    assert markdown.startswith("# 1쪽 제목")
    with page.expect_download() as downloaded:
        page.click("#downloads summary")
        page.click("[data-download=json]")
    values = json.loads(Path(downloaded.value.path()).read_text(encoding="utf-8"))
    assert downloaded.value.suggested_filename == "보고서.json" and values["page_counts"]["failed"] == 1
    with page.expect_download() as downloaded:
        page.click("#downloads summary")
        page.click("[data-download=html]")
    html = Path(downloaded.value.path()).read_text(encoding="utf-8")
    assert re.search('<th [^>]*colspan="2"[^>]*>금액</th>', html) and "<img" not in html and "&lt;img" in html
    # The system's clipboard is not the page's, and there may be none.
    page.evaluate("() => { navigator.clipboard.write = async (items) => { window.copied = items[0]; }; }")
    page.click("#copy")
    page.wait_for_selector("#status:text-is('Copied')", state="attached")
    read_back = "(type) => window.copied.getType(type).then((blob) => blob.text())"
    assert page.evaluate(read_back, "text/plain") == markdown
    assert "<table>" in page.evaluate(read_back, "text/html")


def test_pages_that_are_opened_in_any_order(opened: tuple[Any, Seen], url: str) -> None:
    """Pages are read side by side: what is shown first is the first one all the same."""
    page, _ = opened
    form = {"stream": "true", "page_images": "true"}
    told = httpx.post(f"{url}/v1/documents/transcriptions", files={"file": ("a.pdf", pdf(3))}, data=form).text
    created, *events = told.strip().split("\n\n")
    opening = [event for event in events if event.startswith("event: page.opened")]
    events = [created, *sorted(opening, reverse=True), *(event for event in events if event not in opening)]
    body = "".join(f"{event}\n\n" for event in events)
    assert body.index('"number":3') < body.index('"number":1,"width"')
    page.route(
        "**/v1/documents/transcriptions",
        lambda route: route.fulfill(body=body, content_type="text/event-stream"),
    )
    drop(page, pdf(3))
    page.wait_for_selector("#results:not([hidden])")
    assert page.inner_text("#where") == "Page 1 of 3"
    assert page.locator("#text .page").count() == 3


def test_several_documents(opened: tuple[Any, Seen]) -> None:
    """Dropped at once they are read one after the other; any of them may be looked at meanwhile."""
    page, seen = opened
    names = ["가.pdf", "나.pdf", "다.pdf"]
    files = [pdf(2), b"%PDF-1.4 broken", pdf(1)]
    page.set_input_files(
        "#file",
        [
            {"name": name, "mimeType": "application/pdf", "buffer": file}
            for name, file in zip(names, files, strict=True)
        ],
    )
    page.wait_for_function(
        "() => [...document.querySelectorAll('#documents option')].every("
        "(option) => / read|Not read/.test(option.textContent))"
    )
    told = page.locator("#documents option").all_inner_texts()
    assert [text.split(" – ")[0] for text in told] == names and "Not read" in told[1]
    assert page.inner_text("#name") == "가.pdf" and page.locator("#text .page").count() == 2
    page.select_option("#documents", "2")
    assert page.inner_text("#name") == "다.pdf" and page.locator("#text .page").count() == 1
    assert page.title() == "다.pdf – adotx"
    page.select_option("#documents", "1")
    assert page.is_visible("#failure") and page.locator("#text .page").count() == 0
    assert page.is_hidden("#results")
    page.select_option("#documents", "0")
    assert page.is_hidden("#failure") and page.locator("#text .page").count() == 2
    assert not violations(page)

    drop(page, pdf(1), "라.pdf")  # one more
    page.wait_for_selector("#results:not([hidden])")
    assert page.inner_text("#name") == "라.pdf" and page.locator("#documents option").count() == 4
    page.click("#again")
    drop(page, pdf(1), "마.pdf")
    page.wait_for_selector("#results:not([hidden])")
    assert page.is_hidden("#documents") and page.inner_text("#name") == "마.pdf"
    # What Chromium itself says of the refusal.
    assert [error for error in seen.errors if "400" not in error] == []
    seen.errors.clear()


def test_a_question(opened: tuple[Any, Seen]) -> None:
    page, _ = opened
    drop(page, pdf(1))
    page.wait_for_selector("#results:not([hidden])")
    page.click("#tab-ask")
    page.fill("#question", "무엇이 있나요?")
    with page.expect_request("**/v1/chat/completions") as asked:
        page.press("#question", "Enter")
    content = asked.value.post_data_json["messages"][0]["content"]
    assert [part["type"] for part in content] == ["image_url", "text"]
    assert content[0]["image_url"]["url"].startswith("data:image/jpeg;base64,")
    page.wait_for_selector(".turn.it:not([aria-busy]) table")
    answer = page.locator(".turn.it").last
    assert answer.locator("td").nth(1).inner_text() == HOSTILE.replace("**a**", "a")
    assert answer.locator("li").count() == 2 and answer.locator("img, script").count() == 0

    page.click("#tools summary")
    page.check("#document-tools")
    page.fill("#question", "합계는?")
    page.press("#question", "Enter")
    page.wait_for_selector("text=찾았습니다.")
    assert "find_text" in page.inner_text(".turn .call")
    assert '"words": "합계"' in page.inner_text(".turn .call pre")
    assert not violations(page)

    page.fill("#own-tools", '[{"type": "function", "function": {"name": "weather", "parameters": {}}}]')
    page.fill("#question", "날씨는?")
    page.press("#question", "Enter")
    page.fill(".give textarea", "맑음")
    page.click(".give button")
    page.wait_for_selector("text=찾았습니다. >> nth=1")

    page.fill("#own-tools", "{")
    page.fill("#question", "?")
    page.press("#question", "Enter")
    page.wait_for_selector("#log .notice")
    page.click("#forget")
    assert page.inner_text("#log") == "Ask about the page on the left, or about anything else."


def test_without_a_document(opened: tuple[Any, Seen]) -> None:
    page, _ = opened
    page.click("#to-chat")
    page.keyboard.type("무엇이 있나요?")
    page.keyboard.press("Enter")
    page.wait_for_selector(".turn.it:not([aria-busy]) table")
    assert not violations(page)
    page.click("#again")
    assert page.is_visible("#start")


def test_languages_and_colours(opened: tuple[Any, Seen], browser: Any, url: str) -> None:
    page, _ = opened
    page.click("#language")
    assert page.get_attribute("html", "lang") == "ko" and page.inner_text("#choose") == "파일 고르기"
    light = page.evaluate("getComputedStyle(document.body).backgroundColor")
    page.click("#theme")
    assert page.evaluate("getComputedStyle(document.body).backgroundColor") != light
    assert not violations(page)
    page.reload()
    assert page.get_attribute("html", "lang") == "ko" and page.get_attribute("html", "data-theme") == "dark"
    context = browser.new_context(locale="ko-KR", color_scheme="dark", viewport={"width": 390, "height": 800})
    phone = context.new_page()
    phone.goto(url)
    assert phone.inner_text("#choose") == "파일 고르기"
    drop(phone, pdf(1))
    phone.wait_for_selector("#results:not([hidden])")
    assert phone.evaluate("document.documentElement.scrollWidth") <= 390
    assert not violations(phone)
    context.close()


def test_refusals_and_passwords(browser: Any, url: str) -> None:
    page = browser.new_context(locale="ko-KR").new_page()
    page.goto(url)
    drop(page, b"no document at all")
    page.wait_for_selector("#failure:not([hidden])")
    assert "내용이 아는 형식이 아닙니다" in page.inner_text("#failure")
    page.click("#again")
    drop(page, pdf_with_password(b"open"))
    page.wait_for_selector("#password-dialog[open]")
    page.keyboard.type("wrong")
    page.keyboard.press("Enter")
    page.wait_for_selector("text=암호가 맞지 않습니다")
    page.keyboard.type("open")
    page.keyboard.press("Enter")
    page.wait_for_selector("#results:not([hidden])")
    page.context.close()


def test_keys(browser: Any, tmp_path: Path) -> None:
    with serving(mock_model(tmp_path), Settings(access_log=False, api_keys=("열쇠-key",))) as (url, _):
        page = browser.new_context(locale="en-US").new_page()
        page.goto(url)
        page.wait_for_selector("#key-dialog[open]")
        assert not violations(page)
        page.keyboard.type("wrong")
        with page.expect_response("**/v1/models"):
            page.keyboard.press("Enter")
        page.wait_for_selector("#key-dialog[open]")
        page.keyboard.type("열쇠-key")
        page.keyboard.press("Enter")
        page.wait_for_selector("#model:text('·')")
        page.context.close()


def test_nano_reads_a_page_and_says_that_it_answers_nothing(browser: Any) -> None:
    with serving(Model.open("nano", local_files=False)) as (url, _):
        page = browser.new_context(locale="en-US").new_page()
        page.set_default_timeout(300_000)
        page.goto(url)
        page.wait_for_selector("#model:not(:empty)")
        assert "reads documents" in page.inner_text("#model") and not page.is_visible("#to-chat")
        page.set_input_files("#file", ROOT / "examples" / "page.png")
        page.wait_for_selector("#results:not([hidden])")
        assert page.inner_text("#text .level-1") == "사내 문서 관리 안내"
        assert page.inner_text("#markdown").startswith("") and page.locator(".box").count() > 5
        page.click("#tab-ask")
        assert "it does not answer questions" in page.inner_text("#reads-only")
        assert not page.is_visible("#composer")
        page.context.close()


def test_png_is_a_document_too(opened: tuple[Any, Seen]) -> None:
    page, _ = opened
    drop(page, png(281, 200), "그림.png")
    page.wait_for_selector("#results:not([hidden])")
    assert page.inner_text("#where") == "Page 1" and page.is_visible("#picture")
