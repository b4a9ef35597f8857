"""The chat template that other engines read from a saved checkpoint: Jinja that writes ``render().text``.

Our own runtimes never use it: text made by a template cannot tell a control token from a user's words. On
clean input (no control tokens in texts; tool arguments as objects, or as JSON strings in our spacing; results
of tools in the order of their calls) both give the same text. Works in Hugging Face's sandbox, with or
without trimmed blocks.
"""

from __future__ import annotations

import json
import re

from adotx.chat import protocol as p


def _quoted(text: str) -> str:
    """A Jinja string literal; JSON's escapes are Jinja's."""
    return json.dumps(text, ensure_ascii=False)


# One statement a line, every line trimmed on both sides: the template adds no white space of its own.
# The loop over message.content stands in the loop over messages: that is how vLLM and SGLang find out that
# parts may stay parts, and pictures in their places.
_VL = """
{%- for message in messages -%}
@CONTENT
{%- if loop.first -%}
{{- @SYSTEM_HEAD -}}
{%- if tools -%}
@TOOLS
{{- @TOOLS_JOIN -}}
{%- endif -%}
{{- content if role == 'system' else @DEFAULT_SYSTEM -}}
{{- @END -}}
{%- endif -%}
{%- if not (loop.first and role == 'system') -%}
@TURN
{%- endif -%}
{%- endfor -%}
@PROMPT
"""

_TEXT = """
{%- if tools -%}
{{- @SYSTEM_HEAD -}}
@TOOLS
{{- @END -}}
{%- endif -%}
{%- for message in messages -%}
@CONTENT
{%- if role == 'assistant' and add_generation_prompt and @THINK_CLOSE in content
    and (message.reasoning_content is not defined or message.reasoning_content is none) -%}
{%- set content = content.split(@THINK_CLOSE)[-1].lstrip(@NEWLINE) -%}
{%- endif -%}
@TURN
{%- endfor -%}
@PROMPT
"""

_CONTENT = """
{%- set role = 'system' if message.role == 'developer' else message.role -%}
{%- set content -%}
{%- if message.content is string -%}
{{- message.content -}}
{%- elif message.content is defined and message.content is not none -%}
{%- for item in message.content -%}
{%- if item.type in @IMAGE_TYPES or (not item.type and ('image' in item or 'image_url' in item)) -%}
@PICTURE
{%- elif (item.type in @TEXT_TYPES or not item.type) and 'text' in item -%}
{{- item.text -}}
{%- else -%}
{{- raise_exception('unknown content type: ' ~ item.type) -}}
{%- endif -%}
{%- endfor -%}
{%- endif -%}
{%- endset -%}
"""

_PICTURE_VL = """
{%- if role == 'system' -%}
{{- raise_exception('an image in a system message') -}}
{%- endif -%}
{{- @IMAGE -}}
"""

_PICTURE_TEXT = """
{{- raise_exception('this is a text model and sees no images') -}}
"""

_TOOLS = """
{{- @TOOLS_BEFORE -}}
{%- for tool in tools -%}
{{- tool | tojson -}}
{{- @NEWLINE -}}
{%- endfor -%}
{{- @TOOLS_AFTER -}}
"""

_TURN = """
{%- if role == 'system' -%}
{{- @SYSTEM_HEAD ~ content ~ @END -}}
{%- elif role == 'user' -%}
{{- @USER_HEAD ~ content ~ @END -}}
{%- elif role == 'assistant' -%}
{{- @ASSISTANT_HEAD ~ content -}}
{%- if message.tool_calls -%}
{%- for tool_call in message.tool_calls -%}
{%- set call = tool_call.function if tool_call.function else tool_call -%}
{{- @CALL_HEAD -}}
{{- call.name | tojson -}}
{{- @CALL_MIDDLE -}}
{%- if not call.arguments -%}
{{- '{}' -}}
{%- elif call.arguments is string -%}
{{- call.arguments -}}
{%- else -%}
{{- call.arguments | tojson -}}
{%- endif -%}
{{- @CALL_TAIL -}}
{%- endfor -%}
{%- endif -%}
{{- @END -}}
{%- elif role == 'tool' -%}
{{- @TOOL_HEAD ~ content ~ @TOOL_TAIL -}}
{%- else -%}
{{- raise_exception('unknown role: ' ~ role) -}}
{%- endif -%}
"""

_PROMPT = """
{%- if add_generation_prompt -%}
{{- @ASSISTANT_HEAD -}}
{%- endif -%}
"""


def chat_template(family: str = p.VL) -> str:
    """The Jinja chat template of a family ("a.x-4-vl" or "qwen2"), for chat_template.jinja of a checkpoint.

    Raises:
        AdotxError: ``chat.family``.
    """
    p.check_family(family)
    vl = family == p.VL
    heads = {role: _quoted(p.START + token) for role, token in p.ROLES.items()}
    # Names within blocks are replaced too: the loop below goes on until none is left.
    names = {
        "CONTENT": _CONTENT.strip(),
        "PICTURE": (_PICTURE_VL if vl else _PICTURE_TEXT).strip(),
        "TURN": _TURN.strip(),
        "TOOLS": _TOOLS.strip(),
        "PROMPT": _PROMPT.strip(),
        "IMAGE_TYPES": str(list(p.IMAGE_TYPES)),
        "TEXT_TYPES": str(list(p.TEXT_TYPES)),
        "IMAGE": _quoted(p.IMAGE),
        "NEWLINE": _quoted("\n"),
        "TOOLS_BEFORE": _quoted(p.TOOLS_BEFORE),
        "TOOLS_AFTER": _quoted(p.TOOLS_AFTER + p.CALL_OPEN + p.TOOLS_EXAMPLE + p.CALL_CLOSE),
        "TOOLS_JOIN": _quoted(p.TOOLS_JOIN),
        "DEFAULT_SYSTEM": _quoted(p.DEFAULT_SYSTEM),
        "SYSTEM_HEAD": heads["system"],
        "USER_HEAD": heads["user"],
        "ASSISTANT_HEAD": heads["assistant"],
        "TOOL_HEAD": _quoted(p.START + p.ROLES["tool"] + p.OUTPUT_OPEN),
        "TOOL_TAIL": _quoted(p.OUTPUT_CLOSE + p.END),
        "CALL_HEAD": _quoted(p.CALL_OPEN + p.CALL_NAME),
        "CALL_MIDDLE": _quoted(p.CALL_ARGUMENTS),
        "CALL_TAIL": _quoted(p.CALL_END + p.CALL_CLOSE),
        "THINK_CLOSE": _quoted(p.THINK_CLOSE),
        "END": _quoted(p.END),
    }
    text = _VL if vl else _TEXT
    while "@" in text:
        text = re.sub(r"@([A-Z_]+)", lambda match: names[match[1]], text)
    return text.strip()
