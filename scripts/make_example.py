"""Make examples/page.png and its truth examples/page.md: our own text, in a font family nano has never seen.

usage: python scripts/make_example.py FONTS_FOLDER
"""

from __future__ import annotations

import random
import sys
from dataclasses import replace
from pathlib import Path

from adotx.data.damage import damage
from adotx.data.fonts import find_fonts
from adotx.data.look import FontSet, choose_look
from adotx.data.typeset import Sheet
from adotx.markdown import parse_markdown, to_markdown

# ruff: noqa: E501  (a paragraph is one line)
TEXT = """# 사내 문서 관리 안내

회사의 모든 문서는 작성한 부서가 책임지고 관리합니다. 종이로 받은 문서는 받은 날부터 사흘 안에 스캔하여 공용 서버에 올려 주시기 바랍니다. 파일 이름에는 날짜와 부서, 문서의 제목을 차례대로 적습니다.

## 보관 기간

계약서와 회계 자료는 10년, 회의록은 5년 동안 보관합니다. 기간이 지난 문서는 담당자의 확인을 거쳐 폐기하며, 폐기한 날짜와 이유를 대장에 남깁니다. 개인 정보가 들어 있는 문서는 반드시 잠금장치가 있는 곳에 둡니다.

## 주의할 점

- 외부 사람에게 문서를 보낼 때에는 부서장의 허락을 받습니다.
- 인터넷에 연결된 번역기에 문서를 붙여 넣지 않습니다.
- 문서를 잃어버렸을 때에는 바로 보안 담당자에게 알립니다.

궁금한 점은 총무부로 연락해 주십시오. 전화번호는 02-1234-5678이고, 업무 시간은 오전 9시부터 오후 6시까지입니다. 점심시간에는 전화를 받지 않으니 전자 우편을 이용해 주시면 고맙겠습니다.

2026년 11월 22일 총무부
"""
SIZE, BODY, FAMILY, SEED = (1240, 1754), 27, "Gowun Dodum", 3


def main() -> None:
    fonts = FontSet([face for face in find_fonts([sys.argv[1]]) if face.family == FAMILY])
    rng = random.Random(SEED)
    look = replace(choose_look(rng, fonts, "prose", BODY), paper=(250, 249, 245), ink=(25, 25, 30))
    margin = 120.0
    sheet = Sheet(SIZE, look, [(margin, margin, SIZE[0] - margin, SIZE[1] - margin)])
    if not sheet.set(parse_markdown(TEXT)):
        raise SystemExit("the text does not fit on the page")
    image, _, done = damage(sheet.image, rng, "light", BODY, margin * 0.6, look.paper)
    folder = Path(__file__).resolve().parent.parent / "examples"
    folder.mkdir(exist_ok=True)
    image.save(folder / "page.png", optimize=True)
    (folder / "page.md").write_text(to_markdown(sheet.blocks).strip() + "\n", encoding="utf-8")
    print(f"examples/page.png {image.size}, damages: {done}")


if __name__ == "__main__":
    main()
