"""The one renderer: messages in; ids, training mask, image slots and canonical text out.

Control tokens are added by id. Every text from outside (messages, tool descriptions, arguments, results) goes
through the plain encoder, which cannot give a control id. Knows no pixels: ``tiles`` says how large each
picture's slot is.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from adotx.chat import protocol as p
from adotx.chat.messages import Message, Picture, Turn, read_messages, read_tools
from adotx.chat.tools import call_json
from adotx.errors import AdotxError

if TYPE_CHECKING:
    from adotx.checkpoint import Checkpoint
    from adotx.checkpoint.tokenizer import AxTokenizer


@dataclass(frozen=True)
class Slot:
    """Where a picture's features go: ``length`` ids from ``start`` on are the image token.

    Attributes:
        start: index into ``Rendered.ids``.
        length: tiles x tokens per tile, or 1 where the tiles were not given.
        image: number of the picture, from 0, in the order of the messages as they were given.
    """

    start: int
    length: int
    image: int


@dataclass
class Rendered:
    """A conversation as a model reads it.

    Attributes:
        ids: token ids.
        mask: as long as ``ids``; True where the loss counts: text, calls and end of assistant turns.
        slots: one for each picture, in the order of the ids.
        text: the canonical text, with one image token for each picture.
    """

    ids: list[int] = field(default_factory=list)
    mask: list[bool] = field(default_factory=list)
    slots: list[Slot] = field(default_factory=list)
    text: str = ""

    @property
    def places(self) -> list[tuple[int, int]]:
        """The slots as (start, length), as engines take them."""
        return [(slot.start, slot.length) for slot in self.slots]


class _PromptBuilder:
    """Collects ids, mask and text; neighbouring plain texts are encoded as one, as in the template's text."""

    def __init__(self, tokenizer: AxTokenizer) -> None:
        self.tokenizer = tokenizer
        self.out = Rendered()
        self._pending: list[str] = []
        self._texts: list[str] = []
        #: whether what follows is trained on
        self.trained = False

    def plain(self, text: str) -> None:
        self._pending.append(text)

    def control(self, name: str) -> None:
        self._flush()
        self._append([p.control_id(self.tokenizer, name)], self.trained)
        self._texts.append(name)

    def slot(self, token_id: int, name: str, length: int, image: int) -> None:
        self._flush()
        self.out.slots.append(Slot(len(self.out.ids), length, image))
        # No model predicts the image token: it is never trained on.
        self._append([token_id] * length, False)
        self._texts.append(name)

    def finish(self) -> Rendered:
        self._flush()
        self.out.text = "".join(self._texts)
        return self.out

    def _append(self, ids: list[int], trained: bool) -> None:
        self.out.ids += ids
        self.out.mask += [trained] * len(ids)

    def _flush(self) -> None:
        text = "".join(self._pending)
        self._pending.clear()
        if not text:
            return
        # Half a surrogate pair is no character and no tokenizer takes it.
        text = text.encode("utf-16-le", "surrogatepass").decode("utf-16-le", "replace")
        ids = self.tokenizer.encode(text)
        assert self.tokenizer.control_ids.isdisjoint(ids), "the plain encoder gave a control id"
        self._append(ids, self.trained)
        self._texts.append(text)


def render(
    messages: Sequence[Message],
    tokenizer: AxTokenizer,
    *,
    family: str = p.VL,
    tools: Sequence[Mapping[str, Any]] | None = None,
    tiles: Sequence[int] | None = None,
    image_token_id: int = 22,
    tokens_per_tile: int = 144,
    add_generation_prompt: bool = True,
    continue_final_message: bool = False,
) -> Rendered:
    """Render a conversation.

    The result equals the published templates on what they render, and goes on where they fail: null and list
    contents, tools together with a system message (one system turn in the VL family, with the default prompt
    where there is no system message), pictures in assistant turns and results of tools. Text
    of an assistant turn is literal too: calls belong into ``tool_calls``. With a generation prompt the text
    family's older reasoning (up to ``</think>``) is left out, as published.

    Args:
        messages: OpenAI-shaped, see ``read_messages``.
        tokenizer: of the checkpoint.
        family: "a.x-4-vl" or "qwen2".
        tools: tool descriptions (JSON objects).
        tiles: tiles of each picture in the order of the messages; None makes each slot one id, as in the
            template's text.
        image_token_id: id that marks a picture (``image_token_index`` in the config).
        tokens_per_tile: ids for one tile.
        add_generation_prompt: end with the head of an assistant turn.
        continue_final_message: end within the last message, an assistant's, for an answer that goes on with
            it; in place of a generation prompt.

    Raises:
        AdotxError: the codes of ``read_messages`` and ``read_tools``, ``chat.image_count``, ``chat.family``,
            ``chat.no_token``; ``chat.continue`` where the last message cannot be continued.
    """
    p.check_family(family)
    turns = read_messages(messages, family)
    if continue_final_message and (turns[-1].role != "assistant" or turns[-1].calls):
        what = "is not an answer of text, so nothing can go on with it"
        where, remedy = f"messages[{len(turns) - 1}]", "end with an assistant message that calls no tools"
        raise AdotxError("chat.continue", what, where, remedy)
    descriptions = read_tools(tools)
    lengths = _slot_lengths(turns, tiles, tokens_per_tile)
    builder = _PromptBuilder(tokenizer)
    image_token = _image_token(tokenizer, image_token_id) if lengths else ""

    rest = _system(builder, turns, descriptions, family)
    for turn in rest:
        continued = continue_final_message and turn is turns[-1]
        builder.control(p.START)
        builder.control(p.ROLES[turn.role])
        builder.trained = turn.role == "assistant" and turn.trained
        if turn.role == "tool":
            builder.control(p.OUTPUT_OPEN)
        for part in _parts(turn, family, add_generation_prompt and not continued):
            if isinstance(part, str):
                builder.plain(part)
            else:
                builder.slot(image_token_id, image_token, lengths[part.number], part.number)
        for call in turn.calls:
            builder.control(p.CALL_OPEN)
            builder.plain(call_json(call.name, call.arguments))
            builder.control(p.CALL_CLOSE)
        if turn.role == "tool":
            builder.control(p.OUTPUT_CLOSE)
        if not continued:
            builder.control(p.END)
        builder.trained = False
    if add_generation_prompt and not continue_final_message:
        builder.control(p.START)
        builder.control(p.ROLES["assistant"])
    rendered = builder.finish()
    assert len(rendered.slots) == len(lengths) and len(rendered.mask) == len(rendered.ids)
    return rendered


def render_for(
    checkpoint: Checkpoint,
    messages: Sequence[Message],
    *,
    tools: Sequence[Mapping[str, Any]] | None = None,
    tiles: Sequence[int] | None = None,
    add_generation_prompt: bool = True,
    continue_final_message: bool = False,
) -> Rendered:
    """`render` with the tokenizer, the family and the numbers of tiles of a checkpoint."""
    config = checkpoint.config
    numbers = {}
    if config.tiles is not None and config.image_token_id is not None:
        numbers = {
            "image_token_id": config.image_token_id,
            "tokens_per_tile": config.tiles.tokens_per_tile,
        }
    return render(
        messages,
        checkpoint.tokenizer,
        family=config.family,
        tools=tools,
        tiles=tiles,
        add_generation_prompt=add_generation_prompt,
        continue_final_message=continue_final_message,
        **numbers,
    )


def _system(builder: _PromptBuilder, turns: list[Turn], descriptions: list[str], family: str) -> list[Turn]:
    """Write what stands before the conversation; returns the turns that are left."""
    system: str | None = None
    if family == p.VL:
        first = turns[0].role == "system"
        system, turns = (turns[0].text, turns[1:]) if first else (p.DEFAULT_SYSTEM, turns)
    if descriptions or system is not None:
        builder.control(p.START)
        builder.control(p.ROLES["system"])
        if descriptions:
            builder.plain(p.TOOLS_BEFORE + "".join(line + "\n" for line in descriptions) + p.TOOLS_AFTER)
            builder.control(p.CALL_OPEN)
            builder.plain(p.TOOLS_EXAMPLE)
            builder.control(p.CALL_CLOSE)
            builder.plain(p.TOOLS_JOIN if system is not None else "")
        builder.plain(system or "")
        builder.control(p.END)
    return turns


def _parts(turn: Turn, family: str, add_generation_prompt: bool) -> Sequence[str | Picture]:
    drops_reasoning = (
        family == p.TEXT and turn.role == "assistant" and add_generation_prompt and not turn.reasoned
    )
    if drops_reasoning and p.THINK_CLOSE in turn.text:
        return (turn.text.split(p.THINK_CLOSE)[-1].lstrip("\n"),)
    return turn.parts


def _slot_lengths(turns: list[Turn], tiles: Sequence[int] | None, tokens_per_tile: int) -> list[int]:
    images = sum(isinstance(part, Picture) for turn in turns for part in turn.parts)
    if tiles is None:
        return [1] * images
    if len(tiles) != images:
        raise AdotxError(
            "chat.image_count",
            "the messages hold {parts} images, but {images} were given",
            "messages",
            "give one image for each image part, in order",
            parts=images,
            images=len(tiles),
        )
    assert all(count >= 1 for count in tiles), tiles
    return [int(count) * tokens_per_tile for count in tiles]


def _image_token(tokenizer: AxTokenizer, token_id: int) -> str:
    for name, known in tokenizer.special.items():
        if known == token_id:
            return name
    what, remedy = "the image token id {token} is no control token", "check image_token_index in config.json"
    raise AdotxError("chat.no_token", what, "tokenizer", remedy, token=token_id)
