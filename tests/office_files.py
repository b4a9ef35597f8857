"""Small packages to read: zip files of given parts, and HWPX files with given text."""

from __future__ import annotations

import io
import zipfile
from collections.abc import Mapping
from pathlib import Path

from PIL import Image

from adotx.documents.readers import PageReading
from adotx.documents.sources import open_pages
from adotx.markdown import Paragraph, to_markdown

_NAMES = (
    'xmlns:hp="http://www.hancom.co.kr/hwpml/2011/paragraph" '
    'xmlns:hs="http://www.hancom.co.kr/hwpml/2011/section" '
    'xmlns:hh="http://www.hancom.co.kr/hwpml/2011/head" xmlns:hc="http://www.hancom.co.kr/hwpml/2011/core"'
)


def packed(path: Path, parts: Mapping[str, str | bytes]) -> Path:
    """A zip file of parts."""
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as file:
        for name, data in parts.items():
            file.writestr(name, data)
    return path


def numbered_head(*levels: tuple[str, str], kind: str = "NUMBER") -> str:
    """A header whose paragraphs 1, 2, ... have the levels of numbering 1: (format, text)."""
    numbered = "".join(
        f'<hh:paraHead level="{n}" start="1" numFormat="{form}">{text}</hh:paraHead>'
        for n, (form, text) in enumerate(levels, 1)
    )
    paras = "".join(
        f'<hh:paraPr id="{n}"><hh:heading type="{kind}" idRef="1" level="{n - 1}"/></hh:paraPr>'
        for n in range(1, len(levels) + 1)
    )
    return f'<hh:numbering id="1">{numbered}</hh:numbering>{paras}'


def hwpx(path: Path, body: str, head: str = "", **more: str | bytes) -> Path:
    """A HWPX file.

    Args:
        body: the inside of its section.
        head: the inside of its header.
        more: other parts, ``__`` for ``/`` in their names.
    """
    parts: dict[str, str | bytes] = {
        "mimetype": "application/hwp+zip",
        "Contents/header.xml": f"<hh:head {_NAMES}><hh:refList>{head}</hh:refList></hh:head>",
        "Contents/section0.xml": f"<hs:sec {_NAMES}>{body}</hs:sec>",
    }
    parts |= {name.replace("__", "/"): data for name, data in more.items()}
    return packed(path, parts)


def p(inside: str, para: str = "0", char: str = "0") -> str:
    """A paragraph of one run; text without tags is its text."""
    if not inside.startswith("<"):
        inside = f"<hp:t>{inside}</hp:t>"
    return f'<hp:p paraPrIDRef="{para}" styleIDRef="0"><hp:run charPrIDRef="{char}">{inside}</hp:run></hp:p>'


def cell(row: int, column: int, inside: str, rows: int = 1, columns: int = 1) -> str:
    """A cell of a table."""
    return (
        f'<hp:tc header="0"><hp:subList>{inside}</hp:subList>'
        f'<hp:cellAddr colAddr="{column}" rowAddr="{row}"/>'
        f'<hp:cellSpan colSpan="{columns}" rowSpan="{rows}"/></hp:tc>'
    )


def tbl(*rows: str) -> str:
    """A table; each row the cells of it."""
    return f"<hp:tbl>{''.join(f'<hp:tr>{row}</hp:tr>' for row in rows)}</hp:tbl>"


def says(image: Image.Image) -> PageReading:
    """A model that says how large a picture is."""
    return PageReading((Paragraph.of(f"{image.width} x {image.height}"),), confidence=0.5)


def reading(path: Path, **options: object) -> PageReading:
    """What the one page of a file says."""
    [page] = open_pages(path, **options)  # type: ignore[arg-type]
    assert page.open is None and page.given is not None
    found = page.given(says)
    assert found is not None
    return found


def markdown(path: Path, **options: object) -> str:
    """The same as Markdown."""
    return to_markdown(reading(path, **options).blocks)


def png(width: int, height: int) -> bytes:
    """A picture file."""
    file = io.BytesIO()
    Image.new("RGB", (width, height), "white").save(file, "PNG")
    return file.getvalue()
