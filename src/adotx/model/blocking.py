"""A checkpoint and its engine, for any number of threads.

In: messages of the OpenAI API. Out: a `Reply`, or a stream of its pieces. Knows no event loop.
"""

from __future__ import annotations

import threading
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Self, TypedDict, Unpack

from adotx.chat import AnswerForm, AnswerStream, Grammar, Rendered, render_for
from adotx.chat.media import image_parts, image_tiles
from adotx.chat.messages import Message
from adotx.checkpoint import Checkpoint, open_checkpoint
from adotx.engine import Engine, Request, SamplingParams, Stats
from adotx.errors import AdotxError
from adotx.model.prompt import Prompt
from adotx.model.reply import Answer, Reply
from adotx.model.streams import ReplyStream

if TYPE_CHECKING:
    import numpy as np

    from adotx.engine import Constraint
    from adotx.vision import Limits

    #: what an answer can be held to
    ConstraintLike = Callable[[], Constraint] | AnswerForm | Mapping[str, Any] | str

# A model that reads rows is asked about each once: these hold what is being read, and little that was.
_OF_ROWS = {"kv_memory": 32 << 20, "feature_memory": 8 << 20}


class Options(TypedDict, total=False):
    """What may be said besides the messages; `Model.reply` explains each."""

    images: Sequence[Any] | None
    tools: Sequence[Mapping[str, Any]] | None
    sampling: SamplingParams | None
    constraint: ConstraintLike | None
    stop: str | Sequence[str] | None
    timeout: float | None
    queue_timeout: float | None
    priority: int
    cache_salt: str | None
    require_room: bool
    max_prompt_tokens: int | None
    call_deltas: bool
    continue_final_message: bool


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
            engine_settings: further arguments of `Engine.load`: max_running, kv_cache, ...; a reader of rows
                (nano) has small caches where none are given.

        Raises:
            AdotxError: it is not found, not whole, or does not fit.
        """
        checkpoint = open_checkpoint(name, online=online)
        if checkpoint.extra.get("reader") == "rows":
            engine_settings = _OF_ROWS | engine_settings
        engine = Engine.load(checkpoint, weights, progress=progress, **engine_settings)
        return cls(
            checkpoint, engine, local_files=local_files, limits=limits, grammar_seconds=grammar_seconds
        )

    def reply(self, messages: Sequence[Message] | Prompt, **options: Unpack[Options]) -> Reply:
        """The whole answer to a conversation.

        Args:
            messages: of the OpenAI API; content parts as `adotx.chat.media` describes them. Or a `Prompt`.
            images: the pictures of the image parts that hold none, in order.
            tools: descriptions of the OpenAI API; with them the answer's calls are told from its text.
            sampling: how to pick tokens, and how many; None: greedy, at most 256.
            constraint: what the answer must look like: a JSON schema (an object), "json" for any JSON object,
                "tools" for text and then well-formed calls, an `AnswerForm`, or anything that `grammar`
                compiles.
            stop: strings that end the answer's text where the first of them begins; see `AnswerStream`.
            timeout: seconds from now after which the answer ends with what it has.
            queue_timeout: seconds from now after which it fails (``engine.queue_timeout``) if it is still
                waiting for its first step.
            priority: the smaller number starts first; equal ones come in order.
            cache_salt: what was computed under a salt is found again under the same salt alone.
            require_room: refuse (``request.no_room``) what asks for more tokens than fit behind the
                conversation; otherwise the answer is cut there, and `Reply.context_full` says so.
            call_deltas: a stream gives a tool call's pieces (`CallDelta`) as they come, then the whole call.
            continue_final_message: the answer goes on with the last message, an assistant's; it is what
                follows.
            max_prompt_tokens: refuse (``request.too_long``) what is longer; None: what the context holds.

        Raises:
            AdotxError: whatever is wrong with these, before anything is computed; later what ends a request:
                ``grammar.too_complex``, ``engine.queue_timeout``, ``engine.stopped``, ``engine.failed``.
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

    def stream(self, messages: Sequence[Message] | Prompt, **options: Unpack[Options]) -> ReplyStream:
        """The answer as it comes; computed as it is read. Arguments and errors as for `reply`."""
        request, answer = self._ask(messages, **options)
        return ReplyStream(answer, self.engine.stream(request))

    @property
    def alive(self) -> bool:
        """`Engine.alive`."""
        return self.engine.alive

    def stats(self) -> Stats:
        """`Engine.stats`; never waits."""
        return self.engine.stats()

    def warm(self) -> None:
        """Do now what the first image and the first constraint would have to wait for."""
        self.engine.warm()
        self.grammar.json_object()

    def drain(self, timeout: float) -> bool:
        """`Engine.drain`."""
        return self.engine.drain(timeout)

    def close(self) -> None:
        """`Engine.close`."""
        self.engine.close()

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self.close()

    @property
    def name(self) -> str:
        """The checkpoint's."""
        return self.checkpoint.name

    @property
    def answers(self) -> bool:
        """Whether it was trained to answer; else it transcribes rows of text and does nothing else."""
        return self.checkpoint.extra.get("reader") != "rows"

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
        messages: Sequence[Message] | Prompt,
        images: Sequence[Any] | None = None,
        tools: Sequence[Mapping[str, Any]] | None = None,
        sampling: SamplingParams | None = None,
        constraint: ConstraintLike | None = None,
        stop: str | Sequence[str] | None = None,
        call_deltas: bool = False,
        continue_final_message: bool = False,
        max_prompt_tokens: int | None = None,
        **terms: Any,
    ) -> tuple[Request, Answer]:
        """What the engine is asked, and what will read its answer; `terms` are the engine's alone."""
        stops = () if stop is None else stop
        reader = AnswerStream(self.checkpoint.tokenizer, bool(tools), stops, call_deltas)
        if isinstance(messages, Prompt):
            rendered, tiles = Rendered(messages.ids(self.checkpoint.tokenizer)), []
        else:
            tiles = self._tiles(messages, images)
            rendered = render_for(
                self.checkpoint,
                messages,
                tools=tools,
                tiles=[len(each) for each in tiles],
                continue_final_message=continue_final_message,
            )
        if max_prompt_tokens is not None and len(rendered.ids) > max_prompt_tokens:
            what, remedy = "the prompt has {tokens:,} tokens, the limit is {limit:,}", "shorten it"
            tokens = len(rendered.ids)
            raise AdotxError(
                "request.too_long", what, "request", remedy, tokens=tokens, limit=max_prompt_tokens
            )
        request = Request(
            rendered.ids,
            slots=rendered.places,
            images=[tiles[slot.image] for slot in rendered.slots],
            sampling=sampling or SamplingParams(),
            constraint=self._compiled(constraint, tools),
            **terms,
        )
        return request, Answer(self.checkpoint, request, reader)

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
