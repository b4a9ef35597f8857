"""Korean for the errors of checkpoints: configuration, tokenizer, weights."""

from __future__ import annotations

ERRORS: dict[str, list[tuple[str, str | None]]] = {
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
    "checkpoint.old_reader": [
        (
            "타일 전체를 한 번에 읽도록 학습한 모델입니다. 이 버전은 줄마다 묻습니다",
            "`adotx train nano start=폴더`로 더 학습하세요",
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
    "weights.changed": [("읽는 동안 가중치 파일이 바뀌었습니다", "모델을 다시 여세요")],
    "weights.corrupt": [
        ("가중치 파일이 손상되었습니다: {detail}", "파일을 다시 내려받으세요"),
        ("가중치가 아니라 git-lfs 포인터입니다", "git lfs pull을 실행하세요"),
    ],
    "weights.dtype": [("텐서 {tensor}의 형식을 알 수 없습니다: {dtype!r}", "BF16으로 변환하세요")],
    "weights.folder": [
        ("변환본을 쓸 수 있는 폴더가 없습니다: {reason}", "쓸 수 있는 폴더를 지정하세요"),
    ],
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
    "weights.write": [
        ("변환본을 쓰지 못했습니다: {reason}", "공간을 비우거나 다른 폴더를 지정하세요"),
    ],
}
