"""What `adotx transcribe` says, in English and Korean: a part of the table in `strings`."""

from __future__ import annotations

TRANSCRIBE: dict[str, tuple[str, str]] = {
    "transcribe": (
        "Transcribe images, PDFs and office documents to Markdown and other formats.\n\n"
        "One input: its Markdown on stdout and nothing else. Several: each after a line <!-- file: NAME -->. "
        "With --out: files, nothing on stdout; what was done before is not done again, and what was "
        "interrupted goes on where it stopped.",
        "이미지, PDF, 오피스 문서를 마크다운이나 다른 형식으로 옮깁니다.\n\n"
        "입력이 하나면 stdout에는 마크다운만 나옵니다. 여럿이면 문서마다 <!-- file: 이름 --> 줄이 앞섭니다. "
        "--out을 주면 파일로 쓰고 stdout에는 아무것도 쓰지 않습니다. 이미 옮긴 문서는 다시 읽지 않고, 중단된 "
        "일은 멈춘 곳부터 이어서 합니다.",
    ),
    "transcribe.paths": (
        "Images, PDFs and other documents, or directories that hold them; - is stdin.",
        "이미지, PDF 같은 문서, 또는 이들이 든 디렉터리. -는 stdin입니다.",
    ),
    "transcribe.out": (
        "Write NAME.md for each input into this directory; page.md or another name with the ending of a "
        "format is the file itself.",
        "입력마다 이름.md를 이 디렉터리에 씁니다. page.md처럼 형식의 확장자가 붙으면 그 파일에 씁니다.",
    ),
    "transcribe.format": (
        "What to write: markdown, text, html, json, pdf (searchable), csv, xlsx; with --out several.",
        "쓸 형식: markdown, text, html, json, pdf(검색 가능), csv, xlsx. --out과 함께면 여럿.",
    ),
    "transcribe.report_file": (
        "Also write one HTML page to check all documents by, each page beside what was read.",
        "쪽 그림과 읽은 글을 나란히 놓아 모든 문서를 확인할 수 있는 HTML 파일도 씁니다.",
    ),
    "transcribe.pages": (
        "Read these pages only, like 1-3,7 or 5-.",
        "1-3,7이나 5-처럼 지정한 쪽만 읽습니다.",
    ),
    "transcribe.page_marks": (
        "Mark where each page begins with a line <!-- page: N -->.",
        "쪽이 시작되는 곳에 <!-- page: N --> 줄을 넣습니다.",
    ),
    "transcribe.pages_flag": (
        "note: --pages takes numbers of pages; to mark where pages begin, write --page-marks",
        "알림: --pages에는 쪽 번호를 씁니다. 쪽이 시작되는 곳을 표시하려면 --page-marks를 쓰세요",
    ),
    "transcribe.mark_doubtful": (
        "Put figures that may be wrong between <mark> and </mark>.",
        "틀렸을 수 있는 숫자를 <mark>와 </mark> 사이에 넣습니다.",
    ),
    "transcribe.keep_running": (
        "Leave headers, footers and page numbers, and tables that go on over pages, where they stand.",
        "머리말, 꼬리말, 쪽 번호와 여러 쪽에 걸친 표를 쪽에 있는 그대로 둡니다.",
    ),
    "transcribe.redact": (
        "Black out numbers of this kind in every output: all, or kinds with commas between them.",
        "이 종류의 번호를 모든 출력에서 가립니다: all 또는 쉼표로 나눈 종류.",
    ),
    "transcribe.hanja": (
        "Keep Hanja as on the page, or add their reading in brackets.",
        "한자를 그대로 두거나(keep) 괄호에 음을 답니다(reading).",
    ),
    "transcribe.text_layer": (
        "Take the text that a file gives itself, where it can be trusted.",
        "파일에 든 글이 믿을 만하면 그대로 씁니다.",
    ),
    "transcribe.second_reader": (
        "Let a second, independent reader check figures, Latin and Hanja.",
        "독립된 둘째 판독기로 숫자, 로마자, 한자를 확인합니다.",
    ),
    "transcribe.password": ("The password of encrypted PDFs.", "암호로 보호된 PDF의 암호."),
    "transcribe.show_changes": (
        "Show deleted and inserted text of tracked changes between <del> and <ins>, not the accepted text.",
        "변경 추적에서 지운 글과 넣은 글을 받아들인 글 대신 <del>과 <ins>로 보여 줍니다.",
    ),
    "transcribe.recursive": (
        "Take the directories in directories too; answers lie in the same order.",
        "하위 디렉터리도 읽습니다. 결과도 같은 구조로 놓입니다.",
    ),
    "transcribe.retry_failed": (
        "With --out: also read again pages that could not be read, or not all of them.",
        "--out과 함께: 읽지 못했거나 다 읽지 못한 쪽도 다시 읽습니다.",
    ),
    "transcribe.force": (
        "With --out: also read what an earlier call has done; with a file, write over it.",
        "--out과 함께: 이미 옮긴 문서도 다시 읽습니다. 파일이면 덮어씁니다.",
    ),
    "transcribe.skipped": (
        "note: {folder}: not read, as these are no documents that it can read: {names}",
        "알림: {folder}: 읽을 수 있는 문서가 아니라서 읽지 않음: {names}",
    ),
    "transcribe.done_before": (
        "note: {name}: done before, see {path} (--force reads it again)",
        "알림: {name}: 이미 옮겨 {path}에 있음(--force를 주면 다시 읽음)",
    ),
    "transcribe.interrupted": (
        "interrupted: {done} of {total} document(s) done",
        "중단됨: 문서 {total}개 중 {done}개 완료",
    ),
    "transcribe.wrote_part": (
        "{name}: stopped after {pages} page(s), {seconds:.1f} s -> {path} (the same call goes on there)",
        "{name}: {pages}쪽까지만 옮김, {seconds:.1f}초 -> {path}(같은 명령을 다시 주면 이어서 읽음)",
    ),
    "transcribe.loading": ("loading {model} ...", "{model} 여는 중 ..."),
    "transcribe.page": ("{name}: page {page}", "{name}: {page}쪽"),
    "transcribe.page_of": ("{name}: page {page} of {count}", "{name}: {count}쪽 중 {page}쪽"),
    "transcribe.document": ("document {number} of {total}", "문서 {total}개 중 {number}번째"),
    "transcribe.pace": ("{rate:.0f} pages a minute", "분당 {rate:.0f}쪽"),
    "transcribe.left": ("about {minutes}:{seconds:02d} left", "약 {minutes}분 {seconds}초 남음"),
    "transcribe.waiting": (
        "{count} document(s) are being read by another process ...",
        "다른 프로세스가 문서 {count}개를 읽는 중 ...",
    ),
    "transcribe.foreign": (
        "note: {path}: {count} line(s) were not written by this version and are left as they are",
        "알림: {path}: {count}줄은 이 버전이 쓴 것이 아니어서 그대로 둠",
    ),
    "transcribe.report": ("report -> {path}", "보고서 -> {path}"),
    "transcribe.failed": ("{name}: page {page} failed: {reason}", "{name}: {page}쪽을 읽지 못함: {reason}"),
    "transcribe.partial": (
        "{name}: page {page} is incomplete: {reason}",
        "{name}: {page}쪽을 다 읽지 못함: {reason}",
    ),
    "transcribe.blank": ("note: {name}: page {page} is blank", "알림: {name}: {page}쪽은 비어 있음"),
    "transcribe.doubt": ("note: {name}: page {page}: {reason}", "알림: {name}: {page}쪽: {reason}"),
    "transcribe.wrote": (
        "{name}: {pages} page(s), {seconds:.1f} s -> {path}",
        "{name}: {pages}쪽, {seconds:.1f}초 -> {path}",
    ),
    "transcribe.total": (
        "{done} document(s) done, {refused} refused, {failed} page(s) failed",
        "완료한 문서 {done}개, 거절된 입력 {refused}개, 읽지 못한 쪽 {failed}개",
    ),
    "transcribe.total_partial": (
        "{done} document(s) done, {refused} refused, {failed} page(s) failed, {partial} incomplete",
        "완료한 문서 {done}개, 거절된 입력 {refused}개, 읽지 못한 쪽 {failed}개, 다 읽지 못한 쪽 {partial}개",
    ),
}
