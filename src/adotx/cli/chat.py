"""`adotx chat`: messages from the terminal in, answers streamed to stdout; or stdin as one message."""

from __future__ import annotations

import contextlib
import sys
from typing import TYPE_CHECKING, Any

from adotx.cli import DONE, complain
from adotx.cli.ask import note_cut, say
from adotx.cli.convert import Conversion
from adotx.cli.progress import Progress
from adotx.cli.session import Session
from adotx.cli.strings import text
from adotx.errors import AdotxError

if TYPE_CHECKING:
    from adotx.engine import SamplingParams

PROMPT = "> "


def chat(model: str, weights: str, online: bool, system: str | None, sampling: SamplingParams) -> int:
    """Talk until /quit or the end of stdin; returns the exit code."""
    interactive = sys.stdin.isatty()
    message = "" if interactive else _whole_stdin()
    with Progress() as progress:
        progress.show(text("transcribe.loading", model=model))
        session = Session.open(model, weights, online, Conversion(progress, model, weights))
    opening: list[dict[str, Any]] = [{"role": "system", "content": system}] if system else []
    if interactive:
        return _converse(session, opening, sampling)
    say(session.answer([*opening, {"role": "user", "content": message}], sampling))
    note_cut(session, sampling)
    return DONE


def _converse(session: Session, opening: list[dict[str, Any]], sampling: SamplingParams) -> int:
    with contextlib.suppress(ImportError):
        import readline  # noqa: F401  gives input() editing and history

    print(text("chat.hello", model=session.checkpoint.name), file=sys.stderr)
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
            _turn(session, messages, line, sampling)


def _turn(session: Session, messages: list[dict[str, Any]], line: str, sampling: SamplingParams) -> None:
    """One question and its answer, both added to `messages`; where the answer failed, neither is."""
    pieces: list[str] = []

    def kept() -> Any:
        for piece in session.answer([*messages, {"role": "user", "content": line}], sampling):
            pieces.append(piece)
            yield piece

    try:
        say(kept())
    except AdotxError as error:
        complain(error)
        return
    except KeyboardInterrupt:
        # Ctrl-C stops this answer, not the conversation; what was said so far counts.
        print(flush=True)
    note_cut(session, sampling)
    messages += [{"role": "user", "content": line}, {"role": "assistant", "content": "".join(pieces)}]


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
            "input.encoding", f"not UTF-8: {error.reason}", "stdin", "convert it to UTF-8"
        ) from None
    if not message.strip():
        raise AdotxError("input.empty", "no message", "stdin", "echo 안녕 | adotx chat")
    return message.removesuffix("\n")
