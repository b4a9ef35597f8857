"""The report: its order and grades, that it needs nobody, and itself in a headless browser."""

from __future__ import annotations

import io
import re
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from adotx.cli.errors import in_language
from adotx.documents.doubt import doubted
from adotx.documents.outputs import Choice, Document, write_report
from adotx.documents.outputs.report.words import WORDS
from adotx.documents.transcribe import PageResult, without_running
from adotx.errors import Sentence
from adotx.markdown import Paragraph, Table
from browsers import Seen, violations
from output_pages import HOSTILE, LINES, drawn, every_kind, page_of_blocks


def documents(folder: Path) -> list[Document]:
    """Two documents: one of a page with doubts and one that failed, one that says hostile things."""
    pages = []
    pictures = []
    for number in (1, 2):
        picture, page = drawn(LINES, number=number)
        pictures.append(picture)
        pages.append(page)
    pictures[0].save(folder / "a.tif", save_all=True, append_images=pictures[1:])
    line = replace(pages[0].lines[1], text=LINES[1].replace("1,234,567", doubted("1,234,567")), words=())
    block = Paragraph.of(line.text).at(pages[0].blocks[1].box)
    blocks = (pages[0].blocks[0], block, *pages[0].blocks[2:])
    first = replace(
        pages[0], lines=(pages[0].lines[0], line, *pages[0].lines[2:]), doubted=blocks, confidence=0.9
    )
    failed = PageResult(
        (), "failed", Sentence("nothing could be read where there is print"), 2, size=pages[1].size
    )
    picture, good = drawn(LINES[:2])
    picture.save(folder / "b.png")
    hostile = page_of_blocks(every_kind(HOSTILE), confidence=0.995, size=good.size, lines=good.lines)
    return [
        Document("보고서.tif", [first, failed], folder / "a.tif"),
        Document(f"{HOSTILE}.png", [hostile], folder / "b.png"),
    ]


def written(made: list[Document], language: str = "", **choice: Any) -> str:
    file = io.BytesIO()
    for each in made if language else ():
        each.say = lambda sentence: in_language(sentence, language)
    write_report(made, file, Choice(**choice), language)
    return file.getvalue().decode()


def order(html: str) -> list[str]:
    return re.findall(r'<section class="page" id="(\w+)"', html)


class TestFile:
    def test_worst_pages_come_first(self, tmp_path: Path) -> None:
        html = written(documents(tmp_path), "en")
        assert order(html) == ["d1p2", "d1p1", "d2p1"]
        assert re.findall(r'data-worst="(\d)" data-document="(\d)"', html) == [
            ("0", "1"),
            ("1", "0"),
            ("2", "2"),
        ]
        assert re.findall(r'<a href="#(\w+)"', html) == ["d1p2", "d1p1", "d2p1"]
        assert html.count("data:image/jpeg;base64,") == 3

    def test_it_asks_nobody(self, tmp_path: Path) -> None:
        html = written(documents(tmp_path))
        shown = html.replace("http-equiv", "")
        assert not re.search(r"https?:|@import|url\(", shown)
        policy = re.search(r'Content-Security-Policy" content="([^"]+)"', html)
        assert policy and policy[1].startswith("default-src &#x27;none&#x27;") and "unsafe" not in policy[1]

    def test_reasons_speak_the_language(self, tmp_path: Path) -> None:
        assert "nothing could be read where there is print" in written(documents(tmp_path), "en")
        assert "nothing could be read" not in written(documents(tmp_path), "ko")
        assert all(one and other and one != other for one, other in WORDS.values())

    def test_a_table_over_pages_stands_on_each_of_them(self) -> None:
        head = ["이름", "금액"]
        pages = [
            page_of_blocks((Table.of([head, [name, "1"]]).at((10.0, 20.0, 90.0, 60.0)),), number)
            for number, name in enumerate("가나", 1)
        ]
        joined = list(without_running(page for page in pages))
        assert joined[1].markdown == ""
        html = written([Document("a", joined)])
        first, second = (html[html.index(f'id="d1p{n}"') :].split("</section>")[0] for n in (1, 2))
        assert "<td>가</td>" in first and "<td>나</td>" not in first
        assert "<td>나</td>" in second and "<td>가</td>" not in second

    def test_a_page_that_cannot_be_shown(self, tmp_path: Path) -> None:
        (tmp_path / "a.png").write_bytes(b"\x89PNG\r\n\x1a\n" + bytes(100))
        page = page_of_blocks((Paragraph.of("글"),))
        html = written([Document("a.png", [page], tmp_path / "a.png")], "en")
        assert "There is no picture of this page." in html


@pytest.fixture
def opened(browser: Any, tmp_path: Path) -> Iterator[tuple[Any, Seen]]:
    """The report; at its end no script failed and nobody was asked."""
    path = tmp_path / "report.html"
    path.write_text(written(documents(tmp_path), "en"), encoding="utf-8")
    context = browser.new_context(viewport={"width": 1280, "height": 800})
    page = context.new_page()
    seen = Seen(page)
    page.goto(path.as_uri())
    yield page, seen
    assert not seen.errors
    assert all(asked.startswith((path.as_uri(), "data:")) for asked in seen.asked)
    context.close()


def current(page: Any) -> str:
    return page.get_attribute("nav a[aria-current]", "href")[1:]


def test_in_a_browser(opened: tuple[Any, Seen]) -> None:
    page, _ = opened
    assert page.title() == "What to check" and not violations(page)
    # What documents say is text.
    assert page.inner_text("#d2p1 h2") == f"{HOSTILE}.png, 1"
    assert page.inner_text("#d2p1-4 >> nth=0").endswith(HOSTILE)
    assert page.query_selector(".text img, .text script, nav img, .documents img") is None
    assert page.evaluate("document.title") == "What to check"

    # Keys walk through pages and doubtful figures; a figure shows its place.
    page.keyboard.press("j")
    assert current(page) == "d1p2"
    page.keyboard.press("j")
    assert current(page) == "d1p1"
    page.keyboard.press("k")
    page.keyboard.press("n")
    assert current(page) == "d1p1" and page.inner_text("mark.now") == "1,234,567"
    assert page.get_attribute("#d1p1 polygon.now", "data-said") == "1,234,567"
    share = """() => {
      const [box, sheet] = ["polygon.now", "img"].map((name) =>
        document.querySelector(`#d1p1 ${name}`).getBoundingClientRect());
      return (box.top + box.height / 2 - sheet.top) / sheet.height;
    }"""
    (_, top), _, (_, bottom), _ = drawn(LINES)[1].lines[1].quad
    assert abs(page.evaluate(share) - (top + bottom) / 2 / 900) < 0.01
    # A block shows its place.
    page.click("#d1p1-1")
    assert page.get_attribute("polygon.now", "data-block") == "d1p1-1"

    # In the order of the documents, and only what is to be checked.
    page.select_option("#order", "document")
    sections = page.locator("main .page")
    assert [sections.nth(n).get_attribute("id") for n in range(3)] == ["d1p1", "d1p2", "d2p1"]
    page.check("#only")
    assert not page.is_visible("#d2p1") and page.is_visible("#d1p2")
    page.uncheck("#only")

    page.click("#language")
    assert page.get_attribute("html", "lang") == "ko" and page.title() == "살펴볼 곳"
    assert page.inner_text("#d1p2 .grade") == "미흡"
    for _ in range(2):
        page.click("#theme")
        assert not violations(page)


def test_without_scripts(browser: Any, tmp_path: Path) -> None:
    path = tmp_path / "report.html"
    path.write_text(written(documents(tmp_path), "ko"), encoding="utf-8")
    context = browser.new_context(java_script_enabled=False)
    page = context.new_page()
    page.goto(path.as_uri())
    assert page.inner_text("h1") == "살펴볼 곳" and page.is_visible("#d1p1 img")
    context.close()
