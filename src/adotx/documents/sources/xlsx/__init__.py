"""An XLSX file in (SpreadsheetML, ISO 29500), a page of text for each sheet out: its name and its cells.

Cells say what a person sees: values in their number formats, formulas by their last result. Hidden sheets are
left out, and told.
"""

from __future__ import annotations

from collections.abc import Iterator
from functools import partial
from pathlib import Path

from adotx.documents.sources.page import PageImage
from adotx.errors import AdotxError, Sentence
from adotx.vision import Limits

SUFFIXES = frozenset((".xlsx", ".xlsm"))


def has(names: frozenset[str]) -> bool:
    """Whether a package has an XLSX file's parts; their names are in lower case."""
    return "xl/workbook.xml" in names


def pages(path: Path, limits: Limits, dpi: int, password: str | None = None) -> Iterator[PageImage]:
    """A page without a picture for each sheet that is not hidden. `dpi` and `password` are not used.

    Raises:
        AdotxError: ``package.*``; ``xlsx.empty``.
    """
    from adotx.documents.sources.inside import text_page
    from adotx.documents.sources.parts import Parts
    from adotx.documents.sources.xlsx.sheet import read_sheet
    from adotx.documents.sources.xlsx.workbook import sheets_of

    with Parts(path, "XLSX") as package:
        sheets, hidden = sheets_of(package)
    if not sheets:
        raise AdotxError("xlsx.empty", "the workbook has no sheet that is shown", str(path), "save it again")
    for number, sheet in enumerate(sheets, 1):
        told = (
            [Sentence("{count} hidden sheet(s) are left out", count=hidden)] if hidden and number == 1 else []
        )
        page = text_page(
            lambda: Parts(path, "XLSX"), partial(read_sheet, sheet=sheet), "xlsx", limits, number=number
        )
        page.notes.extend(told)
        yield page
