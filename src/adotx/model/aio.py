"""A `Model` for asyncio.

In: messages of the OpenAI API. Out: awaited replies, and streams for `async for`. Knows no HTTP.
"""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from typing import Any, Self, Unpack

from adotx.chat.messages import Message
from adotx.engine import AsyncEngine, Request, Stats
from adotx.model.blocking import Model, Options
from adotx.model.prompt import Prompt
from adotx.model.reply import Answer, Reply
from adotx.model.streams import AsyncReplyStream


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

    @property
    def alive(self) -> bool:
        """`AsyncEngine.alive`."""
        return self._engine.alive

    def stats(self) -> Stats:
        """`Engine.stats`; never waits."""
        return self._engine.stats()

    async def warm(self) -> None:
        """`Model.warm`, in a thread."""
        await asyncio.to_thread(self.model.warm)

    async def drain(self, timeout: float) -> bool:
        """`Engine.drain`, in a thread."""
        return await self._engine.drain(timeout)

    async def close(self) -> None:
        """`Engine.close`, in a thread."""
        await self._engine.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    async def reply(self, messages: Sequence[Message] | Prompt, **options: Unpack[Options]) -> Reply:
        """`Model.reply`; cancelling the task cancels the request."""
        request, answer = await self._ask(messages, options)
        if options.get("stop"):
            async with AsyncReplyStream(answer, await self._engine.stream(request)) as stream:
                async for _ in stream:
                    pass
            return stream.reply
        return answer.whole(await self._engine.generate(request))

    async def stream(
        self, messages: Sequence[Message] | Prompt, **options: Unpack[Options]
    ) -> AsyncReplyStream:
        """`Model.stream`; the answer is computed whether or not it is read."""
        request, answer = await self._ask(messages, options)
        return AsyncReplyStream(answer, await self._engine.stream(request))

    async def _ask(self, messages: Sequence[Message] | Prompt, options: Options) -> tuple[Request, Answer]:
        """`Model._ask`, beside the event loop."""
        constraint = options.get("constraint")
        if constraint is not None and not callable(constraint):
            run, tools = asyncio.get_running_loop().run_in_executor, options.get("tools")
            compiled = await run(self._compiling, self.model._compiled, constraint, tools)
            options = {**options, "constraint": compiled}
        return await asyncio.to_thread(self.model._ask, messages, **options)
