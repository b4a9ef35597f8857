"""The words that Typer brings, in the user's language: help pages and usage errors in, Korean out.

Knows the phrases of Typer, no verb of ours; what it does not know stays English.
"""

from __future__ import annotations

import re
from typing import Any

_HELP = (
    (r"^Usage:", "사용법:"),
    (r"^Arguments:", "인자:"),
    (r"^Options:", "옵션:"),
    (r"^Commands:", "명령:"),
    (r"Show this message and exit\.", "이 도움말을 출력하고 끝냅니다."),
    (r"\[required\]", "[필수]"),
    (r"\[default:", "[기본값:"),
)
# The first three are the frame of each; the others what may stand behind "Error: ".
_ERROR = (
    (r"^Usage:", "사용법:"),
    (r"^Try '(.+)' for help\.$", r"도움말: \1"),
    (r"^Error: ", "오류: "),
    (r"Missing argument (.+)\.$", r"인자가 없습니다: \1"),
    (r"Missing option (.+)\.$", r"옵션이 없습니다: \1"),
    (r"Got unexpected extra argument\S* \((.+)\)$", r"남는 인자가 있습니다: \1"),
    (r"No such option: ", "그런 옵션은 없습니다: "),
    (r"No such command ('.+?')\.", r"그런 명령은 없습니다: \1."),
    (r"\(Possible options: (.+)\)$", r"(비슷한 옵션: \1)"),
    (r"Did you mean (.+)\?$", r"비슷한 이름: \1"),
    (r"Option '(.+)' requires an argument\.$", r"옵션 '\1'에 값이 없습니다."),
    (r"Option '(.+)' does not take a value\.$", r"옵션 '\1'에는 값을 줄 수 없습니다."),
    (r"Invalid value for (.+?): ", r"\1에 쓸 수 없는 값입니다: "),
    (r"(?:Value error, )?('[^']*') is not one of (.+)\.$", r"\1 대신 \2 중 하나를 쓰세요."),
    (r"Input should be greater than or equal to (.+)$", r"\1 이상이어야 합니다."),
    (r"Input should be a valid integer.*$", "정수여야 합니다."),
    (r"Input should be a valid number.*$", "숫자여야 합니다."),
    (r"('[^']*') is not a valid (?:integer|int)\.$", r"\1 대신 정수를 쓰세요."),
    (r"('[^']*') is not a valid float\.$", r"\1 대신 숫자를 쓰세요."),
)


def help_text(page: str, language: str) -> str:
    """A help page."""
    return _translated(page, _HELP) if language == "ko" else page


def usage_error_text(error: Any, language: str) -> str:
    """What Typer says of a wrong command line: usage, a hint, and what is wrong.

    Args:
        error: one of Typer's exceptions that have `show`.
    """
    import io

    page = io.StringIO()
    error.show(file=page)
    return _translated(page.getvalue(), _ERROR) if language == "ko" else page.getvalue()


def _translated(page: str, phrases: tuple[tuple[str, str], ...]) -> str:
    for pattern, korean in phrases:
        page = re.sub(pattern, korean, page, flags=re.MULTILINE)
    return page
