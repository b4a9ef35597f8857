"""The front door: messages with pictures and tools in, a `Reply` or its pieces as they come out.

`Model` for threads, `AsyncModel` for asyncio. They put the parts together: `chat` renders the conversation,
its pictures too, and reads the answer; `engine` continues ids. Knows no HTTP and no documents. Guide:
docs/model.md.
"""

from __future__ import annotations

import asyncio
import threading
from collections import deque
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, TypedDict, Unpack

from adotx.chat import AnswerForm, AnswerStream, Grammar, ToolCall, render_for
from adotx.chat.media import image_parts, image_tiles
from adotx.chat.messages import Message
from adotx.chat.tools import Event
from adotx.checkpoint import Checkpoint, open_checkpoint
from adotx.engine import AsyncEngine, AsyncStream, Engine, Output, Request, SamplingParams, Stream
from adotx.errors import AdotxError

if TYPE_CHECKING:
    import numpy as np

    from adotx.engine.sampling.logprobs import TokenLogprobs
    from adotx.engine.sampling.sampler import Constraint
    from adotx.vision import Limits

    #: what an answer can be held to
    ConstraintLike = Callable[[], Constraint] | AnswerForm | Mapping[str, Any] | str


class Options(TypedDict, total=False):
    """What may be said besides the messages; `Model.reply` explains each."""

    images: Sequence[Any] | None
    tools: Sequence[Mapping[str, Any]] | None
    sampling: SamplingParams | None
    constraint: ConstraintLike | None
    stop: str | Sequence[str] | None
    timeout: float | None
    call_deltas: bool
    continue_final_message: bool


@dataclass(frozen=True)
class Usage:
    """What an answer took.

    Attributes:
        prompt_tokens: ids of the conversation, image positions included.
        completion_tokens: ids of the answer, up to the one with which a stop string became whole; without the
            id that ended it.
        cached_tokens: how many of the prompt's needed no computing; 0 where the answer was closed before the
            engine had told.
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
    """

    text: str
    tool_calls: tuple[ToolCall, ...]
    finish_reason: str
    usage: Usage
    logprobs: tuple[TokenLogprob, ...] = ()
    loop_start: int | None = None

    @property
    def message(self) -> dict[str, Any]:
        """The same as a message of the OpenAI API, to go on with the conversation."""
        message: dict[str, Any] = {"role": "assistant", "content": self.text}
        if self.tool_calls:
            message["tool_calls"] = [call.message for call in self.tool_calls]
        return message


class Model:
    """A checkpoint and its engine. Any number of threads may ask at once; they share one batch.

    Args:
        checkpoint: what answers.
        engine: the same, loaded.
        local_files: whether messages may name image files; say False where they come from strangers.
        limits: which images are too large; None: those of `adotx.vision`.
        grammar_seconds: how long a constraint may take to compile; say so where they come from strangers.
    """

    def __init__(
        self,
        checkpoint: Checkpoint,
        engine: Engine,
        *,
        local_files: bool = True,
        limits: Limits | None = None,
        grammar_seconds: float | None = None,
    ) -> None:
        self.checkpoint, self.engine = checkpoint, engine
        self._local_files, self._limits, self._grammar_seconds = local_files, limits, grammar_seconds
        self._grammar: Grammar | None = None
        self._lock = threading.Lock()

    @classmethod
    def open(
        cls,
        name: str = "nano",
        weights: str = "int8",
        *,
        online: bool = False,
        local_files: bool = True,
        limits: Limits | None = None,
        grammar_seconds: float | None = None,
        progress: Callable[[int, int], None] | None = None,
        **engine_settings: Any,
    ) -> Model:
        """Find, open and load a checkpoint.

        Args:
            name: "nano", a directory, or, with `online`, a repository of the Hugging Face hub.
            weights: "int8", "int4", "bf16" or "f32"; see `Engine.load`.
            online: what is not on this machine may be fetched.
            local_files, limits, grammar_seconds: see `Model`.
            progress: called with bytes done and all bytes while weights are converted.
            engine_settings: further arguments of `Engine.load`: max_running, kv_cache, ...

        Raises:
            AdotxError: it is not found, not whole, or does not fit.
        """
        checkpoint = open_checkpoint(name, online=online)
        engine = Engine.load(checkpoint, weights, progress=progress, **engine_settings)
        return cls(
            checkpoint, engine, local_files=local_files, limits=limits, grammar_seconds=grammar_seconds
        )

    def reply(self, messages: Sequence[Message], **options: Unpack[Options]) -> Reply:
        """The whole answer to a conversation.

        Args:
            messages: of the OpenAI API; content parts as `adotx.chat.media` describes them.
            images: the pictures of the image parts that hold none, in order.
            tools: descriptions of the OpenAI API; with them the answer's calls are told from its text.
            sampling: how to pick tokens, and how many; None: greedy, at most 256.
            constraint: what the answer must look like: a JSON schema (an object), "json" for any JSON object,
                "tools" for text and then well-formed calls, an `AnswerForm`, or anything that `grammar`
                compiles.
            stop: strings that end the answer's text where the first of them begins; see `AnswerStream`.
            timeout: seconds from now after which the answer ends with what it has.
            call_deltas: a stream gives a tool call's pieces (`CallDelta`) as they come, then the whole call.
            continue_final_message: the answer goes on with the last message, an assistant's; it is what
                follows.

        Raises:
            AdotxError: whatever is wrong with these, before anything is computed; later only
                ``grammar.too_complex``.
        """
        request, answer = self._ask(messages, **options)
        if options.get("stop"):
            with ReplyStream(answer, self.engine.stream(request)) as stream:
                for _ in stream:
                    pass
            return stream.reply
        # Nobody reads along, so the engine need not pace the steps for this request.
        [output] = self.engine.generate([request])
        return answer.whole(output)

    def stream(self, messages: Sequence[Message], **options: Unpack[Options]) -> ReplyStream:
        """The answer as it comes; computed as it is read. Arguments and errors as for `reply`."""
        request, answer = self._ask(messages, **options)
        return ReplyStream(answer, self.engine.stream(request))

    @property
    def grammar(self) -> Grammar:
        """Compiles constraints for this model's tokenizer: regular expressions, required tool calls, ..."""
        with self._lock:
            if self._grammar is None:
                checkpoint, seconds = self.checkpoint, self._grammar_seconds
                self._grammar = Grammar(checkpoint.tokenizer, checkpoint.eos_ids, seconds)
            return self._grammar

    def _ask(
        self,
        messages: Sequence[Message],
        images: Sequence[Any] | None = None,
        tools: Sequence[Mapping[str, Any]] | None = None,
        sampling: SamplingParams | None = None,
        constraint: ConstraintLike | None = None,
        stop: str | Sequence[str] | None = None,
        timeout: float | None = None,
        call_deltas: bool = False,
        continue_final_message: bool = False,
    ) -> tuple[Request, _Answer]:
        """What the engine is asked, and what will read its answer."""
        stops = () if stop is None else stop
        reader = AnswerStream(self.checkpoint.tokenizer, bool(tools), stops, call_deltas)
        tiles = self._tiles(messages, images)
        rendered = render_for(
            self.checkpoint,
            messages,
            tools=tools,
            tiles=[len(each) for each in tiles],
            continue_final_message=continue_final_message,
        )
        request = Request(
            rendered.ids,
            slots=rendered.places,
            images=[tiles[slot.image] for slot in rendered.slots],
            sampling=sampling or SamplingParams(),
            constraint=self._compiled(constraint, tools),
            timeout=timeout,
        )
        return request, _Answer(self.checkpoint, request, reader)

    def _tiles(self, messages: Sequence[Message], images: Sequence[Any] | None) -> list[np.ndarray]:
        rule = self.checkpoint.config.tiles
        if rule is not None:
            return image_tiles(messages, images, rule, local_files=self._local_files, limits=self._limits)
        if images or any(image_parts(messages)):
            name = self.checkpoint.name
            raise AdotxError("chat.no_vision", "this checkpoint reads text only", name, "use a VL checkpoint")
        return []

    def _compiled(
        self, constraint: ConstraintLike | None, tools: Sequence[Mapping[str, Any]] | None
    ) -> Callable[[], Constraint] | None:
        if isinstance(constraint, AnswerForm):
            return constraint.compile(self.grammar)
        if constraint is None or callable(constraint):
            return constraint
        if isinstance(constraint, Mapping):
            return self.grammar.json_schema(constraint)
        if constraint == "json":
            return self.grammar.json_object()
        if constraint == "tools":
            return self.grammar.tool_calls(tools or [])
        what, remedy = "{given} is no constraint", 'give a JSON schema, "json" or "tools"'
        raise AdotxError("chat.constraint", what, "constraint", remedy, given=repr(constraint)[:80])


class _Answer:
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
        self.reply = Reply(text, tuple(self._calls), reason, usage, logprobs, loop_start)

    def whole(self, output: Output) -> Reply:
        """The reply to an output that came in one piece."""
        for token in output.ids:
            self.push(token)
        self.end(output)
        assert self.reply is not None
        return self.reply

    def logprobs(self, steps: Sequence[TokenLogprobs]) -> tuple[TokenLogprob, ...]:
        """The engine's, of the ids pushed so far, as text."""
        return tuple(
            self._token(step.token, step.logprob, tuple(self._token(*each) for each in step.top))
            for step in steps[: len(self._ids)]
        )

    def _take(self, events: list[Event]) -> None:
        self.pieces += events
        self._texts += [event for event in events if isinstance(event, str)]
        self._calls += [event for event in events if isinstance(event, ToolCall)]

    def _token(self, token: int, logprob: float, top: tuple[TokenLogprob, ...] = ()) -> TokenLogprob:
        data = self._tokenizer.token_bytes(token)
        silent = token in self._tokenizer.control_ids and not self._tokenizer.decode([token])
        return TokenLogprob(data.decode("utf-8", "replace"), b"" if silent else data, logprob, token, top)


class _Pieces:
    """What both kinds of streams have besides reading on."""

    _answer: _Answer
    _stream: Stream | AsyncStream

    @property
    def reply(self) -> Reply:
        """The answer, once it has ended or was closed; AdotxError ``reply.unfinished`` before."""
        if self._answer.reply is None:
            remedy = "read it to its end, or close it"
            raise AdotxError("reply.unfinished", "the answer has not ended", "stream", remedy)
        return self._answer.reply

    @property
    def logprobs(self) -> tuple[TokenLogprob, ...]:
        """Of the ids read so far, also of those whose text is still held back; see `Reply.logprobs`."""
        return self._answer.logprobs(self._stream.logprobs)

    def close(self) -> None:
        """Cancel the request if it has not ended; what was read of the answer stays."""
        self._stream.close()
        self._answer.end(self._stream.output, closed=True)


class ReplyStream(_Pieces, Iterator[Event]):
    """An answer as it comes: pieces of its text, never half a character, and tool calls.

    Leaving its `with` ends the request, in the engine too. The pieces joined are the reply's text.
    """

    def __init__(self, answer: _Answer, stream: Stream) -> None:
        self._answer = answer
        self._stream: Stream = stream

    def __next__(self) -> Event:
        answer, stream = self._answer, self._stream
        while not answer.pieces:
            if answer.reply is not None:
                raise StopIteration
            token = next(stream, None)
            if token is None:
                answer.end(stream.output)
            elif answer.push(token):
                stream.close()
                answer.end(stream.output)
        return answer.pieces.popleft()

    def __enter__(self) -> ReplyStream:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()


class AsyncReplyStream(_Pieces, AsyncIterator[Event]):
    """`ReplyStream` for `async for`. Leaving its `async with`, also as a cancelled task, ends the request."""

    def __init__(self, answer: _Answer, stream: AsyncStream) -> None:
        self._answer = answer
        self._stream: AsyncStream = stream

    async def __anext__(self) -> Event:
        answer, stream = self._answer, self._stream
        while not answer.pieces:
            if answer.reply is not None:
                raise StopAsyncIteration
            token = await anext(stream, None)
            if token is None:
                answer.end(stream.output)
            elif answer.push(token):
                await stream.aclose()
                answer.end(stream.output)
        return answer.pieces.popleft()

    async def __aenter__(self) -> AsyncReplyStream:
        return self

    async def aclose(self) -> None:
        """`close`, and wait for the end of the step under way."""
        await self._stream.aclose()
        self.close()

    async def __aexit__(self, *_: object) -> None:
        await self.aclose()

    def __del__(self) -> None:
        # The engine would go on with an answer that nobody can read any more.
        self._stream.close()


class AsyncModel:
    """A `Model` whose replies are awaited; rendering and image work are done beside the event loop.

    Args:
        model: an open one; blocking callers may use it at the same time.
    """

    def __init__(self, model: Model) -> None:
        self.model = model
        self._engine = AsyncEngine(model.engine)
        # A thread of its own: grammars that take long must not keep others' conversations waiting.
        self._compiling = ThreadPoolExecutor(1, "adotx-grammar")

    @classmethod
    async def open(cls, name: str = "nano", weights: str = "int8", **settings: Any) -> AsyncModel:
        """`Model.open`, in a thread; `settings` are its other arguments."""
        return cls(await asyncio.to_thread(Model.open, name, weights, **settings))

    async def reply(self, messages: Sequence[Message], **options: Unpack[Options]) -> Reply:
        """`Model.reply`; cancelling the task cancels the request."""
        request, answer = await self._ask(messages, options)
        if options.get("stop"):
            async with AsyncReplyStream(answer, await self._engine.stream(request)) as stream:
                async for _ in stream:
                    pass
            return stream.reply
        return answer.whole(await self._engine.generate(request))

    async def stream(self, messages: Sequence[Message], **options: Unpack[Options]) -> AsyncReplyStream:
        """`Model.stream`; the answer is computed whether or not it is read."""
        request, answer = await self._ask(messages, options)
        return AsyncReplyStream(answer, await self._engine.stream(request))

    async def _ask(self, messages: Sequence[Message], options: Options) -> tuple[Request, _Answer]:
        """`Model._ask`, beside the event loop."""
        constraint = options.get("constraint")
        if constraint is not None and not callable(constraint):
            run, tools = asyncio.get_running_loop().run_in_executor, options.get("tools")
            compiled = await run(self._compiling, self.model._compiled, constraint, tools)
            options = {**options, "constraint": compiled}
        return await asyncio.to_thread(self.model._ask, messages, **options)
