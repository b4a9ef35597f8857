"""Korean for sentences: reports, explanations, why a page is incomplete, what an error's template holds.

Out: `KOREAN`, English template -> Korean template. A text that is not here stays English, as names and
numbers do. Knows only texts; they are filled in `adotx.cli.errors`.
"""

from __future__ import annotations

from adotx.cli.korean import server

#: English template -> Korean template with the same fields.
KOREAN: dict[str, str] = {
    **server.SENTENCES,
    # adotx validate: what was checked
    "files": "파일",
    "config": "설정",
    "contradiction": "모순",
    "consistency": "일관성",
    "leftover": "쓰이지 않는 값",
    "positions": "위치",
    "tokenizer": "토크나이저",
    "round trip": "왕복 변환",
    "control tokens": "제어 토큰",
    "end of answer": "답변의 끝",
    "tensor names": "텐서 이름",
    "parameters": "매개변수",
    "tensor shapes": "텐서 모양",
    "tiles": "타일",
    "context": "문맥",
    "memory": "메모리",
    "faults found: {count}": "결함을 {count}개 찾았습니다",
    "no fault found": "결함이 없습니다",
    # adotx validate: what was found
    "{files} files, weights absent (the index names {shards} shards)": (
        "파일 {files}개, 가중치 없음(색인에는 조각 {shards}개)"
    ),
    "{count} of {shards} shards missing: {names} (download them)": (
        "가중치 조각 {shards}개 중 {count}개가 없습니다: {names} (내려받으세요)"
    ),
    "{files} files, {size} of weights in {shards}": "파일 {files}개, 그중 {shards}개에 가중치 {size}",
    "{family}, {layers} layers of {width}, {heads}/{kv_heads} heads, vocabulary {vocabulary:,}": (
        "{family}, 너비 {width}인 층 {layers}개, 헤드 {heads}/{kv_heads}개, 어휘 {vocabulary:,}개"
    ),
    "{text}, tower {layers} layers of {width}": "{text}, 비전 타워는 너비 {width}인 층 {layers}개",
    "{shape}": "{shape}",
    "{fault}": "{fault}",
    "{tokens}": "{tokens}",
    "{context}": "{context}",
    "the configuration files agree with themselves and with each other": "설정 파일들이 서로 맞습니다",
    "rope scaling {kind} is configured: check that your runtime has it": (
        "RoPE 확장({kind})이 설정되어 있습니다. 쓰려는 엔진이 지원하는지 확인하세요"
    ),
    "a sliding window is configured: check that your runtime has it": (
        "슬라이딩 윈도가 설정되어 있습니다. 쓰려는 엔진이 지원하는지 확인하세요"
    ),
    "{ids:,} ids, {control} of them control tokens": "토큰 {ids:,}개, 그중 제어 토큰 {control}개",
    "{count} texts come back changed, the first: {first!r}": (
        "글 {count}개가 토큰으로 바꿨다 되돌리면 달라집니다. 첫째: {first!r}"
    ),
    "{count} texts come back unchanged": "글 {count}개가 그대로 되돌아옵니다",
    "plain text reaches {names}": "보통 글에서 제어 토큰이 나옵니다: {names}",
    "none can be reached from plain text": "보통 글에서는 나오지 않습니다",
    "{ids:,} ids do not fit the model's vocabulary of {vocabulary:,}": (
        "토큰 {ids:,}개가 모델의 어휘 {vocabulary:,}개를 넘습니다"
    ),
    "image_token_index {token} is not a control token": "image_token_index {token}번은 제어 토큰이 아닙니다",
    "image_token_index {token} is {found}, processor_config says {named}": (
        "image_token_index {token}번은 {found}인데 processor_config에는 {named}입니다"
    ),
    "tokenizer.json and vocab.json + merges.txt give different ids": (
        "tokenizer.json과 vocab.json + merges.txt의 토큰이 서로 다릅니다"
    ),
    "eos_token_id {ids} is not a control token": "eos_token_id {ids}번은 제어 토큰이 아닙니다",
    "{count} of {total} missing: {names}": "{total}개 중 {count}개가 없습니다: {names}",
    "{count} that config.json does not ask for: {names}": "config.json에 없는 것 {count}개: {names}",
    "{count} tensors, as config.json asks": "텐서 {count}개가 config.json과 맞습니다",
    "config.json gives {count:,}, the index states {stated:,}": (
        "config.json으로는 {count:,}개인데 색인에는 {stated:,}개입니다"
    ),
    "config.json gives {count:,}, the index states {size:,} bytes": (
        "config.json으로는 {count:,}개인데 색인에는 {size:,}바이트입니다"
    ),
    "{count:,}, as the index states; weights absent, shapes not checked": (
        "{count:,}개로 색인과 맞습니다. 가중치가 없어 모양은 검사하지 않았습니다"
    ),
    "{count:,}, the index states no total; weights absent, shapes not checked": (
        "{count:,}개, 색인에는 합계가 없습니다. 가중치가 없어 모양은 검사하지 않았습니다"
    ),
    "{count} wrong, the first: {name} is {shape}, config.json asks for {expected}": (
        "{count}개가 다릅니다. 첫째: {name}은 {shape}인데 config.json으로는 {expected}입니다"
    ),
    "{count} are not floating point: {names}": "{count}개가 부동소수점이 아닙니다: {names}",
    "{count:,} parameters in {dtypes}, every shape as config.json asks": (
        "{dtypes} 매개변수 {count:,}개, 모양이 모두 config.json과 맞습니다"
    ),
    "not computed, the configuration contradicts itself": "설정에 모순이 있어 계산하지 않았습니다",
    "A4 at 300 dpi: {cols} x {rows} tiles = {tokens:,} tokens": (
        "300dpi A4: {cols} x {rows} 타일 = {tokens:,}토큰"
    ),
    "A4 at 300 dpi: {cols} x {rows} tiles + thumbnail = {tokens:,} tokens": (
        "300dpi A4: {cols} x {rows} 타일 + 축소판 = {tokens:,}토큰"
    ),
    "{size} px / patch {patch} = {grid} x {grid} patches -> {tokens} tokens; {least} to {most} tiles; {a4}": (
        "{size}픽셀 / 패치 {patch} = 패치 {grid} x {grid} -> {tokens}토큰. 타일 {least}~{most}개. {a4}"
    ),
    "{positions:,} positions": "위치 {positions:,}개",
    "{positions:,} positions; tokenizer_config.json says {limit:,}": (
        "위치 {positions:,}개(tokenizer_config.json에는 {limit:,}개)"
    ),
    "the largest image takes {image:,} tokens of {positions:,} positions and leaves none for text": (
        "가장 큰 이미지가 위치 {positions:,}개 중 {image:,}개를 차지해 글이 들어갈 곳이 없습니다"
    ),
    "{context}; the largest image takes {image:,}: room for {fit}": (
        "{context}. 가장 큰 이미지가 {image:,}개를 차지해 {fit}장까지 들어갑니다"
    ),
    "weights {weights}; KV cache {cache} for {positions:,} positions (bf16)": (
        "가중치 {weights}. 위치 {positions:,}개의 KV 캐시 {cache}(bf16)"
    ),
    "{need}; the memory of this machine is not known": "{need}. 이 컴퓨터의 메모리는 알 수 없습니다",
    "{need}; fits this machine's {has} as {formats}": (
        "{need}. 이 컴퓨터의 메모리 {has}에 {formats} 형식으로 들어갑니다"
    ),
    "{need}; does not fit this machine's {has}": "{need}. 이 컴퓨터의 메모리 {has}에는 들어가지 않습니다",
    # What contradicts what in a configuration
    "{first}; {rest}": "{first}; {rest}",
    "{key} {value} is not a multiple of {other} {second}": (
        "{key} {value}: {other} {second}의 배수여야 합니다"
    ),
    "{key} {value} differs from {other} {second}": "값이 서로 다릅니다: {key} {value}, {other} {second}",
    "{key} {value} exceeds {other} {second}": "{key} {value}: {other} {second}보다 클 수 없습니다",
    "{key} is {value}, adotx reads only {expected}": "{key} {value}: adotx는 {expected}만 읽습니다",
    "head_dim {value} is odd, rotary embedding needs pairs": (
        "head_dim {value}: 회전 위치 임베딩에는 짝수여야 합니다"
    ),
    "quantization_config ({method}): only bf16, f16 and f32 weights are read": (
        "quantization_config({method}): bf16, f16, f32 가중치만 읽습니다"
    ),
    "{patches} patches a side do not pool evenly to grid_size {grid}": (
        "한 변의 패치 {patches}개가 grid_size {grid}로 나누어지지 않습니다"
    ),
    "vision_feature_layer {layer} is outside the tower's {depth} layers": (
        "vision_feature_layer {layer}: 층이 {depth}개인 비전 타워에 없는 층입니다"
    ),
    "image_token_index {token} is outside the vocabulary of {vocabulary}": (
        "image_token_index {token}번은 토큰 {vocabulary}개인 어휘에 없습니다"
    ),
    "image_std {values} must be positive": "image_std {values}: 양수여야 합니다",
    # What is wrong with a weights file
    "is not a safetensors file": "safetensors 파일이 아닙니다",
    "its header is not a JSON object": "머리말이 JSON 객체가 아닙니다",
    "the header's entry for {tensor} is broken": "머리말의 {tensor} 항목이 올바르지 않습니다",
    "{tensor}: {size} bytes do not hold {dtype} {shape}": (
        "{tensor}: {size}바이트는 {dtype} {shape}의 크기가 아닙니다"
    ),
    "{tensor} does not begin where the tensor before it ends": (
        "{tensor}: 앞 텐서가 끝나는 곳에서 시작하지 않습니다"
    ),
    "{count:,} bytes too many at its end": "끝에 {count:,}바이트가 더 있습니다",
    # What is wrong with tokenizer files
    "has no BPE vocabulary and merges": "BPE 어휘와 병합 규칙이 없습니다",
    "two tokens share an id, or an id is not a whole number": "번호가 겹치거나 정수가 아닌 토큰이 있습니다",
    "a control token has no id or no text": "번호나 글이 없는 제어 토큰이 있습니다",
    "two control tokens share an id or a text": "번호나 글이 겹치는 제어 토큰이 있습니다",
    "{token!r} is declared as id {id}, in vocab that id is {other!r} and the token {found}": (
        "{token!r}: 선언된 번호는 {id}번인데, 어휘에서 {id}번은 {other!r}이고 이 토큰은 {found}번입니다"
    ),
    "{count} bytes have no token, the first is {first:#04x}": (
        "토큰이 없는 바이트가 {count}개 있습니다. 첫째는 {first:#04x}입니다"
    ),
    "the merge {pair} does not lead from token to token": "토큰을 토큰으로 잇지 않는 병합 규칙입니다: {pair}",
    "is not accepted by the tokenizers library: {reason}": (
        "tokenizers 라이브러리가 받아들이지 않습니다: {reason}"
    ),
    "is not a byte-level BPE tokenizer": "바이트 단위 BPE 토크나이저가 아닙니다",
    "its added_tokens are broken": "added_tokens가 올바르지 않습니다",
    "its added_tokens_decoder is broken": "added_tokens_decoder가 올바르지 않습니다",
    # What became of a page
    "{error}": "{error}",
    "{reason}": "{reason}",
    "unexpected {type}: {reason}": "뜻밖의 오류({type}): {reason}",
    "no text was found on it": "글을 찾지 못했습니다",
    "nothing could be read where there is print": "인쇄된 것은 있으나 아무것도 읽지 못했습니다",
    "something is on the page, but nothing could be read": "쪽에 무엇인가 있으나 아무것도 읽지 못했습니다",
    "most of what is on the page could not be read": "쪽에 있는 것의 대부분을 읽지 못했습니다",
    "only about {percent} % of it is expected to be right": "맞게 읽었을 글자가 {percent}% 정도뿐입니다",
    "{count} damaged picture(s) could not be drawn": "손상된 그림 {count}개를 그리지 못했습니다",
    "the form field password": "폼의 필드 password",
    "the file gives no text for it": "파일에 이 쪽의 글이 없습니다",
    "its text layer is not used: {reason}": "텍스트 레이어를 쓰지 않았습니다: {reason}",
    "{count} of {total} characters say nothing": (
        "글자 {total}개 가운데 {count}개가 무슨 글자인지 알 수 없습니다"
    ),
    "it names glyphs, not characters": "글자가 아니라 글리프 이름이 적혀 있습니다",
    "it says something else than the page shows": "쪽에 보이는 것과 다른 글이 적혀 있습니다",
    "it does not lie on the page's print": "쪽에 인쇄된 글자 자리에 있지 않습니다",
    "most of the page's print is not in it": "쪽에 인쇄된 글이 대부분 빠져 있습니다",
    "{count} letters that nobody can see are left out": "눈에 보이지 않는 글자 {count}개는 뺐습니다",
    "not embedded and not drawn, its text is taken as it is: {fonts}": (
        "파일에 들어 있지 않아 그리지 못한 글꼴이며, 글은 적힌 대로 옮겼습니다: {fonts}"
    ),
    "letters in fonts that are not embedded could not be drawn: {fonts}": (
        "파일에 들어 있지 않은 글꼴의 글자는 그리지 못했습니다: {fonts}"
    ),
    "of a picture on it: {reason}": "쪽에 있는 그림: {reason}",
    "{count} of {total} rows could not be read": "줄 {total}개 중 {count}개를 읽지 못했습니다",
    "{count} formula(s) are given sign by sign": "수식 {count}개는 기호를 차례대로만 적었습니다",
    "it seems to be Japanese, which is not read: what stands here may be nonsense": (
        "일본어로 보이나 일본어는 읽지 못합니다. 여기 적은 것은 틀릴 수 있습니다"
    ),
    "it seems to be Cyrillic, which is not read: what stands here may be nonsense": (
        "키릴 문자로 보이나 키릴 문자는 읽지 못합니다. 여기 적은 것은 틀릴 수 있습니다"
    ),
    "{count} of {total} rows were cut where their ink ends": (
        "줄 {total}개 중 {count}개를 글자가 끝나는 곳에서 잘랐습니다"
    ),
    "sheet {number} of {total}: {reason}": "종이 {number}/{total}: {reason}",
    "its pixels are all paper": "빈 종이뿐입니다",
    "the model found no text on it": "모델이 글을 찾지 못했습니다",
    "the model said nothing about a page with print on it": (
        "인쇄된 것이 있는데 모델이 아무것도 답하지 않았습니다"
    ),
    "the model said nothing about {name}": "모델이 아무것도 답하지 않았습니다: {name}",
    "the page": "쪽 전체",
    "piece {number} of {total}": "조각 {number}/{total}",
    "the first half of {name}": "{name}의 앞 절반",
    "the second half of {name}": "{name}의 뒤 절반",
    "{name} ran into a loop": "{name}: 같은 말이 되풀이되어 멈췄습니다",
    "{name} was cut off at {tokens:,} tokens": "{name}: {tokens:,}토큰에서 끊겼습니다",
    "{name} ended early ({finish})": "{name}: 일찍 끝났습니다({finish})",
    # How a training stage's settings have changed
    "the result of {stage}": "{stage} 단계의 결과",
    "{key} = {before}, now {now}": "{key} = {before}, 지금은 {now}",
    # Fine-tuning: rows, settings and steps
    "is no JSON object": "JSON 객체가 아닙니다",
    "is a folder": "폴더입니다",
    "is Parquet or Arrow": "Parquet나 Arrow 파일입니다",
    "is one JSON list": "JSON 목록 하나입니다",
    "has an empty answer, without weight 0": "답이 비어 있는데 weight가 0이 아닙니다",
    "is a pair: adotx train dpo learns from those": "답 한 쌍입니다. adotx train dpo로 학습하세요",
    "has neither messages nor prompt and completion": "messages도, prompt와 completion도 없습니다",
    "has a weight that is neither 0 nor 1": "weight가 0도 1도 아닙니다",
    "has no {key}": "{key}이(가) 없습니다",
    "ends with an answer: put it into answer or tool_calls": (
        "답으로 끝납니다. 답은 answer나 tool_calls에 넣으세요"
    ),
    "needs one of answer and tool_calls": "answer와 tool_calls 중 하나가 있어야 합니다",
    "has an answer that is no text": "answer가 글이 아닙니다",
    "has a tool call without a name or with arguments that are no object": (
        "이름이 없거나 인자가 객체가 아닌 도구 호출이 있습니다"
    ),
    "has images that are no paths or data URIs": "경로나 데이터 URI가 아닌 images가 있습니다",
    "has tools that are not JSON": "tools가 JSON이 아닙니다",
    "has a {key} that is no list of messages": "{key}이(가) 메시지 목록이 아닙니다",
    "has images but no user message that could show them": "images를 보여 줄 사용자 메시지가 없습니다",
    "one of {known}": "{known} 중 하나",
    "1 or more": "1 이상",
    "2 or more": "2 이상",
    "more than 0": "0보다 큰 수",
    "more than 0 and at most 1": "0보다 크고 1 이하",
    "empty where no LoRA is trained": "LoRA를 학습하지 않을 때는 빈 값",
    "and {count} more": "그 밖에 {count}개",
    "{rows} rows: {ids:,} tokens, {trained:,} of them trained on, {pictures:,} pictures in {tiles:,} tiles": (
        "{rows}줄: {ids:,}토큰, 그중 {trained:,}토큰을 학습, 이미지 {pictures:,}장에 타일 {tiles:,}개"
    ),
    "{rows} prompts: {ids:,} ids, {pictures:,} pictures": "프롬프트 {rows}: {ids:,}토큰, 그림 {pictures:,}장",
    "{cut} rows are cut, {out} left out": "{cut}줄은 잘라 쓰고 {out}줄은 뺍니다",
    "{where}: nothing that is trained on is left of it": "{where}: 자르고 나면 학습할 것이 남지 않습니다",
    "{where}: has nothing that is trained on": "{where}: 학습할 것이 없습니다",
    "{where}: {length:,} tokens, {tiles} tiles; max_length is {most:,}": (
        "{where}: {length:,}토큰, 타일 {tiles}개. max_length는 {most:,}입니다"
    ),
    "goes on from step {step}": "{step}단계부터 이어서 합니다",
    "step {step}/{total}: loss {loss:.4f}": "{step}/{total}단계: 손실 {loss:.4f}",
    "step {step}/{total}: held-out loss {loss:.4f}": "{step}/{total}단계: 떼어 둔 데이터의 손실 {loss:.4f}",
    "{first}, {name} {value:.3f}": "{first}, {name} {value:.3f}",
    # What is wrong with a request
    "is empty": "비어 있습니다",
    "is no path": "경로가 아닙니다",
    "there are no tools": "도구가 없습니다",
    "there is no tool {name!r}": "그런 도구는 없습니다: {name!r}",
    "at least 1": "1 이상",
    "0 to {most} (max_new_tokens)": "0~{most}(max_new_tokens)",
    "a whole number": "정수",
    "0 (off) or more": "0(끔) 이상",
    "0 (off) to 1": "0(끔)~1",
    "0 (greedy) or more": "0(늘 가장 그럴듯한 토큰) 이상",
    "above 0": "0보다 큰 수",
    "above 0 and at most 1": "0보다 크고 1 이하",
    "a number": "숫자",
    "true or false": "true나 false",
    "token ids, 0 or more": "0 이상인 토큰 번호",
    "a mapping from token ids to finite numbers": "토큰 번호마다 유한한 수를 준 사전",
    "none or 0 to {most}": "none이나 0~{most}",
    "0 (off) or {least} to {most}": "0(끔)이나 {least}~{most}",
    "{needed:.1f} GB needed, {free:.1f} GB free": "{needed:.1f}GB가 필요한데 {free:.1f}GB가 비어 있습니다",
    # adotx data fonts
    "{tool} is not installed: {count} packages skipped": ("{tool} 명령이 없어 패키지 {count}개를 건너뜁니다"),
    "{package}: already there": "{package}: 이미 있습니다",
    "{package}: done": "{package}: 받았습니다",
    "{package}: {problem}": "{package}: {problem}",
    # adotx tokens IMAGE
    "picture": "이미지",
    "grid": "격자",
    "tie": "동점",
    "canvas": "캔버스",
    "tokens": "토큰",
    "{width:,} x {height:,} px, width/height {ratio:.3f}": (
        "{width:,} x {height:,}픽셀, 가로/세로 {ratio:.3f}"
    ),
    "{cols} x {rows} (columns x rows): its ratio {ratio:.3f} is the nearest of {count} grids of {least} to "
    "{most} tiles": (
        "{cols} x {rows}(열 x 행): 비율 {ratio:.3f}, 타일 {least}~{most}개의 격자 {count}개 중 가장 가까움"
    ),
    "{why} (next: {cols} x {rows}, ratio {ratio:.3f})": "{why}(다음은 {cols} x {rows}, 비율 {ratio:.3f})",
    "{grids} fit equally well: a larger grid is taken only when the picture has more than half of its"
    " pixels": (
        "{grids}의 비율이 똑같이 가깝습니다. 이미지의 화소가 큰 격자의 절반을 넘을 때만 큰 격자를 씁니다"
    ),
    "stretched to {width:,} x {height:,} px (x {across:.2f} across, x {down:.2f} down)": (
        "{width:,} x {height:,}픽셀로 늘이거나 줄임(가로 {across:.2f}배, 세로 {down:.2f}배)"
    ),
    "{count} of the grid": "격자 {count}개",
    "{parts} + 1 thumbnail": "{parts} + 축소판 1개",
    "{tiles} of {size} x {size} px: {parts}": "{size} x {size}픽셀 {tiles}개: {parts}",
    "{tokens:,} = {tiles} x {each}": "{tokens:,}개 = {tiles} x {each}",
    # what a server answers
    "no such host": "그런 호스트가 없습니다",
    "it took too long": "너무 오래 걸렸습니다",
    "it is no JSON": "JSON이 아닙니다",
    "its end is missing": "끝이 없습니다",
    "a part of it cannot be understood": "이해할 수 없는 부분이 있습니다",
    # outputs: what could not be done
    "page {number} is empty in the PDF: {error}": "PDF에서 {number}쪽이 비었습니다: {error}",
    "page {number} has no text in the PDF: {error}": "PDF에서 {number}쪽에는 글이 없습니다: {error}",
    "the PDF is written without its password": "PDF를 암호 없이 저장했습니다",
    "pictures are sent before it is known what is to be redacted": (
        "그림은 무엇을 가려야 하는지 알기 전에 보냅니다"
    ),
    # office documents: why they are refused, what is missing, what is worth knowing
    "{part} is missing": "{part}이(가) 없습니다",
    "it is cut short": "파일이 잘렸습니다",
    "{part}: {reason}": "{part}: {reason}",
    "it is empty": "내용이 없습니다",
    "it has too many elements": "요소가 너무 많습니다",
    "its elements are more than {limit} deep": "요소가 {limit}단계보다 깊습니다",
    "it has too much text": "글이 너무 많습니다",
    "it has a document type declaration": "문서 형식 선언(DOCTYPE)이 있습니다",
    "its encryption is of no known kind": "알 수 없는 방식으로 암호화되어 있습니다",
    "a picture could not be read: {reason}": "그림 하나를 읽지 못했습니다: {reason}",
    "{count} picture(s) could not be shown": "그림 {count}개를 표시할 수 없습니다",
    "{count} object(s) of the HWP file could not be taken over": "HWP의 개체 {count}개를 옮기지 못했습니다",
    "comments that are not printed stand as quotations": "인쇄되지 않는 메모를 인용문으로 실었습니다",
    "the speaker's notes stand as quotations behind their slides": (
        "발표자 노트를 슬라이드 뒤에 인용문으로 실었습니다"
    ),
    "{count} embedded file(s) are left out": "문서에 든 파일 {count}개를 뺐습니다",
    "{count} sound(s) or video(s) are left out": "소리나 영상 {count}개를 뺐습니다",
    "hidden text is left out": "숨긴 글을 뺐습니다",
    "{count} hidden row(s) are left out": "숨긴 행 {count}개를 뺐습니다",
    "{count} hidden column(s) are left out": "숨긴 열 {count}개를 뺐습니다",
    "{count} picture(s) that lie elsewhere were not fetched": (
        "파일 밖에 있는 그림 {count}개는 가져오지 않았습니다"
    ),
    "{count} embedded page(s) or drawing(s) are left out": "안에 든 페이지나 그림 {count}개를 뺐습니다",
    "the slide is hidden": "숨긴 슬라이드입니다",
    "{count} hidden sheet(s) are left out": "숨긴 시트 {count}개를 뺐습니다",
    "cells beyond the first {limit:,} are left out": "처음 {limit:,}개를 넘는 셀을 뺐습니다",
    "{count} formula(s) without a result stand as formulas": "결과 없는 수식 {count}개를 수식으로 실었습니다",
}

#: what the operating system says
SYSTEM: dict[str, str] = {
    "No such file or directory": "그런 파일이나 폴더가 없습니다",
    "Permission denied": "권한이 없습니다",
    "Operation not permitted": "허용되지 않는 일입니다",
    "Is a directory": "폴더입니다",
    "Not a directory": "폴더가 아닙니다",
    "File exists": "이미 있습니다",
    "File name too long": "이름이 너무 깁니다",
    "No space left on device": "디스크에 남은 자리가 없습니다",
    "Disk quota exceeded": "디스크 할당량을 넘었습니다",
    "Read-only file system": "읽기 전용 파일 시스템입니다",
    "Input/output error": "입출력 오류가 났습니다",
    "Too many open files": "열린 파일이 너무 많습니다",
    "Cannot allocate memory": "메모리가 모자랍니다",
    "Connection refused": "연결을 받아 주지 않습니다",
    "Connection reset by peer": "상대가 연결을 끊었습니다",
    "Address already in use": "이미 쓰는 주소입니다",
}
