"""What clients may ask for: the bodies of requests with the bounds of every number.

In: JSON. Out: pydantic models without surprises: what is not listed is refused by name, NaN and infinities
are no numbers, a number in quotes is none. However much of a body is wrong, little of it is looked at. What
only a model can judge (messages, tools, schemas) is left to the rooms that know it. Knows no routes and no
settings.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, BeforeValidator, ConfigDict, Field, model_validator

from adotx.errors import Sentence

DEEPEST = 64
INT64 = 1 << 63

Object = dict[str, Any]
Name = Annotated[str, Field(max_length=512)]
Id = Annotated[int, Field(ge=0, lt=INT64)]
# The first item that is wrong ends a list: pydantic would describe a million of them for seconds.
Objects = Annotated[list[Object], Field(fail_fast=True)]
Texts = Annotated[list[str], Field(fail_fast=True)]
Ids = Annotated[list[Id], Field(fail_fast=True)]
_BIAS = 100


def _all_biases(given: Any) -> Any:
    """The same for a dict, for which pydantic has no such way."""
    if isinstance(given, dict):
        for bias in given.values():
            if isinstance(bias, bool) or not isinstance(bias, (int, float)) or not -_BIAS <= bias <= _BIAS:
                raise ValueError(Sentence("each bias is a number from -{most} to {most}", most=_BIAS))
    return given


Biases = Annotated[dict[str, Annotated[float, Field(ge=-_BIAS, le=_BIAS)]], BeforeValidator(_all_biases)]


class Body(BaseModel):
    """A request's body."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, strict=True)

    @model_validator(mode="before")
    @classmethod
    def _one_unknown(cls, values: Any) -> Any:
        # One unknown name is told, however many there are.
        if isinstance(values, dict) and len(values) > len(cls.model_fields):
            unknown = next(name for name in values if name not in cls.model_fields)
            return {name: v for name, v in values.items() if name in cls.model_fields or name == unknown}
        return values

    @model_validator(mode="before")
    @classmethod
    def _not_too_deep(cls, values: Any) -> Any:
        # By levels: whoever walks such a value by recursion later cannot run out of stack.
        level, depth = [values], 0
        while level:
            depth += 1
            if depth > DEEPEST:
                raise ValueError(Sentence("it is nested more than {levels} levels deep", levels=DEEPEST))
            inner = [v.values() if isinstance(v, dict) else v for v in level if isinstance(v, (dict, list))]
            level = [value for values in inner for value in values if isinstance(value, (dict, list))]
        return values


class Sampling(Body):
    """What chat and plain completions share. Names and meanings of the OpenAI API, then vLLM's."""

    model: Name
    stream: bool | None = None
    stream_options: StreamOptions | None = None
    n: Annotated[int, Field(ge=1, le=128)] | None = None
    temperature: Annotated[float, Field(ge=0, le=2)] | None = None
    top_p: Annotated[float, Field(gt=0, le=1)] | None = None
    presence_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    frequency_penalty: Annotated[float, Field(ge=-2, le=2)] | None = None
    logit_bias: Biases | None = None
    max_tokens: Annotated[int, Field(ge=1, lt=INT64)] | None = None
    seed: Annotated[int, Field(ge=-INT64, lt=INT64)] | None = None
    stop: str | Texts | None = None
    user: str | None = None

    top_k: Annotated[int, Field(ge=-1, lt=INT64)] | None = None
    min_p: Annotated[float, Field(ge=0, le=1)] | None = None
    repetition_penalty: Annotated[float, Field(gt=0, le=100)] | None = None
    min_tokens: Annotated[int, Field(ge=0, lt=INT64)] | None = None
    stop_token_ids: Annotated[list[Id], Field(max_length=64, fail_fast=True)] | None = None
    ignore_eos: bool | None = None
    cache_salt: Annotated[str, Field(min_length=1, max_length=512)] | None = None
    priority: Annotated[int, Field(ge=-INT64, lt=INT64)] | None = None


class StreamOptions(Body):
    """What a stream tells besides the answer."""

    include_usage: bool | None = None
    #: padding of the OpenAI API, of which there is none here
    include_obfuscation: bool | None = None


class ChatRequest(Sampling):
    """The body of /v1/chat/completions."""

    messages: Annotated[list[Object], Field(min_length=1, fail_fast=True)]
    max_completion_tokens: Annotated[int, Field(ge=1, lt=INT64)] | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    tools: Objects | None = None
    tool_choice: str | Object | None = None
    parallel_tool_calls: bool | None = None
    response_format: Object | None = None
    continue_final_message: bool | None = None
    add_generation_prompt: bool | None = None

    # What says nothing to a model like ours; taken so that clients work as they are.
    metadata: Object | None = None
    store: bool | None = None
    service_tier: str | None = None
    safety_identifier: str | None = None
    prompt_cache_key: str | None = None
    prompt_cache_retention: str | None = None
    reasoning_effort: str | None = None
    verbosity: str | None = None
    modalities: Annotated[list[Literal["text"]], Field(fail_fast=True)] | None = None


_Prompts = Annotated[list[Annotated[list[int], Field(fail_fast=True)]], Field(fail_fast=True)]


class CompletionRequest(Sampling):
    """The body of /v1/completions."""

    prompt: str | Texts | Annotated[list[int], Field(fail_fast=True)] | _Prompts
    logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    echo: Literal[False] | None = None
    best_of: Literal[1] | None = None
    suffix: Literal[""] | None = None


class TokenizeRequest(Body):
    """The body of /tokenize: a text, or a conversation as the model would read it."""

    model: Name | None = None
    prompt: str | None = None
    messages: Annotated[list[Object], Field(min_length=1, fail_fast=True)] | None = None
    tools: Objects | None = None
    add_generation_prompt: bool | None = None
    continue_final_message: bool | None = None
    return_token_strs: bool | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> TokenizeRequest:
        if (self.prompt is None) == (self.messages is None):
            raise ValueError(Sentence("it has either prompt or messages"))
        return self


class DetokenizeRequest(Body):
    """The body of /detokenize."""

    model: Name | None = None
    tokens: Ids
