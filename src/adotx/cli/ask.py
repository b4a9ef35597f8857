"""`adotx ask` and `adotx describe`: an image and a question in, the answer streamed to stdout."""

from __future__ import annotations

import sys
from collections.abc import Iterable
from pathlib import Path
from typing import TYPE_CHECKING

from adotx.cli import DONE
from adotx.cli.convert import Conversion
from adotx.cli.progress import Progress
from adotx.cli.session import Session, image_message, open_picture
from adotx.cli.strings import text

if TYPE_CHECKING:
    from adotx.engine import SamplingParams


def ask(image: Path, question: str, model: str, weights: str, online: bool, sampling: SamplingParams) -> int:
    """Answer `question` about `image` on stdout; returns the exit code."""
    picture = open_picture(image)  # before the model: a wrong file is told at once
    with Progress() as progress:
        progress.show(text("transcribe.loading", model=model))
        session = Session.open(model, weights, online, Conversion(progress, model, weights))
    say(session.answer([image_message(question)], sampling, [picture]))
    note_cut(session, sampling)
    return DONE


def describe(image: Path, model: str, weights: str, online: bool, sampling: SamplingParams) -> int:
    """`ask` with the question of the model card."""
    return ask(image, text("describe.prompt"), model, weights, online, sampling)


def say(pieces: Iterable[str]) -> str:
    """Write an answer to stdout as it comes, with one line end; returns the whole of it."""
    whole = ""
    for piece in pieces:
        whole += piece
        sys.stdout.write(piece)
        sys.stdout.flush()
    if not whole.endswith("\n"):
        sys.stdout.write("\n")
    sys.stdout.flush()
    return whole


def note_cut(session: Session, sampling: SamplingParams) -> None:
    """Say on stderr that an answer did not end by itself."""
    if session.finish_reason == "length":
        print(text("ask.cut", tokens=sampling.max_new_tokens), file=sys.stderr)
