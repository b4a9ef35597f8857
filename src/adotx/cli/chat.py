"""`adotx chat`: messages from the terminal in, answers streamed to stdout; or stdin as one message."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, Any

from adotx.cli import DONE, complain
from adotx.cli.ask import note_cut, say
from adotx.cli.strings import text
from adotx.cli.target import Target
from adotx.errors import AdotxError

if TYPE_CHECKING:
    from adotx.client.model import RemoteModel, RemoteStream
    from adotx.engine import SamplingParams
    from adotx.model import Model, ReplyStream

PROMPT = "> "


def chat(target: Target, system: str | None, sampling: SamplingParams) -> int:
    """Talk until /quit or the end of stdin; returns the exit code."""
    interactive = sys.stdin.isatty()
    message = "" if interactive else _whole_stdin()
    model = target.open()
    if not model.answers:
        print(text("chat.reader", model=model.name), file=sys.stderr)
    opening: list[dict[str, Any]] = [{"role": "system", "content": system}] if system else []
    if interactive:
        return _converse(model, opening, sampling)
    conversation = [*opening, {"role": "user", "content": message}]
    note_cut(say(model.stream(conversation, sampling=sampling)), sampling)
    return DONE


def _converse(model: Model | RemoteModel, opening: list[dict[str, Any]], sampling: SamplingParams) -> int:
    with contextlib.suppress(ImportError):
        import readline  # noqa: F401  gives input() editing and history

    print(text("chat.hello", model=model.name), file=sys.stderr)
    messages = list(opening)
    while True:
        try:
            line = _read().strip()
        except EOFError:
            print(file=sys.stderr)
            return DONE
        if not line:
            continue
        if line == "/quit":
            return DONE
        if line == "/new":
            messages = list(opening)
            print(text("chat.new"), file=sys.stderr)
        elif line.startswith("/") and " " not in line:
            print(text("chat.commands"), file=sys.stderr)
        else:
            _turn(model, messages, line, sampling)


def _turn(
    model: Model | RemoteModel, messages: list[dict[str, Any]], line: str, sampling: SamplingParams
) -> None:
    """One question and its answer, both added to `messages`; where the answer failed, neither is."""
    question = {"role": "user", "content": line}
    answer: ReplyStream | RemoteStream | None = None
    try:
        answer = model.stream([*messages, question], sampling=sampling)
        say(answer)
    except AdotxError as error:
        complain(error)
        return
    except KeyboardInterrupt:
        # Ctrl-C stops this answer, not the conversation; what was said so far counts.
        print(flush=True)
        if answer is None:
            return
        answer.close()
    note_cut(answer.reply, sampling)
    messages += [question, answer.reply.message]


def _read() -> str:
    if sys.stdout.isatty():
        return input(PROMPT)
    sys.stderr.write(PROMPT)  # stdout holds answers and nothing else
    sys.stderr.flush()
    return input()


def _whole_stdin() -> str:
    try:
        message = sys.stdin.buffer.read().decode("utf-8")
    except UnicodeDecodeError as error:
        raise AdotxError(
            "input.encoding", "not UTF-8: {reason}", "stdin", "convert it to UTF-8", reason=error.reason
        ) from None
    if not message.strip():
        raise AdotxError("input.empty", "no message", "stdin", "echo 안녕 | adotx chat")
    return message.removesuffix("\n")
