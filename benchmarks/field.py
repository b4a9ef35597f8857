"""The documents that others' users had trouble with, read as a user reads them: `adotx transcribe FILE`.

usage: python benchmarks/field.py FOLDER [--only ID,ID] [--model nano] [--weights int8] [--json FILE]
           [--keep DIR] [--table FILE]

FOLDER has `cases.jsonl`, a case a line: `id`, `input` (a file below FOLDER), `right`, `must_hold`, `never`;
beside the input lies `expected.md`. Such a case is one call of the command line in this process, the model
being opened once. `must_hold` and `never` are looked for without white space and Markdown marks; a string
with bars must stand in the cells of one row. What `right` asks for beyond strings is looked at by `CHECKS`.
Cases whose input is no file but a way of calling the program are those of `field_behaviour`. Verdicts:

    right   holds all it must and nothing it must not, text CER below 0.3
    wrong   it does not, and the exit code or a line on stderr says that something is amiss
    silent  it does not, with exit code 0 and not a word

The text CER is that of both texts bared of Markdown: a receipt whose goods became a table is no lost page.
The last lines count right cases, and those that are lost with exit code 0.
"""

from __future__ import annotations

import argparse
import functools
import io
import json
import re
import tempfile
import time
import unicodedata
from collections.abc import Callable
from contextlib import redirect_stderr, redirect_stdout
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from field_behaviour import BEHAVIOURS

from adotx.cli import run
from adotx.evaluate.bare import bare
from adotx.evaluate.cer import cer
from adotx.markdown import Heading, Table, parse_markdown

#: from here on a page counts as not read (issue 9)
LOST = 0.3


@dataclass(frozen=True)
class Outcome:
    """What became of a case: `missing` and `wrongly` are strings that must and must not be there, or what
    is amiss; `code` is None where there was more than one call."""

    id: str
    verdict: str
    code: int | None
    seconds: float
    cer: float | None
    text_cer: float | None
    missing: list[str]
    wrongly: list[str]
    stderr: str


@dataclass(frozen=True)
class Call:
    """One call of the command line: what it said and how it ended."""

    code: int
    out: str
    err: str
    seconds: float


def main() -> None:
    parser = argparse.ArgumentParser(
        description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("folder", type=Path)
    parser.add_argument("--only", type=lambda words: words.split(","), metavar="ID,ID")
    parser.add_argument("--model", default="nano")
    parser.add_argument("--weights", default="int8")
    parser.add_argument("--json", type=Path)
    parser.add_argument("--keep", type=Path, help="write each answer to DIR/ID.md")
    parser.add_argument("--table", type=Path, help="write every case's outcome as Markdown (docs/field.md)")
    args = parser.parse_args()
    open_once()
    outcomes = []
    cases = find_cases(args.folder, args.only)
    for case in cases:
        if case["id"] in BEHAVIOURS:
            outcomes.append(behave(case["id"]))
        else:
            call = transcribe(args.folder / case["input"], ["--model", args.model, "--weights", args.weights])
            outcomes.append(judge(case, args.folder, call))
            if args.keep:
                args.keep.mkdir(parents=True, exist_ok=True)
                (args.keep / f"{case['id']}.md").write_text(call.out, encoding="utf-8")
        print(line(outcomes[-1]), flush=True)
    print("\n".join(totals(outcomes)))
    if args.table:
        args.table.write_text(document(cases, outcomes), encoding="utf-8")
    if args.json:
        found = [asdict(each) for each in outcomes]
        args.json.write_text(json.dumps(found, ensure_ascii=False, indent=1), encoding="utf-8")


def find_cases(folder: Path, only: list[str] | None) -> list[dict[str, Any]]:
    """The cases, all or those of `only`, in the file's order."""
    lines = (folder / "cases.jsonl").read_text(encoding="utf-8").splitlines()
    cases = [json.loads(each) for each in lines if each.strip()]
    wanted = [case for case in cases if not only or case["id"] in only]
    if only and (unknown := set(only) - {case["id"] for case in wanted}):
        raise SystemExit(f"field: no such case: {', '.join(sorted(unknown))}")
    return wanted


def open_once() -> None:
    """Let every call of the command line use the model that the first one has opened."""
    from adotx.model import Model

    open_model = Model.open
    opened = functools.lru_cache(maxsize=1)(lambda name, weights: open_model(name, weights))
    # A user pays for opening with each call; here it would be most of the time and none of the matter.
    setattr(Model, "open", staticmethod(lambda name, weights, **_: opened(name, weights)))  # noqa: B010


def transcribe(path: Path, options: list[str]) -> Call:
    """`adotx transcribe PATH` in this process."""
    out, err = io.StringIO(), io.StringIO()
    start = time.perf_counter()
    with redirect_stdout(out), redirect_stderr(err):
        code = run(["transcribe", str(path), *options])
    return Call(code, out.getvalue(), err.getvalue().strip(), time.perf_counter() - start)


def behave(name: str) -> Outcome:
    """A case of `BEHAVIOURS`: right where nothing is amiss."""
    start = time.perf_counter()
    with tempfile.TemporaryDirectory() as folder:
        amiss = BEHAVIOURS[name](Path(folder))
    seconds = round(time.perf_counter() - start, 2)
    verdict, missing = ("wrong", [amiss]) if amiss else ("right", [])
    return Outcome(name, verdict, None, seconds, None, None, missing, [], "")


def judge(case: dict[str, Any], folder: Path, call: Call) -> Outcome:
    """A case's verdict."""
    expected = (folder / case["input"]).with_name("expected.md")
    truth = expected.read_text(encoding="utf-8") if expected.exists() else None
    missing = [each for each in case["must_hold"] if not holds(call.out, each)]
    wrongly = [each for each in case["never"] if holds(call.out, each)]
    check = CHECKS.get(case["id"].rpartition("-")[0])
    if check and not check(call, truth or ""):
        missing.append(f"({case['right']})")
    error = None if truth is None else cer(call.out, truth)
    text_error = None if truth is None else cer(bare(call.out), bare(truth))
    right = not missing and not wrongly and (text_error or 0) < LOST
    verdict = "right" if right else "wrong" if call.code or call.err else "silent"
    seconds = round(call.seconds, 2)
    return Outcome(case["id"], verdict, call.code, seconds, error, text_error, missing, wrongly, call.err)


def holds(markdown: str, wanted: str) -> bool:
    """Whether Markdown says a string, white space and marks left out; bars are cells' borders."""
    rows = [
        "|".join(row) for block in parse_markdown(markdown) if isinstance(block, Table) for row in block.texts
    ]
    said = squashed("\n".join((markdown, *rows)))
    return squashed(wanted) in (said if "|" in wanted else said.replace("|", ""))


def squashed(text: str) -> str:
    """Without white space, emphasis, heading marks, code marks and escapes; `~~` says something and stays."""
    return re.sub(r"[\s*#`\\]", "", unicodedata.normalize("NFC", text))


def says_nothing(call: Call, truth: str) -> bool:
    """No text and no error."""
    return call.code == 0 and not bare(call.out).strip()


def invents_nothing(call: Call, truth: str) -> bool:
    """No text; whether that is a note, a blank page or a page that failed is left open."""
    return not bare(call.out).strip()


def same_boxes(call: Call, truth: str) -> bool:
    """The same boxes are ticked, in their order, however they are drawn."""
    boxes = re.compile(r"\[( |x|X)\]|([☐☑☒□■✓✔✅])")

    def ticked(markdown: str) -> list[bool]:
        return [found[0].strip() != "" or found[1] not in ("", "☐", "□") for found in boxes.findall(markdown)]

    return ticked(call.out) == ticked(truth)


def same_cells(call: Call, truth: str) -> bool:
    """Tables of the same shape; what the cells show is what stands in the truth's, but for white space."""
    return tables(call.out) == literal_tables(truth)


def literal_tables(markdown: str) -> list[list[list[str]]]:
    """The cells of pipe tables sign by sign, backslashes taken away: the truth's ``*`` is one on the page."""
    found: list[list[list[str]]] = [[]]
    for line in markdown.splitlines():
        if not line.startswith("|"):
            found.append([])
        elif not re.fullmatch(r"[|\s:-]+", line):
            cells = re.split(r"(?<!\\)\|", line.strip().removeprefix("|").removesuffix("|"))
            found[-1].append(["".join(re.sub(r"\\(\W)", r"\1", cell).split()) for cell in cells])
    return [rows for rows in found if rows]


def tables(markdown: str) -> list[list[list[str]]]:
    """The cells' texts of all tables, without white space."""
    found = [block for block in parse_markdown(markdown) if isinstance(block, Table)]
    return [[["".join(text.split()) for text in row] for row in block.texts] for block in found]


def same_tables(call: Call, truth: str) -> bool:
    """As many tables, each with as many rows."""
    return [len(rows) for rows in tables(call.out)] == [len(rows) for rows in tables(truth)]


def no_headings(call: Call, truth: str) -> bool:
    """No more headings than the truth has."""
    said, true = (
        sum(isinstance(block, Heading) for block in parse_markdown(text)) for text in (call.out, truth)
    )
    return said <= true


def small_print(call: Call, truth: str) -> bool:
    """Read as well as print of any size, or said that it is too small."""
    return bool(call.err) or cer(call.out, truth) < 0.1


def names_password(call: Call, truth: str) -> bool:
    """Refused, and the option that opens it named."""
    return call.code == 2 and "--password" in call.err


#: by the id without its last part: what `right` asks for in words
CHECKS: dict[str, Callable[[Call, str], bool]] = {
    "blank": says_nothing,
    "picture-only": invents_nothing,
    "checkbox": same_boxes,
    "md-marks": same_cells,
    "table-pages": same_tables,
    "figures": no_headings,
    "tiny": small_print,
    "pdf-password": names_password,
}


def line(outcome: Outcome) -> str:
    """A row of the table."""
    error = "-" if outcome.cer is None else f"{outcome.cer:.3f}"
    text = "-" if outcome.text_cer is None else f"{outcome.text_cer:.3f}"
    code = "-" if outcome.code is None else outcome.code
    wanted = [each if len(each) < 40 else f"{each[:39]}…" for each in outcome.missing]
    wanted += [f"NOT {each}" for each in outcome.wrongly]
    more = f" ... {len(wanted)} in all" if len(wanted) > 3 else ""
    return (
        f"{outcome.id:<22} {outcome.verdict:<7} rc {code}  CER {error:>6}  text {text:>6} "
        f"{outcome.seconds:>6.1f} s  {'; '.join(wanted[:3])}{more}"
    )


def document(cases: list[dict[str, Any]], outcomes: list[Outcome]) -> str:
    """The outcomes as a page of docs/."""
    rows = ["| case | kind | outcome | exit code | text CER | amiss |", "|---|---|---|---:|---:|---|"]
    for case, outcome in zip(cases, outcomes, strict=True):
        amiss = [*outcome.missing, *(f"not {each}" for each in outcome.wrongly)]
        told = "; ".join(amiss[:3]) + ("; ..." if len(amiss) > 3 else "")
        code = "" if outcome.code is None else outcome.code
        error = "" if outcome.text_cer is None else f"{outcome.text_cer:.3f}"
        cells = (case["id"], case["kind"], outcome.verdict, code, error, told)
        rows.append(
            "| " + " | ".join(str(cell).replace("|", "\\|").replace("\n", " ") for cell in cells) + " |"
        )
    head = (
        "# The field: files of the kinds that people report elsewhere\n\n"
        "Written by `python benchmarks/field.py ../shared/field/documents --table docs/field.md`, whose head "
        "says what\nthe outcomes mean. Each case was made after a public report about another tool.\n"
    )
    return "\n".join((head, *rows, "", *(each.strip() for each in totals(outcomes)))) + "\n"


def totals(outcomes: list[Outcome]) -> list[str]:
    """The counts below the table."""
    count = {name: sum(each.verdict == name for each in outcomes) for name in ("right", "wrong", "silent")}
    said = [each for each in outcomes if each.code == 0]
    lost = [each.id for each in said if (each.text_cer or 0) >= LOST]
    marks = [each.id for each in said if (each.cer or 0) >= LOST and each.id not in lost]
    return [
        f"\n{len(outcomes)} cases: {count['right']} right, {count['wrong']} wrong, {count['silent']} silent; "
        f"{sum(each.seconds for each in outcomes):.0f} s",
        f"text CER >= {LOST} with exit code 0: {len(lost)} {' '.join(lost)}".rstrip(),
        f"CER >= {LOST} by Markdown's marks alone: {len(marks)} {' '.join(marks)}".rstrip(),
    ]


if __name__ == "__main__":
    main()
