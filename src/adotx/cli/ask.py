"""`adotx ask` and `adotx describe`: an image and a question in, the answer streamed to stdout."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import TYPE_CHECKING

from adotx.cli import DONE
from adotx.cli.strings import text
from adotx.cli.target import Target

if TYPE_CHECKING:
    from adotx.client.model import RemoteStream
    from adotx.engine import SamplingParams
    from adotx.model import Reply, ReplyStream


def ask(image: Path, question: str, target: Target, sampling: SamplingParams) -> int:
    """Answer `question` about `image` on stdout; returns the exit code.

    Raises:
        AdotxError: ``ask.reader``: the checkpoint transcribes and does nothing else; what opening raises.
    """
    from adotx.vision import open_image

    picture = open_image(image)  # before the model: a wrong file is told at once
    model = target.open_to_ask()
    # The picture first, then the question: the order of the model cards.
    content = [{"type": "image", "image": picture}, {"type": "text", "text": question}]
    note_cut(say(model.stream([{"role": "user", "content": content}], sampling=sampling)), sampling)
    return DONE


def describe(image: Path, target: Target, sampling: SamplingParams) -> int:
    """`ask` with the question of the model card."""
    return ask(image, text("describe.prompt"), target, sampling)


def say(answer: ReplyStream | RemoteStream) -> Reply:
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
    if reply.context_full:
        positions = reply.usage.prompt_tokens + reply.usage.completion_tokens
        print(text("ask.context", tokens=positions), file=sys.stderr)
    else:
        print(text("ask.cut", tokens=sampling.max_new_tokens), file=sys.stderr)
