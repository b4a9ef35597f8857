"""The front door: messages with pictures and tools in, a `Reply` or its pieces as they come out.

`Model` for threads, `AsyncModel` for asyncio. They put the parts together: `chat` renders the conversation,
its pictures too, and reads the answer; `engine` continues ids. Knows no HTTP and no documents. Guide:
docs/model.md.
"""

from __future__ import annotations

from adotx.model.aio import AsyncModel
from adotx.model.blocking import Model, Options
from adotx.model.prompt import Prompt
from adotx.model.reply import Reply, TokenLogprob, Usage
from adotx.model.streams import AsyncReplyStream, ReplyStream

__all__ = [
    "AsyncModel",
    "AsyncReplyStream",
    "Model",
    "Options",
    "Prompt",
    "Reply",
    "ReplyStream",
    "TokenLogprob",
    "Usage",
]
