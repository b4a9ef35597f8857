"""What the command line says of an error, in English and Korean: an `AdotxError` in, one line out.

English texts come with the error from the room that raised it; Korean ones are found here by its code. Loaded
only when there is something to show. Knows nothing of streams and exit codes.
"""

from __future__ import annotations

from string import Formatter

from adotx.cli.sentences import korean
from adotx.errors import AdotxError

#: code -> (what, remedy) in Korean, templates over the error's values. Where a code is raised with different
#: values there are several, and the first whose fields all have a value is taken.
KOREAN: dict[str, list[tuple[str, str | None]]] = {
    # Checkpoints
    "checkpoint.hub": [
        ("내려받지 못했습니다: {reason}", "이름과 네트워크를 확인하세요"),
        ("내려받으려면 huggingface_hub 패키지가 필요합니다", "pip install huggingface_hub를 실행하세요"),
    ],
    "checkpoint.nano_absent": [
        (
            "이 설치본에는 nano 모델이 들어 있지 않습니다",
            "체크포인트 디렉터리를 주거나 adotx를 다시 설치하세요",
        ),
    ],
    "checkpoint.no_vision": [
        ("이미지를 읽지 못하는 텍스트 전용 체크포인트입니다", "VL 체크포인트를 쓰세요"),
    ],
    "checkpoint.not_found": [
        ("디렉터리가 아니라 파일입니다", "체크포인트 디렉터리를 주세요: {folder}"),
        (
            "체크포인트 디렉터리가 없습니다",
            "경로를 확인하거나, 허브의 {hub_id}를 뜻했다면 --online으로 내려받기를 허용하세요",
        ),
        ("체크포인트 디렉터리가 없습니다", '경로를 확인하거나 "nano"를 쓰세요'),
    ],
    "checkpoint.unreadable": [
        ("파일을 읽을 수 없습니다: {reason}", "파일을 다시 내려받으세요"),
        ("파일이 없습니다", "원본 체크포인트에서 복사하세요"),
    ],
    "config.contradiction": [
        ("설정값이 서로 맞지 않습니다: {detail}", "원본 설정 파일과 견주어 바로잡으세요")
    ],
    "config.family": [
        (
            "지원하지 않는 모델입니다: model_type {found}",
            "adotx는 {vl!r} 모델과 Qwen2 구조의 텍스트 모델({text!r})을 읽습니다",
        ),
    ],
    "config.unreadable": [
        ("설정 파일을 읽을 수 없습니다: {reason}", "파일을 다시 내려받으세요"),
        ("설정 파일이 없습니다", "원본 체크포인트에서 복사하세요"),
    ],
    "config.unsupported": [("지원하지 않는 설정입니다: {key} {value!r}", '"full"로 바꾸세요')],
    "config.value": [
        (
            "{key} 값이 올바르지 않습니다: {value}(있어야 할 값: {expected})",
            "원본 체크포인트의 config.json을 복사하세요",
        ),
        ("{key} 값이 없습니다", "원본 체크포인트의 config.json을 복사하세요"),
    ],
    "tensor.dtype": [
        (
            "텐서 {tensor}의 형식이 {dtype}입니다. 부동소수점이어야 합니다",
            "양자화된 체크포인트는 읽지 않으니 bf16 체크포인트를 쓰세요",
        ),
        ("부동소수점이 아닌 텐서가 있습니다", "bf16 체크포인트를 쓰세요"),
    ],
    "tensor.missing": [
        (
            "텐서 {total:,}개 중 {count:,}개가 없습니다. 첫째는 {tensor}입니다",
            "체크포인트를 다시 내려받거나 config.json을 바로잡으세요",
        ),
        ("텐서 {tensor}가 없습니다", "adotx validate로 체크포인트를 검사하세요"),
    ],
    "tensor.shape": [
        (
            "텐서 {total:,}개 중 {count:,}개의 모양이 config.json과 다릅니다. 첫째는 {tensor}: "
            "{expected}이어야 하는데 {shape}입니다",
            "이 가중치에 딸린 config.json을 쓰세요",
        ),
    ],
    "tokenizer.broken": [
        ("토크나이저 파일이 올바르지 않습니다: {detail}", "원본 체크포인트에서 토크나이저 파일을 복사하세요"),
        ("토크나이저 파일을 읽을 수 없습니다: {reason}", "파일을 다시 내려받으세요"),
        ("토크나이저 파일이 없습니다", "원본 체크포인트에서 복사하세요"),
    ],
    "tokenizer.missing": [
        (
            "tokenizer.json도, vocab.json과 merges.txt도 없습니다",
            "원본 체크포인트에서 토크나이저 파일을 복사하세요",
        ),
    ],
    "weights.corrupt": [
        ("가중치 파일이 손상되었습니다: {detail}", "파일을 다시 내려받으세요"),
        ("가중치가 아니라 git-lfs 포인터입니다", "git lfs pull을 실행하세요"),
    ],
    "weights.dtype": [("텐서 {tensor}의 형식을 알 수 없습니다: {dtype!r}", "BF16으로 변환하세요")],
    "weights.folder": [("변환본을 쓸 수 있는 폴더가 없습니다", "쓸 수 있는 폴더를 지정하세요")],
    "weights.index": [
        ("가중치 색인 파일을 읽을 수 없습니다: {reason}", "파일을 다시 내려받으세요"),
        ("가중치 색인에 적힌 {file!r}은 쓸 수 없는 파일 이름입니다", "원본 색인 파일을 쓰세요"),
        ("가중치 색인 파일이 없거나 weight_map이 들어 있지 않습니다", "파일을 다시 내려받으세요"),
    ],
    "weights.missing": [
        (
            "가중치 파일 {total:,}개 중 {count:,}개가 없습니다. 첫째는 {file}입니다",
            "없는 파일을 내려받으세요",
        ),
        ("safetensors 가중치가 없고 {other}만 있습니다", "모델을 safetensors 형식으로 저장하세요"),
        ("가중치 파일이 없습니다", "가중치를 내려받으세요"),
    ],
    "weights.not_finite": [("숫자가 아닌 값이 들어 있습니다", "가중치를 다시 내려받으세요")],
    "weights.truncated": [
        ("가중치 파일이 {expected:,}바이트 중 {size:,}바이트뿐입니다", "파일을 다시 내려받으세요"),
    ],
    "weights.unreadable": [
        (
            "가중치 파일을 읽을 수 없습니다: {reason}",
            "파일과 접근 권한을 확인하고, 안 되면 다시 내려받으세요",
        ),
    ],
    "weights.write": [("변환본을 쓰지 못했습니다", "공간을 비우거나 다른 폴더를 지정하세요")],
    # Files, images and documents
    "file.missing": [("파일이 없습니다", "경로를 확인하세요")],
    "file.unreadable": [("파일을 읽을 수 없습니다: {reason}", "파일과 접근 권한을 확인하세요")],
    "image.animated": [
        (
            "프레임이 {frames:,}개로 한도 {limit:,}개를 넘습니다",
            "한 프레임만 저장하거나 first_frame을 허용하세요",
        ),
        ("여러 쪽이거나 움직이는 이미지입니다", "한 프레임만 저장하거나 first_frame을 허용하세요"),
    ],
    "image.corrupt": [
        ("이미지가 손상되었습니다: {reason}", "파일을 다시 복사하거나 내려받으세요"),
        ("{format} 파일의 머리말이 잘렸거나 손상되었습니다", "파일을 다시 복사하거나 내려받으세요"),
        ("{width} x {height} 크기라 화소가 없습니다", "이미지를 다시 저장하세요"),
        ("이미지를 해독할 수 없습니다", "파일을 다시 만들어 주세요"),
    ],
    "image.directory": [("파일이 아니라 디렉터리입니다", "그 안의 이미지 파일을 지정하세요")],
    "image.empty": [("파일이 비어 있습니다", "파일을 다시 복사하거나 내려받으세요")],
    "image.missing": [
        ("파일 이름으로 쓸 수 없습니다: {reason}", "경로를 확인하세요"),
        ("이미지가 없습니다", "경로나 인자를 확인하세요"),
    ],
    "image.mode": [
        ("색 모드 {mode}는 그대로 쓸 수 없습니다", "published 없이 open_image로 먼저 여세요"),
        (
            "모양이 {shape}인 {dtype} 배열은 이미지로 읽을 수 없습니다",
            "uint8 [높이, 너비, 3] 배열이나 PIL 이미지를 주세요",
        ),
    ],
    "image.not_an_image": [
        (
            "{format} 파일은 이미지로 읽지 않습니다",
            "PDF는 adotx transcribe로 옮기고, HEIC는 JPEG나 PNG로 저장하세요",
        ),
        ("이미지 파일이 아닙니다", "PNG, JPEG, WebP, TIFF, BMP 파일을 주세요"),
    ],
    "image.size": [
        ("{width} x {height} 크기라 화소가 없습니다", "가로와 세로가 1픽셀 이상인 이미지를 주세요")
    ],
    "image.source": [
        ("이미지로 읽을 수 없는 형식입니다: {type}", "경로, 바이트, 바이너리 파일, PIL 이미지를 주세요"),
        ("파일이 텍스트로 열려 있습니다", "바이너리 모드로 여세요"),
    ],
    "image.too_many_bytes": [
        (
            "파일이 {size:,}바이트 이상으로 한도 {limit:,}바이트를 넘습니다",
            "더 작게 저장하거나 max_bytes를 늘리세요",
        ),
    ],
    "image.too_many_pixels": [
        (
            "이미지 크기 {width:,} x {height:,}가 한도 {limit:,}화소를 넘습니다",
            "크기를 줄이거나 max_pixels를 늘리세요",
        ),
        ("이미지의 화소 수가 한도 {limit:,}개를 넘습니다", "크기를 줄이거나 max_pixels를 늘리세요"),
        ("이미지의 화소 수가 한도를 넘습니다", "크기를 줄이세요"),
    ],
    "image.truncated": [("이미지 파일이 끝까지 들어 있지 않습니다", "파일을 다시 복사하거나 내려받으세요")],
    "image.unreadable": [("파일을 읽을 수 없습니다: {reason}", "접근 권한을 확인하세요")],
    "image.url": [("네트워크의 이미지는 가져오지 않습니다", "내려받아 이미지나 그 경로를 주세요")],
    "input.empty": [("메시지가 비어 있습니다", "echo 안녕 | adotx chat처럼 글을 넘기세요")],
    "input.encoding": [("UTF-8로 된 글이 아닙니다", "UTF-8로 변환하세요")],
    "input.missing": [("파일이 없습니다", "경로를 확인하세요")],
    "input.no_documents": [("이 폴더에는 이미지나 PDF가 없습니다", "다른 폴더나 파일을 지정하세요")],
    "input.unreadable": [("입력을 읽을 수 없습니다", "파일 종류와 접근 권한을 확인하세요")],
    "out.unwritable": [("출력 폴더나 파일에 쓸 수 없습니다", "다른 곳을 지정하세요")],
    "pdf.damaged": [("PDF를 열 수 없습니다", "PDF를 다시 만들어 주세요")],
    "pdf.empty": [("쪽이 없는 PDF입니다", "PDF를 다시 만들어 주세요")],
    "pdf.encrypted": [("암호로 보호된 PDF입니다", "암호 없이 저장하세요")],
    "pdf.page": [("PDF의 쪽을 그릴 수 없습니다", "PDF를 다시 만들어 주세요")],
    "pdf.too_many_bytes": [("PDF의 크기가 한도를 넘습니다", "PDF를 나누세요")],
    "tiles.rule": [
        (
            "타일이 {min_tiles}개에서 {max_tiles}개인 격자는 없습니다",
            "1 <= min_tiles <= max_tiles가 되게 하세요",
        ),
    ],
    "tokens.no_vision": [
        ("이미지를 읽지 못하는 텍스트 전용 체크포인트입니다", "VL 체크포인트를 쓰세요"),
    ],
    # Conversations, tools and grammars
    "chat.content": [
        ("메시지 내용의 형식이 올바르지 않습니다", "문자열, 내용 조각의 목록, null 중 하나를 주세요"),
    ],
    "chat.content_type": [("알 수 없는 내용 종류입니다", "text, image, image_url 중 하나를 쓰세요")],
    "chat.empty": [("대화가 비어 있습니다", "메시지를 하나 이상 주세요")],
    "chat.family": [("대화 형식을 모르는 모델 계열입니다", '"a.x-4-vl"이나 "qwen2"를 쓰세요')],
    "chat.image_count": [
        ("메시지의 이미지 수와 주어진 이미지 수가 다릅니다", "이미지 자리마다 하나씩 차례대로 주세요"),
    ],
    "chat.image_role": [("이 역할의 메시지에는 이미지를 넣을 수 없습니다", "사용자 메시지로 옮기세요")],
    "chat.images": [
        (
            "비어 있는 이미지 자리는 {parts}개인데 따로 준 이미지는 {images}개입니다",
            "이미지 자리마다 하나씩 주세요",
        ),
    ],
    "chat.json": [("JSON으로 나타낼 수 없는 값입니다", "평범한 JSON 값을 쓰세요")],
    "chat.message": [
        ("메시지 목록의 형식이 올바르지 않습니다", '{{"role": ..., "content": ...}} 객체의 목록을 주세요'),
    ],
    "chat.messages": [
        ("대화나 그 옵션이 올바르지 않습니다", "메시지 목록과 서로 모순되지 않는 옵션을 주세요"),
    ],
    "chat.no_images": [("이미지를 보지 못하는 텍스트 모델입니다", "VL 체크포인트를 쓰세요")],
    "chat.no_token": [
        (
            "토크나이저에 필요한 제어 토큰이 없습니다",
            "A.X 4.0 계열의 토크나이저와 config.json을 쓰는지 확인하세요",
        ),
    ],
    "chat.no_vision": [("이미지를 읽지 못하는 텍스트 전용 체크포인트입니다", "VL 체크포인트를 쓰세요")],
    "chat.role": [("알 수 없는 역할입니다", "system, user, assistant, tool 중 하나를 쓰세요")],
    "chat.tool_arguments": [
        ("도구 호출의 인자가 JSON 객체가 아닙니다", "객체나 객체를 담은 JSON 문자열을 주세요"),
    ],
    "chat.tool_calls": [
        (
            "tool_calls가 올바르지 않습니다",
            'assistant 메시지에 {{"function": {{"name": ..., "arguments": ...}}}} 객체의 목록을 주세요',
        ),
    ],
    "chat.tools": [
        ("도구 목록이 올바르지 않습니다", '{{"type": "function", "function": {{...}}}} 객체의 목록을 주세요'),
    ],
    "grammar.lark": [("문법을 해석할 수 없습니다", "llguidance 문서의 문법을 확인하세요")],
    "grammar.schema": [("JSON 스키마로 쓸 수 없습니다", "llguidance가 지원하는 JSON 스키마를 주세요")],
    "grammar.stop_ids": [
        ("정지 토큰이 하나도 토크나이저에 없습니다", "체크포인트에 딸린 토크나이저를 쓰세요"),
    ],
    "grammar.too_complex": [
        ("문법이 너무 복잡해 더 따라갈 수 없습니다", "범위를 줄이고 패턴을 단순하게 하세요"),
    ],
    "grammar.too_large": [
        ("문법이나 스키마가 너무 크거나 깊습니다", "줄이거나 $defs와 $ref로 나누세요"),
    ],
    "grammar.tools": [("도구 설명을 쓸 수 없습니다", "이름이 서로 다르고 인자가 객체인 도구 목록을 주세요")],
    "grammar.type": [("문자열이 아닙니다", "문자열을 주세요")],
    # Engine
    "engine.activation": [("비전 타워의 활성화 함수를 지원하지 않습니다", "배포된 config.json을 쓰세요")],
    "engine.cache_busy": [
        (
            "요청에 필요한 만큼 KV 캐시가 비어 있지 않습니다",
            "kv_memory를 늘리거나 진행 중인 요청이 끝나기를 기다리세요",
        ),
    ],
    "engine.cache_too_small": [
        ("KV 캐시가 너무 작습니다", "kv_memory를 늘리거나 프롬프트와 max_new_tokens를 줄이세요"),
    ],
    "engine.feature_layer": [("비전 타워에 없는 층입니다", "배포된 config.json을 쓰세요")],
    "engine.kv_cache": [
        ("KV 캐시 형식을 쓸 수 없습니다", "kv_cache를 빼거나 가중치 형식에 맞는 것을 쓰세요"),
    ],
    "engine.not_finite": [("모델의 점수가 숫자가 아닙니다", "weights='f32'로 해 보세요")],
    "engine.queue_full": [("기다리는 요청이 너무 많습니다", "나중에 다시 하세요")],
    "engine.setting": [("엔진 설정값이 허용된 범위를 벗어났습니다", "더 큰 값을 쓰세요")],
    "engine.unsupported": [("지원하지 않는 모델 설정입니다", "배포된 config.json을 쓰세요")],
    "engine.weights": [("알 수 없는 가중치 형식입니다", "int8, int4, bf16, f32 중 하나를 쓰세요")],
    "request.empty": [("프롬프트에 토큰이 없습니다", "글이나 이미지를 넣으세요")],
    "request.id": [("모델의 어휘에 없는 토큰이 있습니다", "이 모델의 토크나이저를 쓰세요")],
    "request.images": [
        (
            "프롬프트의 이미지 자리와 타일 수가 맞지 않습니다",
            "프롬프트에 있는 이미지의 타일을 차례대로 주세요",
        ),
    ],
    "request.no_vision": [("이미지를 읽지 못하는 텍스트 전용 체크포인트입니다", "VL 체크포인트를 쓰세요")],
    "request.pixels": [
        ("이미지 타일의 형식이나 모양이 올바르지 않습니다", "adotx.vision.pixels로 만드세요"),
    ],
    "request.slots": [
        (
            "이미지 자리와 이미지 토큰이 맞지 않습니다",
            "adotx.chat으로 글과 이미지 자리를 함께 만드세요",
        ),
    ],
    "request.timeout": [("제한 시간은 0초보다 커야 합니다", "더 큰 값을 쓰세요")],
    "request.too_long": [
        ("프롬프트가 모델의 문맥보다 깁니다", "글을 줄이거나 이미지를 적게, 또는 작게 넣으세요"),
    ],
    "sampling.id": [("모델의 어휘에 없는 토큰이 있습니다", "이 모델의 토크나이저가 주는 토큰을 쓰세요")],
    "sampling.nothing_allowed": [
        ("문법에 맞게 이어질 토큰이 이 어휘에 없습니다", "스키마나 문법을 느슨하게 하세요"),
    ],
    "sampling.overflow": [
        ("편향과 벌점 때문에 점수가 float32를 벗어납니다", "더 작은 값을 쓰세요"),
    ],
    "sampling.value": [("샘플링 설정값이 허용된 범위를 벗어났습니다", "값을 바로잡으세요")],
    # transformers
    "fusion.count": [
        (
            "input_ids의 이미지 자리는 {slots:,}개인데 이미지 특징은 {features:,}개입니다",
            "AX4VLProcessor로 둘을 함께 만드세요",
        ),
    ],
    "model.input": [("모델에 준 인자의 조합이 올바르지 않습니다", "forward의 설명을 확인하세요")],
    "processor.images": [
        (
            "글의 이미지 토큰은 {slots:,}개인데 이미지는 {images:,}개입니다",
            "이미지 토큰마다 이미지를 하나씩 주세요",
        ),
        (
            "길이를 자르면서 이미지 자리가 {expected:,}개 중 {found:,}개만 남았습니다",
            "max_length를 늘리거나 타일 수를 줄이세요",
        ),
    ],
    "processor.input": [("글도 이미지도 주어지지 않았습니다", "둘 중 하나는 주세요")],
    "processor.tokenizer": [
        ("토크나이저가 {type}입니다", "AX4Tokenizer로 여세요"),
        ("A.X 4.0 계열의 토크나이저가 아닙니다", "원본 체크포인트에서 토크나이저 파일을 복사하세요"),
    ],
    "processor.unsupported": [
        ("지원하지 않는 값입니다: {key} {value}(지원하는 값: {built_in})", "{key} 설정을 빼세요"),
        ("이미지 프로세서가 지원하지 않습니다: {detail}", "설정을 바로잡으세요"),
    ],
    "projector.shape": [
        ("타일의 패치 {patches}개가 정사각형을 이루지 않습니다", "정사각형 타일을 쓰는 비전 타워를 쓰세요"),
    ],
    "vision.shape": [
        (
            "pixel_values의 모양이 {shape}입니다. [타일, 3, {size}, {size}]여야 합니다",
            "AX4VLImageProcessor로 이미지를 준비하세요",
        ),
    ],
    # Data and training
    "config.missing": [("설정 파일을 읽을 수 없습니다", "경로를 확인하세요")],
    "config.setting": [("KEY=VALUE 꼴이 아닙니다", "minutes=30처럼 쓰세요")],
    "config.toml": [("TOML 파일을 해석할 수 없습니다", "TOML 문법을 바로잡으세요")],
    "corpus.damaged": [("{line:,}번째 줄 다음이 손상되었습니다: {reason}", "파일을 다시 복사하세요")],
    "corpus.evaluation": [("평가용 자료는 학습에 쓰지 않습니다", "말뭉치 폴더를 지정하세요")],
    "corpus.missing": [("말뭉치 파일이 없습니다", "*.jsonl.zst 파일이 든 폴더를 지정하세요")],
    "corpus.unknown": [("{name!r}이라는 말뭉치는 없습니다", "{known} 중 하나를 쓰세요")],
    "extra.missing": [
        ("{package} 패키지가 설치되어 있지 않습니다", "pip install 'adotx[train]'을 실행하세요"),
        ("학습에 필요한 패키지가 설치되어 있지 않습니다", "pip install 'adotx[train]'을 실행하세요"),
    ],
    "fonts.fetch": [
        ("글꼴 패키지를 하나도 받지 못했습니다", "npm을 설치하거나 apt-get update를 먼저 실행하세요"),
    ],
    "fonts.folder": [("폴더가 없습니다", "adotx data fonts 폴더로 글꼴을 받으세요")],
    "fonts.none": [("쓸 수 있는 한글 글꼴이 없습니다", "adotx data fonts 폴더로 글꼴을 받으세요")],
    "fonts.validation": [("검증용 글꼴이 없습니다", "adotx data fonts 폴더로 글꼴을 받으세요")],
    "package.empty": [("한국어 .mo 번역 파일이 없습니다", "패키지를 푼 폴더를 지정하세요")],
    "package.json": [("번역 파일을 읽을 수 없습니다: {reason}", "en과 ko 파일을 지정하세요")],
    "package.mo": [("gettext 번역 파일이 아닙니다: {reason}", "패키지를 다시 푸세요")],
    "page.empty": [("이 종류의 쪽을 하나도 만들 수 없었습니다", "글이나 글꼴을 더 주세요")],
    "page.kind": [("알 수 없는 쪽 종류입니다", "adotx.data.kinds에 있는 종류를 쓰세요")],
    "text.empty": [("쪽을 채울 문장이 없습니다", "말뭉치나 글을 더 주세요")],
    "train.missing": [("앞 단계의 결과가 없습니다", "앞 단계를 먼저 실행하세요")],
    "train.setting": [("설정의 이름이나 값이 올바르지 않습니다", "이 단계의 설정을 확인하세요")],
    "train.stage": [("그런 학습 단계는 없습니다", "adotx train --help에 나오는 단계를 쓰세요")],
}


def fields(template: str | None) -> set[str]:
    """The names of a template's fields."""
    return {name for _, name, _, _ in Formatter().parse(template or "") if name}


def in_korean(error: AdotxError) -> AdotxError:
    """The same error with Korean texts; itself where its code is not known here."""
    values = {name: korean(value) for name, value in error.values.items()}
    for what, remedy in KOREAN.get(error.code, ()):
        if fields(what) | fields(remedy) <= values.keys():
            # Filled here, not by AdotxError: these are templates also where there is no value to fill in.
            filled = what.format(**values), error.where, remedy and remedy.format(**values)
            return AdotxError(error.code, *filled)
    return error


def in_language(said: object, language: str) -> str:
    """A sentence or an error as one text.

    Args:
        said: an `AdotxError` or a `Sentence`; the text of anything else stays as it is.
        language: "en" or "ko".
    """
    if language != "ko":
        return str(said)
    return str(in_korean(said) if isinstance(said, AdotxError) else korean(said))


def error_text(error: Exception, language: str) -> str:
    """One line for stderr: "error: where: what (remedy)", or the same in Korean."""
    return f"{'오류' if language == 'ko' else 'error'}: {in_language(error, language)}"
