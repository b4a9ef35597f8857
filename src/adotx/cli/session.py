"""One checkpoint and its engine, answering conversations: messages and pictures in, pieces of text out.

Shared by `ask`, `describe` and `chat`. Does not know the terminal.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

from adotx.errors import AdotxError

if TYPE_CHECKING:
    from PIL.Image import Image

    from adotx.checkpoint import Checkpoint
    from adotx.engine import Engine, SamplingParams


@dataclass
class Session:
    """An open model.

    Attributes:
        checkpoint: what answers.
        engine: the same, loaded.
        finish_reason: why the latest answer ended ("stop", "length", "loop", "cancelled"); "" before.
    """

    checkpoint: Checkpoint
    engine: Engine
    finish_reason: str = field(default="", init=False)

    @classmethod
    def open(
        cls, model: str, weights: str, online: bool, converted: Callable[[int, int], None] | None = None
    ) -> Session:
        """Open and load `model`; `converted` hears of a conversion of its weights, see `Engine.load`.

        Raises:
            AdotxError: it is not found, not whole, or does not fit.
        """
        from adotx.checkpoint import open_checkpoint
        from adotx.engine import Engine

        checkpoint = open_checkpoint(model, online=online)
        return cls(checkpoint, Engine.load(checkpoint, weights=weights, progress=converted))

    def answer(
        self, messages: Sequence[dict[str, Any]], sampling: SamplingParams, images: Sequence[Image] = ()
    ) -> Iterator[str]:
        """The model's next turn, piece by piece; never half a character.

        Args:
            messages: OpenAI-shaped, one image part for each of `images`, in order.
            sampling: how to pick tokens.
            images: RGB pictures.

        Raises:
            AdotxError: the conversation is malformed or too long, or has pictures for a text model.
        """
        from adotx.chat import TextStream
        from adotx.engine import Request

        ids, slots, pixels = self._prompt(messages, images)
        text = TextStream(self.checkpoint.tokenizer)
        self.finish_reason = ""
        with self.engine.stream(Request(ids, slots=slots, images=pixels, sampling=sampling)) as stream:
            for token in stream:
                if piece := text.push([token]):
                    yield piece
            self.finish_reason = stream.output.finish_reason if stream.output else "cancelled"
        if rest := text.close():
            yield rest

    def _prompt(
        self, messages: Sequence[dict[str, Any]], images: Sequence[Image]
    ) -> tuple[list[int], Any, Any]:
        """(ids, slots, pixels) as the engine takes them."""
        from adotx.chat import render_for

        config = self.checkpoint.config
        if not images:
            rendered = render_for(self.checkpoint, messages)
            return rendered.ids, [], []
        if config.tiles is None or config.image_token_id is None:
            raise AdotxError(
                "chat.no_vision",
                "this checkpoint reads text only",
                self.checkpoint.name,
                "use a VL checkpoint",
            )
        from adotx.vision import pixels

        tiles = [pixels(image, config.tiles) for image in images]
        rendered = render_for(self.checkpoint, messages, tiles=[len(picture) for picture in tiles])
        return rendered.ids, rendered.places, tiles


def image_message(question: str) -> dict[str, Any]:
    """A user's turn with one picture, then `question`; the order of the model cards."""
    return {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": question}]}


def open_picture(path: Path) -> Image:
    """The picture at `path`, as a person sees it; AdotxError where it is none."""
    from adotx.vision import open_image

    return open_image(path)
