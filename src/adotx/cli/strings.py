"""Every sentence the command line says, in English and Korean: one table, chosen by ADOTX_LANG or the locale.

In: a key and values for its braces. Out: one text. Korean for what other rooms say is in `korean` (errors,
by code) and `sentences`.
"""

from __future__ import annotations

import os
from collections.abc import Mapping

from adotx.cli.transcribe_strings import TRANSCRIBE


def language(environ: Mapping[str, str] | None = None) -> str:
    """ "ko" or "en": ADOTX_LANG decides, else LC_ALL, LC_MESSAGES, LANG; the first that is set."""
    environ = os.environ if environ is None else environ
    names = ("ADOTX_LANG", "LC_ALL", "LC_MESSAGES", "LANG")
    chosen = next((environ[name] for name in names if environ.get(name)), "")
    return "ko" if chosen.lower().startswith("ko") else "en"


def text(key: str, **values: object) -> str:
    """The sentence for `key` in the user's language, its braces filled with `values`."""
    english, korean = STRINGS[key]
    chosen = korean if language() == "ko" else english
    return chosen.format(**values) if values else chosen


STRINGS: dict[str, tuple[str, str]] = {
    "app": (
        "Korean documents in, Markdown out, on your own CPU.\n\n"
        "\b\nExit codes: 0 done; 1 done with a finding (an unreadable page, a fault in a checkpoint);\n"
        "2 an input or argument was refused, the others done; 130 interrupted; 141 stdout was closed.\n\n"
        "ADOTX_LANG=ko or en chooses the language of this help.",
        "한국어 문서를 내 컴퓨터의 CPU에서 마크다운으로 옮깁니다.\n\n"
        "\b\n종료 코드: 0 완료, 1 완료했으나 살펴볼 것이 있음(읽지 못한 쪽, validate가 찾은 결함),\n"
        "2 거절된 입력이나 인자가 있음(나머지는 처리함), 130 중단됨, 141 stdout을 읽던 쪽이 닫힘.\n\n"
        "ADOTX_LANG=ko 또는 en으로 이 도움말의 언어를 고릅니다.",
    ),
    "version": (
        "Print the version and which CPU kernels run here, and exit.",
        "버전과 이 컴퓨터에서 쓰는 CPU 커널을 출력하고 끝냅니다.",
    ),
    "version.line": ("adotx {version} (kernels: {kernels})", "adotx {version}(커널: {kernels})"),
    "version.openvino": ("OpenVINO, native ones {reason}", "OpenVINO, 자체 커널은 쓸 수 없음: {reason}"),
    # Options that several verbs share
    "model": (
        'The checkpoint: "nano" (comes with adotx), a directory, or with --online a hub id.',
        '체크포인트: "nano"(adotx에 들어 있음), 디렉터리, 또는 --online과 함께 허브 이름.',
    ),
    "weights": (
        "Precision of the weights: int4 needs the least memory, int8 is nearly exact, f32 is the reference.",
        "가중치 정밀도: int4는 메모리를 가장 적게 쓰고, int8은 오차가 거의 없으며, f32가 기준입니다.",
    ),
    "online": (
        "Allow the checkpoint to be downloaded; without it nothing is ever fetched.",
        "체크포인트 내려받기를 허용합니다. 이 옵션이 없으면 아무것도 내려받지 않습니다.",
    ),
    "server": (
        "Ask a running server (adotx serve, vLLM) instead of loading a model; --model is its name for one.",
        "모델을 여는 대신 실행 중인 서버(adotx serve, vLLM)에 묻습니다. --model은 서버가 부르는 이름입니다.",
    ),
    "server_key": (
        "The server's key; better in the environment, where other users cannot see it.",
        "서버의 키. 다른 사용자가 볼 수 없게 환경 변수로 주는 편이 낫습니다.",
    ),
    "max_tokens": ("Most tokens of an answer.", "답변의 최대 토큰 수."),
    "temperature": (
        "0 always takes the likeliest token; higher is more varied.",
        "0이면 늘 가장 그럴듯한 토큰을 고르고, 클수록 다양해집니다.",
    ),
    "top_p": (
        "Draw from the likeliest tokens that together have this probability.",
        "확률의 합이 이 값이 될 때까지의 상위 토큰에서만 뽑습니다.",
    ),
    "seed": ("Makes drawn answers repeatable.", "같은 값이면 뽑은 답변이 똑같이 되풀이됩니다."),
    # Verbs
    **TRANSCRIBE,
    "ask": (
        "Ask a question about a document; the answer goes to stdout.",
        "문서에 대해 묻습니다. 답변은 stdout으로 나옵니다.",
    ),
    "ask.document": (
        "An image, a PDF or another document that `transcribe` reads.",
        "이미지, PDF 등 `transcribe`로 읽는 문서.",
    ),
    "ask.pages": ("Which pages, like 1-3,7; all of them by default.", "1-3,7처럼 쓴 쪽. 기본은 모든 쪽."),
    "ask.source": ("page {page}: {line}", "{page}쪽: {line}"),
    "ask.doubtful": ("note: may be wrong: {figures}", "알림: 틀렸을 수 있습니다: {figures}"),
    "ask.page": ("note: page {page}: {reason}", "알림: {page}쪽: {reason}"),
    "ask.unknown": (
        "{name}: no answer found ({model} only looks for what the question names; --model can name another)",
        "{name}: 답을 찾지 못했습니다({model}은(는) 질문에 나온 말을 찾기만 합니다. 다른 모델은 --model로)",
    ),
    "ask.pictures": (
        "note: only the first {most} pictures are shown, {count} are not (ask about some with --pages)",
        "알림: 그림은 앞의 {most}개만 보여 줍니다. {count}개는 빠졌습니다(--pages로 쪽을 골라 물어보세요)",
    ),
    "ask.image": ("An image file.", "이미지 파일."),
    "ask.question": ("The question, in Korean or English.", "한국어나 영어로 된 질문."),
    "ask.cut": (
        "note: the answer was cut at {tokens} tokens (raise --max-tokens)",
        "알림: 답변이 {tokens}토큰에서 잘렸습니다(--max-tokens를 늘리세요)",
    ),
    "ask.context": (
        "note: the answer was cut: the conversation fills all {tokens:,} positions of the model (shorten it)",
        "알림: 대화가 모델의 자리 {tokens:,}개를 다 채워 답변이 잘렸습니다(대화를 줄이세요)",
    ),
    "describe": ("Describe an image.", "이미지를 설명합니다."),
    "describe.prompt": ("Describe this image.", "이미지에 대하여 설명해줘."),
    "chat": (
        "Talk to the model; /new starts afresh, /quit leaves.\n\n"
        "When stdin is not a terminal it is read to its end as one message and the answer printed: "
        "echo 안녕 | adotx chat",
        "모델과 대화합니다. /new로 새로 시작하고 /quit으로 나갑니다.\n\n"
        "stdin이 터미널이 아니면 끝까지 읽어 한 메시지로 보내고 답변을 출력합니다: echo 안녕 | adotx chat",
    ),
    "chat.system": (
        "A system message that the conversation begins with.",
        "대화의 첫머리에 둘 시스템 메시지.",
    ),
    "chat.hello": (
        "{model}: type a message; /new starts afresh, /quit leaves",
        "{model}: 메시지를 입력하세요. /new 새 대화, /quit 나가기",
    ),
    "chat.reader": (
        "note: {model} transcribes documents and was not trained to answer (name another one with --model)",
        "알림: {model}은(는) 문서를 옮기는 모델이라 답변은 배우지 않았습니다(--model로 다른 모델을 쓰세요)",
    ),
    "chat.new": ("a new conversation", "새 대화"),
    "chat.commands": ("commands: /new, /quit", "명령: /new, /quit"),
    "serve": (
        "Answer requests of the OpenAI API over HTTP (pip install 'adotx[serve]').\n\n"
        "Listens on this machine only; anywhere else it needs a key: --api-keys, or $ADOTX_API_KEY. "
        "SIGTERM lets what was accepted end.",
        "OpenAI API 요청에 HTTP로 답합니다(pip install 'adotx[serve]').\n\n"
        "이 컴퓨터에서만 기다리며, 다른 곳에서 기다리려면 키가 있어야 합니다: --api-keys나 $ADOTX_API_KEY. "
        "SIGTERM을 받으면 받아들인 요청을 마치고 끝납니다.",
    ),
    "serve.host": ("The address to listen on.", "기다릴 주소."),
    "serve.port": ("The port to listen on; 0 takes a free one.", "기다릴 포트. 0이면 빈 포트를 씁니다."),
    "serve.settings": (
        "Limits and switches, in TOML (docs/server.md).",
        "한도와 설정을 담은 TOML 파일(docs/server.md).",
    ),
    "serve.api_keys": (
        "A file of keys that may ask, one in a line.",
        "요청할 수 있는 키를 한 줄에 하나씩 적은 파일.",
    ),
    "serve.address": ("{url} answers for {model} ({weights})", "{url}: {model}({weights}) 모델로 답합니다"),
    "serve.key": ("a key is needed for everything but /health", "/health 말고는 모두 키가 있어야 합니다"),
    "serve.no_key": (
        "no key is needed: whoever reaches this port may ask",
        "키가 없어도 됩니다. 이 포트에 닿는 누구나 요청할 수 있습니다",
    ),
    "serve.urls": ("; pictures are fetched from {hosts}", ". {hosts}의 그림을 가져옵니다"),
    "serve.no_urls": ("; pictures are never fetched by URL", ". URL로는 그림을 가져오지 않습니다"),
    "serve.limits": (
        "at most {places} requests at once, {images} pictures and {n} answers for each",
        "한 번에 요청 {places}개, 요청마다 그림 {images}장과 답변 {n}개까지",
    ),
    "validate": (
        "Check a checkpoint, part by part.\n\n"
        "Is it whole, does it fit together, does it fit this machine? "
        "Prints numbered ticks and crosses; exit code 1 when there is a cross.",
        "체크포인트를 하나하나 검사합니다.\n\n"
        "온전한지, 앞뒤가 맞는지, 이 컴퓨터에 들어가는지 봅니다. "
        "번호가 붙은 ✓와 ✗를 출력하고, ✗가 있으면 종료 코드가 1입니다.",
    ),
    "validate.dir": ('A checkpoint directory, or "nano".', '체크포인트 디렉터리 또는 "nano".'),
    "tokens": (
        "Explain the tiles and tokens of an image or text.\n\n"
        "How many, and why; no template around them is counted.",
        "이미지나 글의 타일과 토큰을 설명합니다.\n\n"
        "몇 개를 왜 쓰는지 보여 줍니다. 둘레의 대화 템플릿은 세지 않습니다.",
    ),
    "convert": (
        "Convert a checkpoint's weights once, so that loading them is quick.\n\n"
        "The other verbs do it themselves when they first need it. A conversion that is there already is "
        "checked, and made again if it is damaged. Prints its folder.",
        "체크포인트의 가중치를 한 번 변환해 두어 빨리 열리게 합니다.\n\n"
        "다른 명령도 처음 필요할 때 스스로 변환합니다. 이미 있는 변환본은 검사하고, 손상되었으면 다시 "
        "만듭니다. 변환본이 든 폴더를 출력합니다.",
    ),
    "convert.checkpoint": (
        'A checkpoint directory, or "nano".',
        '체크포인트 디렉터리 또는 "nano".',
    ),
    "convert.weights": (
        "int8: 8 bits a weight; int4: 4 bits in the decoder's layers, 8 elsewhere.",
        "int8: 가중치마다 8비트. int4: 디코더 층은 4비트, 나머지는 8비트.",
    ),
    "convert.out": (
        "Where to put it; by default into adotx/ in the checkpoint's directory, or, where that cannot be "
        "written, into the cache folder ($ADOTX_CACHE).",
        "변환본을 둘 폴더. 기본은 체크포인트 디렉터리의 adotx/이고, 쓸 수 없으면 캐시 "
        "폴더($ADOTX_CACHE)입니다.",
    ),
    "convert.looking": ("{name}: looking for a conversion ...", "{name}: 변환본을 찾는 중 ..."),
    "convert.begins": (
        "{name}: converting to {weights}, once; it is kept on disk",
        "{name}: {weights} 형식으로 변환합니다. 한 번만 하고 디스크에 보관합니다",
    ),
    "convert.progress": (
        "{name} -> {weights}: {share}% ({done} of {total})",
        "{name} -> {weights}: {share}% ({total} 중 {done})",
    ),
    "convert.done": (
        "{name} -> {weights}: {size} in {seconds:.0f} s",
        "{name} -> {weights}: {size}, {seconds:.0f}초",
    ),
    "convert.there": (
        "{name} -> {weights}: {size}, made before and whole",
        "{name} -> {weights}: {size}, 전에 만든 것이며 온전함",
    ),
    "tokens.what": (
        "An image file, a .txt or .md file, or the text itself.",
        "이미지 파일, .txt나 .md 파일, 또는 글 자체.",
    ),
    "tokens.text": (
        "text      {characters:,} characters, {bytes:,} bytes\n"
        "tokens    {tokens:,}: {per_token:.2f} characters a token (vocabulary of {name}: {vocabulary:,})",
        "글        {characters:,}자, {bytes:,}바이트\n"
        "토큰      {tokens:,}개: 토큰 하나에 {per_token:.2f}자({name}의 어휘 {vocabulary:,}개)",
    ),
    "tokens.pieces": ("pieces    {pieces}", "조각      {pieces}"),
    "tokens.more": ("... and {count:,} more", "... 그리고 {count:,}개 더"),
    "data": ("Fonts, pages and splits for training.", "학습용 글꼴, 쪽, 분할을 다룹니다."),
    "data.fonts": (
        "Download openly licensed Korean fonts into a folder and list them.",
        "자유 이용 한글 글꼴을 폴더에 내려받고 목록을 보여 줍니다.",
    ),
    "data.fonts.folder": ("Where the fonts go.", "글꼴이 들어갈 폴더."),
    "data.fonts.list": (
        "List what the folder holds and download nothing.",
        "내려받지 않고 폴더에 있는 것만 보여 줍니다.",
    ),
    "data.fonts.total": (
        "{faces} faces of {families} families, {held_out} families held out for validation",
        "글꼴 {faces}개, 글꼴 가족 {families}개, 그중 {held_out}개는 검증용",
    ),
    "data.pack": (
        "Pack training texts and fonts into one small folder.",
        "학습용 글과 글꼴을 작은 폴더 하나에 담습니다.",
    ),
    "data.pack.out": ("The folder to write, new or empty.", "쓸 폴더. 없거나 비어 있어야 합니다."),
    "data.pack.fonts": ("Folder with fonts; may be repeated.", "글꼴이 든 폴더. 여러 번 쓸 수 있습니다."),
    "data.pack.megabytes": ("MiB that all files together may have.", "파일을 모두 합친 크기의 한도(MiB)."),
    "data.pack.made": ("{done} of {count} faces cut", "글꼴 {count}개 중 {done}개를 줄임"),
    "data.pack.total": (
        "{faces} faces, {hanja} with Hanja, {every} with all 11,172 syllables: {fonts:.1f} MiB; "
        "texts {corpora:.1f} MiB -> {path}",
        "글꼴 {faces}개, 그중 한자가 든 것 {hanja}개, 음절 11,172자가 모두 든 것 {every}개: {fonts:.1f} MiB; "
        "글 {corpora:.1f} MiB -> {path}",
    ),
    "data.pages": (
        "Write page images with their exact Markdown: NNNNNN.png and NNNNNN.md.",
        "쪽 이미지와 정확한 마크다운을 씁니다: NNNNNN.png와 NNNNNN.md.",
    ),
    "data.pages.out": ("The directory to write to.", "쓸 디렉터리."),
    "data.pages.corpora": ("Folder with the *.jsonl.zst corpora.", "*.jsonl.zst 말뭉치가 든 폴더."),
    "data.pages.fonts": ("Folder with fonts.", "글꼴이 든 폴더."),
    "data.pages.count": ("How many pages.", "쪽의 수."),
    "data.pages.split": ("Texts and fonts of which side.", "어느 쪽의 글과 글꼴을 쓸지."),
    "data.pages.seed": ("The same seed gives the same pages.", "같은 값이면 같은 쪽이 나옵니다."),
    "data.pages.made": ("{done} of {count} pages", "{count}쪽 중 {done}쪽"),
    "data.pages.total": (
        "{count} pages, {rate:.1f} a second -> {path}",
        "{count}쪽, 초당 {rate:.1f}쪽 -> {path}",
    ),
    "data.split": (
        "Count the documents on each side of the split, by corpus.",
        "말뭉치마다 분할 양쪽의 문서 수를 셉니다.",
    ),
    "data.split.corpora": ("Folder with the *.jsonl.zst corpora.", "*.jsonl.zst 말뭉치가 든 폴더."),
    "data.split.head": ("corpus", "말뭉치"),
    "data.rows": (
        "Cut pages whose Markdown is known into rows to fine-tune nano with.",
        "마크다운이 알려진 쪽을 nano 미세 조정용 줄로 자릅니다.",
    ),
    "data.rows.folder": (
        "Folder with NAME.md (the truth) and NAME.png, .jpg ...",
        "정답 NAME.md와 NAME.png, .jpg 등이 든 폴더.",
    ),
    "data.rows.out": (
        "Folder for rows.jsonl and the tiles.",
        "rows.jsonl과 타일을 쓸 폴더.",
    ),
    "data.rows.total": (
        "{kept} of {found} rows are certain -> {path}",
        "확실한 줄 {kept}/{found}개 -> {path}",
    ),
    "train": (
        'Train a checkpoint, stage by stage.\n\nNeeds pip install "adotx[train]".',
        '체크포인트를 단계별로 학습합니다.\n\npip install "adotx[train]"이 필요합니다.',
    ),
    "train.tokenizer": ("Learn the vocabulary.", "어휘를 학습합니다."),
    "train.language": ("Train the decoder on text.", "글로 디코더를 학습합니다."),
    "train.glyphs": (
        "Teach the vision tower to tell characters apart.",
        "비전 타워가 글자를 가려보게 학습합니다.",
    ),
    "train.reading": ("Align tower and decoder on tiles of text.", "글 타일로 타워와 디코더를 맞춥니다."),
    "train.pages": ("Train on whole pages.", "온전한 쪽으로 학습합니다."),
    "train.export": ("Write the checkpoint to ship.", "내보낼 체크포인트를 씁니다."),
    "train.settings": (
        "Settings as KEY=VALUE; they win over --config.",
        "KEY=VALUE 꼴의 설정. --config보다 앞섭니다.",
    ),
    "train.nano": (
        "Run every stage in its order and export the checkpoint; goes on where it was interrupted.",
        "모든 단계를 차례로 돌려 체크포인트를 내보냅니다. 중단된 곳부터 이어서 합니다.",
    ),
    "train.sft": (
        "Fine-tune on conversations: JSONL with messages, tools and pictures.\n\n"
        'Needs pip install "adotx[finetune]".',
        "메시지, 도구, 이미지가 든 JSONL 대화로 미세 조정합니다.\n\n"
        'pip install "adotx[finetune]"이 필요합니다.',
    ),
    "train.dpo": (
        "Fine-tune on pairs of a better and a worse answer.",
        "더 나은 답과 못한 답의 쌍으로 미세 조정합니다.",
    ),
    "train.grpo": (
        "Fine-tune on tasks whose answers are checked: tool calls, transcriptions.",
        "도구 호출이나 옮겨 적기처럼 답을 검사할 수 있는 과제로 미세 조정합니다.",
    ),
    "finetune.data": (
        "JSONL, one row a line; may be given several times.",
        "한 줄에 하나씩 든 JSONL. 여러 번 줄 수 있습니다.",
    ),
    "finetune.out": ("Folder of the run (runs/finetune).", "결과 폴더(runs/finetune)."),
    "finetune.lora": (
        "Train an adapter, the default, or all weights.",
        "기본값인 어댑터만, 또는 모든 가중치를 학습합니다.",
    ),
    "finetune.show": (
        "Only check the data, and show of its first N rows what is trained on.",
        "데이터만 검사하고, 처음 N줄에서 무엇을 학습하는지 보여 줍니다.",
    ),
    "train.config": ("A TOML file with the stage's settings.", "단계의 설정이 든 TOML 파일."),
    "evaluate": (
        "Measure a model, or answers that are there already.",
        "모델이나 이미 있는 답을 평가합니다.",
    ),
    "evaluate.transcription": (
        "Score transcriptions against pages whose Markdown is known.\n\n"
        "DIR holds NAME.md (the truth) and NAME.png, .jpg, .pdf ...; the kind of page is the field "
        '"kind" of NAME.json, or the sub-folder. Prints for each kind: character error rate (CER), F1 of '
        "table cells and of the structure, each with a 95 % bootstrap interval; digits; what became of the "
        "pages; seconds a page.",
        "마크다운 정답이 있는 쪽으로 전사 결과를 채점합니다.\n\n"
        "DIR에는 이름.md(정답)와 이름.png, .jpg, .pdf 등이 있습니다. 쪽의 종류는 이름.json의 "
        '"kind"에 적거나 하위 폴더로 나눕니다. 종류마다 글자 오류율(CER), 표 칸과 구조의 F1을 '
        "95% 부트스트랩 구간과 함께, 그리고 숫자, 쪽의 처리 결과, 쪽당 시간을 출력합니다.",
    ),
    "evaluate.folder": ("Folder with pages and their truth.", "쪽과 정답이 든 폴더."),
    "evaluate.answers": (
        "Score the NAME.md files of this folder instead of reading the pages.",
        "쪽을 읽는 대신 이 폴더의 이름.md 파일을 채점합니다.",
    ),
    "evaluate.kind": (
        "Take pages of this kind only; may be given again for another.",
        "이 종류의 쪽만 다룹니다. 여러 번 줄 수 있습니다.",
    ),
    "evaluate.limit": (
        "Take only the first N pages of each kind.",
        "종류마다 앞의 N쪽만 다룹니다.",
    ),
    "evaluate.peer": (
        "Score this program beside, if it is installed: of its settings the best for each kind of page.",
        "설치되어 있으면 이 프로그램도 나란히 채점합니다. 쪽의 종류마다 가장 좋은 설정으로 셉니다.",
    ),
    "evaluate.peer_tries": (
        "Choose that setting on the first N pages of a kind (default: on all).",
        "그 설정을 종류마다 앞의 N쪽으로 고릅니다(기본은 모든 쪽).",
    ),
    "evaluate.peer_answers": (
        "Keep the peer's answers and chosen settings in this folder; what is there is not asked again.",
        "그 프로그램의 답과 고른 설정을 이 폴더에 두고, 이미 있는 것은 다시 묻지 않습니다.",
    ),
    "evaluate.json": (
        "Also write all scores, page by page, to this file.",
        "쪽별 점수를 모두 이 파일에도 씁니다.",
    ),
    "evaluate.reading": ("{name} ({done} of {count})", "{name} ({count}개 중 {done}번째)"),
    "evaluate.all": ("all", "전체"),
    "evaluate.card": (
        "Also write the table into this Markdown file, between <!-- scores --> and <!-- /scores -->.",
        "이 마크다운 파일의 <!-- scores -->와 <!-- /scores --> 사이에도 표를 씁니다.",
    ),
    "evaluate.peer_reading": ("{peer}: {kind} ...", "{peer}: {kind} 읽는 중 ..."),
    "evaluate.heads": (
        "kind | pages | CER | CER without spaces | text CER | worst | cell F1 | structure F1"
        " | digits wrong / unmarked / marked | ok / blank / partial / failed | seconds a page",
        "종류 | 쪽수 | CER | 공백을 뺀 CER | 표시를 뺀 CER | 최악 | 표 칸 F1 | 구조 F1"
        " | 틀린 숫자 / 표시 없이 틀림 / 의심 표시 | 정상 / 빈 쪽 / 일부 / 실패 | 쪽당 초",
    ),
    "evaluate.reader": ("reader", "읽은 것"),
}
