"""Scores beside a peer: digits and doubt, text without marks, the best setting of a kind."""

from __future__ import annotations

import json
import random
from pathlib import Path

import pytest

from adotx.cli import DONE, REFUSED, run
from adotx.evaluate import peers
from adotx.evaluate.bare import bare
from adotx.evaluate.cer import edit_distance
from adotx.evaluate.digits import Digits, count_digits, edits, without_marks
from adotx.evaluate.transcription import Answer, Sample, score

TRUTH = "가나다라마바사"


@pytest.mark.parametrize(
    ("said", "true", "wrong", "silent"),
    [
        ("12,300원", "12,300원", 0, 0),
        ("12,800원", "12,300원", 1, 1),
        ("<mark>12,800</mark>원", "12,300원", 1, 0),
        ("값 12,300원, <mark>5</mark>개", "값 12,800원, 5개", 1, 1),  # another figure is marked
        ("2,300원", "12,300원", 1, 1),
        ("<mark>2,300</mark>원", "12,300원", 1, 0),  # the figure that lacks a digit is marked
        ("112,300원", "12,300원", 1, 1),  # one too many
        ("사과 l개", "사과 1개", 1, 1),
        ("3012개", "3이2개", 2, 2),  # a figure that has swallowed a letter
        ("사과는 0l", "사과는 이", 0, 0),  # a wrong letter, no figure
        ("| 값 |\n| --- |\n| <mark>71</mark> |", "| 값 |\n| --- |\n| 11 |", 1, 0),
    ],
)
def test_wrong_digits_and_silent_ones(said: str, true: str, wrong: int, silent: int) -> None:
    found = count_digits(said, true)
    assert (found.wrong, found.silent) == (wrong, silent)
    assert found.true == sum(char.isdigit() for char in true)


def test_doubt_is_counted_and_seen_by_no_other_score() -> None:
    said = "값은 <mark>12</mark>원과 345원"
    assert count_digits(said, "값은 12원과 345원") == Digits(5, 0, 0, 5, 2)
    found = score(Sample("a", "", "값은 12원과 345원", None), Answer(said))
    assert found.cer == found.text_cer == 0 and without_marks(said) == "값은 12원과 345원"
    assert Digits(1, 2, 3, 4, 5) + Digits(1, 1, 1, 1, 1) == Digits(2, 3, 4, 5, 6)


def test_edits_are_a_least_set_that_turns_one_text_into_the_other() -> None:
    rng = random.Random(4)
    for _ in range(60):
        said, true = ("".join(rng.choices("ab1", k=rng.randint(0, 12))) for _ in range(2))
        found = edits(said, true)
        assert len(found) == edit_distance(said, true)
        text = said
        for place, at, one, other in found:  # from the end: places before are not moved
            assert text[place : place + len(one)] == one and true[at : at + len(other)] == other
            text = text[:place] + other + text[place + len(one) :]
        assert text == true


def test_a_text_is_bared_of_its_marks() -> None:
    marked = "# 가\n\n- 나\n\n1. 다\n\n| 라 | 마 |\n| --- | --- |\n| 바 | 사 |\n\n키: 값\n열: 쇠\n\n"
    marked += "<table><tr><td>아</td></tr></table>"
    assert bare(marked).split() == [
        "가",
        "나",
        "1.",
        "다",
        "라",
        "마",
        "바",
        "사",
        "키:",
        "값",
        "열:",
        "쇠",
        "아",
    ]


@pytest.fixture
def pages(tmp_path: Path) -> Path:
    """Two kinds of two pages."""
    for kind in ("prose", "table"):
        for number in range(2):
            (tmp_path / "pages" / kind).mkdir(parents=True, exist_ok=True)
            (tmp_path / "pages" / kind / f"{number}.md").write_text(TRUTH, "utf-8")
            (tmp_path / "pages" / kind / f"{number}.png").write_bytes(b"")
    return tmp_path / "pages"


def test_a_peer_counts_by_its_best_setting_of_a_kind(pages, tmp_path, monkeypatch, capsys) -> None:
    best = {"prose": "kor 6", "table": "kor+eng 11"}
    asked = []

    def tesseract(program, setting):
        def read(sample):
            asked.append((sample.name, setting))
            return Answer(TRUTH if best[sample.kind] == setting else "가나다", ("ok",), 1.0)

        return read

    monkeypatch.setattr(peers, "find_tesseract", lambda: "tesseract")
    monkeypatch.setattr(peers, "tesseract", tesseract)
    (tmp_path / "answers").mkdir()
    call = ["evaluate", "transcription", str(pages), "--answers", str(tmp_path / "answers")]
    call += ["--peer", "tesseract", "--peer-tries", "1", "--peer-answers", str(tmp_path / "kept")]
    call += ["--json", str(tmp_path / "report.json")]
    run(call)
    # All settings on the first page of a kind, the best one alone on the second.
    assert len(asked) == 2 * (8 + 1)
    shown = capsys.readouterr().out.splitlines()
    assert len(shown) == 2 + 2 * 3 and "| prose | tesseract kor 6 | 2 | 0.0000" in shown[3]
    assert "| table | tesseract kor+eng 11 | 2 | 0.0000" in shown[5] and shown[5].endswith("| 1.00 |")
    assert shown[2].startswith(f"| prose | {tmp_path / 'answers'} | 2 | 1.0000")
    report = json.loads((tmp_path / "report.json").read_text("utf-8"))
    assert report["settings"] == best and len(report["tesseract"]["pages"]) == 4
    run([*call, "--kind", "table", "--limit", "1"])
    table = capsys.readouterr().out.splitlines()
    assert len(asked) == 18, "answers that are kept are not read again"
    assert json.loads((tmp_path / "kept" / "settings.json").read_text("utf-8")) == best
    for path in (tmp_path / "kept" / "tesseract-kor-6" / "prose").iterdir():
        path.unlink()
    run([*call, "--kind", "prose"])
    assert len(asked) == 20, "nor is a setting chosen again"
    capsys.readouterr()
    assert len(table) == 2 + 2 * 2 and "| table | tesseract kor+eng 11 | 1 |" in table[3]
    assert run([*call, "--kind", "poem"]) == REFUSED and "prose, table" in capsys.readouterr().err


def test_a_peer_that_is_not_there_is_an_error_with_a_remedy(pages, tmp_path, monkeypatch, capsys) -> None:
    monkeypatch.setattr(peers.shutil, "which", lambda name: None)
    call = ["evaluate", "transcription", str(pages), "--answers", str(pages), "--peer", "tesseract"]
    assert run(call) == REFUSED
    assert "apt-get install tesseract-ocr" in capsys.readouterr().err
    assert run(call[:5]) == DONE


def test_the_table_is_written_into_a_card(pages, tmp_path, capsys) -> None:
    card = tmp_path / "README.md"
    card.write_text("# nano\n\n<!-- scores -->\nold\n<!-- /scores -->\n\nLicence\n", "utf-8")
    call = ["evaluate", "transcription", str(pages), "--answers", str(pages), "--card", str(card)]
    for _ in range(2):  # again and again
        assert run(call) == DONE
        shown = capsys.readouterr().out.strip()
        text = card.read_text("utf-8")
        assert text == f"# nano\n\n<!-- scores -->\n\n{shown}\n\n<!-- /scores -->\n\nLicence\n"
    card.write_text("# nano\n", "utf-8")
    assert run(call) == REFUSED and "<!-- scores -->" in capsys.readouterr().err


def test_every_page_mode_and_language_is_asked(tmp_path, monkeypatch) -> None:
    from PIL import Image

    commands = []

    def run_program(command, **_):
        commands.append(command)
        return peers.subprocess.CompletedProcess(command, 0, b"\xea\xb0\x80\x0c", b"")

    monkeypatch.setattr(peers, "find_tesseract", lambda: "tesseract")
    monkeypatch.setattr(peers.subprocess, "run", run_program)
    picture, scan = tmp_path / "a.png", tmp_path / "b.tif"
    frames = [Image.new("L", (20, 20), 255)] * 2
    frames[0].save(picture)
    frames[0].save(scan, save_all=True, append_images=frames[1:])
    readers = peers.tesseract_readers()
    answer = readers["kor+eng 11"](Sample("a", "", "", picture))
    assert answer.markdown == "가" and answer.statuses == ("ok",)
    assert commands == [["tesseract", str(picture), "stdout", "-l", "kor+eng", "--psm", "11"]]
    assert readers["kor 3"](Sample("b", "", "", scan)).statuses == ("ok", "ok"), "a page each"
    assert len(readers) == len(peers.LANGUAGES) * len(peers.MODES)


def test_peers_are_those_of_the_command_line() -> None:
    from adotx.cli.options import Peer

    assert {peer.value for peer in Peer} == set(peers.PEERS)
