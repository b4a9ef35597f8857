"""`adotx ask` and `adotx describe`: an image and a question in, the answer streamed to stdout."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from adotx.cli import DONE
from adotx.cli.convert import Conversion
from adotx.cli.progress import Progress
from adotx.cli.strings import text
from adotx.errors import AdotxError

if TYPE_CHECKING:
    from adotx.checkpoint import Checkpoint
    from adotx.engine import SamplingParams
    from adotx.model import Model, Reply, ReplyStream


def ask(image: Path, question: str, model: str, weights: str, online: bool, sampling: SamplingParams) -> int:
    """Answer `question` about `image` on stdout; returns the exit code.

    Raises:
        AdotxError: ``ask.reader``: the checkpoint transcribes and does nothing else; what opening raises.
    """
    from adotx.checkpoint import open_checkpoint
    from adotx.vision import open_image

    picture = open_image(image)  # before the model: a wrong file is told at once
    if only_reads(open_checkpoint(model, online)):
        what = "this checkpoint transcribes documents and cannot answer questions"
        raise AdotxError("ask.reader", what, model, "name one that can with --model, or use transcribe")
    opened = open_model(model, weights, online)
    # The picture first, then the question: the order of the model cards.
    content = [{"type": "image", "image": picture}, {"type": "text", "text": question}]
    note_cut(say(opened.stream([{"role": "user", "content": content}], sampling=sampling)), sampling)
    return DONE


def describe(image: Path, model: str, weights: str, online: bool, sampling: SamplingParams) -> int:
    """`ask` with the question of the model card."""
    return ask(image, text("describe.prompt"), model, weights, online, sampling)


def only_reads(checkpoint: Checkpoint) -> bool:
    """Whether a checkpoint transcribes rows of text and was trained for nothing else."""
    return checkpoint.extra.get("reader") == "rows"


def open_model(name: str, weights: str, online: bool) -> Model:
    """`Model.open`, with what it is busy with on stderr."""
    with Progress() as progress:
        progress.show(text("transcribe.loading", model=name))
        from adotx.model import Model

        return Model.open(name, weights, online=online, progress=Conversion(progress, name, weights))


def say(answer: ReplyStream) -> Reply:
    """Write an answer to stdout as it comes, with one line end; returns the whole of it."""
    whole = ""
    with answer:
        for piece in answer:
            assert isinstance(piece, str), "no tools were given"
            whole += piece
            sys.stdout.write(piece)
            sys.stdout.flush()
    if not whole.endswith("\n"):
        sys.stdout.write("\n")
    sys.stdout.flush()
    return answer.reply


def note_cut(reply: Reply, sampling: SamplingParams) -> None:
    """Say on stderr that an answer did not end by itself, and what was too short for it."""
    if reply.finish_reason != "length":
        return
    if reply.usage.completion_tokens >= sampling.max_new_tokens:
        print(text("ask.cut", tokens=sampling.max_new_tokens), file=sys.stderr)
    else:
        positions = reply.usage.prompt_tokens + reply.usage.completion_tokens
        print(text("ask.context", tokens=positions), file=sys.stderr)
