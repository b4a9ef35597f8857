"""Transcription of documents: order, window, failures and cancelling, with readers that need no model."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable
from pathlib import Path

import pytest
from PIL import Image

from adotx.documents import transcribe
from adotx.documents.readers import PageReading, TextLine
from adotx.documents.readers.page import VlmReader
from adotx.documents.readers.rows import RowReader
from adotx.documents.side_by_side import Cancelled, in_order
from adotx.documents.sources import PageImage, ReadPicture
from adotx.documents.transcribe import Transcriber
from adotx.engine import Output
from adotx.errors import AdotxError, Sentence
from adotx.markdown import Paragraph
from documents_fakes import Asked, DarkRows, checkpoint, glyph_page, row_model, said


def model(reader: str | None = "rows") -> object:
    return row_model(DarkRows()) if reader else Asked(lambda *_: said("글"))


def pdf(path: Path, pages: int) -> Path:
    """A PDF whose page n is 100 + n points wide."""
    images = [Image.new("RGB", (100 + n, 80), "white") for n in range(1, pages + 1)]
    images[0].save(path, save_all=True, append_images=images[1:], resolution=72)
    return path


class Reader:
    """A page reader made of a function of the page's number."""

    def __init__(self, read: Callable[[int, Callable[[], bool]], PageReading]) -> None:
        self._read = read

    def read(self, image: Image.Image, is_cancelled: Callable[[], bool]) -> PageReading:
        return self._read(image.width - 100, is_cancelled)


def transcriber(read: Callable[[int, Callable[[], bool]], PageReading], window: int = 2) -> Transcriber:
    made = Transcriber(model(), window)  # type: ignore[arg-type]
    made._reader = Reader(read)
    return made


def threads() -> set[str]:
    return {thread.name for thread in threading.enumerate() if thread.name.startswith("adotx")}


def test_the_checkpoint_says_how_pages_are_read() -> None:
    assert isinstance(Transcriber(model())._reader, RowReader)
    assert isinstance(Transcriber(model(None))._reader, VlmReader)
    text_only = row_model(DarkRows())
    text_only.checkpoint = checkpoint(tiles=None)
    with pytest.raises(AdotxError, match="text only"):
        Transcriber(text_only)


def test_pages_come_in_order_whichever_is_read_first(tmp_path: Path) -> None:
    def slow_when_odd(number: int, _: object) -> PageReading:
        time.sleep(0.05 * (number % 2))
        return PageReading((), "ok", f"page {number}")

    results = list(transcriber(slow_when_odd, 3).pages(pdf(tmp_path / "a.pdf", 9), dpi=72))
    assert [(r.number, r.reason) for r in results] == [(n, f"page {n}") for n in range(1, 10)]
    assert not threads()


def test_two_pages_are_read_side_by_side(tmp_path: Path) -> None:
    both = threading.Barrier(2, timeout=20)

    def read(number: int, _: object) -> PageReading:
        both.wait()  # breaks where one page waits for the other's end
        return PageReading((), "ok")

    results = list(transcriber(read).pages(pdf(tmp_path / "a.pdf", 4), dpi=72))
    assert [r.status for r in results] == ["ok"] * 4


@pytest.mark.parametrize("window", (1, 2, 3))
def test_at_most_the_window_is_alive(tmp_path: Path, window: int, monkeypatch: pytest.MonkeyPatch) -> None:
    lock, alive, most, opened = threading.Lock(), 0, 0, 0
    real = transcribe.open_pages

    def counted(*args: object, **options: object) -> object:
        for page in real(*args, **options):  # type: ignore[arg-type]

            def opening(page: object = page) -> Image.Image:
                nonlocal alive, most, opened
                with lock:
                    alive, opened = alive + 1, opened + 1
                    most = max(most, alive)
                return page.open()  # type: ignore[attr-defined]

            yield transcribe.PageImage(page.number, opening)  # no text of its own: it is read

    def read(number: int, _: object) -> PageReading:
        nonlocal alive
        time.sleep(0.01)
        with lock:
            alive -= 1
        return PageReading((), "ok")

    monkeypatch.setattr(transcribe, "open_pages", counted)
    pages = transcriber(read, window).pages(pdf(tmp_path / "a.pdf", 12), dpi=72)
    next(pages)
    time.sleep(0.3)
    # Whoever reads slowly is not overrun: what was read ahead is bounded as well.
    assert opened <= 2 * window
    assert len(list(pages)) == 11 and most <= window


def test_a_page_that_fails_costs_no_other(tmp_path: Path) -> None:
    def read(number: int, _: object) -> PageReading:
        if number == 2:
            raise AdotxError("engine.memory", "no room", "engine", "close something")
        if number == 3:
            raise ZeroDivisionError("division by zero")
        return PageReading((), "ok")

    results = list(transcriber(read).pages(pdf(tmp_path / "a.pdf", 5), dpi=72))
    assert [r.status for r in results] == ["ok", "failed", "failed", "ok", "ok"]
    assert "no room" in results[1].reason and "ZeroDivisionError: division by zero" in results[2].reason
    assert [r.number for r in results] == [1, 2, 3, 4, 5]


def test_a_real_page_fails_beside_another(tmp_path: Path) -> None:
    class Fails(DarkRows):
        def generate(self, requests: list) -> list[Output]:
            if not self.asked:
                self.asked.append((0, 0))
                raise AdotxError("engine.memory", "no room", "engine", "close something")
            return super().generate(requests)

    glyph_page(4).save(tmp_path / "two.pdf", save_all=True, append_images=[glyph_page(4)], resolution=150)
    results = list(Transcriber(row_model(Fails()), window=1).pages(tmp_path / "two.pdf"))
    assert [(r.number, r.status) for r in results] == [(1, "failed"), (2, "ok")]
    assert "no room" in results[0].reason and "줄" in results[1].markdown


def test_a_frame_that_cannot_be_decoded_is_a_failed_page(tmp_path: Path) -> None:
    path = tmp_path / "a.tif"
    frames = [Image.effect_noise((100 + n, 80), 50).convert("RGB") for n in (1, 2, 3)]
    frames[0].save(path, save_all=True, append_images=frames[1:], compression="tiff_deflate")
    data = bytearray(path.read_bytes())
    with Image.open(path) as file:
        file.seek(1)
        start, length = file.tag_v2[273][0], file.tag_v2[279][0]  # where its pixels are
    data[start : start + length] = bytes(length)
    path.write_bytes(data)
    results = list(transcriber(lambda *_: PageReading((), "ok")).pages(path))
    assert [r.status for r in results] == ["ok", "failed", "ok"]
    assert "page 2" in results[1].reason


def test_a_picture_that_cannot_be_opened_raises(tmp_path: Path) -> None:
    (tmp_path / "a.png").write_bytes(b"")
    with pytest.raises(AdotxError, match=r"a\.png"):
        list(Transcriber(model()).pages(tmp_path / "a.png"))  # type: ignore[arg-type]
    assert not threads()


def page_giving(reading: PageReading | Exception | None, opens: bool = True) -> PageImage:
    """A page of a file that gives its text."""

    def given(read: ReadPicture) -> PageReading | None:
        if isinstance(reading, Exception):
            raise reading
        return reading

    return PageImage(1, (lambda: Image.new("RGB", (101, 80))) if opens else None, given=given)


def test_what_a_file_says_itself_is_taken_before_its_picture_is_read() -> None:
    line = TextLine("글", ((0, 0), (9, 0), (9, 5), (0, 5)))
    layer = PageReading((Paragraph.of("글"),), text_source="layer", lines=(line,), size=(101, 80))
    read = transcriber(lambda number, _: PageReading((), "ok", f"page {number}"))
    [result] = read.results([page_giving(layer)], "a.pdf")
    assert (result.text_source, result.markdown, result.lines, result.size) == (
        *("layer", "글", (line,), (101, 80)),
    )
    for none in (page_giving(None), page_giving(RuntimeError("a fault"))):
        none.notes.append(Sentence("said why"))
        [result] = read.results([none], "a.pdf")
        assert (result.status, result.text_source, result.size) == ("ok", "pixels", (101, 80))
        assert result.reason.startswith("said why; ") and result.reason.endswith("; page 1")
    with pytest.raises(AdotxError, match="damaged"):
        list(read.results([page_giving(AdotxError("pdf.damaged", "damaged", "a.pdf"))], "a.pdf"))
    without = Transcriber.reading_with(read._reader, text_layer=False)
    assert [r.reason for r in without.results([page_giving(layer)], "a.pdf")] == ["page 1"]


def test_a_file_without_pictures_gives_its_text_or_fails() -> None:
    said = PageReading((Paragraph.of("글"),), text_source="hwpx")
    read = Transcriber.reading_with(Reader(lambda *_: PageReading(())), text_layer=False)
    [result] = read.results([page_giving(said, opens=False)], "a.hwpx")
    assert (result.text_source, result.status, result.size) == ("hwpx", "ok", None)
    for none in (None, RuntimeError("a fault")):
        [result] = read.results([page_giving(none, opens=False)], "a.hwpx")
        assert result.status == "failed" and result.reason


def test_a_picture_inside_of_a_page_is_read_by_the_model() -> None:
    def given(read: ReadPicture) -> PageReading:
        inner = read(Image.new("RGB", (107, 80)))
        return PageReading((), "ok", inner.reason, text_source="layer", size=(300, 200))

    read = transcriber(lambda number, _: PageReading((), "ok", f"picture {number}"))
    [result] = read.results([PageImage(1, lambda: Image.new("RGB", (1, 1)), given=given)], "a.pdf")
    assert (result.reason, result.size) == ("picture 7", (300, 200))


def test_leaving_early_cancels_what_runs(tmp_path: Path) -> None:
    begun, cancelled = [], []

    def read(number: int, is_cancelled: Callable[[], bool]) -> PageReading:
        begun.append(number)
        deadline = time.monotonic() + 20
        while number > 1 and not is_cancelled() and time.monotonic() < deadline:
            time.sleep(0.005)
        if is_cancelled():
            cancelled.append(number)
            raise Cancelled
        return PageReading((), "ok")

    pages = transcriber(read).pages(pdf(tmp_path / "a.pdf", 20), dpi=72)
    assert next(pages).number == 1
    pages.close()
    assert not threads()
    assert max(begun) <= 5 and sorted(cancelled) == [n for n in sorted(begun) if n > 1]


@pytest.mark.parametrize("interrupt", (KeyboardInterrupt, SystemExit))
def test_an_interrupted_reader_leaves_no_thread(tmp_path: Path, interrupt: type[BaseException]) -> None:
    def read(number: int, is_cancelled: Callable[[], bool]) -> PageReading:
        while number > 1 and not is_cancelled():
            time.sleep(0.005)
        return PageReading((), "ok")

    with pytest.raises(interrupt):
        for _ in transcriber(read).pages(pdf(tmp_path / "a.pdf", 5), dpi=72):
            raise interrupt
    assert not threads()


def test_failures_of_items_and_functions_come_in_their_place() -> None:
    def items() -> object:
        yield from (1, 2, 3)
        raise OSError("no more")

    got = []
    with pytest.raises(OSError, match="no more"):
        for result in in_order(lambda item, _: item * 10, items(), 2):  # type: ignore[call-overload]
            got.append(result)
    assert got == [10, 20, 30]
    with pytest.raises(ZeroDivisionError):
        list(in_order(lambda item, _: 1 // item, (1, 0, 2), 3))
    assert not threads()


def test_what_is_inside_is_cancelled_with_what_is_around_it() -> None:
    running, stop = threading.Event(), threading.Event()

    def inner(_: int, is_cancelled: Callable[[], bool]) -> None:
        running.set()
        while not is_cancelled():
            time.sleep(0.005)
        raise Cancelled

    def outer() -> None:
        with pytest.raises(Cancelled):
            list(in_order(inner, (1, 2), 2, stop.is_set))

    thread = threading.Thread(target=outer)
    thread.start()
    assert running.wait(10)
    stop.set()
    thread.join(10)
    assert not thread.is_alive() and not threads()


def test_a_reader_of_whole_tiles_is_refused() -> None:
    with pytest.raises(AdotxError, match="train nano start="):
        Transcriber(row_model(None, answer=""))
