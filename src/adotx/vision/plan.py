"""The one tile formula: picture size in, grid of tiles and token count out. Integers only, no pixels.

The grid choice is the InternVL rule as A.X 4.0 VL Light applies it: among all grids of ``min_tiles`` to
``max_tiles`` tiles take the one whose columns/rows ratio is nearest to width/height; on an exact tie take a
larger grid only when the picture has more than half of that grid's pixels. More than one tile: a thumbnail of
the whole picture follows the tiles.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache

from adotx.errors import AdotxError, Sentence

#: tiles of a picture at most, for a rule from a file or a request: ten times what any context holds, and few
#: enough to list all grids
MOST_TILES = 10_000


@dataclass(frozen=True)
class TileRule:
    """How images become tiles; the defaults are those of A.X 4.0 VL Light.

    Attributes:
        tile_size: the side of a tile in pixels.
        min_tiles, max_tiles: limits of the grid, the thumbnail not counted.
        use_thumbnail: whether the whole image follows the tiles where there is more than one.
        tokens_per_tile: image tokens of one tile.
        image_mean, image_std: normalisation of each channel, for values scaled to 0..1.
    """

    tile_size: int = 384
    min_tiles: int = 1
    max_tiles: int = 12
    use_thumbnail: bool = True
    tokens_per_tile: int = 144
    image_mean: tuple[float, float, float] = (0.5, 0.5, 0.5)
    image_std: tuple[float, float, float] = (0.5, 0.5, 0.5)

    @property
    def max_image_tokens(self) -> int:
        """Tokens of the largest image: every tile and the thumbnail."""
        thumbnail = self.use_thumbnail and self.max_tiles > 1
        return (self.max_tiles + int(thumbnail)) * self.tokens_per_tile


@dataclass(frozen=True)
class TilePlan:
    """How one picture is cut.

    Attributes:
        cols, rows: the grid, without the thumbnail.
        thumbnail: whether one tile with the whole picture follows the grid.
        tiles: all tiles, thumbnail included.
        tokens: image tokens of the picture.
        canvas: (width, height) in pixels that the picture is stretched to before it is cut.
    """

    cols: int
    rows: int
    thumbnail: bool
    tiles: int
    tokens: int
    canvas: tuple[int, int]


@lru_cache(maxsize=32)
def grids(min_tiles: int, max_tiles: int) -> tuple[tuple[int, int], ...]:
    """All (cols, rows) with ``min_tiles <= cols * rows <= max_tiles``, smallest area first."""
    pairs = [
        (cols, rows)
        for cols in range(1, max_tiles + 1)
        for rows in range(1, max_tiles // cols + 1)
        if cols * rows >= min_tiles
    ]
    # The published code sorts a set by area alone; with min_tiles 1 no exact tie of equal areas can win,
    # so the order inside one area is free and we fix it.
    return tuple(sorted(pairs, key=lambda grid: (grid[0] * grid[1], grid[0])))


def _check(width: int, height: int, rule: TileRule) -> None:
    if width < 1 or height < 1:
        raise AdotxError(
            "image.size",
            "{width} x {height} px has no pixels",
            remedy="give an image of at least 1 x 1 px",
            width=width,
            height=height,
        )
    if rule.max_tiles > MOST_TILES:
        raise AdotxError(
            "tiles.rule",
            "a picture of {max_tiles:,} tiles is more than any model reads",
            where="tile rule",
            remedy="allow at most {limit:,}",
            max_tiles=rule.max_tiles,
            limit=MOST_TILES,
        )
    if not 1 <= rule.min_tiles <= rule.max_tiles:
        raise AdotxError(
            "tiles.rule",
            "no grid has {min_tiles} to {max_tiles} tiles",
            where="tile rule",
            remedy="set 1 <= min_tiles <= max_tiles",
            min_tiles=rule.min_tiles,
            max_tiles=rule.max_tiles,
        )


def plan(width: int, height: int, rule: TileRule) -> TilePlan:
    """Choose the grid for a picture of ``width`` x ``height`` pixels.

    Raises:
        AdotxError: ``image.size`` for a side below 1, ``tiles.rule`` for a rule that allows no grid.
    """
    _check(width, height, rule)
    ratio, area = width / height, width * height
    best, best_distance = (1, 1), float("inf")
    for cols, rows in grids(rule.min_tiles, rule.max_tiles):
        distance = abs(ratio - cols / rows)
        if distance < best_distance:
            best, best_distance = (cols, rows), distance
        elif distance == best_distance and area > 0.5 * rule.tile_size * rule.tile_size * cols * rows:
            best = (cols, rows)
    cols, rows = best
    thumbnail = bool(rule.use_thumbnail) and cols * rows > 1
    tiles = cols * rows + thumbnail
    canvas = (cols * rule.tile_size, rows * rule.tile_size)
    return TilePlan(cols, rows, thumbnail, tiles, tiles * rule.tokens_per_tile, canvas)


def explanation(width: int, height: int, rule: TileRule) -> list[tuple[Sentence, Sentence]]:
    """Why an image of this size in pixels takes this many tiles and tokens: (heading, what it is) pairs.

    Raises:
        AdotxError: as for `plan`.
    """
    chosen, ratio = plan(width, height, rule), width / height
    all_grids = grids(rule.min_tiles, rule.max_tiles)
    distance = abs(ratio - chosen.cols / chosen.rows)
    same = [g for g in all_grids if abs(ratio - g[0] / g[1]) == distance]
    others = [g for g in all_grids if g not in same]
    why = Sentence(
        "{cols} x {rows} (columns x rows): its ratio {ratio:.3f} is the nearest of {count} grids of {least} "
        "to {most} tiles",
        cols=chosen.cols,
        rows=chosen.rows,
        ratio=chosen.cols / chosen.rows,
        count=len(all_grids),
        least=rule.min_tiles,
        most=rule.max_tiles,
    )
    if others:
        cols, rows = min(others, key=lambda g: abs(ratio - g[0] / g[1]))
        why = Sentence(
            "{why} (next: {cols} x {rows}, ratio {ratio:.3f})",
            why=why,
            cols=cols,
            rows=rows,
            ratio=cols / rows,
        )
    image = Sentence(
        "{width:,} x {height:,} px, width/height {ratio:.3f}", width=width, height=height, ratio=ratio
    )
    lines = [(Sentence("picture"), image), (Sentence("grid"), why)]
    if len(same) > 1:
        tie = Sentence(
            "{grids} fit equally well: a larger grid is taken only when the picture has more than half of its"
            " pixels",
            grids=", ".join(f"{cols} x {rows}" for cols, rows in same),
        )
        lines.append((Sentence("tie"), tie))
    canvas = Sentence(
        "stretched to {width:,} x {height:,} px (x {across:.2f} across, x {down:.2f} down)",
        width=chosen.canvas[0],
        height=chosen.canvas[1],
        across=chosen.canvas[0] / width,
        down=chosen.canvas[1] / height,
    )
    parts = Sentence("{count} of the grid", count=chosen.cols * chosen.rows)
    if chosen.thumbnail:
        parts = Sentence("{parts} + 1 thumbnail", parts=parts)
    tiles = Sentence(
        "{tiles} of {size} x {size} px: {parts}", tiles=chosen.tiles, size=rule.tile_size, parts=parts
    )
    tokens = Sentence(
        "{tokens:,} = {tiles} x {each}", tokens=chosen.tokens, tiles=chosen.tiles, each=rule.tokens_per_tile
    )
    return [*lines, (Sentence("canvas"), canvas), (Sentence("tiles"), tiles), (Sentence("tokens"), tokens)]


def explain(width: int, height: int, rule: TileRule) -> str:
    """`explanation` in English: lines separated by a newline, without a trailing one."""
    return "\n".join(f"{heading:<9} {what}" for heading, what in explanation(width, height, rule))
