"""The tile plan against the published rule, the pixels against the published processor's hashes."""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace
from fractions import Fraction
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from PIL import Image

from adotx.checkpoint.config import TileRule
from adotx.errors import AdotxError
from adotx.vision import explain, open_image, pixels, plan, tile_pixels
from adotx.vision.plan import grids

RULE = TileRule()


def picture(width: int, height: int, seed: int, mode: str) -> Image.Image:
    """The golden file's picture."""
    y, x = np.mgrid[0:height, 0:width].astype(np.int64)
    noise = np.random.RandomState(seed).randint(0, 64, (height, width))
    channels = (7 * x + 3 * y + noise, 2 * x + 11 * y + noise, x * y + noise)
    return Image.fromarray(np.stack([c % 256 for c in channels], -1).astype(np.uint8)).convert(mode)


@pytest.mark.parametrize("published", [False, True])
def test_pixels_equal_the_published_hashes(shared: Path, published: bool) -> None:
    cases = json.loads((shared / "ax4/golden/images.json").read_text())["cases"]
    assert len(cases) == 14
    for case in cases:
        image = picture(case["width"], case["height"], case["seed"], case["mode"])
        values = pixels(open_image(image, published=published), RULE)
        assert list(values.shape) == case["shape"] and values.dtype == np.float32
        assert values.flags.c_contiguous
        assert hashlib.sha256(values.tobytes()).hexdigest() == case["sha256"], case
        chosen = plan(case["width"], case["height"], RULE)
        assert (chosen.tiles, chosen.tokens) == (case["num_tiles"], case["num_tiles"] * 144)


@pytest.mark.parametrize(
    ("size", "grid", "tiles"),
    [
        ((384, 384), (1, 1), 1), ((500, 500), (1, 1), 1), ((700, 700), (2, 2), 5), ((1000, 1000), (3, 3), 10),
        ((640, 480), (4, 3), 13), ((1024, 768), (4, 3), 13), ((1920, 1080), (4, 2), 9),
        ((2480, 3508), (2, 3), 7), ((3508, 2480), (4, 3), 13), ((4000, 300), (12, 1), 13),
        ((1, 1), (1, 1), 1),
    ],
)  # fmt: skip
def test_plan_table_of_the_published_processor(size: tuple, grid: tuple, tiles: int) -> None:
    chosen = plan(*size, RULE)
    assert (chosen.cols, chosen.rows, chosen.tiles, chosen.tokens) == (*grid, tiles, tiles * 144)
    assert chosen.canvas == (grid[0] * 384, grid[1] * 384)
    assert chosen.thumbnail == (tiles > 1)


def published_grid(width: int, height: int, most: int, size: int = 384) -> tuple[int, int]:
    """The rule from its description, with the unordered set that the published code sorts."""
    pairs = {(c, r) for n in range(1, most + 1) for c in range(1, n + 1) for r in range(1, n + 1)}
    best, nearest = (1, 1), float("inf")
    for c, r in sorted((p for p in pairs if p[0] * p[1] <= most), key=lambda p: p[0] * p[1]):
        distance = abs(width / height - c / r)
        if distance < nearest or (distance == nearest and width * height > 0.5 * size * size * c * r):
            best = (c, r)
        nearest = min(nearest, distance)
    return best


@settings(max_examples=300, deadline=None)
@given(st.integers(1, 6000), st.integers(1, 6000), st.sampled_from([1, 2, 6, 12, 24]))
def test_plan_equals_the_rule(width: int, height: int, most: int) -> None:
    chosen = plan(width, height, replace(RULE, max_tiles=most))
    assert (chosen.cols, chosen.rows) == published_grid(width, height, most)


def test_no_exact_tie_of_equal_areas_can_win() -> None:
    """Why the order inside one area is free: half way between two such grids another grid is nearer."""
    for most in (12, 24):
        pairs = grids(1, most)
        for a in pairs:
            for b in pairs:
                if a < b and a[0] * a[1] == b[0] * b[1]:
                    middle = (Fraction(*a) + Fraction(*b)) / 2
                    distance = abs(middle - Fraction(*a))
                    assert any(abs(middle - Fraction(*g)) < distance for g in pairs), (a, b)


def test_35_grids_of_12_tiles() -> None:
    assert len(grids(1, 12)) == 35


@pytest.mark.parametrize("size", [(0, 10), (10, 0), (-1, 5)])
def test_plan_refuses_empty_pictures(size: tuple) -> None:
    with pytest.raises(AdotxError) as caught:
        plan(*size, RULE)
    assert caught.value.code == "image.size"


def test_plan_refuses_a_rule_without_grids() -> None:
    with pytest.raises(AdotxError) as caught:
        plan(10, 10, replace(RULE, min_tiles=5, max_tiles=3))
    assert caught.value.code == "tiles.rule"
    with pytest.raises(AdotxError, match=r"1,000,000,000 tiles"):
        plan(10, 10, replace(RULE, max_tiles=10**9))  # a list of its grids would fill the memory


def test_other_rules() -> None:
    rule = replace(RULE, tile_size=32, max_tiles=24, use_thumbnail=False, tokens_per_tile=4)
    chosen = plan(2480, 3508, rule)
    assert (chosen.cols, chosen.rows, chosen.tiles, chosen.tokens) == (4, 6, 24, 96) or not chosen.thumbnail
    values = pixels(picture(248, 350, 0, "RGB"), rule)
    assert values.shape == (plan(248, 350, rule).tiles, 3, 32, 32)


def test_tiles_come_in_reading_order_and_the_thumbnail_last() -> None:
    image = Image.new("RGB", (768, 768))
    for n, box in enumerate([(0, 0), (384, 0), (0, 384), (384, 384)]):
        image.paste((n * 60, 0, 0), (*box, box[0] + 384, box[1] + 384))
    values = pixels(image, RULE)
    reds = [round(float(tile[0, 190, 190]) * 127.5 + 127.5) for tile in values[:4]]
    assert reds == [0, 60, 120, 180]
    whole = np.asarray(image.resize((384, 384), Image.Resampling.BICUBIC))[..., 0]
    assert np.array_equal(np.rint(values[4, 0] * 127.5 + 127.5), whole)


def test_mean_and_deviation_per_channel() -> None:
    rule = replace(RULE, image_mean=(0.1, 0.2, 0.3), image_std=(0.5, 0.25, 1.0))
    values = pixels(Image.new("RGB", (4, 4), (255, 0, 51)), rule)
    expected = [(1 - 0.1) / 0.5, (0 - 0.2) / 0.25, (0.2 - 0.3) / 1.0]
    assert np.allclose(values[0, :, 0, 0], expected, atol=1e-6)


def test_pixels_takes_rgb_only() -> None:
    with pytest.raises(AdotxError) as caught:
        pixels(Image.new("RGBA", (4, 4)), RULE)
    assert caught.value.code == "image.mode" and "open_image" in str(caught.value)


def test_explain_says_how_many_and_why() -> None:
    text = explain(2480, 3508, RULE)
    assert "2 x 3" in text and "1,008 = 7 x 144" in text and "thumbnail" in text and "35 grids" in text
    tie = explain(700, 700, RULE)
    assert "1 x 1, 2 x 2, 3 x 3" in tie and "more than half" in tie
    single = explain(100, 100, replace(RULE, max_tiles=1))
    assert "144 = 1 x 144" in single and "thumbnail" not in single


@pytest.mark.parametrize(
    "mean, std", [(0.5, 0.5), ((0.1, 0.2, 0.3), (0.5, 0.25, 1.0)), ((0.48, 0.46, 0.41), 0.27)]
)
@pytest.mark.parametrize("size", (32, 384))
def test_a_ready_grey_tile_needs_no_picture(mean: object, std: object, size: int) -> None:
    rule = replace(RULE, tile_size=size, image_mean=mean, image_std=std)
    grey = np.random.default_rng(size).integers(0, 256, (size, size), np.uint8)
    grey[0, :] = np.arange(256, dtype=np.uint8)[np.arange(size) % 256]
    made = tile_pixels(grey, rule)
    expected = pixels(Image.fromarray(grey).convert("RGB"), rule)
    assert made.dtype == np.float32 and made.flags.c_contiguous and made.shape == (1, 3, size, size)
    assert made.tobytes() == expected.tobytes()
