"""Image processor of A.X 4.0 VL: images in, tiles out, through `adotx.vision` (no torchvision).

In: PIL images, paths, file contents, uint8 arrays (channels last or first), or (nested) lists of them.
Out: `BatchFeature` with `pixel_values` float32 [tiles of all images, 3, size, size], `image_sizes` (width,
height) per image and `num_tiles` per image, also under its other name `num_patches`.
Does not know text. Fetches nothing over a network.

The tile plan and the pixels are those of the published processor for a plain RGB image, bit by bit.
EXIF orientation is applied and transparency laid on white first; `published_pixels=True` does neither, as
published.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any, NoReturn

import numpy as np
from PIL import Image
from transformers.image_processing_utils import BaseImageProcessor, BatchFeature
from transformers.processing_utils import ImagesKwargs

from adotx.checkpoint.config import tile_size
from adotx.errors import AdotxError
from adotx.hf.rendering import refuse_argument
from adotx.vision import TileRule, open_image, pixels, plan

# The published steps, which are built in; other values in a file or a call raise.
_FIXED: dict[str, Any] = {
    "crop_to_patches": True,
    "do_convert_rgb": True,
    "do_normalize": True,
    "do_pad": False,
    "do_rescale": True,
    "do_resize": True,
    "do_tile_pad": False,
    "rescale_factor": 1 / 255,
}
# Channels of an array that is a picture: grey, RGB, with transparency.
_CHANNELS = (1, 3, 4)
_LAST = ((), *((n,) for n in _CHANNELS))
#: settings of a call, with their types
_TILE_KEYS = {"min_num_tiles": int, "max_num_tiles": int, "use_thumbnail": bool, "published_pixels": bool}
#: what other libraries hand to any image processor, and says nothing to this one
_WITHOUT_MEANING = ("device", "disable_grouping", "input_data_format", "return_tensors")


class AX4VLImageProcessorKwargs(ImagesKwargs, total=False):
    """Keys beyond those that all image processors know."""

    min_num_tiles: int
    max_num_tiles: int
    use_thumbnail: bool
    do_tile_pad: bool
    crop_to_patches: bool
    published_pixels: bool


class AX4VLImageProcessor(BaseImageProcessor):
    """Cuts images into tiles.

    Args:
        size: {"shortest_edge": side of a tile in pixels}, or the number.
        min_num_tiles, max_num_tiles: limits of the grid; a thumbnail comes on top.
        use_thumbnail: append the whole image as one more tile when there is more than one.
        image_mean, image_std: per channel, applied to values scaled to 0..1.
        published_pixels: do as the published processor: ignore EXIF orientation, drop alpha.
        **kwargs: other keys of a preprocessor_config.json, saved again.

    Raises:
        AdotxError: ``processor.unsupported`` for a step other than the published ones.
    """

    model_input_names = ["pixel_values"]  # noqa: RUF012
    valid_kwargs = AX4VLImageProcessorKwargs

    def __init__(
        self,
        size: dict[str, int] | int | None = None,
        min_num_tiles: int = 1,
        max_num_tiles: int = 12,
        use_thumbnail: bool = True,
        image_mean: Iterable[float] = (0.5, 0.5, 0.5),
        image_std: Iterable[float] = (0.5, 0.5, 0.5),
        published_pixels: bool = False,
        **kwargs: Any,
    ) -> None:
        kwargs.pop("auto_map", None)
        # Tiles are always resized by Pillow's bicubic; the published key applies to tiles of the final size.
        resample = kwargs.pop("resample", None)
        super().__init__(**kwargs)
        for key, value in _FIXED.items():
            if key != "crop_to_patches":  # another processor's name for cutting into tiles; not in the files
                setattr(self, key, kwargs.get(key, value))
        self.resample = 2 if resample is None else int(resample)
        self.size = {"shortest_edge": size} if isinstance(size, int) else dict(size or {"shortest_edge": 384})
        self.min_num_tiles, self.max_num_tiles = min_num_tiles, max_num_tiles
        self.use_thumbnail = use_thumbnail
        self.image_mean, self.image_std = list(image_mean), list(image_std)
        self.published_pixels = published_pixels
        self._check({**kwargs, **vars(self)})

    @property
    def tile_rule(self) -> TileRule:
        """The tile rule as `adotx.vision` takes it (tokens per tile are the processor's setting)."""
        return self.rule_for({})

    def rule_for(self, settings: Mapping[str, Any]) -> TileRule:
        """The tile rule of a call with these settings; those that say nothing of tiles are passed over."""
        overrides = _tile_settings(settings)
        side = tile_size(self.size)
        if side is None:
            detail = f"size {self.size} names no tile side"
            raise AdotxError("processor.unsupported", "{detail}", "image processor", detail=detail)
        return TileRule(
            tile_size=side,
            min_tiles=overrides.get("min_num_tiles", self.min_num_tiles),
            max_tiles=overrides.get("max_num_tiles", self.max_num_tiles),
            use_thumbnail=overrides.get("use_thumbnail", self.use_thumbnail),
            image_mean=_three(self.image_mean),
            image_std=_three(self.image_std),
        )

    @staticmethod
    def _check(values: dict[str, Any]) -> None:
        for key, built_in in _FIXED.items():
            value = values.get(key)
            if value is not None and value != built_in:
                _refuse(key, value, built_in)

    def _check_argument(self, key: str, value: Any) -> None:
        """Other steps than those of the files are refused, not passed over."""
        if key not in self.valid_kwargs.__annotations__ and key not in ImagesKwargs.__annotations__:
            refuse_argument(key, "image processor")
        if key in (*_FIXED, *_TILE_KEYS, *_WITHOUT_MEANING) or value in (None, False):
            return
        built_in = "channels_first" if key == "data_format" else getattr(self, key, None)
        if (list(value) if isinstance(value, tuple) else value) != built_in:
            _refuse(key, value, built_in)

    def get_number_of_tiles(self, width: int, height: int) -> int:
        """Tiles of an image of this size in pixels, thumbnail included."""
        return plan(width, height, self.tile_rule).tiles

    def get_number_of_image_patches(
        self, height: int, width: int, images_kwargs: dict[str, Any] | None = None
    ) -> int:
        """Tiles of an image of this size, as other libraries ask for them; `images_kwargs` as for a call."""
        return plan(width, height, self.rule_for(images_kwargs or {})).tiles

    def preprocess(self, images: Any, return_tensors: Any = None, **kwargs: Any) -> BatchFeature:
        """Cut images into tiles.

        Args:
            images: one image or a (nested) list, of the kinds that the module's docstring lists.
            return_tensors: "pt" or "np"; None leaves `pixel_values` an array.
            **kwargs: min_num_tiles, max_num_tiles, use_thumbnail, published_pixels for this call.

        Raises:
            AdotxError: ``image.*`` for what is no image, ``processor.unsupported`` for an unknown argument
                and for a value that a call cannot have, ``tiles.rule`` for limits that no grid meets.
        """
        self._check(kwargs)
        for key, value in kwargs.items():
            self._check_argument(key, value)
        rule = self.rule_for(kwargs)
        published = kwargs.get("published_pixels")
        if published is None:
            published = self.published_pixels
        decoded = [to_rgb(image, published) for image in flatten(images)]
        if not decoded:
            raise AdotxError("image.missing", "no image given", "images", "leave images out for text alone")
        tiles = [pixels(image, rule) for image in decoded]
        counts = [len(part) for part in tiles]
        data = {
            "pixel_values": np.concatenate(tiles),
            "image_sizes": [list(image.size) for image in decoded],
            "num_tiles": counts,
            "num_patches": counts,
        }
        return BatchFeature(data=data, tensor_type=return_tensors)


def _refuse(key: str, value: Any, built_in: Any) -> NoReturn:
    raise AdotxError(
        "processor.unsupported",
        "{key} is {value}, built in is {built_in}",
        "image processor",
        "leave {key} out",
        key=key,
        value=repr(value),
        built_in=repr(built_in),
    )


def _tile_settings(kwargs: Mapping[str, Any]) -> dict[str, Any]:
    """The settings of tiles that are given; they may come from a request, as any JSON."""
    given = {key: kwargs[key] for key in _TILE_KEYS if kwargs.get(key) is not None}
    for key, value in given.items():
        if type(value) is not _TILE_KEYS[key]:
            raise AdotxError(
                "processor.unsupported",
                "{key} = {value} is not of type {type}",
                "image processor",
                "correct it",
                key=key,
                value=repr(value)[:80],
                type=_TILE_KEYS[key].__name__,
            )
    return given


def _three(values: list[float]) -> tuple[float, float, float]:
    if len(values) != 3:
        detail, where = f"{len(values)} values for the 3 channels", "image_mean, image_std"
        raise AdotxError("processor.unsupported", "{detail}", where, "give one for each", detail=detail)
    red, green, blue = values
    return red, green, blue


def flatten(images: Any) -> list[Any]:
    """An image, a list or a nested list as one list, in order; None gives an empty one."""
    if images is None:
        return []
    if isinstance(images, (list, tuple)):
        return [image for part in images for image in flatten(part)]
    return [images]


def to_rgb(image: Any, published: bool = False) -> Image.Image:
    """An RGB image of anything that `AX4VLImageProcessor` takes.

    Raises:
        AdotxError: ``image.*`` for anything else.
    """
    if hasattr(image, "detach"):  # a torch tensor, channels first
        array = image.detach().cpu().numpy()
        image = array.transpose(1, 2, 0) if array.ndim == 3 and array.shape[0] in _CHANNELS else array
    if isinstance(image, np.ndarray):
        if image.ndim == 3 and image.shape[2] not in _CHANNELS and image.shape[0] in _CHANNELS:
            image = np.ascontiguousarray(image.transpose(1, 2, 0))
        if image.dtype != np.uint8 or image.ndim not in (2, 3) or image.shape[2:] not in _LAST:
            raise AdotxError(
                "image.mode",
                "array of {dtype} with the shape {shape}",
                "image",
                "give uint8 [height, width, 3], or a PIL image",
                dtype=str(image.dtype),
                shape=list(image.shape),
            )
        image = Image.fromarray(image.squeeze(-1) if image.shape[2:] == (1,) else image)
    return open_image(image, published=published)
