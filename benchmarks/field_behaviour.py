"""How the program behaves where others' programs let their users down: the cases of the field without a file.

In: a folder to work in. Out: what is amiss, "" where nothing is. Each check makes its own inputs from
`examples/page.png` and calls `adotx` in processes of its own, with pipes, signals and two at a time, as
people do. Knows nothing of how well pages are read.
"""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path

from PIL import Image

EXAMPLE = Path(__file__).resolve().parent.parent / "examples" / "page.png"
ADOTX = [sys.executable, "-m", "adotx"]
LIMIT_S = 300


def page(path: Path, height: int = 500) -> Path:
    """The top of the example page in the format of the file's name."""
    path.parent.mkdir(parents=True, exist_ok=True)
    with Image.open(EXAMPLE) as image:
        top = image.convert("RGB").crop((0, 0, image.width, height))
    kinds = {".jfif": "JPEG", ".jpe": "JPEG", ".jp2": "JPEG2000", ".avif": "AVIF", ".pdf": "PDF"}
    top.save(path, kinds.get(path.suffix))
    return path


def pdf(path: Path, count: int) -> Path:
    """A scanned PDF of `count` pages."""
    with Image.open(EXAMPLE) as image:
        pages = [image.convert("RGB")] * count
        pages[0].save(path, "PDF", save_all=True, append_images=pages[1:], resolution=200)
    return path


def adotx(*words: str | Path, **options: object) -> subprocess.CompletedProcess[str]:
    """One call of the program to its end."""
    command = [*ADOTX, *map(str, words)]
    return subprocess.run(  # type: ignore[call-overload,no-any-return]
        command, capture_output=True, text=True, timeout=LIMIT_S, check=False, **options
    )


def interrupted(begun: Callable[[], bool], *words: str | Path) -> tuple[int, str, str]:
    """One call that is sent Ctrl-C as soon as something has begun: code, stdout, stderr."""
    process = subprocess.Popen(
        [*ADOTX, *map(str, words)],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        # Where this runs in the background, Ctrl-C is ignored, and children would inherit that.
        preexec_fn=lambda: signal.signal(signal.SIGINT, signal.SIG_DFL),
    )
    end = time.monotonic() + LIMIT_S
    while not begun() and process.poll() is None and time.monotonic() < end:
        time.sleep(0.1)
    process.send_signal(signal.SIGINT)
    out, err = process.communicate(timeout=LIMIT_S)
    return process.returncode, out, err


def folder_kinds(at: Path) -> str:
    """What can be opened by name is found in a folder; what is skipped is named."""
    for suffix in ("jfif", "jp2", "avif", "jpe"):
        page(at / "in" / f"{suffix}.{suffix}")
    for name in ("a.heic", "b.hwp", "c.docx", "sub/d.png"):
        (at / "in" / name).parent.mkdir(exist_ok=True)
        (at / "in" / name).write_bytes(b"other")
    done = adotx("transcribe", at / "in", "--out", at / "md")
    lost = [name for name in ("jfif", "jp2", "avif", "jpe") if not (at / "md" / f"{name}.md").exists()]
    unsaid = [name for name in ("a.heic", "b.hwp", "c.docx", "sub") if name not in done.stderr]
    return "; ".join(
        [f"not read: {', '.join(lost)}"] * bool(lost) + [f"not named: {', '.join(unsaid)}"] * bool(unsaid)
    )


def same_stem(at: Path) -> str:
    """A second document of the same stem does not replace the first one's Markdown."""
    first, second = page(at / "x" / "scan.png"), page(at / "y" / "scan.png", 250)
    adotx("transcribe", first, "--out", at / "md")
    kept = (at / "md" / "scan.md").read_text("utf-8")
    adotx("transcribe", second, "--out", at / "md")
    return (
        "" if (at / "md" / "scan.md").read_text("utf-8") == kept else "the first document's file is replaced"
    )


def rerun_edit(at: Path) -> str:
    """A correction by hand survives the same call once more."""
    source, edited = page(at / "scan.png"), at / "md" / "scan.md"
    adotx("transcribe", source, "--out", at / "md")
    edited.write_text("고친 글\n", encoding="utf-8")
    adotx("transcribe", source, "--out", at / "md")
    return "" if edited.read_text("utf-8") == "고친 글\n" else "the correction is lost"


def ctrlc_folder(at: Path) -> str:
    """Ctrl-C in a folder: 130, what is written is whole, a line says how many."""
    for number in range(30):
        page(at / "in" / f"{number:02}.png", 1500)
    code, _, err = interrupted(
        lambda: len(list((at / "md").glob("*.md"))) > 2, "transcribe", at / "in", "--out", at / "md"
    )
    parts = list((at / "md").glob(".*"))
    last = err.strip().splitlines()[-1:] or [""]
    wrong = [f"code {code}"] * (code != 130) + ["a part of a file is left"] * bool(parts)
    told = any(char.isdigit() for char in last[0]) and "->" not in last[0]
    return "; ".join(wrong + ["no line says how many are done"] * (not told))


def ctrlc_pdf(at: Path) -> str:
    """Ctrl-C in a long PDF: the pages that were read are written."""
    start = time.monotonic()
    adotx("transcribe", pdf(at / "one.pdf", 1))
    one = time.monotonic() - start  # with the start of the program
    source, start = pdf(at / "fifty.pdf", 50), time.monotonic()
    code, out, _ = interrupted(lambda: time.monotonic() - start > 3 * one, "transcribe", source)
    return "; ".join(
        [f"code {code}"] * (code != 130) + ["the pages read so far are lost"] * (not out.strip())
    )


def through_pipes(at: Path) -> str:
    """A page comes as `-`, as /dev/stdin and through process substitution."""
    source = page(at / "page.png")
    wrong = []
    program = " ".join(ADOTX)
    for call in (
        f"cat {source} | {program} transcribe -",
        f"cat {source} | {program} transcribe /dev/stdin",
        f"{program} transcribe <(cat {source})",
    ):
        done = subprocess.run(
            ["bash", "-c", call], capture_output=True, text=True, timeout=LIMIT_S, check=False
        )
        if done.returncode or not done.stdout.strip():
            wrong.append(call.replace(program, "adotx").replace(str(source), "page.png"))
    return f"not read: {'; '.join(wrong)}" if wrong else ""


def pdf_fifo(at: Path) -> str:
    """A PDF through process substitution is read, or refused in one line."""
    source = page(at / "a.pdf")
    call = f"{' '.join(ADOTX)} transcribe <(cat {source})"
    done = subprocess.run(["bash", "-c", call], capture_output=True, text=True, timeout=LIMIT_S, check=False)
    read = done.returncode == 0 and done.stdout.strip()
    refused = done.returncode == 2 and len(done.stderr.strip().splitlines()) == 1
    return "" if read or refused else f"code {done.returncode}: {done.stderr.strip()[-80:]}"


def large_pdf(at: Path) -> str:
    """A scanned PDF of 70 MB is read."""
    source = page(at / "big.pdf")
    # Behind the end of a PDF may stand what others have added; a comment of 70 MB is enough.
    content = source.read_bytes()
    header, rest = content.split(b"\n", 1)
    moved = header + b"\n%" + os.urandom(1 << 20).hex().encode() * 35 + b"\n" + rest
    source.write_bytes(moved)
    done = adotx("transcribe", source)
    return (
        "" if done.returncode == 0 and done.stdout.strip() else done.stderr.strip()[-120:] or "nothing read"
    )


def bad_page(at: Path) -> str:
    """A page whose picture is damaged is named, and the exit code is 1."""
    source = pdf(at / "bad.pdf", 2)
    content = source.read_bytes()
    second = content.rindex(b"\xff\xd8\xff")
    source.write_bytes(content[: second + 20] + b"\0" * 4000 + content[second + 4020 :])
    done = adotx("transcribe", "--page-marks", source)
    named = "page 2" in done.stderr
    return "" if done.returncode == 1 and named else f"code {done.returncode}: {done.stderr.strip()[-80:]}"


def race(at: Path) -> str:
    """Two calls with one --out: both end well and every file is whole."""
    sources = [page(at / "in" / f"{number}.png") for number in range(3)]
    command = [*ADOTX, "transcribe", str(at / "in"), "--out", str(at / "md")]
    both = [subprocess.Popen(command, stderr=subprocess.PIPE, text=True) for _ in range(2)]
    told = [process.communicate(timeout=LIMIT_S)[1] for process in both]
    lost = [path.stem for path in sources if not (at / "md" / f"{path.stem}.md").read_text("utf-8").strip()]
    codes = [process.returncode for process in both]
    return "" if not any(codes) and not lost else f"codes {codes}; lost {lost}; {told[0][-80:]}"


def ask_readme(at: Path) -> str:
    """The example page names no sum: nothing is answered, and what can answer is named."""
    done = adotx("ask", EXAMPLE, "총액이 얼마인가요?")
    told = done.returncode == 1 and not done.stdout and "--model" in done.stderr
    return "" if told else f"code {done.returncode}: {done.stdout[:60]}"


BEHAVIOURS: dict[str, Callable[[Path], str]] = {
    "beh-folder-kinds": folder_kinds,
    "beh-same-stem": same_stem,
    "beh-rerun-edit": rerun_edit,
    "beh-ctrlc-folder": ctrlc_folder,
    "beh-ctrlc-pdf": ctrlc_pdf,
    "beh-stdin": through_pipes,
    "beh-pdf-fifo": pdf_fifo,
    "beh-limit-pdf": large_pdf,
    "beh-bad-page": bad_page,
    "beh-race": race,
    "beh-ask-readme": ask_readme,
}
