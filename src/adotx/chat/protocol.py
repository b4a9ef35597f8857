"""The fixed strings of the A.X 4.0 chat format, per family, and the look-up of their ids in a tokenizer.

Source: the golden conversations and the published templates of A.X 4.0 Light and A.X 4.0 VL Light. There is
no newline anywhere between the parts of a turn.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from adotx.errors import AdotxError

if TYPE_CHECKING:
    from adotx.checkpoint import Checkpoint
    from adotx.checkpoint.tokenizer import AxTokenizer

START, END = "<|im_start|>", "<|im_end|>"
ROLES = {
    "system": "<|system|>",
    "user": "<|user|>",
    "assistant": "<|assistant|>",
    "tool": "<|extra_id_13|>",
}
CALL_OPEN, CALL_CLOSE = "<tool_call>", "</tool_call>"
CALL_NAME, CALL_ARGUMENTS, CALL_END = '{"name": ', ', "arguments": ', "}"
OUTPUT_OPEN, OUTPUT_CLOSE = "<tool_output>", "</tool_output>"
THINK_CLOSE = "</think>"

#: What the published VL template writes for a picture; ``render`` takes the id from the checkpoint instead.
IMAGE = "<|extra_id_11|>"
IMAGE_TYPES = ("image", "image_url", "input_image")
TEXT_TYPES = ("text", "input_text")

#: The family that sees pictures and opens every conversation with a system turn.
VL = "a.x-4-vl"
#: The text family (A.X 4.0 Light and 72B).
TEXT = "qwen2"

DEFAULT_SYSTEM = (
    "당신은 유용한 언어 및 시각 도우미입니다. 사용자가 제공하는 시각적 콘텐츠를 이해할 수 있으며, "
    "자연어를 사용하여 사용자에게 다양한 작업을 지원합니다."
)

TOOLS_BEFORE = (
    "당신은 도구 호출 기능을 갖춘 유용한 도우미입니다. 사용자의 요청을 처리하기 위해서 필요한 도구가 "
    "주어진 목록에 있는 경우 도구 호출로 응답하세요.\n"
    "필요한 도구가 목록에 없는 경우에는 도구 호출 없이 사용자가 요구한 정보를 제공하세요.\n"
    "필요한 도구가 목록에 있지만 해당 도구를 호출하는데 필요한 argument 정보가 부족한 경우 해당 정보를 "
    "사용자에게 요청하세요.\n"
    "사용자의 요청을 처리하기 위해 여러번 도구를 호출할 수 있어야 합니다.\n"
    "도구 호출 이후 도구 실행 결과를 입력으로 받으면 해당 결과를 활용하여 답변을 생성하세요.\n\n"
    "다음은 접근할 수 있는 도구들의 목록 입니다:\n<tools>\n"
)
TOOLS_AFTER = "</tools>\n\n도구를 호출하려면 아래의 JSON으로 응답하세요.\n도구 호출 형식: "
#: Between the tool-call tokens of the instruction.
TOOLS_EXAMPLE = '{"name": 도구 이름, "arguments": dictionary 형태의 도구 인자값}'
#: Between the tool instruction and the system text that shares its turn (VL).
TOOLS_JOIN = "\n\n"


def check_family(family: str) -> None:
    """AdotxError ``chat.family`` for a family without a chat format of ours."""
    if family not in (VL, TEXT):
        raise AdotxError(
            "chat.family",
            "{family!r} has no chat format here",
            remedy="use {vl!r} or {text!r}",
            family=family,
            vl=VL,
            text=TEXT,
        )


def control_id(tokenizer: AxTokenizer, name: str) -> int:
    """The id of a control token; AdotxError ``chat.no_token`` where the tokenizer lacks it."""
    if name not in tokenizer.special:
        remedy = "use a tokenizer of the A.X 4.0 family"
        raise AdotxError("chat.no_token", "the tokenizer has no {name}", "tokenizer", remedy, name=name)
    return tokenizer.special[name]


def check_end(checkpoint: Checkpoint) -> None:
    """AdotxError ``chat.no_end`` where an answer that ends its turn as trained would not be taken as ended, a
    common fault of fine-tuned checkpoints; ``chat.no_token``."""
    end = control_id(checkpoint.tokenizer, END)
    if end not in checkpoint.eos_ids:
        raise AdotxError(
            "chat.no_end",
            "{end} ({id}) ends a turn and is not among the ids that end an answer: answers run on",
            checkpoint.name,
            "add {id} to eos_token_id in generation_config.json",
            end=END,
            id=end,
        )
