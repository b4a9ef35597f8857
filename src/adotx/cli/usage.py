"""What Typer brings and takes: help pages and usage errors in, the user's language out; words in, words that
Typer takes as they were meant out.

Knows Typer and its phrases, no verb of ours; what it does not know stays English.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from pathlib import Path
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


def files_named(words: list[str], verbs: Callable[[], Any]) -> list[str]:
    """The words of a command line, with ./ before names of files that begin with a dash and are no options.

    Args:
        words: after the program's name.
        verbs: gives the tree of commands.
    """
    there = {word for word in words if len(word) > 1 and word.startswith("-") and Path(word).exists()}
    if not there:
        return words
    options: set[str] = set()
    taking: set[str] = set()
    groups = [verbs()]
    while groups:
        command = groups.pop()
        groups += getattr(command, "commands", {}).values()
        for each in command.params:
            options |= {*each.opts, *each.secondary_opts}
            taking |= set() if getattr(each, "is_flag", False) else set(each.opts)
    end = words.index("--") if "--" in words else len(words)
    return [
        f"./{word}" if word in there - options and n < end and not (n and words[n - 1] in taking) else word
        for n, word in enumerate(words)
    ]


def _translated(page: str, phrases: tuple[tuple[str, str], ...]) -> str:
    for pattern, korean in phrases:
        page = re.sub(pattern, korean, page, flags=re.MULTILINE)
    return page
