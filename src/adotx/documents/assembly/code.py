"""Does a line look like program text? Judged by what it says, since a face alone does not tell.

In: text lines. Out: scores and a verdict for a block. Knows nothing of images or models.
"""

from __future__ import annotations

import re
from collections.abc import Sequence

_WORDS = re.compile(
    r"((def|class|import|from|return|if|elif|else|for|while|try|except|finally|with|async|await|yield|raise|assert"
    r"|pass|fn|let|mut|pub|use|mod|struct|enum|impl|match|loop|const|var|function|export|default|new|switch|case"
    r"|break|int|void|char|static|public|private|print|println!|echo|cd|pip|cargo|git|npm|docker|sudo|apt|curl"
    r"|python3?|SELECT|FROM|WHERE|INSERT)(?![\w가-힣])"
    r"|@\w|#include|#!\[?|#\[|//|/\*|\*/|>>>|\$ |!pip|%\w|</?\w)"
)
_CALL = re.compile(
    r"[\w\])]\(|\w\.\w+\(|\w+\[\w*\]|\w=\w|[\w)\]] ?[=+*/<>!-]?= ?[\w\"'\[{(-]"
    r"|->|=>|::|\w\.\w+\.\w|--\w|\w_\w|&&|\|\|"
)
_MARKS = re.compile(r"[{}\[\]()=;<>_\"'`#\\|&/*$@:]")
# What looks like marks of a programming language but is a date, a number, a list mark or a form's key.
_DIGITS = re.compile(r"\d[\d:/.,-]*\d")
_MARK = re.compile(r"^([•·◦○●■□◆▶※–—*-]|\(?\d{1,3}[.)]|\(?[가-하][.)]|[①-⑳])\s+(?=\S*[가-힣一-鿿])")
_PAIR = re.compile(r"^[가-힣][가-힣 ]{0,9}\s?[:：]\s")
# A label: [Web발신], (A형), <별표 1>. Code has Hangul between quotes.
_LABEL = re.compile(r"^[\[(<][\w ·.,/-]*[가-힣][\w ·.,/-]*[\])>]$")
# Hangul, and Hanja among it: code has neither but in strings and comments.
_HANGUL = re.compile(r"[가-힣一-鿿]")
_COMMENT = re.compile(r"^\s*(#|//|/\*|\*|--|\"\"\"|''')")
_SENTENCE = re.compile(r"[가-힣]{2,}.*(다|요|까|오)[.!?]?$")


def code_score(line: str) -> float:
    """How much one line speaks for program text: above 0.5 rather yes, below rather no; 0.5 says nothing."""
    text = line.strip()
    if not text:
        return 0.5
    if _PAIR.match(text) or _LABEL.match(text):
        return 0.1
    text = _MARK.sub("", _DIGITS.sub("0", text)) or text
    score = 0.2
    if _WORDS.match(text):
        score += 0.3
    score += 0.2 * min(len(_CALL.findall(text)), 2)
    marks = len(_MARKS.findall(text)) / len(text)
    score += min(marks * 2.2, 0.45)
    if text[-1] in "{}[](;:,\\" and (marks > 0.04 or len(text) < 30):
        score += 0.15
    if re.fullmatch(r"[\])}>;,:\"'`]+", text):
        score = max(score, 0.85)
    # A line of a list may begin as one of a block comment does.
    is_comment = bool(_COMMENT.match(line)) and not _MARK.match(line.strip())
    if is_comment:
        score = max(score, 0.55)
    hangul = len(_HANGUL.findall(text)) / len(text)
    if not is_comment:
        # Strings and comments may be Korean; running text is.
        score -= max(0.0, hangul - 0.25) * 1.3
        if _SENTENCE.search(text) and marks < 0.15:
            score -= 0.3
    if hangul == 0 and marks < 0.02 and len(text.split()) > 5:
        score -= 0.15  # English prose
    return min(max(score, 0.0), 1.0)


def is_code(lines: Sequence[str]) -> bool:
    """Whether lines that stand together are a block of code."""
    scores = [code_score(line) for line in lines if line.strip()]
    return bool(scores) and sum(scores) / len(scores) >= 0.5
