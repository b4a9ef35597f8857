"""Office documents over HTTP: uploads are read, limits hold, refusals are the client's."""

from __future__ import annotations

from pathlib import Path

from office_files import hwpx, p, packed, png
from test_server_documents import PATH, reading


def test_a_hwpx_upload_gives_its_text_without_a_size(tmp_path: Path) -> None:
    file = hwpx(tmp_path / "a.hwpx", p("가나다") + p('<hp:pic><hc:img binaryItemIDRef="a"/></hp:pic>'))
    packed_again = packed(
        tmp_path / "b.hwpx", {**_parts(file), "BinData/a.png": png(round(101 * 200 / 72), 90)}
    )
    with reading(tmp_path / "model") as (client, _):
        found = client.post(PATH, files={"file": packed_again.read_bytes()}).json()
        assert found["status"] == "ok" and found["markdown"].startswith("가나다\n")
        [page] = found["pages"]
        assert page["text_source"] == "hwpx" and page["width"] is None and "합계" in page["markdown"]
        told = client.post(PATH, files={"file": packed_again.read_bytes()}, data={"stream": "true"}).text
        assert "page.opened" not in told and "page.completed" in told and "document.completed" in told


def test_refusals_are_told_without_paths_of_ours(tmp_path: Path) -> None:
    bomb = packed(tmp_path / "a.hwpx", {"Contents/section0.xml": b"<sec>" + b" " * (65 << 20) + b"</sec>"})
    unknown = packed(tmp_path / "b.zip", {"a.txt": "x"})
    with reading(tmp_path / "model") as (client, _):
        for file, code in ((bomb, "package.too_large"), (unknown, "package.unknown")):
            answer = client.post(PATH, files={"file": file.read_bytes()})
            assert answer.status_code == 400 and answer.json()["error"]["code"] == code
            assert "/tmp" not in answer.text and "document" not in answer.json()["error"]["param"]


def _parts(file: Path) -> dict[str, str | bytes]:
    import zipfile

    with zipfile.ZipFile(file) as package:
        return {name: package.read(name) for name in package.namelist()}
