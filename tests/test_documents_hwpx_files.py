"""HWPX files as a whole: what is refused, damaged and mutated ones, real ones, those of other libraries."""

from __future__ import annotations

import os
import re
import zipfile
from collections import Counter
from pathlib import Path
from xml.etree import ElementTree

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from adotx.documents.sources import open_pages
from adotx.errors import AdotxError
from adotx.markdown import Block, Heading, Paragraph, Table, to_markdown
from office_files import cell, hwpx, markdown, numbered_head, p, packed, png, reading, says, tbl

SHARED = Path(os.environ.get("ADOTX_SHARED", Path(__file__).parents[2] / "shared"), "hwpx")
FILES = sorted(SHARED.glob("*.hwpx"))
_HP = "{http://www.hancom.co.kr/hwpml/2011/paragraph}"


# Packages


def _refusal(path: Path, **options: object) -> AdotxError:
    with pytest.raises(AdotxError) as caught:
        reading(path, **options)
    assert "\n" not in str(caught.value) and str(caught.value).count(str(path)) == 1
    return caught.value


def test_a_bomb_is_refused(tmp_path: Path) -> None:
    large = packed(tmp_path / "a.hwpx", {"Contents/section0.xml": b"<sec>" + b" " * (65 << 20) + b"</sec>"})
    assert _refusal(large).code == "package.too_large"
    entities = '<!DOCTYPE s [<!ENTITY a "ha"><!ENTITY b "&a;&a;">]><sec><p><run><t>&b;</t></run></p></sec>'
    assert (
        _refusal(packed(tmp_path / "b.hwpx", {"Contents/section0.xml": entities})).code == "package.damaged"
    )
    outside = '<!DOCTYPE s SYSTEM "file:///etc/passwd"><sec/>'
    assert _refusal(packed(tmp_path / "c.hwpx", {"Contents/section0.xml": outside})).code == "package.damaged"
    deep = "<a>" * 9999 + "</a>" * 9999
    assert _refusal(packed(tmp_path / "d.hwpx", {"Contents/section0.xml": deep})).code == "package.damaged"
    many = "<sec>" + "<p/>" * 1_100_000 + "</sec>"
    assert _refusal(packed(tmp_path / "e.hwpx", {"Contents/section0.xml": many})).code == "package.damaged"


def test_a_package_that_is_cut_short_is_one_line(tmp_path: Path) -> None:
    (tmp_path / "a.odt").write_bytes(b"PK\3\4")
    assert str(_refusal(tmp_path / "a.odt")).count("cut short") == 1


def test_paths_that_lead_outside_are_only_names(tmp_path: Path) -> None:
    secret = tmp_path / "secret.png"
    secret.write_bytes(png(99, 99))
    content = (
        f'<package><manifest><item id="a" href="../../{secret}"/><item id="b" href="{secret}" isEmbeded="0"/>'
        "</manifest></package>"
    )
    shown = "".join(p(f'<hp:pic><hc:img binaryItemIDRef="{name}"/></hp:pic>') for name in "ab")
    assert "99" not in markdown(
        hwpx(tmp_path / "a.hwpx", p("글") + shown, **{"Contents__content.hpf": content})
    )


def test_what_is_no_hwpx_says_what_it_is(tmp_path: Path) -> None:
    assert _refusal(packed(tmp_path / "a.hwpx", {"readme.txt": "hello"})).code == "package.unknown"
    (tmp_path / "b.hwpx").write_bytes(b"PK\x03\x04" + b"\0" * 100)
    assert _refusal(tmp_path / "b.hwpx").code == "package.damaged"
    assert (
        _refusal(packed(tmp_path / "c.hwpx", {"Contents/content.hpf": "<package/>"})).code
        == "hwpx.no_sections"
    )
    broken = hwpx(tmp_path / "d.hwpx", "<hp:p>")
    assert _refusal(broken).code == "package.damaged"


def test_one_damaged_section_of_several_costs_no_other(tmp_path: Path) -> None:
    file = hwpx(tmp_path / "a.hwpx", p("글"), **{"Contents__section1.xml": "<sec><p>"})
    [page] = open_pages(file)
    assert page.given is not None and (found := page.given(says)) is not None
    assert found.blocks == (Paragraph.of("글"),) and len(page.missing) == 1


def _whole() -> str:
    return "".join(
        (
            p("제1장 총칙"),
            p("1. 하나", "1"),
            p(tbl(cell(0, 0, p("가"), rows=2) + cell(0, 1, p("나")), cell(1, 1, p("다")))),
            p(
                "<hp:equation><hp:script>a over b</hp:script></hp:equation>"
                '<hp:pic><hc:img binaryItemIDRef="a"/></hp:pic>'
            ),
            p(
                '<hp:ctrl><hp:footNote number="1"><hp:subList>'
                "<hp:p><hp:run><hp:t>주</hp:t></hp:run></hp:p></hp:subList>"
                "</hp:footNote></hp:ctrl>"
            ),
        )
    )


@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.data())
def test_mutated_files_are_read_or_refused(tmp_path: Path, data: st.DataObject) -> None:
    file = hwpx(
        tmp_path / "a.hwpx", _whole(), numbered_head(("DIGIT", "^1.")), **{"BinData__a.png": png(30, 30)}
    )
    if data.draw(st.booleans()):
        parts = {info.filename: zipfile.ZipFile(file).read(info) for info in zipfile.ZipFile(file).infolist()}
        name = data.draw(st.sampled_from(sorted(parts)))
        parts[name] = _mutated(parts[name], data)
        packed(file, parts)
    else:
        file.write_bytes(_mutated(file.read_bytes(), data))
    try:
        pages = list(open_pages(file))
        for page in pages:
            if page.given is not None:
                page.given(says)
    except AdotxError as error:
        assert "\n" not in str(error)


def _mutated(content: bytes, data: st.DataObject) -> bytes:
    changed = bytearray(content)
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, max(0, len(changed) - 1)))
        length = data.draw(st.integers(0, 30))
        changed[at : at + length] = data.draw(
            st.binary(max_size=8)
            | st.sampled_from([b"-1", b"99999999999", b"<hp:p>", b"</hp:run>", b'"', b"&amp;"])
        )
    return bytes(changed)


# Files of other people


def _texts(blocks: tuple[Block, ...]) -> str:
    text = re.sub(r"\\([!-/:-@\[-`{-~])", r"\1", to_markdown(blocks).replace("<br>", "").replace("**", ""))
    return "".join(text.replace("&lt;", "<").replace("&gt;", ">").replace("&amp;", "&").split())


@pytest.mark.skipif(not FILES, reason="needs ../shared")
@pytest.mark.parametrize("file", FILES, ids=lambda file: file.stem)
def test_real_files_are_read_whole(file: Path) -> None:
    if file.stem == "kordoc_password":
        assert _refusal(file).code == "hwpx.encrypted"
        return
    blocks = tuple(reading(file).blocks)
    said = _texts(blocks)
    spans: Counter[tuple[int, int]] = Counter()
    with zipfile.ZipFile(file) as package:
        for name in package.namelist():
            if not re.search(r"section\d+\.xml$", name):
                continue
            root = ElementTree.fromstring(package.read(name))
            for run in root.iter(f"{_HP}t"):
                if next(run.iter(f"{_HP}deleteBegin"), None) is None:
                    assert all("".join(text.split()) in said for text in run.itertext()), file
            for span in root.iter(f"{_HP}cellSpan"):
                spans[int(span.attrib["colSpan"]), int(span.attrib["rowSpan"])] += 1
    found = Counter(
        (int(dict(attributes).get("colspan", 1)), int(dict(attributes).get("rowspan", 1)))
        for attributes in (
            re.findall(r'(\w+)="(\d+)"', tag) for tag in re.findall(r"<t[hd]([^>]*)>", to_markdown(blocks))
        )
    )
    merged = {span: count for span, count in spans.items() if span != (1, 1)}
    assert {span: count for span, count in found.items() if span != (1, 1)} == merged


@pytest.mark.skipif(not FILES, reason="needs ../shared")
def test_an_encrypted_file_opens_with_its_password_only() -> None:
    pytest.importorskip("cryptography")
    file = SHARED / "kordoc_password.hwpx"
    assert "97 안내문" in markdown(file, password="123456")
    assert _refusal(file, password="1234567").code == "hwpx.password"


# Files made by libraries


def test_round_trip_with_python_hwpx(tmp_path: Path) -> None:
    made = pytest.importorskip("hwpx.document").HwpxDocument.new()
    made.paragraphs[0].text = "시험 문서"
    made.add_heading("총칙", 1)
    made.add_heading("목적", 2)
    body = made.add_paragraph("본문입니다", inherit_style=False)
    made.notes.add_footnote("각주 글", body)
    changed = made.add_paragraph("고친 글: ", inherit_style=False)
    made.tracking.insert(changed, "넣은 말")
    table = made.add_table(3, 3)
    for row in range(3):
        for column in range(3):
            table.set_cell_text(row, column, f"칸{row}{column}")
    table.merge_cells(0, 0, 0, 1)
    table.merge_cells(1, 2, 2, 2)
    table.cell(1, 0).add_table(1, 2).set_cell_text(0, 0, "안쪽")
    line = made.add_paragraph("수식 ", inherit_style=False)
    line.add_equation("{a} over {b}")
    line.add_dutmal("漢字", "한자")
    line.add_composed_character("7")
    made.save_to_path(tmp_path / "a.hwpx")
    blocks = reading(tmp_path / "a.hwpx").blocks
    assert [to_markdown([b]) for b in blocks if not isinstance(b, Table)] == [
        "시험 문서",
        "# 1. 총칙",
        "## 가. 목적",
        "본문입니다¹⁾",
        "고친 글: 넣은 말",
        r"수식 $\frac{a}{b}$漢字(한자)⑦",
        "1) 각주 글",
    ]
    [found] = [b for b in blocks if isinstance(b, Table)]
    spans = {each.text.split("\n")[0]: (each.colspan, each.rowspan) for _, _, each in found.placed()}
    assert spans["칸00"] == (2, 1) and spans["칸12"] == (1, 2) and spans["칸11"] == (1, 1)
    assert any(isinstance(part, Table) for _, _, each in found.placed() for part in each.inner)


def test_round_trip_with_md2hwpx(tmp_path: Path) -> None:
    converter = pytest.importorskip("md2hwpx.converter_api")
    source = "# 제목\n\n본문 **굵게** 끝.\n\n| 가 | 나 |\n| --- | --- |\n| 1 | 2 |\n"
    converter.convert_string(source, str(tmp_path / "a.hwpx"))
    blocks = reading(tmp_path / "a.hwpx").blocks
    assert any(isinstance(b, Table) and b.texts == (("가", "나"), ("1", "2")) for b in blocks)
    assert any(isinstance(b, Paragraph) and b.text == "본문 굵게 끝." for b in blocks)
    assert any(isinstance(b, Heading) and "제목" in b.text for b in blocks)
