"""A PDF as PDFium saves it, with its small objects packed.

In: a file that PDFium has just written anew: a table of places, every object apart and in plain text, which
weighs more than a page of fax. Out: the same objects under the same numbers, those that are no streams in one
packed stream, and a packed table. Knows only this form of PDF, none that others write.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from itertools import pairwise
from typing import BinaryIO

from adotx.documents.outputs.pdf.objects import PdfFile, Ref

_TAIL = 1024  # bytes at the end of the file that say where the table is
_OBJECT = re.compile(rb"(\d+) 0 obj\s+(.*?)\s*endobj\s*\Z", re.DOTALL)


def repacked(saved: BinaryIO, file: BinaryIO) -> None:
    """Write a saved PDF again, smaller.

    Args:
        saved: what PDFium has written.
        file: at its beginning.
    """
    table, end = _table(saved)
    pdf = PdfFile(file)
    places = sorted(_places(table))
    for start, stop in pairwise([*places, end]):
        saved.seek(start)
        found = _OBJECT.match(saved.read(stop - start))
        assert found, "PDFium writes objects one after the other"
        pdf.take(Ref(int(found[1])), found[2])
    root, info = (re.search(rb"/%s (\d+) 0 R" % name, table) for name in (b"Root", b"Info"))
    assert root, "every PDF has a catalogue"
    pdf.end(Ref(int(root[1])), Ref(int(info[1])) if info else None)


def _table(saved: BinaryIO) -> tuple[bytes, int]:
    """(the table of places and what follows it, where it begins)"""
    saved.seek(0, 2)
    saved.seek(max(saved.tell() - _TAIL, 0))
    start = re.search(rb"startxref\s+(\d+)\s+%%EOF\s*\Z", saved.read())
    assert start, "PDFium ends so"
    saved.seek(int(start[1]))
    return saved.read(), int(start[1])


def _places(table: bytes) -> Iterator[int]:
    """Where objects begin."""
    entries, _, _ = table.partition(b"trailer")
    for place in re.finditer(rb"(\d{10}) \d{5} n", entries):
        yield int(place[1])
