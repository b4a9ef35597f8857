"""Korean for the errors of the client of servers."""

from __future__ import annotations

ERRORS: dict[str, list[tuple[str, str | None]]] = {
    "remote.broken": [
        ("답변이 중간에 끊겼습니다: {reason}", "다시 요청하세요. 서버 기록에 이유가 있을 수 있습니다")
    ],
    "remote.busy": [("서버가 바쁩니다: {reason}", "나중에 다시 해 보세요")],
    "remote.key": [
        ("서버가 다른 키를 요구하거나 접근을 막았습니다", "--server-key나 ADOTX_API_KEY로 맞는 키를 주세요")
    ],
    "remote.key_form": [("키는 인쇄할 수 있는 ASCII 글자여야 합니다", "서버가 아는 그대로 주세요")],
    "remote.model": [("서버에 있는 모델은 다음과 같습니다: {served}", "--model로 이 가운데 하나를 고르세요")],
    "remote.option": [("모델을 스스로 정하는 서버에는 뜻이 없습니다", "빼고 다시 해 보세요")],
    "remote.reader": [
        (
            "{name} 모델은 쪽에서 잘라 낸 줄을 읽습니다. 이 서버는 줄을 자르지 않습니다",
            "adotx serve로 여세요",
        )
    ],
    "remote.refused": [("서버가 거절했습니다: {reason}", None)],
    "remote.unreachable": [("답이 없습니다: {reason}", "주소가 맞는지, 서버가 떠 있는지 확인하세요")],
    "remote.url": [("{url}, 서버의 URL이 아닙니다", "http://호스트:포트 또는 https://호스트로 쓰세요")],
}
