"""What an answer is: `Reply`, with what it took; and one on its way, which every way of asking reads alike.

In: ids as the engine gives them, then its `Output`. Out: pieces of text, tool calls, the `Reply`. Knows no
threads, no event loop and no rendering.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

from adotx.chat import AnswerStream, ToolCall
from adotx.chat.tools import Event
from adotx.checkpoint import Checkpoint
from adotx.engine import Output, Request

if TYPE_CHECKING:
    from adotx.engine import TokenLogprobs


@dataclass(frozen=True)
class Usage:
    """What an answer took.

    Attributes:
        prompt_tokens: ids of the conversation, image positions included.
        completion_tokens: ids of the answer, up to the one with which a stop string became whole; without the
            id that ended it.
        cached_tokens: how many of the prompt's were in the cache before it came; 0 where the answer was
            closed before the engine had told.
        image_tokens: how many of the prompt's are image positions.
    """

    prompt_tokens: int
    completion_tokens: int
    cached_tokens: int
    image_tokens: int


@dataclass(frozen=True)
class TokenLogprob:
    """A token that was picked, or could have been.

    Attributes:
        text: what it says; U+FFFD stands for parts of a character. A control token gives its name.
        bytes: exactly what it adds to the answer; b"" for a control token that is no part of the text.
        logprob: natural log-probability, of the model's distribution before any processing.
        id: the token.
        top: the likeliest tokens of its step, best first, where `SamplingParams.logprobs` asked for them.
    """

    text: str
    bytes: bytes
    logprob: float
    id: int
    top: tuple[TokenLogprob, ...] = ()


@dataclass(frozen=True)
class Reply:
    """An answer.

    Attributes:
        text: what stands outside of tool calls, without the stop string that ended it.
        tool_calls: in order; only where tools were given.
        finish_reason: "stop" (it ended by itself, or a stop string did), "tool_calls" (it ended by itself and
            holds calls), "length", "loop" (the loop guard), "timeout", "cancelled" (its stream was closed).
        usage: tokens.
        logprobs: one for each of the answer's ids where `SamplingParams.logprobs` asked for them.
        loop_start: index in `text` where the loop began, for reason "loop".
        context_full: for reason "length": the context had no room for all of `max_new_tokens`.
        queue_seconds: from asking to the first step of the engine; 0 where the answer was closed before.
        prompt_seconds: from there to the first new id.
    """

    text: str
    tool_calls: tuple[ToolCall, ...]
    finish_reason: str
    usage: Usage
    logprobs: tuple[TokenLogprob, ...] = ()
    loop_start: int | None = None
    context_full: bool = False
    queue_seconds: float = field(default=0.0, compare=False)
    prompt_seconds: float = field(default=0.0, compare=False)

    @property
    def message(self) -> dict[str, Any]:
        """The same as a message of the OpenAI API, to go on with the conversation."""
        message: dict[str, Any] = {"role": "assistant", "content": self.text}
        if self.tool_calls:
            message["tool_calls"] = [call.message for call in self.tool_calls]
        return message


class Answer:
    """One answer on its way: ids in, pieces out, the `Reply` at its end. What all ways of asking share.

    Attributes:
        pieces: what has come and has not been read.
        reply: None before the end.
    """

    def __init__(self, checkpoint: Checkpoint, request: Request, reader: AnswerStream) -> None:
        self._tokenizer, self._request, self._reader = checkpoint.tokenizer, request, reader
        self._ids: list[int] = []
        self._texts: list[str] = []
        self._calls: list[ToolCall] = []
        self.pieces: deque[Event] = deque()
        self.reply: Reply | None = None

    def push(self, token: int) -> bool:
        """Take the next id; True where a stop string has become whole and the engine may stop."""
        self._ids.append(token)
        self._take(self._reader.push([token]))
        return self._reader.stopped

    def end(self, output: Output | None, closed: bool = False) -> None:
        """The answer is over: `output` of the engine, None where it has none yet.

        `closed`: nobody reads on; what is held back was not said.
        """
        if self.reply is not None:
            return
        if not closed:
            self._take(self._reader.close())
        text, ids = "".join(self._texts), self._ids
        reason, loop = (
            ("cancelled", None) if closed or not output else (output.finish_reason, output.loop_start)
        )
        if self._reader.stopped:
            reason, loop = "stop", None
        elif reason == "stop" and self._calls:
            reason = "tool_calls"
        images = sum(length for _, length in self._request.slots or ())
        usage = Usage(len(self._request.ids), len(ids), output.cached_tokens if output else 0, images)
        loop_start = None if loop is None else self._reader.index(ids[:loop], text)
        logprobs = self.logprobs(output.logprobs if output else ())
        self.reply = Reply(
            text,
            tuple(self._calls),
            reason,
            usage,
            logprobs,
            loop_start,
            context_full=reason == "length" and output is not None and output.context_full,
            queue_seconds=output.queue_seconds if output else 0.0,
            prompt_seconds=output.prompt_seconds if output else 0.0,
        )

    def whole(self, output: Output) -> Reply:
        """The reply to an output that came in one piece."""
        for token in output.ids:
            self.push(token)
        self.end(output)
        assert self.reply is not None
        return self.reply

    def logprobs(self, steps: Sequence[TokenLogprobs], start: int = 0) -> tuple[TokenLogprob, ...]:
        """The engine's, of the ids pushed so far from number `start` on, as text."""
        return tuple(
            self._token(step.token, step.logprob, tuple(self._token(*each) for each in step.top))
            for step in steps[start : len(self._ids)]
        )

    def _take(self, events: list[Event]) -> None:
        self.pieces += events
        self._texts += [event for event in events if isinstance(event, str)]
        self._calls += [event for event in events if isinstance(event, ToolCall)]

    def _token(self, token: int, logprob: float, top: tuple[TokenLogprob, ...] = ()) -> TokenLogprob:
        data = self._tokenizer.token_bytes(token)
        silent = token in self._tokenizer.control_ids and not self._tokenizer.decode([token])
        return TokenLogprob(data.decode("utf-8", "replace"), b"" if silent else data, logprob, token, top)
