"""Other programs that read pages, to be scored beside ours on the same files. One so far: Tesseract.

In: a sample. Out: an `Answer`. A peer has settings (Tesseract: languages and page modes), and what counts for
it is the one that is best on the pages of a kind: better than anybody can choose who does not know the truth.
A program that is not there is an error that says how to get it; nothing is installed. Knows no models.
"""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import tempfile
import time
from collections.abc import Callable, Sequence
from pathlib import Path

from adotx.documents.sources import open_pages
from adotx.errors import AdotxError
from adotx.evaluate.transcription import Answer, PageScore, Sample, score

Read = Callable[[Sample], Answer]
#: one page that has not been read after so many seconds has failed
LIMIT_S = 300
#: Tesseract's page modes that a user would try: automatic, one column, one block, scattered text
MODES = (3, 4, 6, 11)
LANGUAGES = ("kor", "kor+eng")
#: every setting of Tesseract that is tried: language, page mode
SETTINGS = tuple(f"{language} {mode}" for language in LANGUAGES for mode in MODES)

#: in the folder of answers: the setting that was chosen for each kind of page
_CHOSEN = "settings.json"


def find_tesseract() -> str:
    """The program's path.

    Raises:
        AdotxError: it is not there, or does not know Korean or English.
    """
    found = shutil.which("tesseract")
    if found is None:
        raise AdotxError(
            "evaluate.peer",
            "is not installed",
            "tesseract",
            "install it: apt-get install tesseract-ocr tesseract-ocr-kor",
        )
    listed = subprocess.run([found, "--list-langs"], capture_output=True, text=True, check=False).stdout
    for language in ("kor", "eng"):
        if language not in listed.split():
            raise AdotxError(
                "evaluate.peer",
                "has no data for {language}",
                "tesseract",
                "install them: apt-get install tesseract-ocr-eng tesseract-ocr-kor",
                language=language,
            )
    return found


def tesseract_readers(keep: Path | None = None) -> dict[str, Read]:
    """Readers by Tesseract in all its settings, by setting.

    Args:
        keep: a folder for the answers; what is there is not read again.
    """
    program = find_tesseract()
    return {
        setting: kept(tesseract(program, setting), keep and keep / f"tesseract-{setting.replace(' ', '-')}")
        for setting in SETTINGS
    }


def tesseract(program: str, setting: str) -> Read:
    """A reader by Tesseract in one setting and one thread; its text counts as Markdown as it stands."""
    language, mode = setting.split()

    def read(sample: Sample) -> Answer:
        texts: list[str] = []
        statuses: list[str] = []
        seconds = 0.0
        with tempfile.TemporaryDirectory() as folder:
            for page in _pictures(sample, Path(folder)):
                command = [program, str(page), "stdout", "-l", language, "--psm", mode]
                start = time.perf_counter()
                text, status = _run(command)
                seconds += time.perf_counter() - start
                texts.append(text)
                statuses.append(status)
        return Answer("\n\n".join(text for text in texts if text), tuple(statuses), seconds)

    return read


def _pictures(sample: Sample, folder: Path) -> list[Path]:
    """The files that Tesseract can open: a picture itself, the pages of what holds several as pictures."""
    assert sample.source is not None
    if sample.source.suffix.lower() not in (".pdf", ".tif", ".tiff"):
        return [sample.source]
    paths = []
    for page in open_pages(sample.source):
        assert page.open is not None
        paths.append(folder / f"{page.number}.png")
        page.open().save(paths[-1])
    return paths


def _run(command: Sequence[str]) -> tuple[str, str]:
    environment = {**os.environ, "OMP_THREAD_LIMIT": "1"}
    try:
        done = subprocess.run(command, capture_output=True, timeout=LIMIT_S, check=False, env=environment)
    except subprocess.TimeoutExpired:
        return "", "failed"
    text = done.stdout.decode("utf-8", "replace").replace("\f", "").strip()
    return text, "failed" if done.returncode else "ok" if text else "blank"


def kept(read: Read, folder: Path | None) -> Read:
    """The same reader, whose answers are kept in `folder` and taken from there the next time."""
    if folder is None:
        return read

    def remember(sample: Sample) -> Answer:
        path = folder / f"{sample.name}.json"
        if path.exists():
            found = json.loads(path.read_text(encoding="utf-8"))
            return Answer(found["markdown"], tuple(found["statuses"]), found["seconds"])
        answer = read(sample)
        path.parent.mkdir(parents=True, exist_ok=True)
        facts = {"markdown": answer.markdown, "statuses": answer.statuses, "seconds": answer.seconds}
        path.write_text(json.dumps(facts, ensure_ascii=False), encoding="utf-8")
        return answer

    return remember


def best_setting(
    samples: Sequence[Sample], readers: dict[str, Read], tries: int | None = None
) -> tuple[str, list[PageScore]]:
    """The setting with the least mean CER on the pages of a kind, and the scores of all of them by it.

    Args:
        samples: pages of one kind.
        readers: by setting.
        tries: choose the setting on so many pages only; None for all.
    """
    tried = samples[: tries or len(samples)]
    scores = {name: [score(sample, read(sample)) for sample in tried] for name, read in readers.items()}
    best = min(scores, key=lambda name: sum(each.cer for each in scores[name]))
    return best, scores[best] + [score(sample, readers[best](sample)) for sample in samples[len(tried) :]]


def kept_settings(folder: Path | None) -> dict[str, str]:
    """The settings that were chosen before, by kind of page; none where nothing is kept."""
    path = folder and folder / _CHOSEN
    return json.loads(path.read_text(encoding="utf-8")) if path and path.exists() else {}


def keep_settings(folder: Path | None, settings: dict[str, str]) -> None:
    """Keep them, so that other settings are not asked again."""
    if folder is not None:
        folder.mkdir(parents=True, exist_ok=True)
        (folder / _CHOSEN).write_text(json.dumps(settings, ensure_ascii=False, indent=1), encoding="utf-8")


#: peers by the names that `--peer` takes
PEERS: dict[str, Callable[[Path | None], dict[str, Read]]] = {"tesseract": tesseract_readers}
