"""Pictures in, tiles out: the tile plan, the pixels of the tiles, and the careful opening of image files.

Knows nothing of text, tokenizers, engines or HTTP.
"""

from adotx.vision.opening import Limits, flatten, open_image
from adotx.vision.pixels import pixels, tile_pixels
from adotx.vision.plan import TilePlan, TileRule, explain, explanation, plan

__all__ = [
    "Limits",
    "TilePlan",
    "TileRule",
    "explain",
    "explanation",
    "flatten",
    "open_image",
    "pixels",
    "plan",
    "tile_pixels",
]
