"""Conversations in the shapes that transformers users write, in; what `adotx.chat.render` makes of them, out.

In: one conversation or a list of them, OpenAI-shaped, images inside the messages or apart from them; tools
as JSON schema or Python functions. Out: rendered conversations (ids, mask, text) and the images in order.
Does not know tensors or padding. Fetches nothing over a network.
"""

from __future__ import annotations

import base64
import binascii
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any, NoReturn

from transformers.utils import get_json_schema

from adotx.chat import chat_template, render
from adotx.chat.messages import part_type
from adotx.checkpoint.tokenizer import AxTokenizer
from adotx.errors import AdotxError

VL_FAMILY = "a.x-4-vl"
TEXT_FAMILY = "qwen2"
_SOURCES = ("image", "url", "path", "base64")


@cache
def default_template(family: str) -> str:
    """The Jinja template that renders what `adotx.chat.render` renders."""
    return chat_template(family)


def is_family_template(template: Any) -> bool:
    """Whether a template from a checkpoint's files is of the A.X 4.0 format.

    The published ones do, and fail on ordinary input (null content, list content, tools with a system
    message, an image in an answer), so a template like that is replaced by ours, which renders the same
    text otherwise.
    """
    return isinstance(template, str) and all(
        t in template for t in ("<|im_start|>", "<|user|>", "<|im_end|>")
    )


@dataclass(frozen=True)
class RenderedChat:
    """A conversation as ids, training mask and text; see `adotx.chat.render`."""

    ids: list[int]
    mask: list[bool]
    text: str


@dataclass(frozen=True)
class Conversations:
    """One conversation or several.

    Attributes:
        chats: lists of messages.
        batched: whether the caller gave a list of conversations.
    """

    chats: list[list[dict[str, Any]]]
    batched: bool

    @classmethod
    def of(cls, conversation: Any) -> Conversations:
        """Tell a conversation from a list of them; AdotxError ``chat.messages`` for anything else."""
        conversation = _messages(conversation)
        if not isinstance(conversation, (list, tuple)) or not conversation:
            raise AdotxError("chat.messages", "a conversation is a list of messages", "conversation")
        if isinstance(conversation[0], dict):
            return cls([list(conversation)], False)
        return cls([list(_messages(chat)) for chat in conversation], True)

    def unbatch(self, rows: list[Any]) -> Any:
        """`rows` for a list of conversations, its only element for a single one."""
        return rows if self.batched else rows[0]

    def images(self, separate: Sequence[Any] = ()) -> list[list[Any]]:
        """The images of each conversation, in order.

        Args:
            separate: images given apart from the messages; they fill image parts without a source, in order.

        Raises:
            AdotxError: ``chat.images`` when parts without a source and separate images differ in number.
        """
        rest = list(separate)
        empty = 0
        found: list[list[Any]] = []
        for chat in self.chats:
            row = []
            for part in _image_parts(chat):
                source = _source(part)
                if source is None:
                    empty += 1
                    source = rest.pop(0) if rest else None
                row.append(source)
            found.append(row)
        if rest or empty > len(separate):
            raise AdotxError(
                "chat.images",
                "{parts} image parts without an image but {images} images given apart from the messages",
                "conversation",
                "give one image for each image part",
                parts=empty,
                images=len(separate),
            )
        return found

    def render(
        self,
        tokenizer: AxTokenizer,
        *,
        family: str,
        tools: Any = None,
        tiles: Sequence[Sequence[int]] | None = None,
        image_token_id: int = 22,
        tokens_per_tile: int = 144,
        add_generation_prompt: bool = False,
        continue_final_message: bool = False,
    ) -> list[RenderedChat]:
        """Render each conversation.

        Args:
            tokenizer: the plain encoder.
            tiles: for each conversation the tiles of each of its images; None makes each slot one id.
            continue_final_message: leave the last answer open, to be continued.

        Raises:
            AdotxError: from `adotx.chat.render`; ``chat.messages`` for contradicting arguments;
                ``chat.images`` where pixels, in the messages' order, would land in each other's slots.
        """
        if continue_final_message and add_generation_prompt:
            what = "continue_final_message and add_generation_prompt exclude each other"
            raise AdotxError("chat.messages", what, "apply_chat_template")
        tools = [get_json_schema(tool) if callable(tool) else tool for tool in tools or []] or None
        rendered = []
        for index, chat in enumerate(self.chats):
            part = render(
                chat,
                tokenizer,
                family=family,
                tools=tools,
                tiles=None if tiles is None else tiles[index],
                image_token_id=image_token_id,
                tokens_per_tile=tokens_per_tile,
                add_generation_prompt=add_generation_prompt,
            )
            numbers = [slot.image for slot in part.slots]
            if tiles is not None and numbers != sorted(numbers):
                what = "tools' results with images stand in another order than the calls they answer"
                raise AdotxError("chat.images", what, "conversation", "give them in the order of the calls")
            end = tokenizer.special["<|im_end|>"]
            if continue_final_message and part.ids and part.ids[-1] == end:
                text = part.text.removesuffix("<|im_end|>")
                rendered.append(RenderedChat(part.ids[:-1], part.mask[:-1], text))
            else:
                rendered.append(RenderedChat(list(part.ids), list(part.mask), part.text))
        return rendered


def refuse_argument(name: str, where: str) -> NoReturn:
    """AdotxError ``processor.unsupported``: an argument that would otherwise be dropped without a word."""
    what, remedy = "unknown argument {name!r}", "leave it out, or correct its name"
    raise AdotxError("processor.unsupported", what, where, remedy, name=name)


def _messages(chat: Any) -> Any:
    """The messages of a transformers `Conversation`, or what was given."""
    return getattr(chat, "messages", chat)


def _image_parts(chat: list[dict[str, Any]]) -> list[dict[str, Any]]:
    contents = [message.get("content") for message in chat if isinstance(message, Mapping)]
    lists = [content for content in contents if isinstance(content, (list, tuple))]
    return [part for content in lists for part in content if part_type(part) == "image"]


def _source(part: dict[str, Any]) -> Any:
    """The image of an image part: PIL image, path or bytes; None where it is given apart."""
    value = next((part[key] for key in _SOURCES if part.get(key) is not None), None)
    if value is None and (given := part.get("image_url")) is not None:
        value = given.get("url") if isinstance(given, dict) else given
    if not isinstance(value, str):
        return value
    if value.startswith(("http://", "https://")):
        what = "images are not fetched over a network"
        raise AdotxError("image.url", what, value[:80], "download it and give the image or its path")
    if value.startswith("data:"):
        return _decode(value.partition(",")[2])
    return _decode(value) if "base64" in part else value.removeprefix("file://")


def _decode(text: str) -> bytes:
    try:
        return base64.b64decode(text, validate=True)
    except (binascii.Error, ValueError):
        raise AdotxError("image.corrupt", "not valid base64", "image part", "encode the file again") from None
