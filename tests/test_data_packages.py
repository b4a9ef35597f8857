"""Readers for text inside packages: catalogues and translation files."""

from __future__ import annotations

import json
import struct
from pathlib import Path

import pytest

from adotx.data.corpora import keyed
from adotx.data.packages import catalogue_pairs, json_pairs, read_mo
from adotx.errors import AdotxError


def _mo(path: Path, messages: dict[str, str], order: str = "<") -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    pairs = sorted((key.encode(), value.encode()) for key, value in messages.items())
    at, body, tables = 28 + 16 * len(pairs), b"", [b"", b""]
    for side in (0, 1):
        for pair in pairs:
            tables[side] += struct.pack(f"{order}2I", len(pair[side]), at + len(body))
            body += pair[side] + b"\0"
    head = struct.pack(f"{order}7I", 0x950412DE, 0, len(pairs), 28, 28 + 8 * len(pairs), 0, 0)
    path.write_bytes(head + tables[0] + tables[1] + body)


@pytest.mark.parametrize("order", ["<", ">"])
def test_catalogues(tmp_path: Path, order: str) -> None:
    messages = {
        "": "Language: ko\n",
        "_File": "파일(_F)",
        "menu\x04Open a file": "파일을 엽니다",
        "%d files": "파일 %d개",
        "a file\0files": "파일\0파일들",
        "<b>Bold</b>": "<b>굵게</b>",
        "Untranslated": "Untranslated",
    }
    _mo(tmp_path / "usr/share/locale/ko/LC_MESSAGES/app.mo", messages, order)
    _mo(tmp_path / "usr/share/locale/de/LC_MESSAGES/app.mo", {"File": "파일"}, order)
    found = list(catalogue_pairs(tmp_path, "app", "GPL-2.0-or-later"))
    assert {(p.en, p.ko) for p in found} == {
        ("File", "파일"),
        ("Open a file", "파일을 엽니다"),
        ("a file", "파일"),
    }
    assert all(p.source == "app" and p.key == keyed("pairs", p.en) for p in found)


def test_json_files(tmp_path: Path) -> None:
    (tmp_path / "en.json").write_text(
        json.dumps({"a": {"b": "Restart now", "c": "{n} left"}, "d": "Only here"})
    )
    (tmp_path / "ko.json").write_text(json.dumps({"a": {"b": "지금 다시 시작", "c": "{n}개 남음"}}))
    (pair,) = json_pairs(tmp_path / "en.json", tmp_path / "ko.json", "app", "Apache-2.0")
    assert (pair.en, pair.ko) == ("Restart now", "지금 다시 시작")


def test_errors_name_the_file(tmp_path: Path) -> None:
    (tmp_path / "ko.mo").write_bytes(b"nothing")
    _mo(tmp_path / "cut.mo", {"File": "파일"})
    (tmp_path / "cut.mo").write_bytes((tmp_path / "cut.mo").read_bytes()[:-8])
    for call in (
        lambda: list(catalogue_pairs(tmp_path, "a", "MIT")),
        lambda: list(read_mo(tmp_path / "cut.mo")),
        lambda: list(json_pairs(tmp_path / "en.json", tmp_path / "ko.json", "a", "MIT")),
    ):
        with pytest.raises(AdotxError) as caught:
            call()
        assert str(tmp_path) in str(caught.value) and caught.value.remedy
