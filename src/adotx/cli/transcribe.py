"""`adotx transcribe`: images, PDFs and folders in, Markdown on stdout or in files out.

A document that cannot be had is one line on stderr, then the next one is read. A page that could not be read,
or not all of it, is named on stderr and counted by the exit code; a blank page is named too. What was read
before an error is still written.
"""

from __future__ import annotations

import os
import sys
import time
from collections.abc import Iterable, Sequence
from contextlib import closing
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from adotx.cli import DONE, FINDING, REFUSED, complain
from adotx.cli.convert import Conversion
from adotx.cli.progress import Progress
from adotx.cli.strings import language, text
from adotx.errors import AdotxError

if TYPE_CHECKING:
    from adotx.documents.transcribe import PageResult, Transcriber


@dataclass(frozen=True)
class Settings:
    """What is asked of the verb besides inputs, output and model.

    Attributes:
        pages: begin each page with a line that says its number.
        mark_doubtful: put doubtful figures between marks.
        second_reader: let the second reader check figures.
    """

    pages: bool = False
    mark_doubtful: bool = False
    second_reader: bool = True


def transcribe(
    paths: Sequence[Path], out: Path | None, model: str, weights: str, online: bool, settings: Settings
) -> int:
    """Transcribe every document of `paths`; returns the exit code.

    Args:
        paths: images, PDFs, folders.
        out: a folder for one Markdown file each; None writes to stdout.
        model, weights, online, settings: as the options say.
    """
    if out is not None:
        _make_folder(out)
    with Progress() as progress:
        call = _Call(out, settings, progress)
        files = [file for path in paths for file in call.found(path)]
        call.heads = out is None and (len(paths) > 1 or len(files) > 1)
        if files:
            progress.show(text("transcribe.loading", model=model))
            converted = Conversion(progress, model, weights)
            transcriber = _load(model, weights, online, converted, settings.second_reader)
            for file in files:
                call.document(transcriber, file)
        if len(files) + call.refused > 1:
            progress.line(call.total())
    return REFUSED if call.refused else FINDING if call.failed or call.partial else DONE


@dataclass
class _Call:
    """One call of the verb: where results go, and what came of it.

    Attributes:
        heads: begin each document with a line that says its name.
        done, refused: documents written, and inputs that could not be had.
        failed, partial: pages that could not be read, or not all of them.
    """

    out: Path | None
    settings: Settings
    progress: Progress
    heads: bool = False
    done: int = 0
    refused: int = 0
    failed: int = 0
    partial: int = 0
    taken: set[Path] = field(default_factory=set)

    def found(self, path: Path) -> list[Path]:
        """The documents that `path` names; none, and said so, where it names none."""
        from adotx.documents.sources import find_documents

        try:
            return find_documents(path)
        except AdotxError as error:
            self._refuse(error)
            return []

    def document(self, transcriber: Transcriber, file: Path) -> None:
        """Transcribe and write one document."""
        start = time.perf_counter()
        parts: list[str] = []
        refusal: AdotxError | None = None
        try:
            self.progress.show(text("transcribe.page", name=file.name, page=1))
            with closing(transcriber.pages(file)) as pages:
                for page in pages:
                    parts.append(self._page(file, page))
                    self.progress.show(text("transcribe.page", name=file.name, page=page.number + 1))
        except AdotxError as error:
            refusal = error
        try:
            if parts or refusal is None:
                self._write(file, _joined(parts), len(parts), time.perf_counter() - start)
        except AdotxError as error:
            refusal = error
        if refusal is not None:
            self._refuse(refusal)

    def _page(self, file: Path, page: PageResult) -> str:
        self.failed += page.status == "failed"
        self.partial += page.status == "partial"
        values = {"name": file.name, "page": page.number, "reason": _said(page.reason)}
        if page.status == "failed":
            self.progress.line(text("transcribe.failed", **values))
        elif page.status == "partial":
            self.progress.line(text("transcribe.partial", **values))
        elif page.status == "blank":
            self.progress.line(text("transcribe.blank", **values))
        elif page.reason:
            self.progress.line(text("transcribe.doubt", **values))
        markdown = page.marked if self.settings.mark_doubtful else page.markdown
        return f"<!-- page: {page.number} -->\n\n{markdown}" if self.settings.pages else markdown

    def total(self) -> str:
        """The last line of a call with several inputs."""
        counts = {"done": self.done, "refused": self.refused, "failed": self.failed}
        if self.partial:
            return text("transcribe.total_partial", **counts, partial=self.partial)
        return text("transcribe.total", **counts)

    def _write(self, file: Path, markdown: str, pages: int, seconds: float) -> None:
        self.done += 1
        if self.out is None:
            self.progress.clear()
            head = f"<!-- file: {_commentable(file.name)} -->\n\n" if self.heads else ""
            gap = "\n" if self.heads and self.done > 1 else ""
            sys.stdout.write(f"{gap}{head}{markdown}")
            sys.stdout.flush()
            return
        target = self._target(self.out, file)
        _write_whole(target, markdown)
        self.progress.line(
            text("transcribe.wrote", name=file.name, pages=pages, seconds=seconds, path=target)
        )

    def _target(self, out: Path, file: Path) -> Path:
        """NAME.md; where this call has written that already, the name with its suffix, then with a number."""
        names = [file.stem, file.name, *(f"{file.name}-{number}" for number in range(2, len(self.taken) + 3))]
        target = next(out / f"{name}.md" for name in names if out / f"{name}.md" not in self.taken)
        self.taken.add(target)
        return target

    def _refuse(self, error: AdotxError) -> None:
        self.progress.clear()
        complain(error)
        self.refused += 1


def _load(model: str, weights: str, online: bool, converted: Conversion, second: bool) -> Transcriber:
    from adotx.documents.transcribe import Transcriber
    from adotx.model import Model

    opened = Model.open(model, weights, online=online, progress=converted)
    return Transcriber(opened, second_reader=second)


def _said(reason: str) -> str:
    """A page's reason in the user's language."""
    if not reason:
        return ""
    from adotx.cli.errors import in_language

    return in_language(reason, language())


def _joined(parts: Iterable[str]) -> str:
    """Pages as one document that ends with one line end; nothing for blank pages."""
    whole = "\n\n".join(part.strip("\n") for part in parts if part.strip())
    return f"{whole}\n" if whole else ""


def _commentable(name: str) -> str:
    """A file name that cannot end the comment it stands in."""
    return name.replace("--", "- -").replace(">", "&gt;")


def _make_folder(out: Path) -> None:
    try:
        out.mkdir(parents=True, exist_ok=True)
    except OSError as error:
        raise AdotxError(
            "out.unwritable",
            "{reason}",
            str(out),
            "choose another --out",
            reason=error.strerror or str(error),
        ) from None


def _write_whole(target: Path, content: str) -> None:
    """Write a file so that it appears whole or not at all."""
    part = target.with_name(f".{target.name}.part")
    try:
        part.write_text(content, encoding="utf-8", newline="\n")
        os.replace(part, target)
    except OSError as error:
        part.unlink(missing_ok=True)
        raise AdotxError(
            "out.unwritable",
            "{reason}",
            str(target),
            "choose another --out",
            reason=error.strerror or str(error),
        ) from None
