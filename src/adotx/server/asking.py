"""A request, asked of the model: a `ChatRequest` or `CompletionRequest` in, a `Question` out.

The one place where a request's fields become the model's options: its pictures are opened, its limits
checked, its grammar chosen. Knows no HTTP and no shapes of answers.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Sequence
from functools import partial
from typing import Any

from adotx.chat import AnswerForm, answer_form
from adotx.engine import SamplingParams
from adotx.errors import AdotxError, Sentence
from adotx.model import Prompt
from adotx.server.question import Question
from adotx.server.requests import ChatRequest, CompletionRequest, Sampling
from adotx.server.sampling import read_sampling
from adotx.server.service import Service
from adotx.server.settings import Settings

#: of functions and schemas: as the API has them, and Hangul besides
_NAME = re.compile(r"[\w-]{1,64}")


async def ask(service: Service, body: ChatRequest) -> Question:
    """Get a request ready: everything that can be wrong with it is said here or when its answers begin.

    Raises:
        AdotxError: ``server.model``, ``server.limit``, ``server.parameter``, those of `Pictures.open` and of
            the grammar.
    """
    began, settings, model = time.monotonic(), service.settings, service.model
    service.check_name(body.model)
    _check_limits(settings, body)
    _at_most("messages", len(body.messages), settings.max_messages)
    _at_most("tools", len(body.tools or ()), settings.max_tools)
    if body.top_logprobs is not None and not body.logprobs:
        what, remedy = "it needs logprobs", "set logprobs to true"
        raise AdotxError("server.parameter", what, "top_logprobs", remedy)
    begins, goes_on = body.add_generation_prompt, bool(body.continue_final_message)
    if begins is not None and begins == goes_on:
        reason = Sentence("an answer begins a message or goes on with the last one")
        raise AdotxError("server.parameter", "{reason}", "add_generation_prompt", reason=reason)
    for what, given in (("tools", body.tools), ("response_format", body.response_format)):
        _at_most(what, len(json.dumps(given, ensure_ascii=False)), settings.max_schema)
    form = answer_form(body.tools, body.tool_choice, body.parallel_tool_calls, body.response_format)
    _check_names(body)
    opened = await service.pictures.open(body.messages, model.model.checkpoint.config.tiles)
    logprobs = (body.top_logprobs or 0) if body.logprobs else None
    most = body.max_completion_tokens or body.max_tokens or 0
    options: dict[str, Any] = {
        "tools": form.tools,
        "constraint": form,
        "stop": body.stop,
        "continue_final_message": bool(body.continue_final_message),
        **_common_options(settings, body),
    }
    samplings = [
        read_sampling(body, service.defaults, settings, most, logprobs, index) for index in range(body.n or 1)
    ]
    asked = [(opened.messages, sampling) for sampling in samplings]
    return _question(service, asked, options, form, "messages", began)


def _check_names(body: ChatRequest) -> None:
    """
    Raises:
        AdotxError: ``server.parameter``: a tool or a schema has a name that the API does not allow.
    """
    named = [(f"tools[{i}]", tool.get("function") or tool) for i, tool in enumerate(body.tools or ())]
    if body.response_format and body.response_format["type"] == "json_schema":
        named.append(("response_format", body.response_format.get("json_schema") or body.response_format))
    for where, held in named:
        if not isinstance(name := held.get("name"), str) or not _NAME.fullmatch(name):
            reason = Sentence("its name must be 1 to 64 letters, digits, _ and -")
            raise AdotxError("server.parameter", "{reason}", where, reason=reason)


def ask_to_complete(service: Service, body: CompletionRequest) -> Question:
    """Get a request for plain completions ready; its answers are in the order of its prompts.

    Raises:
        AdotxError: ``server.model``, ``server.limit``, ``server.parameter``.
    """
    began, settings = time.monotonic(), service.settings
    service.check_name(body.model)
    _check_limits(settings, body)
    prompts = [Prompt(each) for each in _prompts(body.prompt)]
    _at_most("prompt", len(prompts) * (body.n or 1), settings.max_n)
    most = body.max_tokens or _OLD_MAX_TOKENS
    options = {"stop": body.stop, **_common_options(settings, body)}
    asked = [
        (prompt, read_sampling(body, service.defaults, settings, most, body.logprobs, index))
        for prompt in prompts
        for index in range(body.n or 1)
    ]
    return _question(service, asked, options, AnswerForm(), "prompt", began)


#: what /v1/completions of the OpenAI API gives where a request does not say
_OLD_MAX_TOKENS = 16


def _prompts(given: str | list[Any]) -> list[str | list[int]]:
    """The texts, or lists of ids, of a request; an empty list is a prompt without ids."""
    if isinstance(given, str) or not given or isinstance(given[0], int):
        return [given]
    return given


def _question(
    service: Service,
    asked: Sequence[tuple[Sequence[Any] | Prompt, SamplingParams]],
    options: dict[str, Any],
    form: AnswerForm,
    place: str,
    began: float,
) -> Question:
    model = service.model
    wholes = [partial(model.reply, what, sampling=sampling, **options) for what, sampling in asked]
    begins = [
        partial(model.stream, what, sampling=sampling, call_deltas=True, **options)
        for what, sampling in asked
    ]
    return Question(service, wholes, begins, form, place, began)


def _common_options(settings: Settings, body: Sampling) -> dict[str, Any]:
    """What every kind of request tells the engine besides how to pick tokens."""
    return {
        "queue_timeout": settings.queue_timeout,
        "priority": body.priority or 0,
        "cache_salt": body.cache_salt,
        "max_prompt_tokens": settings.max_prompt_tokens or None,
    }


def _check_limits(settings: Settings, body: Sampling) -> None:
    """
    Raises:
        AdotxError: ``server.limit``: more than this server allows.
    """
    _at_most("n", body.n or 1, settings.max_n)
    stops = [body.stop] if isinstance(body.stop, str) else body.stop or []
    _at_most("stop", len(stops), settings.max_stop)
    _at_most("stop", max(map(len, stops), default=0), settings.max_stop_length)


def _at_most(what: str, given: int, limit: int) -> None:
    """
    Raises:
        AdotxError: ``server.limit``: there is too much of something.
    """
    if given > limit:
        template = "{given:,} are over the limit of {limit:,}"
        raise AdotxError("server.limit", template, what, "send fewer or less", given=given, limit=limit)
