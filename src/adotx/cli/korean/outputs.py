"""Korean for the errors of what is written: formats, redaction."""

from __future__ import annotations

ERRORS: dict[str, list[tuple[str, str | None]]] = {
    "output.no_pictures": [
        ("쪽의 그림이 없는 형식이라 검색 가능한 PDF를 만들 수 없습니다", "--format html을 쓰세요"),
    ],
    "redact.kind": [
        ("{given}(이)라는 번호 종류는 없습니다", "all을 쓰거나 {kinds} 가운데 고르세요"),
    ],
}
