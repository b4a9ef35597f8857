"""What a caller of OpenAI's API says about the form of an answer in; the tools to show and a grammar out.

In: ``tools``, ``tool_choice``, ``parallel_tool_calls``, ``response_format``, in the shapes of chat
completions and of responses. With tools the answer is always held to the protocol of calls, also where the
choice is the model's: what looks like a call is one, its name is a tool's and its arguments fit. Knows no
model.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import TYPE_CHECKING, Any

from adotx.errors import AdotxError

if TYPE_CHECKING:
    from adotx.chat.grammar import Compiled, Grammar

Tool = Mapping[str, Any]
_CHOICES = ("none", "auto", "required")


@dataclass(frozen=True)
class AnswerForm:
    """The form of an answer; made by `answer_form`.

    Attributes:
        tools: what the prompt shows and the answer's calls are read for; empty where none may be called.
        allowed: the tools that may be called, all of `tools` or some of them.
        required: there must be a call.
        named: the choice names the tool.
        parallel: there may be several calls.
        schema: what the answer's text must fit, where it calls nothing; None: any text.
    """

    tools: tuple[Tool, ...] = ()
    allowed: tuple[Tool, ...] = ()
    required: bool = False
    named: bool = False
    parallel: bool = True
    schema: Mapping[str, Any] | None = None

    def compile(self, grammar: Grammar) -> Compiled | None:
        """The constraint; None where any text will do.

        A tool whose parameters say what a grammar cannot follow takes any object, unless it is
        ``"strict": true``.

        Raises:
            AdotxError: those of `Grammar.tool_calls` and `Grammar.json_schema`.
        """
        if not self.allowed:
            return None if self.schema is None else grammar.json_schema(self.schema)
        try:
            return self._calls(grammar)
        except AdotxError as error:
            if error.code != "grammar.schema":
                raise
        loosened = tuple(_loosened(tool, grammar) for tool in self.allowed)
        return replace(self, allowed=loosened)._calls(grammar)

    def _calls(self, grammar: Grammar) -> Compiled:
        return grammar.tool_calls(
            self.allowed, required=self.required, parallel=self.parallel, content=self.schema
        )


def answer_form(
    tools: Sequence[Tool] | None = None,
    tool_choice: str | Mapping[str, Any] | None = None,
    parallel_tool_calls: bool | None = None,
    response_format: Mapping[str, Any] | None = None,
) -> AnswerForm:
    """Read what a request says about the form of its answer.

    Args:
        tools: of type "function"; None or empty: there are none.
        tool_choice: "none", "auto", "required", ``{"type": "function", ...}`` with a name, or
            ``{"type": "allowed_tools", ...}``; None: "auto". With "none" the prompt shows no tools.
        parallel_tool_calls: False: at most one call; None: True.
        response_format: ``{"type": "text" | "json_object" | "json_schema", ...}``; None: text.

    Raises:
        AdotxError: ``chat.tools``, ``chat.tool_choice``, ``chat.response_format``. What is wrong within a
            schema is said when it is compiled.
    """
    schema = _schema(response_format)
    given = [_read_tool(tool, f"tools[{i}]") for i, tool in enumerate(_read_list(tools))]
    parallel = parallel_tool_calls is None or bool(parallel_tool_calls)
    mode, names = _read_choice(tool_choice)
    if mode == "none":
        return AnswerForm(schema=schema)
    known = {tool["function"]["name"]: tool for tool in given}
    for name in names or ():
        if name not in known:
            what, remedy = "there is no tool {name!r}", "name a tool that is given"
            raise AdotxError("chat.tool_choice", what, "tool_choice", remedy, name=name)
    if mode != "auto" and not given:
        raise AdotxError("chat.tool_choice", "there are no tools", "tool_choice", "give tools")
    called = given if names is None else [known[name] for name in dict.fromkeys(names)]
    shown = tuple(_without_strict(tool) for tool in given)
    return AnswerForm(shown, tuple(called), mode != "auto", mode == "named", parallel, schema)


def _read_list(tools: Any) -> Sequence[Any]:
    if isinstance(tools, (str, bytes, Mapping)) or not isinstance(tools or (), Sequence):
        raise AdotxError("chat.tools", "tools are not a list", "tools", "give a list of tool objects")
    return tools or ()


def _read_tool(tool: Any, where: str) -> Tool:
    """A tool in the shape of chat completions, ``{"type": "function", "function": {...}}``."""
    nested = tool.get("function") if isinstance(tool, Mapping) else None
    inner = tool if nested is None else nested
    if not isinstance(tool, Mapping) or not isinstance(inner, Mapping) or tool.get("type") != "function":
        remedy = 'give {"type": "function", "function": {"name": ..., "parameters": {...}}}'
        raise AdotxError("chat.tools", "is not a function", where, remedy)
    if not isinstance(inner.get("name"), str) or not inner["name"]:
        remedy = 'give {"type": "function", "function": {"name": ..., "parameters": {...}}}'
        raise AdotxError("chat.tools", "has no name", where, remedy)
    inside = where if nested is None else f"{where}.function"
    for key, fits in (("parameters", Mapping), ("description", str), ("strict", bool)):
        if not isinstance(inner.get(key), fits | None):
            what, remedy = "a {kind} does not belong there", "give parameters as a schema, the rest as text"
            place = f"{inside}.{key}"
            raise AdotxError("chat.tools", what, place, remedy, kind=type(inner[key]).__name__)
    function = {key: value for key, value in inner.items() if key != "type" and value is not None}
    return {"type": "function", "function": function}


def _without_strict(tool: Tool) -> Tool:
    """As the prompt shows it: "strict" is for us, and no model was trained on it."""
    function = {key: value for key, value in tool["function"].items() if key != "strict"}
    return {**tool, "function": function}


def _loosened(tool: Tool, grammar: Grammar) -> Tool:
    """The tool itself if a grammar can follow its parameters or it is strict, else with any parameters."""
    if tool["function"].get("strict"):
        return tool
    try:
        grammar.tool_calls([tool])
        return tool
    except AdotxError as error:
        if error.code != "grammar.schema":
            raise
    return {**tool, "function": {**tool["function"], "parameters": {"type": "object"}}}


def _read_choice(choice: Any) -> tuple[str, list[str] | None]:
    """("none" | "auto" | "required" | "named", the names of the tools that may be called or None for all)."""
    if choice is None:
        return "auto", None
    if isinstance(choice, str) and choice in _CHOICES:
        return choice, None
    if isinstance(choice, Mapping) and choice.get("type") == "function":
        name = _name(choice)
        if name:
            return "named", [name]
    if isinstance(choice, Mapping) and choice.get("type") == "allowed_tools":
        inner = choice.get("allowed_tools", choice)
        mode, listed = (inner.get("mode"), inner.get("tools")) if isinstance(inner, Mapping) else (None, None)
        names = [_name(each) for each in listed] if isinstance(listed, list) else []
        if mode in ("auto", "required") and names and all(names):
            return mode, names
    what = "{given} is no tool choice"
    remedy = 'give "none", "auto", "required" or {{"type": "function", "function": {{"name": ...}}}}'
    raise AdotxError("chat.tool_choice", what, "tool_choice", remedy, given=repr(choice)[:80])


def _name(choice: Any) -> str:
    inner = choice.get("function", choice) if isinstance(choice, Mapping) else None
    name = inner.get("name") if isinstance(inner, Mapping) else None
    return name if isinstance(name, str) else ""


def _schema(response_format: Any) -> Mapping[str, Any] | None:
    """The schema of the answer's text; None for text as it comes."""
    kind = response_format.get("type") if isinstance(response_format, Mapping) else None
    if response_format is None or kind == "text":
        return None
    if kind == "json_object":
        return {"type": "object"}
    if kind == "json_schema":
        inner = response_format.get("json_schema", response_format)
        if isinstance(inner, Mapping) and isinstance(inner.get("schema"), Mapping | bool):
            schema: Mapping[str, Any] = inner["schema"]
            return schema
    what = "{given} is no response format"
    remedy = 'give {{"type": "json_schema", "json_schema": {{"name": ..., "schema": {{...}}}}}}'
    raise AdotxError(
        "chat.response_format", what, "response_format", remedy, given=repr(response_format)[:80]
    )
