"""Shared by the chat tests: a small tokenizer with the published control tokens, and conversations."""

from __future__ import annotations

import json
from functools import cache
from typing import Any

from hypothesis import strategies as st
from jinja2 import Template
from jinja2.exceptions import TemplateError
from jinja2.sandbox import ImmutableSandboxedEnvironment

from adotx.chat import chat_template
from adotx.checkpoint.tokenizer import AddedToken, AxTokenizer, byte_to_char

_PII = [
    "resident_reg",
    "foreigner_reg",
    "business_reg",
    "credit_card",
    "passport",
    "driver_license",
    "telephone",
]
_NAMES = ["endoftext", "pad", "unk", "sep", "mask", "cls", "image", "audio", "user", "system", "assistant"]
_NAMES += [f"extra_id_{i}" for i in range(14)] + ["im_start", "im_sep", "im_end"]
_NAMES += [*_PII, "health_insurance", "bank_account"]
#: the 41 control tokens of the VL family in the order of their ids
SPECIALS = [f"<|{n}|>" for n in _NAMES] + ["</tool_output>", "<tool_output>", "</tool_call>", "<tool_call>"]
TEXT_SPECIALS = [{"<|extra_id_11|>": "</think>", "<|extra_id_12|>": "<think>"}.get(s, s) for s in SPECIALS]


def small_tokenizer(specials: list[str] = SPECIALS) -> AxTokenizer:
    """41 control tokens, 256 bytes, and merges that lead up to control tokens as far as they go."""
    vocab = {char: len(specials) + i for i, char in enumerate(byte_to_char().values())}
    merges: list[tuple[str, str]] = []
    for word in ("<|im_end|", "<tool_call", "안녕하세요", " tool", "name", "<|"):
        chars = "".join(byte_to_char()[b] for b in word.encode())
        built = chars[0]
        for char in chars[1:]:
            if built + char not in vocab:
                merges.append((built, char))
                vocab[built + char] = len(specials) + len(vocab)
            built += char
    # The vocabulary's ids must be contiguous.
    vocab = {token: len(specials) + i for i, token in enumerate(vocab)}
    added = [AddedToken(i, text, text.startswith("<|")) for i, text in enumerate(specials)]
    return AxTokenizer({"vocab": vocab, "merges": merges}, added)


def render_template(
    family: str, messages: Any, tools: Any = None, prompt: bool = True, trim: bool = True
) -> str:
    """The chat template as Hugging Face's transformers renders it."""
    template = _template(family, trim)
    return template.render(messages=messages, tools=tools, add_generation_prompt=prompt)


@cache
def _template(family: str, trim: bool) -> Template:
    def raise_exception(message: str) -> None:
        raise TemplateError(message)

    def tojson(value: Any, ensure_ascii: bool = False, **options: Any) -> str:
        return json.dumps(value, ensure_ascii=ensure_ascii, **options)

    environment = ImmutableSandboxedEnvironment(trim_blocks=trim, lstrip_blocks=trim)
    environment.filters["tojson"] = tojson
    environment.globals["raise_exception"] = raise_exception
    return environment.from_string(chat_template(family))


words = st.text(st.sampled_from("가나다뷁 a1<>&|'\"{}\\\n\r\t한글é🚀.,@"), max_size=12) | st.text(max_size=6)
names = st.text(st.sampled_from("abcXYZ_-0123가나"), min_size=1, max_size=8)
values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**6), 10**6) | st.floats(-1e6, 1e6) | words,
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(words, inner, max_size=3),
    max_leaves=8,
)
arguments = st.dictionaries(words, values, max_size=4)
calls = st.builds(lambda name, given: {"function": {"name": name, "arguments": given}}, names, arguments)
tools = st.lists(
    st.builds(
        lambda name, text, given: {
            "type": "function",
            "function": {"name": name, "description": text, "parameters": given},
        },
        names,
        words,
        arguments,
    ),
    max_size=3,
)


def contents(image: bool) -> st.SearchStrategy[Any]:
    """Null, a string, or parts."""
    parts = [st.builds(lambda text: {"type": "text", "text": text}, words)]
    if image:
        parts += [
            st.just({"type": "image"}),
            st.just({"type": "image_url", "image_url": {"url": "data:,"}}),
            st.just({"image": "a.png"}),
        ]
    return st.none() | words | st.lists(st.one_of(parts), max_size=4)


def conversations(images: bool) -> st.SearchStrategy[list[dict[str, Any]]]:
    """Messages with or without a system message first, and anywhere."""

    def message(role: str) -> st.SearchStrategy[dict[str, Any]]:
        made = st.builds(
            lambda text: {"role": role, "content": text}, contents(images and role in ("user", "assistant"))
        )
        if role == "assistant":
            called = st.builds(lambda m, given: m | {"tool_calls": given}, made, st.lists(calls, max_size=2))
            silent = st.builds(
                lambda given: {"role": role, "tool_calls": given}, st.lists(calls, min_size=1, max_size=2)
            )
            return made | called | silent | st.builds(lambda m: m | {"tool_calls": None}, made)
        return made

    return st.lists(
        st.sampled_from(["system", "user", "assistant", "tool"]).flatmap(message), min_size=1, max_size=5
    )
