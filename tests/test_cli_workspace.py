"""`adotx transcribe --out`: nothing that was done is lost, nothing is half, nothing is done twice."""

from __future__ import annotations

import json
import os
import random
import resource
import signal
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

import workspace_calls as calls
from adotx.cli import DONE, FINDING, REFUSED
from adotx.cli.memory import PageMemory
from adotx.documents.readers import TextLine
from adotx.documents.records import from_line, to_line
from adotx.documents.transcribe import PageResult
from adotx.errors import AdotxError, Sentence, joined
from adotx.markdown import Cell, Code, Fields, Figure, Formula, Heading, Item, Paragraph, Span, Table
from documents_lines import Pages
from workspace_calls import answers, lines, process, transcribe, wait_for

pages, scan = calls.pages, calls.scan
posix = pytest.mark.skipif(os.name != "posix", reason="needs signals")


BOOK = [f"BOOK {n}" for n in range(1, 41)]

TEXT = st.text(st.characters(), max_size=12)  # surrogates, as of file names, included
# Seconds are never -0.0, which equals the default and is left out with it.
NUMBER = st.floats(allow_nan=False).map(lambda number: number + 0.0)
BLOCKS = st.one_of(
    st.builds(Heading, st.tuples(st.builds(Span, TEXT, st.booleans()))),
    st.builds(Paragraph, st.tuples(st.builds(Span, TEXT)), box=st.tuples(*[NUMBER] * 4), confidence=NUMBER),
    st.builds(Item, st.tuples(st.builds(Span, TEXT)), TEXT, st.integers(0, 3)),
    st.builds(Code, st.lists(TEXT).map(tuple)),
    st.builds(Fields, st.lists(st.tuples(TEXT, TEXT)).map(tuple), TEXT),
    st.builds(Table, st.lists(st.lists(st.builds(Cell, TEXT), max_size=2).map(tuple), max_size=2).map(tuple)),
    st.builds(Formula, TEXT),
    st.builds(Figure, TEXT),
)
REASONS = st.one_of(
    st.just(""),
    TEXT,
    st.builds(lambda n, t: Sentence("{count:,} rows of {name}", count=n, name=t), st.integers(), TEXT),
    st.builds(lambda t: Sentence("{error}", error=AdotxError("a.b", "{x} is odd", t, "mend {x}", x=t)), TEXT),
    st.builds(lambda t: joined([Sentence(t), Sentence("{reason}", reason=t)]), TEXT),
)


@given(
    st.builds(
        PageResult,
        st.lists(BLOCKS, max_size=3).map(tuple),
        st.sampled_from(["ok", "blank", "partial", "failed"]),
        REASONS,
        st.integers(1, 9999),
        NUMBER,
        confidence=st.none() | NUMBER,
        doubted=st.lists(BLOCKS, max_size=2).map(tuple),
        lines=st.lists(st.builds(TextLine, TEXT, st.just(((0.1, 2.0),) * 4))).map(tuple),
        size=st.none() | st.just((100, 200)),
    )
)
def test_a_page_is_remembered_exactly(page: PageResult) -> None:
    line = to_line(page)
    assert "\n" not in line
    again = from_line(line.encode("utf-8", "surrogatepass").decode("utf-8", "surrogatepass"))
    assert again == page and repr(again) == repr(page)  # places, which do not count for equality, too
    if isinstance(page.reason, Sentence):
        assert (again.reason.template, repr(again.reason.values)) == (
            page.reason.template,
            repr(page.reason.values),
        )


@pytest.mark.parametrize(
    "line",
    [
        "",
        "7",
        "[]",
        "{}",
        '{"$":"Popen","args":[]}',
        '{"$":"PageResult","blocks":[],"status":"fine"}',
        '{"$":"PageResult","blocks":[],"number":0}',
        '{"$":"PageResult","blocks":[],"reason":{"$":"Sentence","template":"{a:>9999999}","values":{"a":1}}}',
        '{"$":"PageResult","blocks":[],"reason":{"$":"Sentence","template":"{a.real}","values":{"a":1}}}',
        "[" * 100_000,
    ],
)
def test_what_is_no_page_is_none(line: str) -> None:
    with pytest.raises(ValueError):
        from_line(line)


class TestInterruption:
    @posix
    def test_killed_again_and_again(self, scan: Any, tmp_path: Path) -> None:
        """Every page is there once, and the answer is that of a run without a break."""
        book, rng = scan("book.pdf", *BOOK), random.Random(7)
        assert transcribe(book, "--out", tmp_path / "whole", "--format", "markdown,json") == DONE
        out = tmp_path / "broken"
        for _ in range(4):
            before, more = len(lines(out, "page")), rng.randint(1, 9)
            child = process(book, "--out", out, "--format", "markdown,json")
            wait_for(lambda b=before, m=more: len(lines(out, "page")) >= b + m, child)
            child.kill()
            child.communicate()
            assert not (out / "book.md").exists() and not (out / "book.json").exists()
            parts = (out / "book.md.part").read_text("utf-8").split("\n\n")
            whole = (tmp_path / "whole" / "book.md").read_text("utf-8").split("\n\n")
            assert parts == whole[: len(parts)]
        assert transcribe(book, "--out", out, "--format", "markdown,json") == DONE
        assert answers(out) == answers(tmp_path / "whole")
        assert Counter(each["page"] for each in lines(out, "page")) == dict.fromkeys(range(1, 41), 1)
        json_of = [json.loads((each / "book.json").read_text("utf-8")) for each in (out, tmp_path / "whole")]
        for values in json_of:
            for each in (values, *values["pages"]):
                del each["seconds"]
        assert json_of[0] == json_of[1]
        assert sorted(path.name for path in out.iterdir()) == [
            "adotx-pages", "adotx.jsonl", "book.json", "book.md",
        ]  # fmt: skip

    @posix
    @pytest.mark.parametrize("sent", [signal.SIGINT, signal.SIGTERM])
    def test_asked_to_end(self, scan: Any, tmp_path: Path, sent: int, pages: Pages) -> None:
        """What was read is there under its name, and the next call goes on."""
        book, out = scan("book.pdf", *BOOK), tmp_path / "out"
        child = process(
            book, "--out", out, preexec_fn=lambda: signal.signal(signal.SIGINT, signal.default_int_handler)
        )
        wait_for(lambda: len(lines(out, "page")) > 4, child)
        child.send_signal(sent)
        err = child.communicate()[1]
        assert child.returncode == 130, err
        assert "interrupted: 0 of 1 document(s) done" in err and "book.md" in err
        part = (out / "book.md").read_text("utf-8")
        assert part.startswith("관리 규정") and not list(out.glob("*.part"))
        assert lines(out, "document")[-1]["status"] == "stopped"
        assert transcribe(book, "--out", out) == DONE
        assert 0 < len(pages.read) < 36  # the others were remembered
        assert transcribe(book, "--out", tmp_path / "whole") == DONE
        assert answers(out) == answers(tmp_path / "whole")

    def test_a_torn_line_costs_its_page_only(self, scan: Any, tmp_path: Path, pages: Pages) -> None:
        book, out = scan("book.pdf", *BOOK[:8]), tmp_path / "out"
        assert transcribe(book, "--out", out) == DONE
        [memory] = (out / "adotx-pages").iterdir()
        memory.write_bytes(memory.read_bytes()[:-20])
        with (out / "adotx.jsonl").open("ab") as manifest:
            manifest.write(b'{"v": 2, "kind": "docum')
        was, pages.read = answers(out), []
        (out / "book.md").unlink()
        assert transcribe(book, "--out", out) == DONE
        assert len(pages.read) == 1 and answers(out) == was
        memory.unlink()
        (out / "book.md").unlink()
        assert transcribe(book, "--out", out) == DONE and len(pages.read) == 9


class TestDisk:
    @posix
    @pytest.mark.parametrize("limit", [300, 2000, 9000])
    def test_full(self, scan: Any, tmp_path: Path, limit: int) -> None:
        """One line, code 2; no line and no answer is half; with room again the call goes on."""
        book, out = scan("book.pdf", *BOOK), tmp_path / "out"
        child = process(
            book, "--out", out, seconds=0,
            preexec_fn=lambda: resource.setrlimit(resource.RLIMIT_FSIZE, (limit, limit)),
        )  # fmt: skip
        err = child.communicate(timeout=120)[1]
        assert child.returncode == REFUSED, err
        assert [line.startswith("error: ") for line in err.splitlines()] == [True], err
        assert "--out" in err
        for file in out.rglob("*.jsonl"):
            assert file.read_bytes()[-1:] in (b"", b"\n")
            assert all(json.loads(line) for line in file.read_bytes().splitlines())
        assert not list(out.glob("*.md"))
        assert transcribe(book, "--out", out) == DONE
        assert transcribe(book, "--out", tmp_path / "whole") == DONE
        assert answers(out) == answers(tmp_path / "whole")
        assert len(lines(out, "page")) == len(BOOK)


class TestEdits:
    def test_an_edited_answer_is_kept_whatever_happens(self, scan: Any, tmp_path: Path) -> None:
        book, out = scan("book.pdf", "하나", "FAIL", "셋"), tmp_path / "out"
        assert transcribe(book, "--out", out) == FINDING
        for options in (["--force"], ["--retry-failed"], ["--page-marks"], []):
            (out / "book.md").write_text("고친 글\n", encoding="utf-8")
            assert transcribe(book, "--out", out, *options) == FINDING
            assert (out / "book.md").read_text("utf-8") == "고친 글\n"

    @posix
    def test_edited_while_it_is_read(self, scan: Any, tmp_path: Path) -> None:
        book, out = scan("book.pdf", *BOOK), tmp_path / "out"
        assert transcribe(book, "--out", out) == DONE
        child = process(book, "--out", out, "--force")
        wait_for(lambda: (out / "book.md.part").exists(), child)
        (out / "book.md").write_text("고친 글\n", encoding="utf-8")
        assert child.wait(120) == DONE
        assert (out / "book.md").read_text("utf-8") == "고친 글\n"
        assert len(answers(out)) == 2


class TestTwo:
    @posix
    def test_processes_share_a_folder(self, scan: Any, tmp_path: Path) -> None:
        for n in range(6):
            scan(f"in/{n}.pdf", *(f"{n}의 {k}쪽" for k in range(8)))
        both = [process(tmp_path / "in", "--out", tmp_path / "out", seconds=0.1) for _ in range(2)]
        told = [child.communicate(timeout=200)[1] for child in both]
        assert [child.returncode for child in both] == [DONE, DONE], told
        counts = Counter((each["input"], each["page"]) for each in lines(tmp_path / "out", "page"))
        assert len(counts) == 48 and set(counts.values()) == {1}
        assert all(err.splitlines()[-1].startswith("6 document(s) done, 0 refused") for err in told)
        assert answers(tmp_path / "out") == {
            f"{n}.md": "\n\n".join(f"{n}의 {k}쪽" for k in range(8)) + "\n" for n in range(6)
        }

    def test_documents_with_one_content_are_read_once(self, scan: Any, tmp_path: Path, pages: Pages) -> None:
        paths = [scan(f"{n}/scan.pdf", "하나", "둘") for n in range(3)]
        assert transcribe(*paths, "--out", tmp_path / "out") == DONE
        assert len(pages.read) == 2
        assert answers(tmp_path / "out") == dict.fromkeys(
            ["scan.md", "scan.pdf.md", "scan.pdf-2.md"], "하나\n\n둘\n"
        )

    def test_a_memory_belongs_to_one(self, tmp_path: Path) -> None:
        first = PageMemory.open(tmp_path / "a.jsonl", {"v": 1})
        assert first is not None and PageMemory.open(tmp_path / "a.jsonl", {"v": 1}) is None
        first.keep(PageResult((), number=3))
        first.close()
        again = PageMemory.open(tmp_path / "a.jsonl", {"v": 1})
        assert again is not None and list(again) == [3]
        again.close()
        other = PageMemory.open(tmp_path / "a.jsonl", {"v": 2})  # of something else
        assert other is not None and list(other) == []
        other.close()


class TestAgain:
    def test_only_what_failed(self, scan: Any, tmp_path: Path, pages: Pages) -> None:
        out, book = tmp_path / "out", scan("a.pdf", "하나", "FAIL", "PART", "넷")
        fine = scan("b.pdf", "다섯")
        assert transcribe(book, fine, "--out", out) == FINDING
        pages.read, pages.healed = [], True
        assert transcribe(book, fine, "--out", out) == FINDING and pages.read == []
        assert transcribe(book, fine, "--out", out, "--retry-failed") == FINDING  # PART is as it was
        assert sorted(pages.read) == [("a.pdf", 2), ("a.pdf", 3)]
        assert answers(out)["a.md"] == "하나\n\nFAIL\n\nPART\n\n넷\n"
        statuses = [(each["page"], each["status"]) for each in lines(out, "page") if "a.pdf" in each["input"]]
        assert Counter(statuses) == {
            (1, "ok"): 1,
            (2, "failed"): 1,
            (2, "ok"): 1,
            (3, "partial"): 2,
            (4, "ok"): 1,
        }

    def test_everything(self, scan: Any, tmp_path: Path, pages: Pages) -> None:
        out, book = tmp_path / "out", scan("a.pdf", "하나", "둘")
        assert transcribe(book, "--out", out) == DONE
        assert transcribe(book, "--out", out, "--force") == DONE
        assert len(pages.read) == 4 and list(answers(out)) == ["a.md"]

    def test_other_forms_of_what_was_read(self, scan: Any, tmp_path: Path, pages: Pages) -> None:
        """No page is read for another format or other marks."""
        out, book = tmp_path / "out", scan("a.pdf", "MARK", "둘")
        assert transcribe(book, "--out", out) == DONE
        assert transcribe(book, "--out", out, "--format", "md,json,html,text") == DONE
        assert transcribe(book, "--out", out, "--mark-doubtful") == DONE
        assert len(pages.read) == 2
        assert sorted(path.name for path in out.glob("a.*")) == ["a.html", "a.json", "a.md", "a.txt"]
        assert "<mark>" in answers(out)["a.md"]

    def test_a_manifest_of_the_first_version(
        self, scan: Any, tmp_path: Path, pages: Pages, capsys: Any
    ) -> None:
        out, book, new = tmp_path / "out", scan("a.pdf", "하나"), scan("b/a.pdf", "둘")
        assert transcribe(book, "--out", out) == DONE
        line = lines(out, "document")[-1]
        [(file, digest)] = line["files"].items()
        old = {"source": line["input"], "source_hash": line["input_hash"], "how": "nano int8 second_reader"}
        old |= {"file": file, "file_hash": digest, "pages": 1, "failed": 0, "partial": 0, "whole": True}
        later = {"v": 3, "kind": "document"}
        (out / "adotx.jsonl").write_text(f"{json.dumps(old)}\n{json.dumps(later)}\nodd\n", "utf-8")
        pages.read = []
        capsys.readouterr()
        assert transcribe(book, new, "--out", out) == DONE
        assert pages.read == [("a.pdf", 1)] and answers(out) == {"a.md": "하나\n", "a.pdf.md": "둘\n"}
        err = capsys.readouterr().err
        assert "a.pdf: done before" in err and "2 line(s) were not written by this version" in err

    def test_refusals_are_told_and_tried_again(self, scan: Any, tmp_path: Path, pages: Pages) -> None:
        out, bad = tmp_path / "out", scan("bad.pdf", "BREAK")
        assert transcribe(bad, scan("a.pdf", "하나"), "--out", out) == REFUSED
        last = {each["input"]: each for each in lines(out, "document")}[str(bad)]
        assert last["status"] == "refused" and "the file ends early (copy it again)" in last["reason"]
        assert list(answers(out)) == ["a.md"] and len(list((out / "adotx-pages").iterdir())) == 1
        bad.write_text("둘\n", encoding="utf-8")
        assert transcribe(bad, "--out", out) == DONE and "bad.md" in answers(out)

    def test_the_page_of_a_fault_within_is_kept(self, scan: Any, tmp_path: Path) -> None:
        out = tmp_path / "out"
        assert transcribe(scan("a.pdf", "하나", "BREAK"), "--out", out) == REFUSED
        assert answers(out) == {"a.md": "하나\n"}
        last = lines(out, "document")[-1]
        assert last["status"] == "stopped" and "ends early" in last["reason"]


class TestOneFile:
    def test_is_written_and_nothing_else(self, scan: Any, tmp_path: Path) -> None:
        out = tmp_path / "new" / "page.md"
        assert transcribe(scan("a.pdf", "하나", "둘"), "-o", out) == DONE
        assert [path.name for path in out.parent.iterdir()] == ["page.md"]
        assert out.read_text("utf-8") == "하나\n\n둘\n"

    def test_that_is_there_is_kept(self, scan: Any, tmp_path: Path, pages: Pages, capsys: Any) -> None:
        (tmp_path / "page.md").write_text("mine", "utf-8")
        book = scan("a.pdf", "하나")
        assert transcribe(book, "-o", tmp_path / "page.md") == REFUSED
        assert "--force" in capsys.readouterr().err and pages.read == []
        assert (tmp_path / "page.md").read_text("utf-8") == "mine"
        assert sorted(path.name for path in tmp_path.iterdir()) == ["a.pdf", "page.md"]
        assert transcribe(book, "-o", tmp_path / "page.md", "--force") == DONE
        assert (tmp_path / "page.md").read_text("utf-8") == "하나\n"
        assert sorted(path.name for path in tmp_path.iterdir()) == ["a.pdf", "page.md"]

    @posix
    def test_goes_on_after_a_kill(self, scan: Any, tmp_path: Path, pages: Pages) -> None:
        book, out = scan("book.pdf", *BOOK), tmp_path / "page.md"
        child = process(book, "-o", out)
        wait_for(lambda: len(lines(tmp_path / "page.md.adotx", "page")) > 5, child)
        child.kill()
        child.communicate()
        assert not out.exists() and transcribe(book, "-o", out) == DONE
        assert 0 < len(pages.read) < 36
        assert sorted(path.name for path in tmp_path.iterdir()) == ["book.pdf", "page.md"]

    def test_its_ending_is_its_format(self, scan: Any, tmp_path: Path, capsys: Any) -> None:
        book = scan("a.pdf", "하나")
        assert transcribe(book, "-o", tmp_path / "page.json") == DONE
        assert (
            json.loads((tmp_path / "page.json").read_text("utf-8"))["pages"][0]["markdown"].strip() == "하나"
        )
        assert transcribe(book, "-o", tmp_path / "page.txt", "--format", "json") == REFUSED
        assert transcribe(book, scan("b.pdf", "둘"), "-o", tmp_path / "both.md") == REFUSED
        assert "several documents" in capsys.readouterr().err
        (tmp_path / "a.md").mkdir()  # a folder may have any name
        assert transcribe(book, "-o", tmp_path / "a.md") == DONE and (tmp_path / "a.md" / "a.md").is_file()
        assert transcribe(book, "-o", "-") == DONE and capsys.readouterr().out == "하나\n"

    def test_a_failed_page_leaves_what_a_retry_needs(self, scan: Any, tmp_path: Path, pages: Pages) -> None:
        book, out = scan("a.pdf", "하나", "FAIL"), tmp_path / "page.md"
        assert transcribe(book, "-o", out) == FINDING
        pages.healed = True
        assert transcribe(book, "-o", out, "--retry-failed") == DONE
        assert out.read_text("utf-8") == "하나\n\nFAIL\n" and len(pages.read) == 3
        assert not (tmp_path / "page.md.adotx").exists()
