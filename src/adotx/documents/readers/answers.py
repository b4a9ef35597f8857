"""Asks a model what stands in the rows of packed tiles: one request a row, all of them side by side.

In: tiles and how many of their rows are used. Out: a `RowAnswer` for each row and the tiles' image features.
The rows of a tile share its features and everything in the prompt before the row's number; the engine
computes that once. Knows no page and no layout.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import TYPE_CHECKING

import numpy as np

from adotx.chat import Rendered, render_for
from adotx.documents.layout import ROWS
from adotx.documents.readers.prompts import read_row
from adotx.documents.side_by_side import Cancelled, IsCancelled, not_cancelled
from adotx.engine import Request, SamplingParams
from adotx.vision import tile_pixels

if TYPE_CHECKING:
    from adotx.checkpoint import AxTokenizer, Checkpoint
    from adotx.engine import EncodedImage, Engine, Output

#: most ids of a row, which holds at most some 60 narrow letters
IDS_PER_ROW = 80
# Characters of this probability are there.
_BELIEVED = 0.5
# A pattern that fills this many ids is a loop; ruled "-----" rows are shorter.
_LOOP_IDS = 72
# Tiles asked about at a time: their rows are what runs side by side in the engine.
_TILES_AT_ONCE = 8


@dataclass(frozen=True)
class RowAnswer:
    """What a model says about one row.

    Attributes:
        text: of the row; "" where it is not `ended`.
        sure: the model's probability of each character of `text`, given those before it.
        end: its probability that the text ends there.
        ended: an answer that does not end by itself is a loop over what is no text: a smear, a piece of a
            frame.
    """

    text: str
    sure: tuple[float, ...]
    end: float = 1.0
    ended: bool = True

    @property
    def least(self) -> float:
        """The least probability of its characters but spaces; 0 for none."""
        return min(
            (sure for char, sure in zip(self.text, self.sure, strict=True) if char != " "), default=0.0
        )

    def is_better(self, other: RowAnswer) -> bool:
        """Whether this look at a row is likelier right than another: the likelier text, but what one look has
        and the other only lacks is there, and a text is not likelier for saying less."""
        if not (self.ended and other.ended):
            return self.ended
        own, theirs = self.text.replace(" ", ""), other.text.replace(" ", "")
        if own != theirs and _is_part(own, theirs):
            return other.least < _BELIEVED and self.log_share > other.log_share
        if own != theirs and theirs and _is_part(theirs, own) and self.least >= _BELIEVED:
            return True
        return self.log_share > other.log_share

    @property
    def log_share(self) -> float:
        """The logarithm of the probability of the whole answer; of none -inf."""
        if not self.ended:
            return -math.inf
        return sum(math.log(max(share, 1e-9)) for share in (*self.sure, self.end))


def _is_part(text: str, whole: str) -> bool:
    """Whether a text is another one that lacks some characters."""
    rest = iter(whole)
    return all(char in rest for char in text)


class RowAsker:
    """Asks a model that answers row by row.

    Args:
        checkpoint: whose config says ``"adotx": {"reader": "rows", "answer": "row"}``.
        engine: that it is loaded in.
        priority: of its requests.
    """

    def __init__(self, checkpoint: Checkpoint, engine: Engine, priority: int = 0) -> None:
        self._priority = priority
        assert checkpoint.config.tiles is not None
        self._checkpoint, self._engine, self._rule = checkpoint, engine, checkpoint.config.tiles

    def ask(
        self, tiles: np.ndarray, counts: Sequence[int], is_cancelled: IsCancelled = not_cancelled
    ) -> tuple[list[RowAnswer], list[np.ndarray]]:
        """What stands in the rows.

        Args:
            tiles: uint8 [n, S, S], rows of 32 pixels from the top.
            counts: how many rows of each tile are used, 1 or more.

        Returns:
            (an answer for each used row, tile after tile, features [tokens, H] of each tile).
        """
        answers: list[RowAnswer] = []
        features: list[np.ndarray] = []
        for start in range(0, len(tiles), _TILES_AT_ONCE):
            if is_cancelled():
                raise Cancelled
            part = slice(start, start + _TILES_AT_ONCE)
            images = [self._engine.encode(tile_pixels(tile, self._rule)) for tile in tiles[part]]
            requests = [
                self._request(image, row)
                for image, count in zip(images, counts[part], strict=True)
                for row in range(count)
            ]
            outputs = self._engine.generate(requests)
            answers += [row_answer(output, self._checkpoint.tokenizer) for output in outputs]
            features += [image.features[0] for image in images]
        return answers, features

    @cached_property
    def _prompts(self) -> list[Rendered]:
        """Of each row of a tile."""
        return [render_for(self._checkpoint, read_row(row + 1), tiles=[1]) for row in range(ROWS)]

    def _request(self, image: EncodedImage, row: int) -> Request:
        prompt = self._prompts[row]
        sampling = SamplingParams(max_new_tokens=IDS_PER_ROW, loop_guard=_LOOP_IDS, logprobs=0)
        return Request(
            prompt.ids, slots=prompt.places, images=[image], sampling=sampling, priority=self._priority
        )


def row_answer(output: Output, tokenizer: AxTokenizer) -> RowAnswer:
    """An engine's output as the answer about a row: one line of text."""
    if output.finish_reason != "stop":
        return RowAnswer("", (), 0.0, ended=False)
    text, sure = characters(output, tokenizer)
    blank = len(text) - len(text.lstrip())
    text = " ".join(text.split("\n")).strip()
    end = 1.0 if output.stop_logprob is None else float(np.exp(output.stop_logprob))
    return RowAnswer(text, tuple(sure[blank : blank + len(text)]), end)


def characters(output: Output, tokenizer: AxTokenizer) -> tuple[str, list[float]]:
    """An output's text and the probability of each of its characters, several ids of one multiplied."""
    text, sure = "", []
    held, probability = b"", 1.0
    logprobs = [step.logprob for step in output.logprobs] or [0.0] * len(output.ids)
    for token, logprob in zip(output.ids, logprobs, strict=True):
        if token in tokenizer.control_ids:
            continue
        held, probability = held + tokenizer.token_bytes(token), probability * float(np.exp(logprob))
        try:
            said = held.decode()
        except UnicodeDecodeError:
            if len(held) < 4:  # a character's first bytes
                continue
            said = held.decode(errors="replace")
        text += said
        sure += [probability] * len(said)
        held, probability = b"", 1.0
    return text, sure
