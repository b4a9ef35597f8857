"""Sources of pages: what is found, which pages come, and what bad input says."""

from __future__ import annotations

import os
import threading
from pathlib import Path

import pytest
from PIL import Image, ImageDraw

from adotx.documents.sources import Found, find_documents, open_pages
from adotx.errors import AdotxError
from adotx.vision import Limits


def picture(width: int = 60, height: int = 40, colour: str = "white") -> Image.Image:
    image = Image.new("RGB", (width, height), colour)
    ImageDraw.Draw(image).rectangle((5, 5, 20, 20), fill="black")
    return image


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    for name in ("page10.png", "page2.PNG", "page1.jpg"):
        picture().save(tmp_path / name, "JPEG" if name.endswith("jpg") else "PNG")
    (tmp_path / "notes.txt").write_text("no document")
    (tmp_path / ".hidden.png").write_bytes(b"")
    (tmp_path / "folder.png").mkdir()
    return tmp_path


def test_folder_gives_its_documents_in_natural_order(folder: Path) -> None:
    found = find_documents(folder)
    assert [p.name for p in found.documents] == ["page1.jpg", "page2.PNG", "page10.png"]
    assert [p.name for p in found.skipped] == ["folder.png", "notes.txt"]
    assert find_documents(folder / "notes.txt") == Found([folder / "notes.txt"])


def test_folder_without_documents_and_missing_files_are_refused(tmp_path: Path) -> None:
    for path, code in [(tmp_path, "input.no_documents"), (tmp_path / "x.png", "input.missing")]:
        with pytest.raises(AdotxError) as caught:
            find_documents(path)
        assert caught.value.code == code and str(path) in str(caught.value)


def test_content_decides_not_the_name(folder: Path) -> None:
    odd = folder / "scan.pdf"
    odd.write_bytes((folder / "page10.png").read_bytes())
    [page] = open_pages(odd)
    assert (page.number, page.open().size) == (1, (60, 40))


def test_tiff_pages_and_pdf_pages(tmp_path: Path) -> None:
    frames = [picture(60 + n, 40, "white") for n in range(3)]
    frames[0].save(tmp_path / "many.tif", save_all=True, append_images=frames[1:])
    assert [p.open().size for p in open_pages(tmp_path / "many.tif")] == [(60, 40), (61, 40), (62, 40)]
    frames[0].save(tmp_path / "two.pdf", save_all=True, append_images=frames[1:2], resolution=72)
    pages = [(p.number, p.open()) for p in open_pages(tmp_path / "two.pdf", dpi=144)]
    assert [(n, i.mode, i.size) for n, i in pages] == [(1, "RGB", (120, 80)), (2, "RGB", (122, 80))]


def test_pdf_page_is_rendered_within_the_pixel_limit(tmp_path: Path) -> None:
    picture(600, 400).save(tmp_path / "large.pdf", resolution=72)
    [page] = open_pages(tmp_path / "large.pdf", Limits(max_pixels=60_000), dpi=300)
    image = page.open()
    assert 50_000 < image.width * image.height <= 61_000


@pytest.mark.parametrize(
    "name,content,codes",
    [
        ("empty.png", b"", {"image.empty"}),
        ("text.png", b"hello, I am text " * 99, {"input.unknown"}),
        ("broken.pdf", b"%PDF-1.7\n" + b"junk " * 99, {"pdf.damaged"}),
        ("broken.tif", b"II*\0" + b"\xff" * 99, {"input.unknown", "image.corrupt", "image.truncated"}),
    ],
)
def test_bad_files_say_what_and_where_in_one_line(
    tmp_path: Path, name: str, content: bytes, codes: set
) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(AdotxError) as caught:
        [page.open() for page in open_pages(tmp_path / name)]
    assert caught.value.code in codes
    assert name in str(caught.value) and "\n" not in str(caught.value) and caught.value.remedy


def test_truncated_bomb_and_animation(tmp_path: Path) -> None:
    picture(300, 300).save(tmp_path / "whole.png")
    (tmp_path / "cut.png").write_bytes((tmp_path / "whole.png").read_bytes()[:200])
    picture().save(tmp_path / "moving.gif", save_all=True, append_images=[picture(colour="red")])
    Image.new("1", (30_000, 30_000)).save(tmp_path / "bomb.png")
    for name, code in [
        ("cut.png", "image.truncated"),
        ("moving.gif", "image.animated"),
        ("bomb.png", "image.too_many_pixels"),
    ]:
        with pytest.raises(AdotxError) as caught:
            [page.open() for page in open_pages(tmp_path / name)]
        assert caught.value.code == code, name


def test_a_pipe_is_read_and_named_in_errors(tmp_path: Path) -> None:
    for content, code in [(pdf_bytes(tmp_path), ""), (b"no picture", "input.unknown")]:
        pipe = tmp_path / f"pipe{len(content)}"
        os.mkfifo(pipe)
        writer = threading.Thread(target=pipe.write_bytes, args=(content,))
        writer.start()
        pages = list(open_pages(pipe))
        writer.join()
        if code:
            with pytest.raises(AdotxError) as caught:
                pages[0].open()
            assert (caught.value.code, caught.value.where) == (code, str(pipe))
        else:
            assert [page.open().size for page in pages] == [(167, 112)] * 2


def test_a_damaged_picture_is_told(tmp_path: Path) -> None:
    content = pdf_bytes(tmp_path)
    second = content.rindex(b"\xff\xd8\xff")
    (tmp_path / "bad.pdf").write_bytes(content[: second + 20] + bytes(300) + content[second + 320 :])
    pages = list(open_pages(tmp_path / "bad.pdf"))
    for page in pages:
        page.open()
    assert [len(page.missing) for page in pages] == [0, 1]


def pdf_bytes(folder: Path) -> bytes:
    """Two pages of 60 x 40 points, each a JPEG."""
    picture().save(folder / "two.pdf", save_all=True, append_images=[picture()], resolution=72)
    return (folder / "two.pdf").read_bytes()


def test_folder_instead_of_file_is_refused(tmp_path: Path) -> None:
    with pytest.raises(AdotxError, match="folder"):
        list(open_pages(tmp_path))
