"""The data of a recipe, checked and shown: what the loss will see. Needs no torch."""

from __future__ import annotations

from collections.abc import Callable

from adotx.chat.shown import shown
from adotx.checkpoint import open_checkpoint
from adotx.errors import AdotxError, Sentence
from adotx.finetune.checking import check
from adotx.finetune.recipe import Recipe
from adotx.finetune.rows import find_lines
from adotx.finetune.samples import Reader


def look_at(
    recipe: Recipe, rows: int, say: Callable[[Sentence | AdotxError], None], colours: bool
) -> list[str]:
    """The first `rows` usable rows, as texts; errors as those of `check`."""
    checkpoint = open_checkpoint(recipe.model, online=recipe.online)
    reader = Reader(recipe, checkpoint, find_lines(recipe.data))
    out = []
    for index in check(reader, say).usable[:rows]:
        for sample in map(reader.cut, reader.counted(index)):
            image = checkpoint.config.image_token_id
            out.append(
                f"{sample.where}\n{shown(sample.ids, sample.mask, checkpoint.tokenizer, image, colours)}"
            )
    return out
