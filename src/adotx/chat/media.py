"""Pictures of a conversation: messages and a list of images in, the tiles of every picture out, in order.

Image parts are those of the OpenAI API, ``{"type": "image_url", "image_url": {"url": "data:..."}}`` (also
with the URL itself as value, and as ``input_image``), and two more: ``{"type": "image", "image": X}`` with a
picture X, and ``{"type": "image"}`` for the next one of a list given apart. Nothing is fetched; files are
read where the caller allows it. Messages stay as they are. The one module of this room that knows pixels.
"""

from __future__ import annotations

import base64
import binascii
import os
import re
from collections.abc import Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from adotx.chat.messages import Message, part_type
from adotx.errors import AdotxError, Sentence
from adotx.vision import Limits, open_image, pixels

if TYPE_CHECKING:
    from adotx.vision import TileRule

# A scheme of one letter is a Windows drive.
_SCHEME = re.compile(r"([a-z][a-z0-9+.-]+):", re.IGNORECASE)
_DATA = re.compile(r"data:[^,]{0,200}?;base64,", re.IGNORECASE)
# No system takes a longer path; text of this length is base64 whose "data:" has been forgotten.
_LONGEST_PATH = 4096


def image_parts(messages: Sequence[Message]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """(place, part) of each image part, as ``("messages[0].content[1]", {...})``.

    Passes over what is malformed: ``read_messages`` says what is wrong with it.
    """
    if isinstance(messages, (str, bytes, Mapping)) or not isinstance(messages, Sequence):
        return
    for i, message in enumerate(messages):
        content = message.get("content") if isinstance(message, Mapping) else None
        if isinstance(content, Sequence) and not isinstance(content, (str, bytes)):
            for j, part in enumerate(content):
                if part_type(part) == "image":
                    yield f"messages[{i}].content[{j}]", part


def image_tiles(
    messages: Sequence[Message],
    images: Sequence[Any] | None,
    rule: TileRule,
    *,
    local_files: bool = True,
    limits: Limits | None = None,
) -> list[np.ndarray]:
    """The tiles of each image part.

    Args:
        messages: OpenAI-shaped.
        images: the pictures of the parts without one of their own, in order. A picture is a path, the bytes
            of a file, a binary file, a PIL image, a data URI, or ready tiles: a float32 array [T, 3, S, S].
        rule: of the checkpoint.
        local_files: whether paths may be given; a server, whose messages come from strangers, says False.
        limits: what is too large, see ``open_image``; None: its own.

    Returns:
        float32 [T, 3, S, S] for each image part, in the order of the parts.

    Raises:
        AdotxError: ``chat.image_count``: there are more or fewer pictures than parts for them; ``media.url``,
            ``media.data``, ``media.file``, ``media.source``, and those of ``open_image``. They name the part.
    """
    limits = limits or Limits()
    found = image_sources(messages, images)
    return [_tiles(source, place, rule, local_files, limits) for place, source in found]


def image_sources(messages: Sequence[Message], images: Sequence[Any] | None) -> list[tuple[str, Any]]:
    """(place, picture) of each image part, as ``image_tiles`` takes them.

    Raises:
        AdotxError: ``chat.image_count``, ``media.source``.
    """
    given = _read_list(images)
    sources = [(place, _source(part, place)) for place, part in image_parts(messages)]
    waiting = sum(source is None for _, source in sources)
    if waiting != len(given):
        raise AdotxError(
            "chat.image_count",
            "{waiting} image parts have no picture of their own, but {images} images were given",
            "images",
            "give one image for each such part, in order",
            waiting=waiting,
            images=len(given),
        )
    apart = iter([(f"images[{i}]", image) for i, image in enumerate(given)])
    return [next(apart) if source is None else (place, source) for place, source in sources]


def _read_list(images: Sequence[Any] | None) -> Sequence[Any]:
    if images is None:
        return ()
    if isinstance(images, (str, bytes, bytearray, memoryview)) or not isinstance(images, Sequence):
        what = "a {type} is not a list of images"
        raise AdotxError("media.source", what, "images", "give a list", type=type(images).__name__)
    return images


def _source(part: Mapping[str, Any], place: str) -> Any:
    """What an image part holds; None for the next picture of the list."""
    held = part.get("image")
    if held is None:
        held = part.get("image_url")
    if isinstance(held, Mapping):
        held = held.get("url")
    if held is None and (part.get("type", "image") != "image" or "image_url" in part):
        raise AdotxError("media.source", "has no URL", place, 'give {"url": "data:image/png;base64,..."}')
    return held


def _tiles(source: Any, place: str, rule: TileRule, local_files: bool, limits: Limits) -> np.ndarray:
    if isinstance(source, np.ndarray):
        if source.ndim != 4 or source.dtype != np.float32 or not len(source):
            raise AdotxError(
                "media.source",
                "an array {dtype} {shape} is no float32 [tiles, 3, S, S]",
                place,
                "give a PIL image, or tiles of adotx.vision.pixels",
                dtype=str(source.dtype),
                shape=list(source.shape),
            )
        return source
    if isinstance(source, str):
        source = read_source(source, place, limits)
    if isinstance(source, (str, os.PathLike)) and not local_files:
        raise AdotxError("media.file", "files are not read here", place, "send the picture as a data URI")
    try:
        return pixels(open_image(source, limits), rule)
    except AdotxError as error:
        # Of several pictures the user must know which one; a path tells more than "image".
        named = isinstance(source, (str, os.PathLike)) and error.where
        where = f"{place}, {error.where}" if named else place
        raise error.at(where) from None


def read_source(source: str, place: str, limits: Limits) -> bytes | str:
    """The bytes of a data URI, or a path as it is; AdotxError ``media.*`` for any other text."""
    scheme = _SCHEME.match(source)
    if scheme and scheme[1].lower() == "data":
        return _decode(source, place, limits)
    if scheme:
        what, remedy = "{scheme}: URLs are not fetched", "send the picture itself, as a data URI or a file"
        raise AdotxError("media.url", what, place, remedy, scheme=scheme[1].lower())
    if len(source) > _LONGEST_PATH or not source:
        remedy = 'write "data:image/png;base64," before base64 text'
        detail = Sentence("is no path") if source else Sentence("is empty")
        raise AdotxError("media.source", "{detail}", place, remedy, detail=detail)
    return source


def _decode(uri: str, place: str, limits: Limits) -> bytes:
    head = _DATA.match(uri)
    if head is None:
        remedy = "write data:image/png;base64, and the file in base64"
        raise AdotxError("media.data", "is no data URI in base64", place, remedy)
    # Judged before decoding: four characters are three bytes, and some encoders break lines.
    if (len(uri) - head.end()) // 4 * 3 > limits.max_bytes * 1.05 + 1024:
        what = "its picture is over the limit of {limit:,} bytes"
        raise AdotxError(
            "image.too_many_bytes", what, place, "send a smaller picture", limit=limits.max_bytes
        )
    text = re.sub(r"[ \t\r\n]+", "", uri[head.end() :])
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError) as error:
        what, remedy = "its base64 is damaged: {reason}", "encode the whole file with standard base64"
        raise AdotxError("media.data", what, place, remedy, reason=str(error)) from None
