"""How fast the page maker is on one core: pages and lines a second, by kind.

usage: python benchmarks/pages.py FONTS... [--corpora FOLDER] [--pages N] [--json]
"""

from __future__ import annotations

import argparse
import json
import time

from adotx.data.fonts import find_fonts
from adotx.data.kinds import KINDS
from adotx.data.look import FontSet
from adotx.data.pages import make_page
from adotx.data.source import TextSource

# Without corpora these are enough: speed does not depend on what the text says.
_KOREAN = (
    "이 문서는 새로 바뀐 신청 절차와 제출 서류를 안내하기 위해 작성되었습니다.",
    "회의는 매주 수요일 오전 10시에 3층 대회의실에서 열리며, 자료는 전날까지 공유합니다.",
    "설치가 끝나면 설정 파일(config.toml)을 열어 포트 번호를 8080으로 바꾸고 다시 시작하세요.",
    "올해 상반기 매출은 지난해 같은 기간보다 12.4% 늘어난 3,482억 원으로 집계되었다.",
)
_ENGLISH = ("The quick brown fox jumps over the lazy dog.", "Open the settings file and change the port.")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("fonts", nargs="+", help="folders with Hangul fonts")
    parser.add_argument("--corpora", help="folder with the *.jsonl.zst files; a few sentences without it")
    parser.add_argument("--pages", type=int, default=12, help="pages of each kind")
    parser.add_argument("--json", action="store_true")
    arguments = parser.parse_args()
    if arguments.corpora:
        source = TextSource.from_corpora(arguments.corpora, "validation")
    else:
        source = TextSource(_KOREAN, _ENGLISH)
    fonts = FontSet(find_fonts(arguments.fonts))
    report: dict[str, dict[str, float]] = {}
    for kind in KINDS:
        # Receipts are narrow and cut to their length; all others are A4 at 150 pixels per inch.
        canvas = None if kind == "receipt" else (1240, 1754)
        make_page("warm-up", source, fonts, kind, canvas=canvas)
        start, lines = time.process_time(), 0
        for seed in range(arguments.pages):
            lines += len(make_page(seed, source, fonts, kind, canvas=canvas).lines)
        seconds = time.process_time() - start
        report[kind] = {"pages_per_second": arguments.pages / seconds, "lines_per_second": lines / seconds}
    speeds = [row["pages_per_second"] for row in report.values()]
    report["all"] = {
        "pages_per_second": len(speeds) / sum(1 / speed for speed in speeds),
        "lines_per_second": sum(r["lines_per_second"] / r["pages_per_second"] for r in report.values())
        / sum(1 / speed for speed in speeds),
    }
    if arguments.json:
        print(json.dumps(report))
        return
    print(f"{'kind':<12}{'pages/s':>10}{'lines/s':>10}   (CPU seconds of one core)")
    for kind, row in report.items():
        print(f"{kind:<12}{row['pages_per_second']:>10.1f}{row['lines_per_second']:>10.0f}")


if __name__ == "__main__":
    main()
