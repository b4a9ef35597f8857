"""Korean for the errors of asking: conversations, tools, grammars, engine, sampling."""

from __future__ import annotations

ERRORS: dict[str, list[tuple[str, str | None]]] = {
    "ask.pages": [
        ("{count}쪽을 골랐는데, 1쪽에서 {most}쪽까지 보여 줄 수 있습니다", "--pages로 몇 쪽을 고르세요"),
    ],
    "ask.reader": [
        (
            "문서를 옮기는 체크포인트라서 질문에 답하지 못합니다",
            "답할 수 있는 모델을 --model로 지정하거나 transcribe를 쓰세요",
        )
    ],
    # Conversations, tools and grammars
    "chat.constraint": [
        ("제약으로 쓸 수 없는 값입니다: {given}", 'JSON 스키마나 "json", "tools" 중 하나를 주세요'),
    ],
    "chat.control_id": [
        ("id {token}, 제어 토큰입니다", "제어 토큰은 messages로 물을 때 서버가 넣습니다"),
    ],
    "chat.content": [
        ("메시지 내용으로 쓸 수 없는 형식입니다: {type}", "문자열, 내용 조각의 목록, null 중 하나를 주세요"),
        ("내용 조각의 글이 문자열이 아닙니다", "문자열을 주세요"),
    ],
    "chat.content_type": [
        ("알 수 없는 내용 종류입니다: {type}", "text, image, image_url 중 하나를 쓰세요"),
    ],
    "chat.continue": [
        ("글로 된 답변이 아니어서 이어 쓸 수 없습니다", "도구를 호출하지 않는 assistant 메시지로 끝내세요"),
    ],
    "chat.empty": [("대화가 비어 있습니다", "메시지를 하나 이상 주세요")],
    "chat.family": [
        ("{family!r} 모델 계열의 대화 형식을 모릅니다", "{vl!r}이나 {text!r} 모델을 쓰세요"),
    ],
    "chat.image_count": [
        (
            "메시지에 든 이미지는 {parts}개인데 주어진 것은 {images}개입니다",
            "이미지 조각마다 하나씩 차례대로 주세요",
        ),
        (
            "비어 있는 이미지 조각은 {waiting}개인데 따로 준 이미지는 {images}개입니다",
            "그런 조각마다 하나씩 차례대로 주세요",
        ),
    ],
    "chat.image_role": [
        ("{role} 메시지에는 이미지를 넣을 수 없습니다", "사용자 메시지로 옮기세요"),
    ],
    "chat.images": [
        (
            "비어 있는 이미지 자리는 {parts}개인데 따로 준 이미지는 {images}개입니다",
            "이미지 자리마다 하나씩 주세요",
        ),
        ("이미지가 든 도구 결과의 순서가 호출의 순서와 다릅니다", "호출의 순서대로 주세요"),
    ],
    "chat.json": [
        ("JSON으로 나타낼 수 없는 값입니다: {reason}", "평범한 JSON 값을 쓰세요"),
    ],
    "chat.message": [
        ("{type} 형식은 메시지가 아닙니다", '{{"role": ..., "content": ...}} 객체를 주세요'),
        ("메시지 목록의 형식이 올바르지 않습니다", '{{"role": ..., "content": ...}} 객체의 목록을 주세요'),
    ],
    "chat.messages": [
        ("대화나 그 옵션이 올바르지 않습니다", "메시지 목록과 서로 모순되지 않는 옵션을 주세요"),
    ],
    "chat.no_end": [
        (
            "차례를 끝내는 {end}({id}번)이 답을 끝내는 id에 들어 있지 않아 답이 끝나지 않습니다",
            "generation_config.json의 eos_token_id에 {id}을 더하세요",
        ),
    ],
    "chat.no_images": [("이미지를 보지 못하는 텍스트 모델입니다", "VL 체크포인트를 쓰세요")],
    "chat.no_token": [
        ("토크나이저에 없는 제어 토큰입니다: {name}", "A.X 4.0 계열의 토크나이저를 쓰세요"),
        ("이미지 토큰 {token}번은 제어 토큰이 아닙니다", "config.json의 image_token_index를 확인하세요"),
    ],
    "chat.no_vision": [("이미지를 읽지 못하는 텍스트 전용 체크포인트입니다", "VL 체크포인트를 쓰세요")],
    "chat.response_format": [
        (
            "응답 형식으로 쓸 수 없는 값입니다: {given}",
            '{{"type": "json_schema", "json_schema": {{"name": ..., "schema": {{...}}}}}} 객체를 주세요',
        ),
    ],
    "chat.role": [
        ("알 수 없는 역할입니다: {role!r}", "{known} 중 하나를 쓰세요"),
    ],
    "chat.stop": [
        ("{type} 형식은 문자열이 아닙니다", "한 글자 이상인 문자열을 주세요"),
        ("정지 문자열이 비어 있거나 목록이 아닙니다", "문자열이나, 한 글자 이상인 문자열의 목록을 주세요"),
    ],
    "chat.tool_arguments": [
        ("도구 {name!r}의 인자가 JSON 객체가 아닙니다", "객체나 객체를 담은 JSON 문자열을 주세요"),
    ],
    "chat.tool_calls": [
        ("{role} 메시지는 도구를 호출하지 않습니다", "tool_calls를 빼세요"),
        (
            "tool_calls가 올바르지 않습니다",
            '{{"function": {{"name": ..., "arguments": ...}}}} 객체의 목록을 주세요',
        ),
    ],
    "chat.tool_choice": [
        (
            "도구 선택으로 쓸 수 없는 값입니다: {given}",
            '"none", "auto", "required"나 {{"type": "function", "function": {{"name": ...}}}} 객체를 주세요',
        ),
        ("그런 도구는 없습니다: {name!r}", "주어진 도구의 이름을 쓰세요"),
        ("도구가 없습니다", "도구를 주세요"),
    ],
    "chat.tool_result": [
        (
            "호출 {id!r}에 맞는 결과가 하나가 아니거나, 바로 앞의 호출 중에 그런 id가 없습니다",
            "바로 앞 메시지의 호출마다 그 id로 결과를 하나씩 주세요",
        ),
    ],
    "chat.tools": [
        ("{type} 형식은 도구가 아닙니다", '{{"type": "function", "function": {{...}}}} 객체를 주세요'),
        ("{kind} 형식은 거기에 맞지 않습니다", "parameters에는 스키마를, 나머지에는 글을 주세요"),
        (
            "도구 목록의 형식이 올바르지 않습니다",
            '{{"type": "function", "function": {{...}}}} 객체의 목록을 주세요',
        ),
    ],
    "grammar.lark": [
        ("문법을 해석할 수 없습니다: {reason}", "llguidance 문서의 문법을 확인하세요"),
        ("문법에 쓸 수 없는 것이 들어 있습니다", "%llguidance 설정을 빼고 온전한 문자를 쓰세요"),
    ],
    "grammar.regex": [
        ("정규식을 해석할 수 없습니다: {reason}", "llguidance 문서의 문법을 확인하세요"),
        ("반쪽짜리 서로게이트가 들어 있습니다", "온전한 문자를 쓰세요"),
    ],
    "grammar.schema": [
        ("지원하지 않는 키워드입니다: {keyword!r}", "{meant!r}인지 확인하세요"),
        ("지원하지 않는 키워드입니다: {keyword!r}", "빼거나 다른 키워드로 나타내세요"),
        ("JSON 스키마로 쓸 수 없습니다: {reason}", "llguidance가 지원하는 JSON 스키마를 주세요"),
        ("{type} 형식은 JSON 스키마가 아닙니다", "객체를 주세요"),
        (
            "아무것도 허용하지 않거나 온전하지 않은 문자가 든 스키마입니다",
            "무언가를 허용하는 온전한 JSON 스키마를 주세요",
        ),
    ],
    "grammar.stop_ids": [
        ("정지 토큰이 하나도 토크나이저에 없습니다", "체크포인트에 딸린 토크나이저를 쓰세요"),
    ],
    "grammar.too_complex": [
        ("문법이 너무 복잡해 더 따라갈 수 없습니다: {reason}", "범위를 줄이고 패턴을 단순하게 하세요"),
    ],
    "grammar.too_large": [
        ("{count:,}글자로 한도 {limit:,}글자를 넘습니다", "더 작게 만드세요"),
        ("{levels}단계보다 깊게 겹쳐 있습니다", "$defs와 $ref를 쓰거나 더 얕게 만드세요"),
    ],
    "grammar.too_slow": [
        ("컴파일에 {seconds}초보다 오래 걸립니다", "범위를 줄이고 더 작게 나누세요"),
    ],
    "grammar.tools": [
        ("도구로 부를 수 없습니다: {detail}", "주어진 도구의 이름을 쓰세요"),
        ("도구 호출의 문법을 만들 수 없습니다: {reason}", "도구의 스키마를 확인하세요"),
        ("도구의 이름이 겹칩니다: {name!r}", "이름을 서로 다르게 하세요"),
        ("도구의 인자는 객체여야 합니다: {type!r}", '"type": "object"를 쓰세요'),
        (
            "도구 설명의 형식이 올바르지 않습니다",
            '{{"type": "function", "function": {{"name": ..., "parameters": {{...}}}}}} 객체의 목록을 주세요',
        ),
    ],
    "grammar.type": [
        ("{type} 형식은 글이 아닙니다", "문자열을 주세요"),
    ],
    # Engine
    "engine.activation": [
        ("비전 타워의 활성화 함수 {value!r}: 지원하지 않습니다", "배포된 config.json을 쓰세요"),
    ],
    "engine.cache_busy": [
        (
            "위치 {positions:,}개가 필요한데 KV 캐시의 빈 블록은 {free:,}개뿐입니다",
            "kv_memory를 늘리거나 진행 중인 요청이 끝나기를 기다리세요",
        ),
    ],
    "engine.cache_too_small": [
        (
            "KV 캐시의 블록 하나에 {block:,}바이트가 필요한데 주어진 메모리는 {budget:,}바이트입니다",
            "kv_memory를 늘리세요",
        ),
        (
            "프롬프트 {prompt:,}토큰은 KV 캐시 전체({room:,}토큰)에도 들어가지 않습니다",
            "프롬프트를 줄이거나 kv_memory를 늘리세요",
        ),
    ],
    "engine.closed": [("엔진이 닫혔습니다", "다시 여세요")],
    "engine.draining": [("엔진이 멈추는 중이라 새 요청을 받지 않습니다", "나중에 다시 하세요")],
    "engine.failed": [
        ("{kind}: {reason} 때문에 요청이 실패했습니다", "다시 해 보고, 또 그러면 알려 주세요"),
    ],
    "engine.feature_layer": [
        ("{layer}번 층은 층이 {depth}개인 비전 타워에 없습니다", "배포된 config.json을 쓰세요"),
    ],
    "engine.kv_cache": [
        ("알 수 없는 KV 캐시 형식입니다: {value!r}", "{known} 중 하나를 쓰세요"),
        ("f32 가중치에는 f32나 u8 캐시만 쓸 수 있습니다", "kv_cache를 빼세요"),
    ],
    "engine.not_finite": [("모델의 점수가 숫자가 아닙니다", "weights='f32'로 해 보세요")],
    "engine.queue_full": [
        ("이미 요청 {waiting:,}개가 기다려 더 받지 못합니다", "나중에 다시 하세요"),
    ],
    "engine.queue_timeout": [
        ("{seconds}초 안에 차례가 오지 않았습니다", "나중에 다시 하세요"),
    ],
    "engine.stopped": [("답변이 끝나기 전에 엔진이 멈췄습니다", "다시 요청하세요")],
    "engine.setting": [("엔진 설정값이 허용된 범위를 벗어났습니다", "더 큰 값을 쓰세요")],
    "engine.unsupported": [
        ("{key} {value!r}: 지원하지 않습니다. {known!r}만 지원합니다", "배포된 config.json을 쓰세요"),
    ],
    "engine.weights": [
        ("알 수 없는 가중치 형식입니다: {value!r}", "{known} 중 하나를 쓰세요"),
    ],
    "request.cache_salt": [
        ("cache_salt는 1자에서 {longest:,}자까지의 글이어야 합니다", "캐시를 함께 쓰려면 빼세요"),
    ],
    "request.empty": [("프롬프트에 토큰이 없습니다", "글이나 이미지를 넣으세요")],
    "request.features": [
        ("인코딩된 이미지의 특징이 타일 {tiles:,}개와 맞지 않습니다", "Engine.encode가 준 것을 쓰세요"),
    ],
    "request.id": [
        ("{token}번은 토큰 {vocabulary:,}개인 어휘에 없습니다", "이 모델의 토크나이저를 쓰세요"),
        ("토큰 번호가 아닙니다: {given}", "정수의 목록을 주세요"),
    ],
    "request.images": [
        (
            "프롬프트의 이미지 자리는 {positions}개인데 타일은 {filled}개를 채웁니다",
            "프롬프트에 있는 이미지의 타일을 차례대로 주세요",
        ),
    ],
    "request.no_room": [
        (
            "답변 {wanted:,}토큰을 청했는데 프롬프트 {prompt:,}토큰 뒤에는 {limit:,}토큰만 들어갑니다",
            "max_new_tokens나 프롬프트를 줄이세요",
        ),
    ],
    "request.not_finite": [("NaN이나 무한대가 있습니다", "값을 만든 곳을 확인하세요")],
    "request.priority": [("우선순위가 정수가 아닙니다: {priority}", "정수를 쓰세요")],
    "request.no_vision": [("이미지를 읽지 못하는 텍스트 전용 체크포인트입니다", "VL 체크포인트를 쓰세요")],
    "request.pixels": [
        (
            "이미지 타일이 {dtype} {shape}입니다. float32 [타일, {expected}]여야 합니다",
            "adotx.vision.pixels로 만드세요",
        ),
    ],
    "request.slots": [
        (
            "이미지 자리는 {slots:,}개인데 이미지 토큰은 {tokens:,}개입니다",
            "adotx.chat으로 글과 이미지 자리를 함께 만드세요",
        ),
        ("이미지 자리가 아닙니다: {given}", "이미지마다 0 이상인 시작과 길이를 주세요"),
    ],
    "request.timeout": [
        ("제한 시간 {seconds}초: 0초보다 커야 합니다", "더 큰 값을 쓰세요"),
    ],
    "request.too_long": [
        (
            "프롬프트가 {tokens:,}토큰입니다. 모델의 문맥 {context:,}토큰에 답변도 들어가야 합니다",
            "글을 줄이거나 이미지를 적게, 또는 작게 넣으세요",
        ),
        ("프롬프트가 {tokens:,}토큰으로 한도 {limit:,}토큰을 넘습니다", "줄이세요"),
    ],
    "sampling.id": [
        (
            "{key}에 {token}번 토큰이 있습니다. 어휘는 {last}번까지입니다",
            "이 모델의 토크나이저가 주는 토큰을 쓰세요",
        ),
    ],
    "sampling.nothing_allowed": [
        ("문법에 맞게 이어질 토큰이 이 어휘에 없습니다", "스키마나 문법을 느슨하게 하세요"),
    ],
    "sampling.overflow": [
        ("편향과 벌점 때문에 점수가 float32를 벗어납니다", "더 작은 값을 쓰세요"),
    ],
    "sampling.value": [
        ("{key} 값이 올바르지 않습니다: {value!r}(있어야 할 값: {expected})", "값을 바로잡으세요"),
    ],
    "reply.unfinished": [
        ("답변이 아직 끝나지 않았습니다", "끝까지 읽거나 닫으세요"),
    ],
    "media.data": [
        ("base64가 손상되었습니다: {reason}", "파일 전체를 표준 base64로 바꾸세요"),
        ("base64로 된 data URI가 아닙니다", "data:image/png;base64, 다음에 파일을 base64로 쓰세요"),
    ],
    "media.file": [
        ("여기서는 파일을 읽지 않습니다", "이미지를 data URI로 보내세요"),
    ],
    "media.source": [
        ("{type} 형식은 이미지의 목록이 아닙니다", "목록을 주세요"),
        (
            "배열이 {dtype} {shape}입니다. float32 [타일, 3, S, S]여야 합니다",
            "PIL 이미지나 adotx.vision.pixels의 타일을 주세요",
        ),
        ("이미지로 쓸 수 없는 글입니다: {detail}", 'base64 글이면 앞에 "data:image/png;base64,"를 쓰세요'),
        ("URL이 없습니다", '{{"url": "data:image/png;base64,..."}}를 주세요'),
    ],
    "media.url": [
        ("{scheme}: 네트워크의 이미지는 가져오지 않습니다", "이미지 자체를 data URI나 파일로 보내세요"),
    ],
}
