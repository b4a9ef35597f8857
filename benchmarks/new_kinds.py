"""Kinds of documents that nano has not seen, to be taught by fine-tuning (docs/finetune.md).

`contours`: letters as thin contours, as plotters, sign makers and the covers of drawings have them. `relief`:
raised letters in the colour of their ground, as plates, dies and embossed paper have them: only their sides
are lighter or darker. In: fonts and corpora. Out: a folder of pages with their Markdown, for `adotx data
rows` and `adotx evaluate transcription`.

usage: python benchmarks/new_kinds.py KIND OUT FONTS --corpora FOLDER [--count N] [--split train|validation]
"""

from __future__ import annotations

import argparse
import json
import random
from pathlib import Path

import cv2
import numpy as np
from PIL import Image, ImageDraw, ImageFont

from adotx.data.corpora import documents
from adotx.data.fonts import FontFace, find_fonts, load, split_fonts
from adotx.data.split import split

#: letters of a line, lines of a page
_LINE, _LINES = (12, 26), (12, 12)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawTextHelpFormatter)
    parser.add_argument("kind", choices=KINDS)
    parser.add_argument("out", type=Path)
    parser.add_argument("fonts", help="folder with Hangul fonts")
    parser.add_argument("--corpora", required=True, type=Path, help="folder with the *.jsonl.zst files")
    parser.add_argument("--count", type=int, default=10)
    parser.add_argument("--split", choices=("train", "validation"), default="train")
    arguments = parser.parse_args()
    arguments.out.mkdir(parents=True, exist_ok=True)
    rng = random.Random(f"{arguments.kind}/{arguments.split}")
    faces = split_fonts(find_fonts([arguments.fonts]))[arguments.split == "validation"]
    faces = [face for face in faces if face.weight >= 400 and not face.handwriting]
    lines = read_lines(arguments.corpora, arguments.split, 40 * arguments.count)
    for number in range(arguments.count):
        said = rng.sample(lines, rng.randint(*_LINES))
        name = arguments.out / f"{number:03}"
        draw(arguments.kind, said, rng.choice(faces), rng).save(f"{name}.png")
        name.with_suffix(".md").write_text("\n\n".join(said) + "\n", encoding="utf-8")
        name.with_suffix(".json").write_text(json.dumps({"kind": arguments.kind}), encoding="utf-8")


def read_lines(corpora: Path, side: str, count: int) -> list[str]:
    """Lines of whole words from held-out texts, or from those that may be trained on."""
    rng, out = random.Random(side), []
    for document in documents(corpora, ["pairs", "laws"]):
        if split(document.key) != side:
            continue
        words = "".join(c for c in " ".join(document.text.split()[:60]) if c not in "#*|").split()
        line = ""
        most = rng.randint(*_LINE)
        for word in words:
            if line and len(line) + len(word) >= most:
                if any("가" <= c <= "힣" for c in line) and not line[0].isdigit() and line[0] not in "-+>`":
                    out.append(line)
                line, most = "", rng.randint(*_LINE)
            line = f"{line} {word}".strip()
        if len(out) >= count:
            break
    return out


def draw(kind: str, lines: list[str], face: FontFace, rng: random.Random) -> Image.Image:
    """A page of a kind, dark on light paper with a little noise."""
    drawn, papers = KINDS[kind]
    strips = drawn(lines, face, rng)
    gap = rng.uniform(1.3, 1.7)
    wide = max(strip.shape[1] for strip in strips) + 160
    ink = np.zeros((sum(round(strip.shape[0] * gap) for strip in strips) + 200, wide))
    y, left = 100, rng.randint(40, 110)
    for strip in strips:
        ink[y : y + strip.shape[0], left : left + strip.shape[1]] = strip
        y += round(strip.shape[0] * gap)
    paper, dark = rng.randint(*papers), rng.randint(0, 70)
    noise = np.random.default_rng(rng.randrange(2**32)).normal(0, rng.uniform(0, 5), ink.shape)
    return Image.fromarray((paper + (dark - paper) * ink + noise).clip(0, 255).astype(np.uint8))


def contours(lines: list[str], face: FontFace, rng: random.Random) -> list[np.ndarray]:
    """The outer two or three pixels of each stroke; of each line, ink in 0 to 1 [height, width]."""
    font = load(face, rng.randint(40, 56))
    out = []
    for line in lines:
        full, width = _full(line, font), rng.choice((2, 3))
        out.append((full - cv2.erode(full, np.ones((width, width), np.uint8))).astype(float))
    return out


def relief(lines: list[str], face: FontFace, rng: random.Random) -> list[np.ndarray]:
    """Raised strokes lit from the side; of each line, shade in -1 to 1 [height, width], above 0 dark."""
    font, way = load(face, rng.randint(40, 56)), np.pi * rng.uniform(1.1, 1.4)  # light from above, left
    soft, deep = rng.uniform(1, 1.8), rng.uniform(0.7, 1)
    out = []
    for line in lines:
        height = cv2.GaussianBlur(_full(line, font).astype(float), (0, 0), soft)
        slope = np.cos(way) * np.gradient(height, axis=1) + np.sin(way) * np.gradient(height, axis=0)
        out.append((slope / max(float(np.abs(slope).max()), 1e-6)) * deep)
    return out


#: what draws the lines of a kind, and how light its paper is
KINDS = {"contours": (contours, (225, 255)), "relief": (relief, (140, 200))}


def _full(line: str, font: ImageFont.FreeTypeFont) -> np.ndarray:
    """A line in one colour; uint8 [height, width] of 0 and 1."""
    up, down = font.getmetrics()
    image = Image.new("L", (int(font.getlength(line)) + 12, up + down + 8), 0)
    ImageDraw.Draw(image).text((6, 4), line, font=font, fill=255)
    return (np.asarray(image) > 110).astype(np.uint8)


if __name__ == "__main__":
    main()
