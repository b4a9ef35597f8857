"""Korean for the errors of what is read and written: files, images, documents."""

from __future__ import annotations

ERRORS: dict[str, list[tuple[str, str | None]]] = {
    "file.missing": [("파일이 없습니다", "경로를 확인하세요")],
    "file.unreadable": [("파일을 읽을 수 없습니다: {reason}", "파일과 접근 권한을 확인하세요")],
    "image.animated": [
        (
            "프레임이 {frames:,}개로 한도 {limit:,}개를 넘습니다",
            "한 프레임만 PNG나 JPEG로 저장하세요",
        ),
        ("여러 쪽이거나 움직이는 이미지입니다", "한 프레임만 PNG나 JPEG로 저장하세요"),
    ],
    "image.corrupt": [
        ("이미지가 손상되었습니다: {reason}", "파일을 다시 복사하거나 내려받으세요"),
        ("{format} 파일의 머리말이 잘렸거나 손상되었습니다", "파일을 다시 복사하거나 내려받으세요"),
        ("{width} x {height} 크기라 화소가 없습니다", "이미지를 다시 저장하세요"),
        ("이미지를 담은 base64가 올바르지 않습니다", "파일을 다시 base64로 바꾸세요"),
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
    "image.no_decoder": [
        (
            "{format} 파일을 여는 데 필요한 패키지가 없습니다",
            "pip install {package}로 설치하거나 JPEG나 PNG로 저장하세요",
        )
    ],
    "image.not_an_image": [
        (
            "{format} 파일은 이미지로 읽지 않습니다",
            "PDF는 adotx transcribe로 옮기세요",
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
            "더 작게 저장하세요",
        ),
        ("이미지가 한도 {limit:,}바이트를 넘습니다", "더 작은 이미지를 보내세요"),
    ],
    "image.too_many_pixels": [
        (
            "이미지 크기 {width:,} x {height:,}가 한도 {limit:,}화소를 넘습니다",
            "크기를 줄이세요",
        ),
        ("이미지의 화소 수가 한도 {limit:,}개를 넘습니다", "크기를 줄이세요"),
    ],
    "image.truncated": [("이미지 파일이 끝까지 들어 있지 않습니다", "파일을 다시 복사하거나 내려받으세요")],
    "image.unreadable": [("파일을 읽을 수 없습니다: {reason}", "접근 권한을 확인하세요")],
    "image.url": [("네트워크의 이미지는 가져오지 않습니다", "내려받아 이미지나 그 경로를 주세요")],
    "input.empty": [("메시지가 비어 있습니다", "echo 안녕 | adotx chat처럼 글을 넘기세요")],
    "input.encoding": [
        ("UTF-8로 된 글이 아닙니다: {reason}", "UTF-8로 변환하세요"),
    ],
    "input.missing": [("파일이 없습니다", "경로를 확인하세요")],
    "input.no_documents": [("이 폴더에는 읽을 수 있는 문서가 없습니다", "다른 폴더나 파일을 지정하세요")],
    "input.subfolders": [
        ("이 폴더에는 읽을 수 있는 문서가 없습니다", "--recursive를 주면 안에 든 폴더도 읽습니다"),
    ],
    "input.pages": [
        ("{given}에는 쪽 번호가 없습니다", "1-3,7처럼 쓰세요"),
        ("문서는 {count:,}쪽입니다", "있는 쪽을 쓰세요"),
    ],
    "input.too_many_bytes": [
        ("{limit:,}바이트를 넘습니다", "더 작은 파일을 지정하세요"),
    ],
    "input.unknown": [("내용이 아는 형식이 아닙니다", "이미지, PDF, HWPX, 오피스 문서를 주세요")],
    "input.unreadable": [
        ("입력을 읽을 수 없습니다: {reason}", "파일 종류와 접근 권한을 확인하세요"),
    ],
    "input.too_many_pages": [("{limit:,}쪽이 넘습니다", "--pages로 몇 쪽만 지정하세요")],
    "input.unexpected": [("뜻밖의 오류({type})가 났습니다: {reason}", "파일을 다시 내보내세요")],
    "out.exists": [("이미 있는 파일입니다", "--force를 주면 덮어씁니다")],
    "out.format": [("{given}이라는 형식은 없습니다", "다음 가운데 하나를 쓰세요: {known}")],
    "out.format_of_file": [
        ("이 이름의 파일에는 {format} 형식을 씁니다", "--format을 빼거나 --out에 폴더를 주세요"),
    ],
    "out.formats": [("stdout에는 한 형식만 쓸 수 있습니다", "--out에 폴더를 주세요")],
    "out.one_file": [
        ("한 파일에 여러 문서를 쓸 수 없습니다", "--out에 폴더를 주거나 문서를 하나만 지정하세요"),
    ],
    "out.stdout": [
        ("표준 출력에 쓸 수 없습니다: {reason}", "공간을 비우거나 다른 곳으로 보내세요"),
    ],
    "out.unwritable": [
        (
            "출력 폴더나 파일에 쓸 수 없습니다: {reason}",
            "그곳에 자리를 비우거나 다른 곳을 {option}에 주세요",
        ),
        ("출력 폴더나 파일에 쓸 수 없습니다: {reason}", "그곳에 자리를 비우거나 다른 --out을 쓰세요"),
    ],
    "pdf.damaged": [("PDF를 열 수 없습니다", "PDF를 다시 만들어 주세요")],
    "pdf.empty": [("쪽이 없는 PDF입니다", "PDF를 다시 만들어 주세요")],
    "pdf.encrypted": [("암호로 보호된 PDF입니다", "{option}로 암호를 주세요")],
    "pdf.page": [
        ("PDF의 쪽을 그릴 수 없습니다: {reason}", "PDF를 다시 만들어 주세요"),
        ("PDF 쪽의 넓이가 없습니다", "PDF를 다시 만들어 주세요"),
    ],
    "pdf.password": [("이 PDF의 암호가 아닙니다", "{option}를 확인하세요")],
    "tiles.rule": [
        (
            "타일이 {min_tiles}개에서 {max_tiles}개인 격자는 없습니다",
            "1 <= min_tiles <= max_tiles가 되게 하세요",
        ),
        ("그림 하나에 타일 {max_tiles:,}개는 어떤 모델도 읽지 못합니다", "{limit:,}개까지만 허용하세요"),
    ],
    "tokens.no_vision": [
        ("이미지를 읽지 못하는 텍스트 전용 체크포인트입니다", "VL 체크포인트를 쓰세요"),
    ],
}
