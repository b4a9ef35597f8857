"""Errors: the exception itself, its Korean twins (compared in the source), and what a Korean user sees."""

from __future__ import annotations

import copy
import os
import pickle
import re
import subprocess
import sys
from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from adotx.cli import DONE, REFUSED
from adotx.cli.errors import error_text, fields, in_korean
from adotx.cli.errors import korean as korean_sentence
from adotx.cli.korean import ERRORS as KOREAN
from adotx.cli.sentences import KOREAN as KOREAN_SENTENCES
from adotx.errors import AdotxError, Sentence, joined
from checkpoint_toys import toy_checkpoint
from error_sites import NOT_SITES, SENTENCE_FILES, SOURCE, Site, sentences, sites

SITES = list(sites())
TEXT = st.text() | st.sampled_from(["{", "}", "{0}", "{what!r}", "{{x}}", "가\n나", "\u2028", "%s", "\\"])


def chosen(code: str, values: frozenset[str]) -> int | None:
    """Which of the code's Korean texts is taken where these values are given."""
    fitting = (i for i, pair in enumerate(KOREAN[code]) if fields(pair[0]) | fields(pair[1]) <= values)
    return next(fitting, None)


class TestError:
    def test_one_line(self) -> None:
        error = AdotxError("a.b", "{width:,} x {height:,} px\nis {how!r}", "dir/가.png", "use {tool}",
                           width=12000, height=5, how="big", tool="x")  # fmt: skip
        assert str(error) == "dir/가.png: 12,000 x 5 px is 'big' (use x)"
        assert (
            error.what == "12,000 x 5 px\nis 'big'"
            and error.remedy == "use x"
            and error.values["height"] == 5
        )
        assert str(AdotxError("a.b", "is bad")) == "is bad"

    def test_without_values_texts_are_literal(self) -> None:
        assert str(AdotxError("a.b", "a {", "{w}", 'give {"role": ...}')) == '{w}: a { (give {"role": ...})'

    @given(TEXT, TEXT, st.none() | TEXT)
    def test_values_are_never_formatted_again(self, value: str, other: str, where: str | None) -> None:
        error = AdotxError("a.b", "<{value}|{other}>", where, "<{value}>", value=value, other=other)
        assert error.what == f"<{value}|{other}>" and error.remedy == f"<{value}>"
        assert len(str(error).splitlines()) == 1
        korean = error_text(AdotxError("corpus.unknown", "", where, name=value, known=other), "ko")
        assert len(korean.splitlines()) == 1 and " ".join(other.split()) in korean

    @given(TEXT, st.none() | TEXT)
    def test_copies(self, value: str, where: str | None) -> None:
        error = AdotxError("a.b", "<{value}> {n:,}", where, "remedy {n}", value=value, n=1234)
        for twin in (copy.copy(error), copy.deepcopy(error), pickle.loads(pickle.dumps(error))):
            assert type(twin) is AdotxError and str(twin) == str(error)
            assert (twin.code, twin.where, twin.values) == (error.code, error.where, error.values)
            assert str(twin.at("there")) == str(error.at("there"))

    def test_at(self) -> None:
        error = AdotxError("a.b", "{n:,} of them", "here", "use {{{n}}}", n=1000).at("there")
        assert str(error) == "there: 1,000 of them (use {1000})" and error.values == {"n": 1000}


class TestTwins:
    def test_all_sites_are_found(self) -> None:
        files = [
            path for path in SOURCE.rglob("*.py") if path.relative_to(SOURCE).as_posix() not in NOT_SITES
        ]
        assert len(SITES) == sum(path.read_text(encoding="utf-8").count("AdotxError(") for path in files)

    @pytest.mark.parametrize("site", SITES, ids=lambda site: site.place)
    def test_a_site_has_a_twin(self, site: Site) -> None:
        assert site.literal, "give texts as literals; numbers and names are values"
        assert site.codes, "give the code as a literal, or list it in error_sites.VARIABLE_CODES"
        for code in site.codes:
            assert code in KOREAN, f"{code} has no Korean text in cli/korean"
            assert chosen(code, site.values) is not None, (
                f"{code} lacks a Korean text over {set(site.values)}"
            )

    @pytest.mark.parametrize("site", [site for site in SITES if site.values], ids=lambda site: site.place)
    def test_templates_fit_the_values(self, site: Site) -> None:
        english = {name for text in (*site.whats, *site.remedies) for name in fields(text)}
        taken = [KOREAN[code][chosen(code, site.values) or 0] for code in site.codes]
        korean = {name for pair in taken for text in pair for name in fields(text)}
        assert english <= site.values
        assert site.values <= english | korean, "a value that no text shows"

    def test_no_twin_without_a_code(self) -> None:
        assert KOREAN.keys() == {code for site in SITES for code in site.codes}

    @pytest.mark.parametrize("code", KOREAN)
    def test_every_korean_text_is_used(self, code: str) -> None:
        used = {chosen(code, site.values) for site in SITES if code in site.codes}
        assert used == set(range(len(KOREAN[code])))

    @pytest.mark.parametrize("code", KOREAN)
    def test_korean_texts_are_polite_and_end_without_a_period(self, code: str) -> None:
        for what, remedy in KOREAN[code]:
            assert re.search(r"다(\W|$)", what) and not what.endswith("."), what
            assert remedy is None or (re.search(r"[요다](\W|$)", remedy) and not remedy.endswith(".")), remedy


class TestSentences:
    """Reports and explanations: every English template has a Korean one over the same fields."""

    def test_all_files_are_read(self) -> None:
        makers = {
            path.relative_to(SOURCE).as_posix()
            for path in SOURCE.rglob("*.py")
            if re.search(r"[^.\w]Sentence\(", path.read_text(encoding="utf-8"))
        }
        assert makers == set(SENTENCE_FILES)

    def test_twins(self) -> None:
        said = dict(reversed(item) for item in sentences())
        assert len(said) > 60
        assert {template: place for template, place in said.items() if template not in KOREAN_SENTENCES} == {}
        assert KOREAN_SENTENCES.keys() - said.keys() == set()

    @pytest.mark.parametrize("english", KOREAN_SENTENCES)
    def test_same_fields(self, english: str) -> None:
        assert fields(english) == fields(KOREAN_SENTENCES[english])

    def test_nested(self) -> None:
        inner = Sentence("{positions:,} positions", positions=8192)
        outer = Sentence(
            "{context}; the largest image takes {image:,}: room for {fit}", context=inner, image=9, fit=1
        )
        assert korean_sentence(outer) == "위치 8,192개. 가장 큰 이미지가 9개를 차지해 1장까지 들어갑니다"
        assert korean_sentence(Sentence("not known {n}", n=1)) == "not known 1" and korean_sentence(7) == 7

    def test_joined(self) -> None:
        error = AdotxError("file.missing", "no such file", "a", "check the path")
        told = joined([Sentence("the page"), Sentence("{error}", error=error)])
        assert told == "the page; a: no such file (check the path)"
        assert korean_sentence(told) == "쪽 전체; a: 파일이 없습니다 (경로를 확인하세요)"
        assert joined([]) == "" and joined([Sentence("the page")]) == "the page"

    @given(TEXT)
    def test_copies(self, value: str) -> None:
        sentence = Sentence("<{value}>", value=value)
        for twin in (copy.deepcopy(sentence), pickle.loads(pickle.dumps(sentence))):
            assert twin == sentence == f"<{value}>" and twin.template == "<{value}>"
            assert twin.values == {"value": value}


class TestLanguages:
    def test_english_as_it_came(self) -> None:
        assert (
            error_text(AdotxError("file.missing", "no such file", "a", "look"), "en")
            == "error: a: no such file (look)"
        )

    def test_korean_by_code(self) -> None:
        error = AdotxError("image.too_many_bytes", "", "가.png", size=12345, limit=1000)
        assert error_text(error, "ko") == (
            "오류: 가.png: 파일이 12,345바이트 이상으로 한도 1,000바이트를 넘습니다 (더 작게 저장하세요)"
        )
        assert in_korean(error).code == error.code and in_korean(error).where == error.where

    def test_braces_in_korean_texts(self) -> None:
        for code in ("chat.message", "chat.tools", "chat.tool_calls"):
            assert '{"' in error_text(AdotxError(code, "x"), "ko") and "{{" not in error_text(
                AdotxError(code, "x"), "ko"
            )

    def test_what_is_not_known_stays_english(self) -> None:
        assert error_text(AdotxError("no.such", "odd", "here"), "ko") == "오류: here: odd"
        assert error_text(ValueError("odd"), "ko") == "오류: odd"


def locked_pdf() -> bytes:
    """A page whose password nobody knows: the owner's and user's keys (32 bytes each) are of no password."""
    objects = (
        b"<</Type/Catalog/Pages 2 0 R>>",
        b"<</Type/Pages/Kids[3 0 R]/Count 1>>",
        b"<</Type/Page/Parent 2 0 R/MediaBox[0 0 72 72]>>",
        b"<</Filter/Standard/V 1/R 2/P -4/O<" + b"00" * 32 + b">/U<" + b"11" * 32 + b">>>",
    )
    out, offsets = b"%PDF-1.4\n", []
    for number, body in enumerate(objects, 1):
        offsets.append(len(out))
        out += b"%d 0 obj\n%s\nendobj\n" % (number, body)
    table = b"xref\n0 5\n0000000000 65535 f \n" + b"".join(b"%010d 00000 n \n" % at for at in offsets)
    trailer = b"trailer<</Size 5/Root 1 0 R/Encrypt 4 0 R/ID[<00><00>]>>\nstartxref\n%d\n%%%%EOF" % len(out)
    return out + table + trailer


def korean(*args: str | Path) -> subprocess.CompletedProcess[str]:
    return subprocess.run(
        [sys.executable, "-m", "adotx", *map(str, args)],
        capture_output=True,
        encoding="utf-8",
        env={**os.environ, "ADOTX_LANG": "ko"},
        check=False,
    )


class TestCommandLine:
    """Whole runs in Korean: no English sentence, and the exit code of a refusal."""

    def test_help_loads_no_tables(self) -> None:
        code = "import sys; from adotx.cli import run; run(['-h']); print(*sys.modules, file=sys.stderr)"
        done = subprocess.run([sys.executable, "-c", code], capture_output=True, encoding="utf-8", check=True)
        assert not {"adotx.cli.errors", "adotx.cli.korean", "adotx.cli.sentences", "numpy"} & set(
            done.stderr.split()
        )

    def test_missing_file(self, tmp_path: Path) -> None:
        done = korean("transcribe", tmp_path / "없음.png")
        assert done.returncode == REFUSED and not done.stdout
        assert f"오류: {tmp_path / '없음.png'}: 파일이 없습니다 (경로를 확인하세요)" in done.stderr

    def test_report(self) -> None:
        done = korean("validate", "nano")
        assert done.returncode == DONE and done.stdout.endswith("nano: 결함이 없습니다\n")
        words = re.findall(r"[a-z]{3,}", re.sub(r"\S*[._|]\S*", "", done.stdout))
        assert set(words) <= {"nano", "bf", "int", "dpi", "KV", "json", "config"}

    def test_contradiction(self, tmp_path: Path) -> None:
        done = korean("tokens", "안녕", "-m", toy_checkpoint(tmp_path, {"image_token_index": 400}))
        assert done.returncode == REFUSED
        assert (
            "설정값이 서로 맞지 않습니다: image_token_index 400번은 토큰 320개인 어휘에 없습니다"
            in done.stderr
        )

    def test_encrypted_pdf(self, tmp_path: Path) -> None:
        path = tmp_path / "locked.pdf"
        path.write_bytes(locked_pdf())
        done = korean("transcribe", path)
        assert done.returncode == REFUSED
        assert f"오류: {path}: 암호로 보호된 PDF입니다 (--password로 암호를 주세요)" in done.stderr

    def test_unknown_model(self, tmp_path: Path) -> None:
        done = korean("tokens", "안녕", "--model", "skt/no-such-model")
        assert done.returncode == REFUSED and "체크포인트 디렉터리가 없습니다" in done.stderr
        assert "--online" in done.stderr and "error" not in done.stderr

    @pytest.mark.parametrize(
        ("args", "says"),
        [
            (["transcribe"], "오류: 인자가 없습니다: 'PATH'"),
            (["transcribe", "--ou"], "오류: 그런 옵션은 없습니다: --ou"),
            (["transcrib"], "오류: 그런 명령은 없습니다: 'transcrib'"),
            (["ask", "a", "b", "c"], "오류: 남는 인자가 있습니다: c"),
            (["ask", "a", "b", "--seed"], "오류: 옵션 '--seed'에 값이 없습니다."),
            (["ask", "a", "b", "-w", "f8"], "'f8' 대신 'int8', 'int4', 'bf16', 'f32' 중 하나를 쓰세요."),
            (["ask", "a", "b", "--max-tokens", "0"], "1 이상이어야 합니다."),
        ],
    )
    def test_usage(self, args: list[str], says: str) -> None:
        done = korean(*args)
        assert done.returncode == REFUSED and not done.stdout and says in done.stderr
        assert not re.search(r"Usage|Error|Try |Missing|Invalid", done.stderr)
