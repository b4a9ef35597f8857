"""Rows as a model reads them in training: ids, what of them is trained on, and pictures.

In: lines of JSONL and a checkpoint. Out: `Sample`s, and their pixels. What is trained on is what
`adotx.chat.render` says (text, calls and end of assistant turns), and what stands before an answer is the
very prompt that the engine would be given. A model that answers in single characters (nano) is taught to.
Knows no torch.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import numpy as np
from PIL import Image

from adotx.chat import Rendered, render_for
from adotx.chat import protocol as p
from adotx.chat.media import image_sources, read_source
from adotx.checkpoint import AxTokenizer, Checkpoint
from adotx.errors import AdotxError
from adotx.finetune.recipe import Recipe
from adotx.finetune.rows import Line, Messages, Row, parse_row, read_line
from adotx.train.spelling import reading_ids
from adotx.vision import Limits, open_image, pixels, plan

_LIMITS = Limits()


@dataclass(frozen=True)
class Sample:
    """One conversation.

    Attributes:
        where: the line it is of.
        ids: token ids. mask: as long; True where the loss counts.
        pictures: numbers of its pictures, in the order of their slots. tiles: of each of them.
        length: ids before it was cut.
        shared: how many ids at its start other questions about its pictures may have in common with it: up
            to the end of the last picture before anything is trained on; 0 for none.
    """

    where: str
    ids: list[int]
    mask: list[bool]
    pictures: list[int]
    tiles: list[int]
    length: int
    shared: int = 0

    @property
    def trained(self) -> int:
        """Ids that are trained on; the first of a sequence has nothing before it that could predict it."""
        return sum(self.mask[1:])


class Reader:
    """Reads the rows of a recipe.

    Args:
        recipe: its method and what it says of lengths and pictures.
        checkpoint: what is trained.
        lines: the rows; a sample is asked for by its line's index here.
    """

    def __init__(self, recipe: Recipe, checkpoint: Checkpoint, lines: Sequence[Line]) -> None:
        self.recipe, self.checkpoint, self.lines = recipe, checkpoint, lines
        self.spells = checkpoint.extra.get("reader") == "rows"
        #: the pictures read last: rows that ask about the same ones stand side by side
        self._last: tuple[list[list[str]], list[list[np.ndarray]]] = ([], [])

    def __len__(self) -> int:
        return len(self.lines)

    def row(self, index: int) -> Row:
        line = self.lines[index]
        return parse_row(read_line(line), self.recipe.method, line.where)

    def counted(self, index: int) -> list[Sample]:
        """The samples of a row, with every picture opened and its tiles counted; never cut.

        Raises:
            AdotxError: names the line.
        """
        row = self.row(index)
        rule = self.checkpoint.config.tiles
        opened = [self._pictures(row, messages, index) for messages in row.texts]
        tiles = [[plan(*image.size, rule).tiles for image in images] if rule else [] for images in opened]
        return self._samples(row, tiles, cut=False)

    def loaded(self, index: int) -> list[tuple[Sample, np.ndarray | None]]:
        """The samples of a row and the pixels of each, float32 [tiles, 3, S, S] in the order of the slots."""
        row = self.row(index)
        rule = self.checkpoint.config.tiles
        named = [self._named(row, messages, index) for messages in row.texts]
        known, seen = self._last
        if known != named:
            seen = [
                [pixels(image, rule) for image in self._pictures(row, messages, index)] if rule else []
                for messages in row.texts
            ]
            self._last = (named, seen)
        samples = self._samples(row, [[len(tiles) for tiles in images] for images in seen], cut=True)
        out: list[tuple[Sample, np.ndarray | None]] = []
        for sample, images in zip(samples, seen, strict=True):
            chosen = [images[number] for number in sample.pictures]
            out.append((sample, np.concatenate(chosen) if len(chosen) > 1 else chosen[0] if chosen else None))
        return out

    def picture_names(self, index: int) -> list[str]:
        """What the row calls its pictures."""
        row = self.row(index)
        return [name for messages in row.texts for name in self._named(row, messages, index)]

    def _named(self, row: Row, messages: Messages, index: int) -> list[str]:
        found = [str(source) for _, source in image_sources(messages, row.images)]
        return [str(self.lines[index].file.parent), *found]

    def _samples(self, row: Row, tiles: Sequence[Sequence[int]], cut: bool) -> list[Sample]:
        try:
            out = [self._sample(row, *pair) for pair in zip(row.texts, tiles, strict=True)]
        except AdotxError as error:
            raise error.at(f"{row.where}, {error.where}" if error.where else row.where) from None
        return [self.cut(sample) for sample in out] if cut else out

    def cut(self, sample: Sample) -> Sample:
        """The sample as long as the recipe lets it be."""
        most, rule = self.recipe.max_length, self.checkpoint.config.tiles
        if sample.length <= most:
            return sample
        return shortened(
            sample, most, self.checkpoint.config.image_token_id or -1, rule.tokens_per_tile if rule else 1
        )

    def _sample(self, row: Row, messages: Messages, tiles: Sequence[int]) -> Sample:
        asks = self.recipe.method == "grpo"
        if self.checkpoint.config.family == p.TEXT and not asks:
            messages = without_earlier_reasoning(messages)
        # Functions and schemas are the user's; what the model is shown of them is one line of JSON.
        said = render_for(self.checkpoint, messages, tools=row.tools, tiles=tiles, add_generation_prompt=asks)
        ids, mask = said.ids, said.mask
        numbers = [slot.image for slot in said.slots]
        if self.spells:
            ids, mask = spelt(said, self.checkpoint.tokenizer)
        order = [tiles[number] for number in numbers]
        shared = _shared(
            ids, mask, self.checkpoint.config.image_token_id, len(said.slots), self._per_tile(order)
        )
        return Sample(row.where, ids, mask, numbers, order, len(ids), shared)

    def _per_tile(self, tiles: Sequence[int]) -> int:
        rule = self.checkpoint.config.tiles
        return sum(tiles) * rule.tokens_per_tile if rule else 0

    def _pictures(self, row: Row, messages: Messages, index: int) -> list[Image.Image]:
        """The pictures of a conversation, from bytes or from files inside the folder."""
        folder = self.recipe.images or self.lines[index].file.parent
        out: list[Image.Image] = []
        place = "images"
        try:
            for place, source in image_sources(messages, row.images):
                if not isinstance(source, str):
                    what, remedy = "has a picture that is no text", "give a path or a data URI"
                    raise AdotxError("finetune.picture", what, place, remedy)
                given = read_source(source, place, _LIMITS)
                path = given if isinstance(given, bytes) else _inside(folder, given, place)
                out.append(open_image(path, _LIMITS))
        except AdotxError as error:
            where = error.where if error.where and place in error.where else f"{place}, {error.where}"
            raise error.at(f"{row.where}, {where}") from None
        return out


def _inside(folder: Path, given: str, place: str) -> Path:
    """The file of a path in `folder`; a row may have been written by anybody and names no other file."""
    try:
        path = (folder / given).resolve()
        inside = path.is_relative_to(folder.resolve())
    except (OSError, ValueError):  # what no path can be, such as one with a null byte
        inside = False
    if not inside:
        what, remedy = "{path} is not inside {folder}", "set images=FOLDER to one that holds all pictures"
        raise AdotxError("finetune.outside", what, place, remedy, path=given, folder=str(folder))
    return path


def spelt(said: Rendered, tokenizer: AxTokenizer) -> tuple[list[int], list[bool]]:
    """Ids and mask with what is trained on written character by character."""
    ids: list[int] = []
    mask: list[bool] = []
    run: list[int] = []

    def close() -> None:
        if run:
            text = b"".join(tokenizer.token_bytes(token) for token in run).decode("utf-8", "replace")
            own = reading_ids(tokenizer, text)
            ids.extend(own)
            mask.extend([True] * len(own))
            run.clear()

    for token, trained in zip(said.ids, said.mask, strict=True):
        if trained and token not in tokenizer.control_ids:
            run.append(token)
            continue
        close()
        ids.append(token)
        mask.append(trained)
    close()
    return ids, mask


def _shared(ids: list[int], mask: list[bool], image: int | None, pictures: int, slots: int) -> int:
    """See `Sample.shared`; all pictures must stand before what is trained on."""
    first = mask.index(True) if True in mask else len(ids)
    if not pictures or ids[:first].count(image if image is not None else -1) != slots:
        return 0
    end = first - ids[:first][::-1].index(image if image is not None else -1)
    return end if end < first else 0  # the first id of its own must be one that nothing has to predict


def without_earlier_reasoning(messages: Messages) -> Messages:
    """The conversation as the text family reads it when its last answer is due.

    Earlier answers stand without their reasoning there; such a conversation trains on its last answer alone,
    since the others were given with it.
    """

    def reasons(message: dict[str, Any]) -> bool:
        content = message.get("content")
        own = message.get("role") == "assistant" and message.get("reasoning_content") is None
        return own and isinstance(content, str) and p.THINK_CLOSE in content

    last = max((n for n, m in enumerate(messages) if m.get("role") == "assistant"), default=-1)
    if not any(reasons(message) for message in messages[:last]):
        return messages
    out = []
    for n, message in enumerate(messages):
        if n < last and message.get("role") == "assistant":
            content = message.get("content")
            if reasons(message):
                content = str(content).split(p.THINK_CLOSE)[-1].lstrip("\n")
            message = {**message, "content": content, "weight": 0}
        out.append(message)
    return out


def shortened(sample: Sample, most: int, image_token_id: int, tokens_per_tile: int) -> Sample:
    """The first `most` ids; a picture that does not fit whole ends the sample before it."""
    places = [n for n, token in enumerate(sample.ids) if token == image_token_id]
    end, kept, at = most, 0, 0
    for tiles in sample.tiles:
        first, at = places[at], at + tiles * tokens_per_tile
        if places[at - 1] >= most:
            end = min(end, first)
            break
        kept += 1
    return replace(
        sample,
        ids=sample.ids[:end],
        mask=sample.mask[:end],
        pictures=sample.pictures[:kept],
        tiles=sample.tiles[:kept],
        shared=sample.shared if sample.shared < end and kept == len(sample.tiles) else 0,
    )
