"""Korean for the errors of transformers, vLLM, data and training."""

from __future__ import annotations

ERRORS: dict[str, list[tuple[str, str | None]]] = {
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
        ("{key} 값이 {type} 형식이 아닙니다: {value}", "바로잡으세요"),
        ("이미지 프로세서가 지원하지 않습니다: {detail}", "설정을 바로잡으세요"),
        ("알 수 없는 인자입니다: {name}", "빼거나 이름을 바로잡으세요"),
        ("{medium} 입력을 주었지만 모델은 그림만 읽습니다", "그림으로 주세요"),
        ("A.X 대화 형식에는 문서를 넣을 자리가 없습니다", "문서의 글을 메시지에 넣으세요"),
    ],
    "projector.shape": [
        ("타일의 패치 {patches}개가 정사각형을 이루지 않습니다", "정사각형 타일을 쓰는 비전 타워를 쓰세요"),
    ],
    "transformers.version": [
        ("{found} 버전은 너무 오래되었습니다", "pip install '{wanted}'을 실행하세요"),
    ],
    # vLLM
    "vllm.quantised": [
        (
            "{name}: 양자화한 비전 타워와 프로젝터는 읽지 않습니다",
            "vision_tower와 multi_modal_projector를 빼고 다시 양자화하세요",
        ),
    ],
    "vllm.tensor_parallel": [
        ("{obstacle} 값을 프로세스 {size}개로 나눌 수 없습니다", "다음 중 하나를 쓰세요: {possible}")
    ],
    "vllm.tiles": [
        (
            "타일 {asked}개를 요청했지만 서버는 {limit}개까지로 시작했습니다",
            "서버를 --mm-processor-kwargs '{{\"max_num_tiles\": {asked}}}' 설정으로 "
            "시작하거나 더 적게 요청하세요",
        ),
    ],
    "vision.shape": [
        (
            "pixel_values의 모양이 {shape}입니다. [타일, 3, {size}, {size}]여야 합니다",
            "AX4VLImageProcessor로 이미지를 준비하세요",
        ),
    ],
    # Data and training
    "config.missing": [
        ("설정 파일을 읽을 수 없습니다: {reason}", "경로를 확인하세요"),
    ],
    "config.setting": [("KEY=VALUE 꼴이 아닙니다", "minutes=30처럼 쓰세요")],
    "config.toml": [
        ("TOML 파일을 해석할 수 없습니다: {reason}", "TOML 문법을 바로잡으세요"),
    ],
    "corpus.damaged": [("{line:,}번째 줄 다음이 손상되었습니다: {reason}", "파일을 다시 복사하세요")],
    "corpus.evaluation": [("평가용 자료는 학습에 쓰지 않습니다", "말뭉치 폴더를 지정하세요")],
    "corpus.missing": [("말뭉치 파일이 없습니다", "*.jsonl.zst 파일이 든 폴더를 지정하세요")],
    "corpus.unknown": [("그런 말뭉치는 없습니다: {name!r}", "{known} 중 하나를 쓰세요")],
    "extra.missing": [
        ("{package} 패키지가 설치되어 있지 않습니다", "pip install 'adotx[{extra}]'을 실행하세요"),
        ("{package} 패키지가 설치되어 있지 않습니다", "pip install 'adotx[train]'을 실행하세요"),
    ],
    "finetune.batch": [
        (
            "batch = {batch}: micro_batch x 프로세스 수 = {each} x {processes}의 배수가 아닙니다",
            "배수로 맞추세요",
        ),
    ],
    "finetune.check": [
        (
            "{total:,}줄 중 {count:,}줄을 쓸 수 없습니다",
            "위에 나온 줄을 고치세요. 너무 긴 줄은 too_long=drop, too_long=truncate나 max_length로 정합니다",
        ),
    ],
    "finetune.empty": [("줄이 하나도 없습니다", "한 줄에 하나씩 든 JSONL을 주세요")],
    "finetune.file": [("파일을 읽을 수 없습니다: {reason}", "경로를 확인하세요")],
    "finetune.form": [
        (
            "JSONL이 아닙니다: {detail}",
            "한 줄에 하나씩 주세요. datasets 패키지의 to_json(파일)로 만들 수 있습니다",
        ),
    ],
    "finetune.full": [
        (
            "파일을 끝까지 쓰지 못했습니다: 디스크가 가득 찼을 수 있습니다",
            "자리를 비운 뒤 같은 명령을 다시 주면 이어서 합니다",
        ),
    ],
    "finetune.generations": [
        ("batch = {batch}: generations = {generations}의 배수가 아닙니다", "답의 수이니 배수로 맞추세요"),
    ],
    "finetune.json": [("JSON이 아닙니다: {reason}", "UTF-8로 한 줄에 JSON 객체 하나씩 쓰세요")],
    "finetune.line": [("한 줄이 {limit:,}바이트를 넘습니다", "이미지는 경로로 주세요")],
    "finetune.mixed": [
        (
            "프롬프트 {total:,}개 중 {seeing:,}개에만 이미지가 있습니다",
            "데이터를 나누거나 프로세스 하나로 학습하세요",
        ),
    ],
    "finetune.no_data": [("데이터를 지정하지 않았습니다", "--data 파일.jsonl을 주세요")],
    "finetune.nothing": [("학습할 줄이 남지 않았습니다", "다른 데이터를 주세요")],
    "finetune.outside": [
        ("{path}: {folder} 안에 있지 않습니다", "모든 이미지가 든 폴더를 images=폴더로 지정하세요"),
    ],
    "finetune.peer": [
        (
            "함께 학습하던 다른 프로세스가 끝났습니다",
            "까닭은 그 프로세스의 출력에 있습니다. 같은 명령을 다시 주면 이어서 합니다",
        ),
    ],
    "finetune.picture": [("이미지가 글로 주어지지 않았습니다", "경로나 데이터 URI로 주세요")],
    "finetune.quantize": [
        ("4비트 가중치에는 bitsandbytes가 필요합니다", "bitsandbytes를 설치하거나 quantize를 빼세요"),
    ],
    "finetune.row": [("쓸 수 없는 줄입니다: {detail}", "줄의 꼴은 docs/finetune.md를 보세요")],
    "finetune.stopped": [
        ("전체 {total:,}단계 중 {step:,}단계 뒤에 멈췄습니다", "같은 명령을 다시 주면 이어서 합니다"),
    ],
    "finetune.targets": [
        ("{pattern!r}에 맞는 모듈이 모델에 없습니다", '"text", "all"이나 정규식을 쓰세요'),
    ],
    "finetune.value": [("{key} = {value!r}: 쓸 수 없는 값입니다", "{rule}이어야 합니다")],
    "fonts.fetch": [
        ("글꼴 패키지를 하나도 받지 못했습니다", "npm을 설치하거나 apt-get update를 먼저 실행하세요"),
    ],
    "fonts.folder": [("폴더가 없습니다", "adotx data fonts 폴더로 글꼴을 받으세요")],
    "fonts.none": [("쓸 수 있는 한글 글꼴이 없습니다", "adotx data fonts 폴더로 글꼴을 받으세요")],
    "fonts.side": [
        (
            "학습용 글꼴이 {train}개, 따로 떼어 둔 글꼴({families})이 {held_out}개입니다",
            "둘 다 필요하니 adotx data fonts 폴더로 받으세요",
        ),
    ],
    "fonts.validation": [("검증용 글꼴이 없습니다", "adotx data fonts 폴더로 글꼴을 받으세요")],
    "pack.exists": [("폴더가 비어 있지 않습니다", "새 폴더를 지정하세요")],
    "pack.size": [("{need:.1f} MiB가 넘칩니다", "--megabytes를 늘리거나 글꼴을 줄이세요")],
    "package.empty": [("한국어 .mo 번역 파일이 없습니다", "패키지를 푼 폴더를 지정하세요")],
    "package.json": [("번역 파일을 읽을 수 없습니다: {reason}", "en과 ko 파일을 지정하세요")],
    "package.mo": [("gettext 번역 파일이 아닙니다: {reason}", "패키지를 다시 푸세요")],
    "page.empty": [
        ("{kind} 종류의 쪽을 하나도 만들 수 없었습니다", "글이나 글꼴을 더 주세요"),
    ],
    "page.kind": [
        ("그런 쪽 종류는 없습니다: {kind!r}", "{known} 중 하나를 쓰세요"),
    ],
    "page_rows.reader": [
        ("줄 단위로 읽는 모델이 아닙니다", "nano를 쓰세요. 다른 모델은 쪽 전체로 가르칩니다"),
    ],
    "text.empty": [("쪽을 채울 문장이 없습니다", "말뭉치나 글을 더 주세요")],
    "train.changed": [
        ("다른 설정으로 만든 결과입니다: {changes}", "다시 만들려면 폴더를 지우거나 다른 out을 고르세요"),
    ],
    "train.device": [
        ("쓸 수 없는 장치입니다: {reason}", "auto, cpu나 이 컴퓨터에 있는 장치를 쓰세요"),
    ],
    "train.missing": [
        ("{folder}에 끝난 결과가 없습니다", "adotx train {stage}를 먼저 실행하세요"),
    ],
    "train.setting": [
        ("{key} = {value!r}: {type} 형식이 아닙니다", "값을 바로잡으세요"),
        ("dtype = {dtype!r}: 쓸 수 없는 값입니다", "bfloat16이나 float32를 쓰세요"),
        ("임베딩이 {size:g}MiB 파일에 들어가지 않습니다", "shard_megabytes를 {least} 이상으로 하세요"),
        ("그런 설정은 없습니다: {key!r}", "{known} 중 하나를 쓰세요"),
        ("토큰 {tokens}개에는 읽을 문자가 다 들어가지 않습니다", "vocab_size를 {least} 이상으로 하세요"),
    ],
    "train.stage": [
        ("그런 학습 단계는 없습니다: {name!r}", "{known} 중 하나를 쓰세요"),
    ],
    "evaluate.card": [
        ("점수를 쓸 자리가 없습니다", "{start} 줄과 {end} 줄이 있는 마크다운 파일을 지정하세요"),
    ],
    "evaluate.empty": [
        ("정답을 담은 NAME.md 파일이 없습니다", "NAME.md와 NAME.png가 든 폴더를 지정하세요"),
    ],
    "evaluate.facts": [
        ("JSON 객체가 아닙니다", '{{"kind": "..."}}를 쓰거나 파일을 지우세요'),
    ],
    "evaluate.kind": [
        ("그런 종류의 쪽은 없습니다: {kind!r}", "{known} 종류가 있습니다"),
    ],
    "evaluate.no_page": [
        ("정답 옆에 이미지나 PDF가 없습니다", "NAME.png를 두세요"),
    ],
    "evaluate.peer": [
        ("{language} 데이터가 없습니다", "apt-get install tesseract-ocr-eng tesseract-ocr-kor로 설치하세요"),
        ("설치되어 있지 않습니다", "apt-get install tesseract-ocr tesseract-ocr-kor로 설치하세요"),
    ],
    "evaluate.text": [
        ("UTF-8로 된 글이 아닙니다", "UTF-8로 저장하세요"),
    ],
}
