"""Where answers go and in which formats: options in; stdout, a folder or a file out, written page by page.

A format that is made page by page grows while its document is read; any other is written when all of it is
known. Knows no readers.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from adotx.cli.workspace import Work, Workspace
from adotx.errors import AdotxError, Sentence

if TYPE_CHECKING:
    from adotx.documents.outputs import Choice, Document, Format
    from adotx.documents.transcribe import PageResult

#: what is written where nothing is said
DEFAULT = "markdown"


@dataclass(frozen=True)
class Destination:
    """Where to.

    Attributes:
        folder: for files; None: stdout.
        file: name of the only one; None: named by their documents.
        formats: at least one.
    """

    folder: Path | None
    file: str | None
    formats: tuple[Format, ...]

    @classmethod
    def of(cls, out: Path | None, names: Sequence[str]) -> Destination:
        """From what `--out` and `--format` say.

        Args:
            out: a folder; a file where its ending is that of a format and no folder has that name; "-" or
                None is stdout.
            names: formats, by name or ending, with commas between them.

        Raises:
            AdotxError: ``out.format``: there is no such format, or it does not go there.
        """
        from adotx.documents.outputs import FORMATS

        formats = tuple(dict.fromkeys(_format(name) for each in names for name in each.split(",") if name))
        if out is None or out == Path("-"):
            if len(formats) > 1:
                what, remedy = "only one format goes to stdout", "give --out DIR"
                raise AdotxError("out.formats", what, "--format", remedy)
            return cls(None, None, formats or (FORMATS[DEFAULT],))
        named = next((each for each in FORMATS.values() if each.suffix == out.suffix.lower()), None)
        if named is None or out.is_dir():
            return cls(out, None, formats or (FORMATS[DEFAULT],))
        if formats not in ((), (named,)):
            what, remedy = "a file of this name is for {format}", "leave --format out, or give --out DIR"
            raise AdotxError("out.format_of_file", what, str(out), remedy, format=named.name)
        return cls(out.parent, out.name, (named,))

    @property
    def endings(self) -> tuple[str, ...]:
        """Of the files that are written of each document."""
        if self.file is not None:
            return (Path(self.file).suffix,)
        return tuple(each.suffix for each in self.formats)


def _format(name: str) -> Format:
    from adotx.documents.outputs import FORMATS

    name = name.strip().lower().removeprefix(".")
    found = next((each for each in FORMATS.values() if name in (each.name, each.suffix[1:])), None)
    if found is None:
        what, remedy = "{given} is no format", "use some of {known}"
        given = repr(name[:40])
        raise AdotxError("out.format", what, "--format", remedy, given=given, known=", ".join(FORMATS))
    return found


class Stream:
    """Documents on stdout.

    Args:
        format_, choice: of what is written.

    Attributes:
        heads: begin each document with a line that says its name.
    """

    def __init__(self, format_: Format, choice: Choice) -> None:
        self._format, self._choice, self.heads = format_, choice, False
        self._head, self._begun, self._any = "", False, False

    def begin(self, name: str) -> None:
        """The next document; its head is written when anything of it can be had."""
        from adotx.documents.outputs.document import shown_name

        gap = "\n" if self._any else ""
        self._head = f"{gap}{_head(self._format, shown_name(name, self._choice))}" if self.heads else ""
        self._begun = False

    def page(self, page: PageResult) -> None:
        """The next page of a format that is written page by page; a blank one leaves no trace."""
        from adotx.documents.outputs import page_text

        part = page_text(page, self._format.name, self._choice).strip("\n")
        if part.strip():
            sys.stdout.write(f"\n\n{part}" if self._begun else f"{self._head}{part}")
            sys.stdout.flush()
            self._begun = self._any = True

    def end(self) -> None:
        """Nothing comes after it."""
        sys.stdout.write("\n" if self._begun else self._head)
        sys.stdout.flush()
        self._any = self._any or bool(self._head)

    def whole(self, document: Document) -> None:
        """A document in a format that is written in one go."""
        sys.stdout.flush()
        self._format.write(document, sys.stdout.buffer, self._choice)
        sys.stdout.flush()
        self._any = True


class Files:
    """The answers to one document in a folder.

    Args:
        workspace, work: the folder, and what is done in it.
        formats, choice: of what is written.

    Attributes:
        notes: after `end`: what could not be written, in words.
    """

    def __init__(self, workspace: Workspace, work: Work, formats: Iterable[Format], choice: Choice) -> None:
        self._workspace, self._work, self._choice = workspace, work, choice
        self._formats = [each for each in formats if each.suffix in work.todo]
        self._begun: set[str] = set()
        self.notes: list[Sentence] = []

    def page(self, page: PageResult) -> None:
        """The next page."""
        from adotx.documents.outputs import page_text

        for each in self._formats:
            if each.by_page:
                part = page_text(page, each.name, self._choice).strip("\n")
                if part.strip():
                    gap = "\n\n" if each.name in self._begun else ""
                    self._begun.add(each.name)
                    self._workspace.grow(self._work, each.suffix, f"{gap}{part}")

    def end(self, document: Callable[[], Document] | None) -> None:
        """All pages were given.

        Args:
            document: for formats that are written in one go; None: those are not written.
        """
        for each in self._formats:
            if each.by_page:
                self._workspace.grow(self._work, each.suffix, "\n" if each.name in self._begun else "")
            elif document is not None:
                made = document()
                with self._workspace.written(self._work, each.suffix) as file:
                    each.write(made, file, self._choice)
                self.notes += made.notes


def _head(format_: Format, name: str) -> str:
    """What tells documents apart on stdout; a name cannot end the comment that it stands in."""
    if format_.name == DEFAULT:
        return f"<!-- file: {name.replace('--', '- -').replace('>', '&gt;')} -->\n\n"
    return f"== {name} ==\n\n" if format_.by_page else ""
