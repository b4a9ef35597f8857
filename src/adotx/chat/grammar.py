"""Grammars for constrained decoding: JSON schemas, regular expressions, tool calls; on llguidance.

In: a tokenizer, then what an answer must look like. Out: callables without arguments, each call of which
gives a fresh `Constraint` (the protocol of `adotx.engine.sampling.sampler`) for one answer. Knows no
engine and no model.

JSON comes on one line, as `json.dumps(ensure_ascii=False)` and the published templates write it: ", " and
": ", Hangul literal (only control characters have \\u escapes), members in the schema's order. A control
token is never part of a text: the text of one, say in an enum, is spelt with ordinary tokens. A "number"
without bounds may be written so large that its reader makes infinity of it.

Limits: a schema, expression or grammar has at most `MAX_CHARACTERS` characters and `MAX_DEPTH` levels of
nesting; what compiles can still need more work at some step than `_LIMITS` allow, which ends that answer with
an error and no other. llguidance implements a part of JSON Schema, and what it lacks ("not", "uniqueItems",
look-around in patterns, ...) is refused, not ignored.
"""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np

from adotx.chat.messages import to_json
from adotx.chat.protocol import CALL_ARGUMENTS, CALL_CLOSE, CALL_END, CALL_NAME, CALL_OPEN, END, control_id
from adotx.chat.schema import check_size, escape, read_schema, utf8
from adotx.chat.trial import Trial
from adotx.errors import AdotxError, Sentence

if TYPE_CHECKING:
    from llguidance import LLMatcher, LLTokenizer

    from adotx.checkpoint.tokenizer import AxTokenizer

# llguidance's own defaults, made explicit, but for a fifth of the lexer states (1 to 2 kB each).
_LIMITS: dict[str, Any] = {
    "initial_lexer_fuel": 1_000_000,
    "step_lexer_fuel": 200_000,
    "step_max_items": 50_000,
    "max_lexer_states": 50_000,
    "max_grammar_size": 500_000,
    "verbose_errors": False,
}
# Else a step computes every forced continuation in full, a million letters for (a{1000}){1000}.
_HEAD = '%llguidance {"no_forcing": true}\n'
_JSON = {
    "item_separator": ", ",
    "key_separator": ": ",
    "whitespace_flexible": False,
    "lenient": False,
    "coerce_one_of": False,
}
# A schema that fails is compiled in parts, so often and so long at most, to say which one is to blame.
_MAX_LOCATE_ATTEMPTS, _MAX_LOCATE_SECONDS = 300, 1.0
# Compiled grammars that are kept for answers to come; one takes up to some megabytes.
_KEPT = 32

Compiled = Callable[[], "GrammarConstraint"]


class GrammarConstraint:
    """One answer's way through a grammar. Made by what `Grammar`'s methods return."""

    def __init__(self, matcher: LLMatcher, allowed: np.ndarray, vocabulary: int) -> None:
        self._matcher, self._allowed, self._vocabulary = matcher, allowed, vocabulary
        self._bits = np.zeros_like(allowed)

    def mask(self, scores: np.ndarray) -> None:
        """float32 [V], in place: -inf for every id that may not follow; stop ids may where it may end here.

        Raises:
            AdotxError: ``grammar.too_complex``: this step needs more work than the limits allow.
        """
        self._matcher.unsafe_compute_mask_ptr(self._bits.ctypes.data, self._bits.nbytes)
        self._check()
        np.bitwise_and(self._bits, self._allowed, out=self._bits)
        np.invert(self._bits, out=self._bits)
        known = min(scores.size, self._vocabulary)
        forbidden = np.unpackbits(self._bits.view(np.uint8), count=known, bitorder="little").view(np.bool_)
        np.copyto(scores[:known], -np.inf, where=forbidden)
        scores[known:] = -np.inf

    def accept(self, token: int) -> None:
        """Take the id that was picked; one that the mask allowed."""
        self._matcher.consume_token(int(token))
        self._check()

    @property
    def finished(self) -> bool:
        """The answer is whole and nothing but a stop id may follow."""
        return self._matcher.is_stopped() and not self._matcher.is_error()

    def _check(self) -> None:
        if self._matcher.is_error():
            raise AdotxError(
                "grammar.too_complex",
                "the grammar cannot be followed further: {reason}",
                "constraint",
                "use smaller bounds and simpler patterns",
                reason=_short(self._matcher.get_error()),
            )


class Grammar:
    """Compiles grammars for one tokenizer; build it once and keep it.

    Args:
        tokenizer: whose ids the masks are about.
        stop_ids: what ends an answer, a checkpoint's ``eos_ids``; by default the end-of-turn token.
        seconds: how long a grammar may take to compile, for those of strangers; None: as long as it takes.
            It is then compiled twice, first in a process of its own.

    Raises:
        AdotxError: ``chat.no_token``: no stop ids are given and the tokenizer lacks the end-of-turn token;
            ``grammar.stop_ids``: none of those given is an id of the tokenizer.
    """

    def __init__(
        self,
        tokenizer: AxTokenizer,
        stop_ids: Collection[int] | None = None,
        seconds: float | None = None,
    ) -> None:
        from llguidance import LLTokenizer

        self.tokenizer = tokenizer
        self._size = tokenizer.vocab_size
        self.stop_ids = sorted(i for i in stop_ids or {control_id(tokenizer, END)} if i < self._size)
        if not self.stop_ids:
            what = "no stop id is among the tokenizer's ids"
            raise AdotxError("grammar.stop_ids", what, "tokenizer", "use the checkpoint's own tokenizer")
        vocabulary: Any = _Vocabulary(tokenizer, self.stop_ids[0])
        self._tokenizer: LLTokenizer = LLTokenizer(vocabulary, n_vocab=self._size, eos_token=self.stop_ids)
        named = tokenizer.control_ids.union(self.stop_ids)
        self._trial = None if seconds is None else Trial(seconds, named, _LIMITS)
        self._compiled: dict[str, LLMatcher] = {}

    def json_schema(self, schema: Mapping[str, Any] | bool | str) -> Compiled:
        """JSON that a schema (draft 2020-12, or its text) accepts.

        Members that the schema does not name may follow those it does, unless it says
        ``"additionalProperties": false``. Only `$ref`s into the schema itself are followed.

        Raises:
            AdotxError: ``grammar.schema``, with a JSON pointer to what is wrong; ``grammar.too_large``.
        """
        read = read_schema(schema, "schema")
        return self._compile(_json_grammar(read), "schema", "grammar.schema", [(read, "schema")])

    def json_object(self) -> Compiled:
        """Any JSON object."""
        return self.json_schema({"type": "object"})

    def regex(self, pattern: str) -> Compiled:
        """Text that a regular expression matches from its first letter to its last.

        Syntax of Rust's `regex` crate, Unicode included; no look-around, no back-references.

        Raises:
            AdotxError: ``grammar.regex``, ``grammar.too_large``.
        """
        from llguidance import regex_to_lark

        check_size(pattern, "regex")
        pattern = utf8(pattern, "grammar.regex", "regex")
        # As a grammar of its own: nothing in the pattern can close the literal and continue as grammar.
        body = {"grammars": [{"lark_grammar": f"{_HEAD}start: /{regex_to_lark(pattern, '')}/\n"}]}
        return self._compile(json.dumps(body), "regex", "grammar.regex")

    def lark(self, text: str) -> Compiled:
        """Text of a grammar in llguidance's form of Lark. Its special tokens are never allowed.

        Raises:
            AdotxError: ``grammar.lark``, with the line, ``grammar.too_large``.
        """
        check_size(text, "grammar")
        if "%llguidance" in text:
            raise AdotxError("grammar.lark", "brings settings of its own", "grammar", "leave out %llguidance")
        body = {"grammars": [{"lark_grammar": utf8(text, "grammar.lark", "grammar") + "\n" + _HEAD}]}
        return self._compile(json.dumps(body), "grammar", "grammar.lark")

    def tool_calls(
        self,
        tools: Sequence[Mapping[str, Any]],
        *,
        required: bool = False,
        parallel: bool = True,
        name: str | None = None,
        content: Mapping[str, Any] | str | None = None,
    ) -> Compiled:
        """An answer with calls of `tools`, ``<tool_call>{"name": ..., "arguments": {...}}</tool_call>``.

        The tags are control tokens, so calls are told from text by ids: read them with `ToolIdStream`.

        Args:
            tools: OpenAI's ``{"type": "function", "function": {"name", "parameters"}}`` or the inner objects;
                "parameters" is the schema of the arguments, absent: there are none.
            required: nothing but calls, at least one; else text may come, then calls may follow.
            parallel: several calls may follow one another, else at most one.
            name: calls of this tool only, at least one.
            content: a JSON schema; then the answer is JSON of that schema, or calls and no text.

        Raises:
            AdotxError: ``grammar.tools``, ``grammar.schema``, ``grammar.too_large``, ``chat.no_token``.
        """
        opened, closed = (control_id(self.tokenizer, tag) for tag in (CALL_OPEN, CALL_CLOSE))
        tools_read = _read_tools(tools)
        called = [tool for tool in tools_read if name is None or tool[0] == name]
        if not called:
            detail = Sentence("there are no tools")
            if name is not None:
                detail = Sentence("there is no tool {name!r}", name=name)
            raise AdotxError("grammar.tools", "{detail}", "tools", "name a tool that is given", detail=detail)
        bodies = []
        for given, parameters, where in called:
            head = to_json(CALL_NAME + to_json(given, where) + CALL_ARGUMENTS, where)
            bodies.append(f"{head} {_expression(parameters)} {to_json(CALL_END, where)}")
        schemas = [(parameters, where) for _, parameters, where in called]
        calls = "call+" if parallel else "call"
        start, text = calls, ""
        if not required and name is None:
            start, text = f"TEXT | TEXT? {calls} | ", "TEXT: /(?s:.+)/"
            if content is not None:
                schemas.append((read_schema(content, "schema"), "schema"))
                start, text = f"content | {calls}", f"content: {_expression(schemas[-1][0])}"
        rules = [
            f"start: {start}",
            f"call: <[{opened}]> ({' | '.join(f'body{i}' for i in range(len(bodies)))}) <[{closed}]>",
            *(f"body{i}: {body}" for i, body in enumerate(bodies)),
            text,
        ]
        return self._compile(
            _HEAD + "\n".join(rules) + "\n", "tools", "grammar.tools", schemas, {opened, closed}
        )

    def _compile(
        self,
        grammar: str,
        where: str,
        code: str,
        schemas: Sequence[tuple[Mapping[str, Any], str]] = (),
        control: Collection[int] = frozenset(),
    ) -> Compiled:
        """Compile once, for as many answers as are asked for.

        Args:
            grammar: in Lark, or llguidance's JSON.
            where, code: of the error, unless one of `schemas`, (schema, where it stands), is to blame.
            control: the control ids that the grammar itself asks for.
        """
        first = self._compiled.pop(grammar, None)
        if first is None:
            if self._trial is not None:
                self._trial(grammar, where)
            first = self._matcher(grammar)
        if first.is_error():
            for schema, place in schemas:
                at, error = self._locate(schema)
                if error:
                    remedy = "use what llguidance supports of JSON Schema, anyOf in place of oneOf"
                    raise AdotxError("grammar.schema", "{reason}", f"{place}{at}", remedy, reason=error)
            reason, remedy = _short(first.get_error()), "see the syntax that llguidance documents"
            raise AdotxError(code, "{reason}", where, remedy, reason=reason)
        self._keep(grammar, first)
        # Whatever the grammar says, no other control id is ever allowed.
        allowed = np.ones(-(-self._size // 32) * 32, np.uint8)
        allowed[sorted(self.tokenizer.control_ids - set(self.stop_ids) - set(control))] = 0
        bits = np.packbits(allowed, bitorder="little").view(np.uint32)
        return lambda: GrammarConstraint(first.deep_copy(), bits, self._size)

    def _keep(self, grammar: str, compiled: LLMatcher) -> None:
        """For the next answer of the same form; the one that was asked for longest ago goes."""
        self._compiled[grammar] = compiled
        if len(self._compiled) > _KEPT:
            self._compiled.pop(next(iter(self._compiled)), None)

    def _matcher(self, grammar: str) -> LLMatcher:
        from llguidance import LLMatcher, LLParserLimits

        return LLMatcher(self._tokenizer, grammar, log_level=0, limits=LLParserLimits(**_LIMITS))

    def _locate(self, root: Mapping[str, Any]) -> tuple[str, str]:
        """The JSON pointer of the innermost part that fails by itself, and its message; ("", "") for none."""

        def failure(schema: Mapping[str, Any]) -> str:
            return _short(self._matcher(_json_grammar(schema)).get_error())

        node, pointer, error, attempts = root, "", failure(root), 0
        until = time.monotonic() + _MAX_LOCATE_SECONDS
        shared = {key: root[key] for key in ("$defs", "definitions") if key in root}
        # "Too large" concerns the schema as a whole, and compiling its parts could take as long each.
        while error and "too large" not in error:
            for step, child in _parts(node):
                attempts += 1
                if attempts > _MAX_LOCATE_ATTEMPTS or time.monotonic() > until:
                    return pointer, error
                found = failure({**shared, **child})
                # A $ref to elsewhere in the schema fails only because this part stands alone here.
                if found and (found == error or not found.startswith("Pointer ")):
                    node, pointer, error = child, pointer + step, found
                    break
            else:
                break
        return pointer, error


class _Vocabulary:
    """What llguidance asks of a tokenizer."""

    is_tokenizer_wrapper = True
    bos_token_id = None

    def __init__(self, tokenizer: AxTokenizer, stop_id: int) -> None:
        self._tokenizer = tokenizer
        self.eos_token_id = stop_id
        self.tokens = [tokenizer.token_bytes(i) for i in range(tokenizer.vocab_size)]
        # An id without a token reads as U+FFFD; with no bytes it never matches any text.
        unknown = "\ufffd"
        self.tokens = [
            b"" if data == unknown.encode() and tokenizer.encode(unknown) != [i] else data
            for i, data in enumerate(self.tokens)
        ]
        self.special_token_ids = sorted(tokenizer.control_ids)

    def __call__(self, text: bytes | str) -> list[int]:
        return self._tokenizer.encode(text.decode("utf-8", "replace") if isinstance(text, bytes) else text)


def _short(message: str) -> str:
    """llguidance's message on one line, without the source it quotes and what it says of our wrapping."""
    message = message.split("failed to compile JSON schema: ")[-1]
    message = message.split(" Enable 'coerce_one_of'")[0]
    message = re.sub(r"\n\s*\d+ \|.*", "", message, flags=re.DOTALL)
    return " ".join(re.sub(r"^at 2\(8\): ", "", message).split())[:300]


def _expression(schema: Mapping[str, Any]) -> str:
    return "%json " + json.dumps({**schema, "x-guidance": _JSON}, ensure_ascii=False)


def _json_grammar(schema: Mapping[str, Any]) -> str:
    return f"{_HEAD}start: {_expression(schema)}\n"


def _parts(schema: Mapping[str, Any]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """(JSON pointer from here, sub-schema) of all schemas directly within one."""
    named = ("properties", "patternProperties", "dependentSchemas", "$defs", "definitions")
    for key in (*(k for k in schema if k not in named), *(k for k in named if k in schema)):
        value = schema[key]
        if key in named and isinstance(value, Mapping):
            held: list[tuple[str, Any]] = [(f"/{key}/{escape(k)}", v) for k, v in value.items()]
        elif key in ("allOf", "anyOf", "oneOf", "prefixItems", "items") and isinstance(value, list):
            held = [(f"/{key}/{i}", v) for i, v in enumerate(value)]
        elif key in ("items", "additionalProperties", "contains", "propertyNames"):
            held = [(f"/{key}", value)]
        else:
            held = []
        yield from ((step, child) for step, child in held if isinstance(child, Mapping))


def _read_tools(tools: Sequence[Mapping[str, Any]]) -> list[tuple[str, dict[str, Any], str]]:
    """(name, schema of the arguments, where it stands) of each tool."""
    if isinstance(tools, (str, bytes, Mapping)) or not isinstance(tools, Sequence):
        raise AdotxError("grammar.tools", "tools are not a list", "tools", "give a list of tool objects")
    out: list[tuple[str, dict[str, Any], str]] = []
    for i, tool in enumerate(tools):
        where = f"tools[{i}]"
        inner = tool.get("function", tool) if isinstance(tool, Mapping) else None
        given = inner.get("name") if isinstance(inner, Mapping) else None
        if not isinstance(inner, Mapping) or not isinstance(given, str) or not given:
            remedy = 'give {"type": "function", "function": {"name": ..., "parameters": {...}}}'
            raise AdotxError("grammar.tools", "has no name", where, remedy)
        utf8(given, "grammar.tools", where)
        if any(given == other for other, _, _ in out):
            raise AdotxError(
                "grammar.tools", "two tools are named {name!r}", where, "name each once", name=given
            )
        where += ".function.parameters" if inner is not tool else ".parameters"
        parameters = inner.get("parameters")
        if parameters is None:
            parameters = {"properties": {}, "additionalProperties": False}
        schema = read_schema(parameters, where)
        if schema.setdefault("type", "object") != "object":
            what = "arguments are an object, not {type!r}"
            raise AdotxError("grammar.tools", what, where, 'use "type": "object"', type=schema["type"])
        out.append((given, schema, where))
    return out
