"""Data before the first step: every row read, every picture opened, ids and tiles counted.

In: a `Reader`. Out: a `Count` of the rows that can be trained on; what cannot is named by line number. Knows
no torch.
"""

from __future__ import annotations

import hashlib
import json
import os
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field

from adotx.errors import AdotxError, Sentence
from adotx.finetune.samples import Reader, Sample

#: rows that are named one by one
_NAMED = 20
#: rows read side by side
_BLOCK = 512

Say = Callable[[Sentence | AdotxError], None]


@dataclass
class Count:
    """What the data holds.

    Attributes:
        usable: indices of the lines to train on.
        sizes: (ids, tiles) of each of them as it is trained on; of a pair, the longer one's.
        shared: what the row may have in common with others, as a fingerprint, and how many ids of it.
        trained: ids that are trained on. pictures, tiles, ids: of all usable rows.
        cut: rows that are shortened. left_out: rows that are not used.
    """

    usable: list[int] = field(default_factory=list)
    sizes: list[tuple[int, int]] = field(default_factory=list)
    shared: list[tuple[str, int]] = field(default_factory=list)
    ids: int = 0
    trained: int = 0
    pictures: int = 0
    tiles: int = 0
    cut: int = 0
    left_out: int = 0


def check(reader: Reader, say: Say, progress: Callable[[int, int], None] = lambda done, total: None) -> Count:
    """Read all rows.

    Args:
        say: told of each row that is over-long or cannot be used, up to twenty, and of the totals.

    Raises:
        AdotxError: ``finetune.check``: some rows cannot be used, and the recipe does not say to leave them
            out; ``finetune.nothing``: no row is left.
    """
    count, named, refused = Count(), 0, 0

    def tell(what: Sentence | AdotxError) -> None:
        nonlocal named
        named += 1
        if named <= _NAMED:
            say(what)

    total = len(reader)
    with ThreadPoolExecutor(max_workers=min(16, os.cpu_count() or 1)) as pool:
        # Block by block: results that wait would fill the memory where there are millions of rows.
        blocks = (range(start, min(start + _BLOCK, total)) for start in range(0, total, _BLOCK))
        read = (found for block in blocks for found in pool.map(lambda n: _read(reader, n), block))
        for index, found in enumerate(read):
            progress(index + 1, total)
            if isinstance(found, AdotxError):
                tell(found)
                refused += 1
                continue
            problem = _problem(reader, found)
            if problem is not None:
                tell(problem)
                if reader.recipe.too_long == "drop":
                    count.left_out += 1
                else:
                    refused += 1
                continue
            if any(sample.length > reader.recipe.max_length for sample in found):
                tell(_too_long(reader, found))
                count.cut += 1
            _add(count, index, [reader.cut(sample) for sample in found])
            count.shared.append(_shared(reader, index, reader.cut(found[0])))
    if named > _NAMED:
        say(Sentence("and {count} more", count=named - _NAMED))
    if refused:
        raise AdotxError(
            "finetune.check",
            "{count} of {total} rows cannot be used",
            ", ".join(dict.fromkeys(str(line.file) for line in reader.lines)),
            "mend the rows named above; too_long=drop, too_long=truncate or max_length settle over-long ones",
            count=refused,
            total=total,
        )
    if not count.usable:
        raise AdotxError("finetune.nothing", "no row is left to train on", "data", "give other rows")
    say(_total(count, reader.recipe.method))
    if count.cut or count.left_out:
        say(Sentence("{cut} rows are cut, {out} left out", cut=count.cut, out=count.left_out))
    return count


def _total(count: Count, method: str) -> Sentence:
    rows, ids, pictures = len(count.usable), count.ids, count.pictures
    if method == "grpo":  # which learns from answers that are still to come
        return Sentence(
            "{rows} prompts: {ids:,} ids, {pictures:,} pictures", rows=rows, ids=ids, pictures=pictures
        )
    return Sentence(
        "{rows} rows: {ids:,} tokens, {trained:,} of them trained on, {pictures:,} pictures in {tiles:,}"
        " tiles",
        rows=rows,
        ids=ids,
        trained=count.trained,
        pictures=pictures,
        tiles=count.tiles,
    )


def _read(reader: Reader, index: int) -> list[Sample] | AdotxError:
    try:
        return reader.counted(index)
    except AdotxError as error:
        return error


def _problem(reader: Reader, samples: list[Sample]) -> Sentence | None:
    """Why the row is not trained on as it is; None where it is."""
    recipe = reader.recipe
    long = any(sample.length > recipe.max_length for sample in samples)
    if long and (recipe.too_long != "truncate" or recipe.method == "grpo"):
        return _too_long(reader, samples)
    if recipe.method != "grpo" and any(not reader.cut(sample).trained for sample in samples):
        where = samples[0].where
        if long:
            return Sentence("{where}: nothing that is trained on is left of it", where=where)
        return Sentence("{where}: has nothing that is trained on", where=where)
    return None


def _too_long(reader: Reader, samples: list[Sample]) -> Sentence:
    longest = max(samples, key=lambda sample: sample.length)
    return Sentence(
        "{where}: {length:,} tokens, {tiles} tiles; max_length is {most:,}",
        where=longest.where,
        length=longest.length,
        tiles=sum(longest.tiles),
        most=reader.recipe.max_length,
    )


def _shared(reader: Reader, index: int, sample: Sample) -> tuple[str, int]:
    """The ids and pictures at a sample's start that other rows may have as well."""
    if not sample.shared or reader.recipe.method != "sft":
        return "", 0
    said = json.dumps([sample.ids[: sample.shared], reader.picture_names(index)])
    return hashlib.sha256(said.encode()).hexdigest(), sample.shared


def _add(count: Count, index: int, samples: list[Sample]) -> None:
    count.usable.append(index)
    count.sizes.append((max(len(s.ids) for s in samples), max(sum(s.tiles) for s in samples)))
    count.ids += sum(len(sample.ids) for sample in samples)
    count.trained += sum(sample.trained for sample in samples)
    count.pictures += sum(len(sample.pictures) for sample in samples)
    count.tiles += sum(sum(sample.tiles) for sample in samples)
