"""Korean for the errors of the HTTP server and of those who start it."""

from __future__ import annotations

ERRORS: dict[str, list[tuple[str, str | None]]] = {
    "server.address": [("거기에서 기다릴 수 없습니다: {reason}", "--host나 --port를 바꾸세요")],
    "server.body_slow": [("요청 본문이 {seconds:g}초 안에 오지 않았습니다", None)],
    "server.body_too_large": [("한도 {limit:,}바이트를 넘습니다", "더 적게, 또는 더 작은 그림을 보내세요")],
    "server.busy": [("자리 {places}개가 모두 찼습니다", "잠시 뒤에 다시 요청하세요")],
    "server.documents_busy": [
        ("{seconds:g}초 동안 다른 문서를 읽고 있었습니다", "잠시 뒤에 다시 요청하세요")
    ],
    "server.draining": [("서버가 끝나는 중입니다", "다시 뜰 수 있으니 나중에 다시 요청하세요")],
    "server.fetch": [("이 URL은 가져오지 않습니다: {why}", "그림 자체를 data URI로 보내세요")],
    "server.host": [("이 서버의 이름이 아닙니다", "주소로 부르거나 hosts에 더하세요")],
    "server.internal": [("서버 안에서 잘못된 일이 일어났습니다", "이 요청의 id로 서버 기록을 찾아보세요")],
    "server.key": [("키가 없거나 틀렸습니다", "bearer 토큰으로 보내세요")],
    "server.left": [("클라이언트가 연결을 끊었습니다", None)],
    "server.limit": [("{given:,}, 한도 {limit:,}을 넘습니다", "더 적게 보내세요")],
    "server.media_type": [
        ("{coding} 부호화는 받지 않습니다", "압축하지 않고 보내세요"),
        ("본문이 JSON이라고 알리지 않았습니다", "content-type: application/json을 보내세요"),
    ],
    "server.method": [("{method} 방식은 받지 않습니다", None)],
    "server.model": [("이 서버의 모델이 아닙니다", "{name}을 지정하세요")],
    "server.no_key": [("키가 없습니다", "한 줄에 하나씩 쓰세요")],
    "server.open": [
        ("다른 컴퓨터에서도 키 없이 요청할 수 있게 됩니다", "키를 주거나 127.0.0.1에서 기다리세요"),
    ],
    "server.origin": [("다른 출처의 페이지는 요청할 수 없습니다", "origins에 더하세요")],
    "server.parameter": [
        ("잘못된 값입니다: {reason}", None),
        ("{key}, 토큰 id가 아닙니다", "/tokenize가 주는 id를 쓰세요"),
        ("알 수 없는 detail입니다: {detail}", "auto, low, high 가운데 하나를 쓰세요"),
        ("이 요청에 없는 이름입니다", "빼고 보내세요"),
    ],
    "server.route": [("그런 경로는 없습니다", None)],
    "server.setting": [
        ("{name}라는 설정은 없습니다", "다음 가운데 하나를 쓰세요: {known}"),
        ("{value}, 맞지 않는 값입니다", "{expected}로 쓰세요"),
    ],
    "server.timeout": [("{seconds:g}초 안에 답하지 못했습니다", "더 적게 요청하세요")],
    "server.too_many_pages": [("{limit:,}쪽이 넘습니다", "1-{limit}처럼 몇 쪽만 지정하세요")],
}
