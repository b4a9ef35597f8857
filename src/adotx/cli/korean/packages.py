"""Korean for the errors of office documents: HWPX, HWP, DOCX, PPTX, XLSX, HTML."""

from __future__ import annotations

_AGAIN = "만든 프로그램에서 다시 저장하거나 PDF로 인쇄하세요"
_PRINT = "PDF로 인쇄하세요"

ERRORS: dict[str, list[tuple[str, str | None]]] = {
    "package.damaged": [("{format} 파일을 열 수 없습니다: {reason}", _AGAIN)],
    "package.encrypted": [
        ("{format} 파일이 암호로 보호되어 있습니다", "암호 없이 저장하거나 PDF로 인쇄하세요")
    ],
    "package.too_large": [("{format} 파일의 {part}이(가) 풀면 {limit:,}바이트를 넘습니다", _PRINT)],
    "package.too_many_parts": [("{format} 파일에 든 항목이 {limit:,}개를 넘습니다", _PRINT)],
    "package.unknown": [("문서가 아닌 zip 파일입니다", "압축을 풀고 그 폴더를 지정하세요")],
    "hwpx.no_sections": [("HWPX 파일에 본문이 없습니다", _AGAIN)],
    "hwpx.encrypted": [("HWPX 파일이 암호로 보호되어 있습니다", "--password로 암호를 주세요")],
    "hwpx.password": [("HWPX 파일의 암호가 아닙니다", "--password를 확인하세요")],
    "hwpx.encryption": [
        ("암호가 걸린 HWPX를 여는 데 필요한 패키지가 없습니다", "pip install 'adotx[hwp]'로 설치하세요")
    ],
    "hwp.old": [("HWP 5보다 오래된 HWP 3 파일입니다", "HWPX로 저장하거나 PDF로 인쇄하세요")],
    "hwp.too_large": [("HWP 파일이 {limit:,}바이트를 넘습니다", _PRINT)],
    "hwp.unknown": [("어느 프로그램의 복합 파일인지 알 수 없습니다", _PRINT)],
    "hwp.package": [("HWP 5를 읽는 데 필요한 패키지가 없습니다", "pip install 'adotx[hwp]'로 설치하세요")],
    "hwp.protected": [
        ("HWP 파일이 암호로 보호된 문서이거나 배포용 문서입니다", "보호 없이 저장하거나 PDF로 인쇄하세요")
    ],
    "hwp.damaged": [("HWP 파일을 열 수 없습니다: {reason}", "HWPX로 저장하거나 PDF로 인쇄하세요")],
    "office.encrypted": [("암호로 보호된 오피스 문서입니다", "암호 없이 저장하거나 PDF로 인쇄하세요")],
    "office.old": [("{new}보다 오래된 {format} 파일입니다", "{new}로 저장하거나 PDF로 인쇄하세요")],
    "pptx.empty": [("슬라이드가 없는 프레젠테이션입니다", "다시 저장하세요")],
    "xlsx.empty": [("보이는 시트가 없는 통합 문서입니다", "다시 저장하세요")],
    "html.too_large": [("HTML 파일이 {limit:,}바이트를 넘습니다", _PRINT)],
}
