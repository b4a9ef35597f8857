"""What the models are asked: the words of the model cards, and nano's own short one. Text only."""

from __future__ import annotations

from typing import Any

#: system message under which nano reads packed rows
READ_SYSTEM = "읽기"
#: the transcription question of the A.X 4.0 VL Light card
TRANSCRIBE = "사진에 무엇이 적혀있나요? 다른 설명없이 적혀있는 텍스트만 결과로 보여줘."


def read_row(row: int) -> list[dict[str, Any]]:
    """The conversation in which nano reads row 1 to 12 of a tile; up to the picture all rows share it."""
    return [
        {"role": "system", "content": READ_SYSTEM},
        {"role": "user", "content": [{"type": "image"}, {"type": "text", "text": str(row)}]},
    ]


def transcribe_page() -> list[dict[str, Any]]:
    """The conversation in which a published checkpoint transcribes one picture."""
    return [{"role": "user", "content": [{"type": "image"}, {"type": "text", "text": TRANSCRIBE}]}]
