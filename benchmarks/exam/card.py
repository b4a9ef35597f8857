"""The VL model card's own example of document transcription as a web page: in three widths and two families.

usage: python benchmarks/exam/card.py OUT --card FILE --fonts DIR [DIR ...]

FILE is the example's text, `../shared/cards/document_example.md`. Writes OUT/card/WIDTH-FAMILY.png and .md,
for `adotx evaluate transcription OUT --peer tesseract`. The style sheet is the browser's own.
"""

from __future__ import annotations

import argparse
import html
import tempfile
from pathlib import Path

from engines import cropped, find_browser, shown
from faces import Face, behind, find_faces

#: width in CSS pixels and pixels for each: a telephone, a window, a screen
WINDOWS = ((480, 2.0), (800, 1.5), (1200, 1.0))
#: one with serifs and one without, neither ever trained on
FAMILIES = ("Gowun Batang", "IBM Plex Sans KR")
#: more than the page needs at any width; what is empty is cut off
HEIGHT = 6000


def main(words: list[str] | None = None) -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("out", type=Path)
    parser.add_argument("--card", type=Path, required=True)
    parser.add_argument("--fonts", type=Path, nargs="+", required=True, help="with the exam's families")
    arguments = parser.parse_args(words)
    browser, faces = find_browser(), find_faces(arguments.fonts)
    text = arguments.card.read_text(encoding="utf-8")
    folder = arguments.out / "card"
    folder.mkdir(parents=True, exist_ok=True)
    for width, scale in WINDOWS:
        for family in FAMILIES:
            markup = web_page(text, [faces[family], *behind(faces[family], faces)])
            with tempfile.TemporaryDirectory() as at:
                image = shown(browser, markup, Path(at), (width, HEIGHT), scale)
            stem = folder / f"{width}-{family.replace(' ', '-')}"
            cropped(image, 40).save(stem.with_suffix(".png"))
            stem.with_suffix(".md").write_text(text, encoding="utf-8")
            print(stem, flush=True)


def web_page(markdown: str, faces: list[Face]) -> str:
    """Headings, bullets and paragraphs, all that the example has, as HTML."""
    style = "".join(
        f"@font-face {{ font-family: exam{number}; font-weight: {weight}; src: url('{path.as_uri()}') }}"
        for number, face in enumerate(faces)
        for weight, path in ((400, face.regular), (700, face.bold))
    )
    names = ", ".join(f"exam{number}" for number in range(len(faces)))
    body = "".join(map(_block, filter(None, (part.strip() for part in markdown.split("\n\n")))))
    style += f"body {{ font-family: {names}; margin: 24px; }}"
    return f"<!doctype html><html lang='ko'><meta charset='utf-8'><style>{style}</style><body>{body}</html>"


def _block(part: str) -> str:
    lines = [html.escape(line, quote=False) for line in part.splitlines()]
    if part.startswith("#"):
        level, text = len(part) - len(part.lstrip("#")), lines[0].lstrip("# ")
        return f"<h{level}>{text}</h{level}>"
    if part.startswith("- "):
        items = (line.removeprefix("- ") for line in lines)
        return f"<ul>{''.join(f'<li>{item}</li>' for item in items)}</ul>"
    return f"<p>{' '.join(lines)}</p>"


if __name__ == "__main__":
    main()
