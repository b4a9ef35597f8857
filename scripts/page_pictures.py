"""The pictures of docs/documents.md: a folder in, four PNG files out, of the server's page in a browser.

nano reads a document that is made here; the answers in the conversation are given, for nano only reads.
Needs the development extra and chromium: python scripts/page_pictures.py docs
"""

from __future__ import annotations

import os
import shutil
import sys
import tempfile
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from PIL import Image
from playwright.sync_api import Browser, Page, sync_playwright

sys.path.insert(0, str(Path(__file__).resolve().parent.parent / "tests"))

from adotx.checkpoint import open_checkpoint
from adotx.cli.errors import in_language
from adotx.engine import Engine
from adotx.model import Model
from adotx.server.reading import Documents
from adotx.server.settings import Settings
from checkpoint_toys import toy_checkpoint
from mock_backend import MockBackend
from scripted_answers import says
from serving import serving

SIZE = {"width": 1280, "height": 800}
DOCUMENT = """<!doctype html><html lang="ko"><meta charset="utf-8"><style>
@page{size:A4;margin:22mm 20mm}body{font:11pt/1.75 "Noto Sans KR";color:#111;word-break:keep-all}
h1{font-size:20pt;margin:0 0 6mm;line-height:1.3}h2{font-size:14pt;margin:8mm 0 2mm}p{margin:0 0 3mm}
table{border-collapse:collapse;width:100%;font-size:10.5pt;margin:3mm 0}ul{padding-left:6mm;margin:0 0 3mm}
td,th{border:1px solid #333;padding:2mm 3mm;text-align:left;font-weight:400}th{background:#f0f0f0}
</style><h1>도서관 야간 개방 시범 운영 안내</h1>
<p>시민 여러분의 의견을 모아 오는 3월부터 중앙도서관과 두 분관을 밤 10시까지 엽니다. 시범 운영은 석 달 동안
이어지며, 이용하신 분들의 의견을 들어 계속할지 정합니다.</p>
<h2>운영 시간과 자리</h2>
<table><tr><th>구분</th><th>도서관</th><th>운영 시간</th><th>열람 자리</th></tr>
<tr><td rowspan="2">평일</td><td>중앙도서관</td><td>09:00~22:00</td><td>320석</td></tr>
<tr><td>강변분관</td><td>09:00~21:00</td><td>84석</td></tr>
<tr><td>주말</td><td>중앙도서관</td><td>10:00~18:00</td><td>320석</td></tr></table>
<h2>이용 방법</h2>
<ul><li>오후 6시가 지나면 정문 대신 동쪽 문으로 들어옵니다.</li>
<li>회원증이 없어도 신분증을 보이면 자리를 쓸 수 있습니다.</li>
<li>늦은 시간에는 어린이 자료실을 닫습니다.</li></ul>
<p>궁금한 점은 운영과로 전화해 주십시오. 전화번호는 031-555-0142이고,
평일 오전 9시부터 오후 6시까지 받습니다.</p>
<h2 style="break-before:page">드는 돈</h2>
<p>시범 운영에 드는 돈은 모두 48,600,000원이며, 다음과 같이 나누어 씁니다.</p>
<table><tr><th>항목</th><th>금액(원)</th></tr><tr><td>인건비</td><td>31,200,000</td></tr>
<tr><td>전기와 난방</td><td>12,900,000</td></tr><tr><td>안내문과 홍보</td><td>4,500,000</td></tr></table>
<p>남는 돈이 생기면 새 책을 사는 데 씁니다.</p></html>"""
CALL = '<tool_call>{"name": "find_text", "arguments": {"words": "인건비"}}</tool_call>'
ANSWERS = {
    "평일에는 몇 시까지 하나요?": (
        "평일에는 두 곳이 서로 다른 시간까지 엽니다.\n\n| 도서관 | 시간 |\n| --- | --- |\n"
        "| **중앙도서관** | 09:00~22:00 |\n| 강변분관 | 09:00~21:00 |\n\n"
        "오후 6시가 지나면 동쪽 문으로 들어가세요."
    ),
    "인건비는 얼마인가요?": f"문서에서 찾아보겠습니다.{CALL}",
}


class Talker(Model):
    """Says what is in `ANSWERS`; sees no pictures."""

    def _ask(self, messages: Any, **options: Any) -> Any:
        def text(content: Any) -> Any:
            return content[-1]["text"] if isinstance(content, list) else content

        seen = [{**each, "content": text(each.get("content"))} for each in messages]
        answer = ANSWERS.get(seen[-1]["content"] or "", "인건비는 **31,200,000원**입니다.")
        options["constraint"] = says(self.checkpoint.tokenizer.encode_with_specials(answer))
        return super()._ask(seen, **options)


def talker(folder: Path) -> Talker:
    """A model without weights."""
    backend = MockBackend(vocabulary=320, context=20_000, block_size=16)
    checkpoint = open_checkpoint(toy_checkpoint(folder))
    return Talker(checkpoint, Engine(backend, kv_memory=20_000), local_files=False)


def made_pdf(browser: Browser) -> bytes:
    page = browser.new_page()
    page.set_content(DOCUMENT)
    return page.pdf(prefer_css_page_size=True, print_background=True)


def opened(browser: Browser, url: str, language: str, theme: Any, pdf: bytes) -> Page:
    """The page with the document read."""
    page = browser.new_context(locale=language, color_scheme=theme, viewport=SIZE).new_page()  # type: ignore[arg-type]
    page.set_default_timeout(300_000)
    page.goto(url)
    name = "도서관 야간 개방.pdf"
    page.set_input_files("#file", [{"name": name, "mimeType": "application/pdf", "buffer": pdf}])
    page.wait_for_selector("#results:not([hidden])")
    return page


def mark(page: Page) -> None:
    """A table, and where it stands."""
    page.locator("#text td").first.click()


def talk(page: Page) -> None:
    """Two questions, one with a tool."""
    page.click("#tab-ask")
    for question, answered in zip(ANSWERS, ("#log table", "#log strong >> text=31,200,000"), strict=True):
        page.fill("#question", question)
        page.press("#question", "Enter")
        page.wait_for_selector(answered)
        page.wait_for_selector("#send:text-matches('Send|보내기')")
        if not page.is_checked("#document-tools"):
            page.click("#tools summary")
            page.check("#document-tools")
            page.click("#tools summary")


def fonts(folder: Path) -> dict[str, str]:
    """An environment in which the browser finds the development extra's Hangul."""
    spec = find_spec("pylopdf_fonts_ko")
    assert spec and spec.submodule_search_locations, "pip install 'adotx[dev]'"
    file = folder / "fonts.conf"
    file.write_text(
        f"<fontconfig><dir>{next(iter(spec.submodule_search_locations))}</dir><dir>/usr/share/fonts</dir>"
        f"<cachedir>{folder}</cachedir><alias><family>monospace</family><prefer><family>DejaVu Sans Mono"
        "</family></prefer></alias></fontconfig>"
    )
    return {**os.environ, "FONTCONFIG_FILE": str(file)}


def save(page: Page, file: Path) -> None:
    """As a picture of few colours, which is small."""
    page.screenshot(path=file)
    with Image.open(file) as picture:
        picture.convert("RGB").quantize(255, dither=Image.Dither.NONE).save(file, optimize=True)
    print(f"{file}: {file.stat().st_size // 1000} kB")


def main(folder: Path) -> None:
    settings = Settings(access_log=False, model_name="example")
    with (
        tempfile.TemporaryDirectory() as work,
        serving(talker(Path(work, "toy")), settings) as (url, service),
        sync_playwright() as driver,
    ):
        service.documents, service.say = Documents(Model.open("nano"), settings), in_language
        browser = driver.chromium.launch(
            executable_path=shutil.which("chromium"), args=["--no-sandbox"], env=fonts(Path(work))
        )
        pdf = made_pdf(browser)
        for language, theme, do in (
            ("ko-KR", "light", mark),
            ("ko-KR", "dark", talk),
            ("en-US", "light", talk),
            ("en-US", "dark", mark),
        ):
            page = opened(browser, url, language, theme, pdf)
            do(page)
            page.wait_for_timeout(600)
            save(page, folder / f"page-{language[:2]}-{theme}.png")
        browser.close()


if __name__ == "__main__":
    main(Path(sys.argv[1]))
