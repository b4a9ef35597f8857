"""What clients may ask for: the bodies of requests with the bounds of every number.

In: JSON. Out: pydantic models without surprises: what is not listed is refused by name, NaN and infinities
are no numbers, a number in quotes is none. What only a model can judge (messages, tools, schemas) is left to
the rooms that know it. Knows no routes and no settings.
"""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, model_validator

DEEPEST = 64
INT64 = 1 << 63

Object = dict[str, Any]
Name = Annotated[str, Field(max_length=512)]


class Body(BaseModel):
    """A request's body."""

    model_config = ConfigDict(extra="forbid", allow_inf_nan=False, strict=True)

    @model_validator(mode="before")
    @classmethod
    def _not_too_deep(cls, values: Any) -> Any:
        # By levels: whoever walks such a value by recursion later cannot run out of stack.
        level, depth = [values], 0
        while level:
            depth += 1
            if depth > DEEPEST:
                raise ValueError(f"nested more than {DEEPEST} levels deep")
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
    logit_bias: dict[str, Annotated[float, Field(ge=-100, le=100)]] | None = None
    max_tokens: Annotated[int, Field(ge=1, lt=INT64)] | None = None
    seed: Annotated[int, Field(ge=-INT64, lt=INT64)] | None = None
    stop: str | list[str] | None = None
    user: str | None = None

    top_k: Annotated[int, Field(ge=-1, lt=INT64)] | None = None
    min_p: Annotated[float, Field(ge=0, le=1)] | None = None
    repetition_penalty: Annotated[float, Field(gt=0, le=100)] | None = None
    min_tokens: Annotated[int, Field(ge=0, lt=INT64)] | None = None
    stop_token_ids: Annotated[list[Annotated[int, Field(ge=0, lt=INT64)]], Field(max_length=64)] | None = None
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

    messages: Annotated[list[Object], Field(min_length=1)]
    max_completion_tokens: Annotated[int, Field(ge=1, lt=INT64)] | None = None
    logprobs: bool | None = None
    top_logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    tools: list[Object] | None = None
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
    modalities: list[Literal["text"]] | None = None


class CompletionRequest(Sampling):
    """The body of /v1/completions."""

    prompt: str | list[str] | list[int] | list[list[int]]
    logprobs: Annotated[int, Field(ge=0, le=20)] | None = None
    echo: Literal[False] | None = None
    best_of: Literal[1] | None = None
    suffix: Literal[""] | None = None


class TokenizeRequest(Body):
    """The body of /tokenize: a text, or a conversation as the model would read it."""

    model: Name | None = None
    prompt: str | None = None
    messages: Annotated[list[Object], Field(min_length=1)] | None = None
    tools: list[Object] | None = None
    add_generation_prompt: bool | None = None
    continue_final_message: bool | None = None
    return_token_strs: bool | None = None

    @model_validator(mode="after")
    def _one_of_both(self) -> TokenizeRequest:
        if (self.prompt is None) == (self.messages is None):
            raise ValueError("give either prompt or messages")
        return self


class DetokenizeRequest(Body):
    """The body of /detokenize."""

    model: Name | None = None
    tokens: list[Annotated[int, Field(ge=0, lt=INT64)]]
