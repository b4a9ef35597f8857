"""`adotx convert`: a checkpoint and a weight format in, a conversion on disk and its folder on stdout out."""

from __future__ import annotations

import time
from pathlib import Path
from typing import Literal

from adotx.cli import DONE
from adotx.cli.progress import Progress
from adotx.cli.strings import text


class Conversion:
    """Shows the progress of a conversion, for every verb that may need one.

    Args:
        progress: where to show it.
        name, weights: the checkpoint and the format.

    Attributes:
        begun: whether something had to be converted.
    """

    def __init__(self, progress: Progress, name: str, weights: str) -> None:
        self._progress, self._name, self._weights, self.begun = progress, name, weights, False

    def __call__(self, done: int, total: int) -> None:
        """`done` of `total` bytes are converted."""
        from adotx.checkpoint.memory import readable_size

        if not self.begun:
            # Also in a log file: a conversion takes minutes and disk space.
            self._progress.line(text("convert.begins", name=self._name, weights=self._weights))
            self.begun = True
        self._progress.show(
            text(
                "convert.progress",
                name=self._name,
                weights=self._weights,
                share=100 * done // total,
                done=readable_size(done),
                total=readable_size(total),
            )
        )


def convert(source: str, weights: Literal["int8", "int4"], out: Path | None) -> int:
    """Convert the checkpoint `source`, or check the conversion that is there; returns the exit code.

    Args:
        source: "nano" or a directory.
        weights: the format.
        out: where the conversion goes; None: beside the checkpoint, or into the cache folder.

    Raises:
        AdotxError: the checkpoint is not found or incomplete, or nothing can be written.
    """
    from adotx.checkpoint import open_checkpoint
    from adotx.checkpoint.memory import readable_size
    from adotx.engine.weights.convert import convert as run

    checkpoint = open_checkpoint(source)
    start = time.monotonic()
    with Progress() as progress:
        progress.show(text("convert.looking", name=checkpoint.name))
        shown = Conversion(progress, checkpoint.name, weights)
        folder = run(checkpoint, weights, out, shown)
        size = readable_size(sum(file.stat().st_size for file in folder.iterdir()))
        seconds = time.monotonic() - start
        if shown.begun:
            progress.line(
                text("convert.done", name=checkpoint.name, weights=weights, size=size, seconds=seconds)
            )
        else:
            progress.line(text("convert.there", name=checkpoint.name, weights=weights, size=size))
    print(folder)
    return DONE
