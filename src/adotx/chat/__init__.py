"""The A.X 4.0 conversation protocol: messages to ids, and ids back to text and tool calls.

Knows no engine and no HTTP; the tokenizer is handed in. Only `adotx.chat.media`, which opens the pictures of
a conversation, knows pixels.
"""

from adotx.chat.answer import AnswerStream
from adotx.chat.calls import CallDelta
from adotx.chat.choice import AnswerForm, answer_form
from adotx.chat.grammar import Grammar
from adotx.chat.loops import table_ids
from adotx.chat.messages import ToolCall
from adotx.chat.protocol import check_end
from adotx.chat.render import Rendered, Slot, render, render_for
from adotx.chat.stop import StopFinder, read_stop_strings
from adotx.chat.stream import TextStream
from adotx.chat.template import chat_template
from adotx.chat.tools import ToolIdStream, ToolStream, format_tool_call, parse_tool_call_ids, parse_tool_calls

__all__ = [
    "AnswerForm",
    "AnswerStream",
    "CallDelta",
    "Grammar",
    "Rendered",
    "Slot",
    "StopFinder",
    "TextStream",
    "ToolCall",
    "ToolIdStream",
    "ToolStream",
    "answer_form",
    "chat_template",
    "check_end",
    "format_tool_call",
    "parse_tool_call_ids",
    "parse_tool_calls",
    "read_stop_strings",
    "render",
    "render_for",
    "table_ids",
]
