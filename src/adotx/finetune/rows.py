"""Rows of JSONL files: one conversation, pair or task a line in, checked `Row`s out.

The shapes are those that people have: OpenAI's and Hugging Face's. `sft`: ``{"messages": [...], "tools":
[...]}`` or ``{"prompt": [...], "completion": [...]}`` (the loss is on the completion alone). `dpo`:
``{"prompt": [...], "chosen": [...], "rejected": [...]}`` or OpenAI's ``input``/``preferred_output``/
``non_preferred_output``. `grpo`: ``{"prompt": [...], "answer": "text"}`` for a transcription, or
``"tool_calls": [...]`` in place of the answer. Pictures stand in the messages' parts, or in ``images`` for
the parts without one of their own; where no message has a part for them they come first in the first user
message, as in TRL. Knows no tokens and no pixels.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from adotx.chat.media import image_parts
from adotx.chat.messages import read_arguments
from adotx.errors import AdotxError, Sentence

#: bytes of one line: a few pages as data URIs
MOST_BYTES = 256 * 2**20

Messages = list[dict[str, Any]]


@dataclass(frozen=True)
class Row:
    """One line of a file.

    Attributes:
        where: "FILE:LINE", for messages.
        texts: the conversations to train on: one, or the chosen and the rejected one.
        tools: tool descriptions, or None.
        images: the pictures of the parts without one of their own: paths or data URIs.
        answer: of a task: the text that should come out.
        calls: of a task: the tool calls that should come out, as (name, arguments).
    """

    where: str
    texts: tuple[Messages, ...]
    tools: Sequence[dict[str, Any]] | None = None
    images: tuple[str, ...] = ()
    answer: str | None = None
    calls: tuple[tuple[str, dict[str, Any]], ...] | None = None


@dataclass(frozen=True)
class Line:
    """Where a line lies: its file, its number from 1, its first byte and how many it has."""

    file: Path
    number: int
    start: int
    size: int

    @property
    def where(self) -> str:
        return f"{self.file}:{self.number}"


def find_lines(files: Sequence[Path]) -> list[Line]:
    """The lines of all files that are not blank.

    Raises:
        AdotxError: ``finetune.file``, ``finetune.form``, ``finetune.line``: what cannot be read, what is of
            another form, a line that is too long.
    """
    lines: list[Line] = []
    for path in files:
        _check_form(path)
        try:
            with path.open("rb") as file:
                start = 0
                for number, text in enumerate(iter(lambda: file.readline(MOST_BYTES + 1), b""), 1):
                    if len(text) > MOST_BYTES:
                        what, remedy = "is over {limit:,} bytes", "give pictures by path"
                        where = f"{path}:{number}"
                        raise AdotxError("finetune.line", what, where, remedy, limit=MOST_BYTES)
                    if text.strip():
                        lines.append(Line(path, number, start, len(text)))
                    start += len(text)
        except OSError as error:
            reason = error.strerror or str(error)
            raise AdotxError(
                "finetune.file", "{reason}", str(path), "check the path", reason=reason
            ) from None
    if not lines:
        where = ", ".join(map(str, files))
        raise AdotxError("finetune.empty", "holds no row", where, "give JSONL: one row a line")
    return lines


def _check_form(path: Path) -> None:
    """AdotxError ``finetune.form`` for what people have in place of JSONL."""
    if path.is_dir():
        raise _form(path, Sentence("is a folder"))
    try:
        with path.open("rb") as file:
            head = file.read(4096)
    except OSError:
        return  # told by who reads it
    if head.startswith((b"PAR1", b"ARROW1", b"\xff\xff\xff\xff")):
        raise _form(path, Sentence("is Parquet or Arrow"))
    if head.lstrip(b"\xef\xbb\xbf \t\r\n").startswith(b"["):
        raise _form(path, Sentence("is one JSON list"))


def _form(path: Path, detail: Sentence) -> AdotxError:
    remedy = "give JSONL: one row a line; to_json(FILE) of the package datasets writes it"
    return AdotxError("finetune.form", "{detail}", str(path), remedy, detail=detail)


def read_line(line: Line) -> bytes:
    """The bytes of a line."""
    with line.file.open("rb") as file:
        file.seek(line.start)
        return file.read(line.size)


def parse_row(text: bytes, method: str, where: str) -> Row:
    """One line as a row of the method.

    Raises:
        AdotxError: ``finetune.json``, ``finetune.row``: the line is named.
    """
    try:
        value = json.loads(text.decode("utf-8-sig"))
    except (ValueError, RecursionError) as error:
        reason = str(error).split("\n")[0][:120]
        what, remedy = "is not JSON: {reason}", "one JSON object a line, in UTF-8"
        raise AdotxError("finetune.json", what, where, remedy, reason=reason) from None
    if not isinstance(value, dict):
        raise _row(where, Sentence("is no JSON object"))
    if method == "sft" and "chosen" in value and "rejected" in value:
        raise _row(where, Sentence("is a pair: adotx train dpo learns from those"))
    read = {"sft": _conversation, "dpo": _pair, "grpo": _task}[method]
    row = read(value, where)
    return _placed(row)


def _conversation(value: dict[str, Any], where: str) -> Row:
    if "messages" in value:
        said = _messages(value, "messages", where)
    elif "prompt" in value and "completion" in value:
        completion = _messages(value, "completion", where, "assistant")
        said = _untrained(_messages(value, "prompt", where)) + completion
    else:
        said = []
    if any(_is_empty(message) for message in said):
        raise _row(where, Sentence("has an empty answer, without weight 0"))
    if said:
        return _row_of(value, where, (said,))
    raise _row(where, Sentence("has neither messages nor prompt and completion"))


def _is_empty(message: dict[str, Any]) -> bool:
    """Whether it would teach to say nothing."""
    if message.get("role") != "assistant" or message.get("weight") == 0 or message.get("tool_calls"):
        return False
    content = message.get("content")
    return not content.strip() if isinstance(content, str) else not content


def _pair(value: dict[str, Any], where: str) -> Row:
    if isinstance(value.get("input"), dict) and "preferred_output" in value:  # OpenAI's names
        given = value["input"]
        value = {
            **value,
            "prompt": given.get("messages"),
            "tools": given.get("tools", value.get("tools")),
            "chosen": value["preferred_output"],
            "rejected": value.get("non_preferred_output"),
        }
    missing = [key for key in ("prompt", "chosen", "rejected") if not value.get(key)]
    if missing:
        raise _row(where, Sentence("has no {key}", key=missing[0]))
    prompt = _untrained(_messages(value, "prompt", where))
    both = tuple(prompt + _messages(value, key, where, "assistant") for key in ("chosen", "rejected"))
    return _row_of(value, where, both)


def _task(value: dict[str, Any], where: str) -> Row:
    key = "prompt" if "prompt" in value else "messages"
    prompt = _messages(value, key, where)
    if prompt[-1].get("role") == "assistant":
        raise _row(where, Sentence("ends with an answer: put it into answer or tool_calls"))
    answer, calls = value.get("answer"), value.get("tool_calls")
    if (answer is None) == (calls is None):
        raise _row(where, Sentence("needs one of answer and tool_calls"))
    if answer is not None and not isinstance(answer, str):
        raise _row(where, Sentence("has an answer that is no text"))
    wanted = None if calls is None else _calls(calls, where)
    return replace(_row_of(value, where, (prompt,)), answer=answer, calls=wanted)


def _calls(calls: Any, where: str) -> tuple[tuple[str, dict[str, Any]], ...]:
    out = []
    for call in calls if isinstance(calls, list) else [None]:
        inner = call.get("function", call) if isinstance(call, dict) else {}
        name = inner.get("name") if isinstance(inner, dict) else None
        arguments = read_arguments(inner.get("arguments")) if isinstance(inner, dict) else None
        if not isinstance(name, str) or arguments is None:
            raise _row(where, Sentence("has a tool call without a name or with arguments that are no object"))
        out.append((name, arguments))
    return tuple(out)


def _row_of(value: dict[str, Any], where: str, texts: tuple[Messages, ...]) -> Row:
    tools, images = value.get("tools"), value.get("images", value.get("image")) or []
    images = [images] if isinstance(images, (str, dict)) else images
    named = [image.get("path") if isinstance(image, dict) else image for image in images]
    paths = [image for image in named if isinstance(image, str)]
    if len(paths) < len(named):
        raise _row(where, Sentence("has images that are no paths or data URIs"))
    if isinstance(tools, str):  # Hugging Face's data sets keep them as text: their columns have one type
        try:
            tools = json.loads(tools)
        except (ValueError, RecursionError):
            raise _row(where, Sentence("has tools that are not JSON")) from None
    return Row(where, texts, tools or None, tuple(paths))


def _messages(value: dict[str, Any], key: str, where: str, role: str = "user") -> Messages:
    """A list of messages; a plain string is one of `role`."""
    given = value[key]
    if isinstance(given, str):
        given = [{"role": role, "content": given}]
    if isinstance(given, dict):
        given = [given]
    if not isinstance(given, list) or not given or not all(isinstance(m, dict) for m in given):
        raise _row(where, Sentence("has a {key} that is no list of messages", key=key))
    if any(message.get("weight") not in (None, 0, 1) for message in given):
        raise _row(where, Sentence("has a weight that is neither 0 nor 1"))
    return [dict(message) for message in given]


def _untrained(messages: Messages) -> Messages:
    return [{**m, "weight": 0} if m.get("role") == "assistant" else m for m in messages]


def _placed(row: Row) -> Row:
    """The row with a part for each of its images, where no message has one."""
    if not row.images:
        return row
    if any(True for messages in row.texts for _ in image_parts(messages)):
        return row
    texts = []
    for messages in row.texts:
        first = next((n for n, m in enumerate(messages) if m.get("role") == "user"), None)
        if first is None:
            raise _row(row.where, Sentence("has images but no user message that could show them"))
        content = messages[first].get("content")
        parts = [{"type": "text", "text": content}] if isinstance(content, str) else list(content or [])
        shown = {**messages[first], "content": [{"type": "image"} for _ in row.images] + parts}
        texts.append([*messages[:first], shown, *messages[first + 1 :]])
    return replace(row, texts=tuple(texts))


def _row(where: str, detail: Sentence) -> AdotxError:
    remedy = "docs/finetune.md shows the rows of each method"
    return AdotxError("finetune.row", "{detail}", where, remedy, detail=detail)


def rows(lines: Sequence[Line], method: str) -> Iterator[Row]:
    """All rows, one at a time."""
    for line in lines:
        yield parse_row(read_line(line), method, line.where)
