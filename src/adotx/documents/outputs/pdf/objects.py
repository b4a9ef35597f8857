"""A small writer of PDF files (ISO 32000-1): objects out as they come, then the table that finds them.

In: objects as Python values. Out: a file that is written from its beginning to its end and held nowhere.
Knows no pages.
"""

from __future__ import annotations

import zlib
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, BinaryIO


class Name(str):
    """A name, ``/Type``, without its slash."""


@dataclass(frozen=True)
class Ref:
    """A reference to an object."""

    number: int


def written(value: Any) -> bytes:
    """A value as PDF writes it."""
    match value:
        case bool():
            return b"true" if value else b"false"
        case Name():
            plain = (33 <= ord(c) < 127 and c not in "#/%()<>[]{}" for c in value)
            safe = (c if is_plain else f"#{ord(c):02X}" for c, is_plain in zip(value, plain, strict=True))
            return f"/{''.join(safe)}".encode("ascii")
        case Ref():
            return f"{value.number} 0 R".encode("ascii")
        case int():
            return str(value).encode("ascii")
        case float():
            return f"{value:.4f}".rstrip("0").rstrip(".").encode("ascii")
        case str():
            return b"<" + (b"\xfe\xff" + value.encode("utf-16-be", "replace")).hex().encode("ascii") + b">"
        case bytes():
            return b"<" + value.hex().encode("ascii") + b">"
        case Mapping():
            inner = b" ".join(written(Name(key)) + b" " + written(each) for key, each in value.items())
            return b"<< " + inner + b" >>"
        case Sequence():
            return b"[" + b" ".join(map(written, value)) + b"]"
        case None:
            return b"null"
    raise AssertionError(type(value))


class PdfFile:
    """A PDF that is written into a file.

    Args:
        file: at its beginning.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._at = file, 0
        self._places: dict[int, int] = {}
        self._last = 0
        # The second line tells programs that move files that this one is not text.
        self._write(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")

    def reserve(self) -> Ref:
        """A reference to an object that is added later."""
        self._last += 1
        return Ref(self._last)

    def add(self, value: Any, at: Ref | None = None) -> Ref:
        """Write an object; returns its reference."""
        return self._object(written(value), at)

    def add_stream(
        self, data: bytes, values: Mapping[str, Any], at: Ref | None = None, pack: bool = False
    ) -> Ref:
        """Write a stream.

        Args:
            data: what it holds.
            values: of its dictionary, without the length.
            at: its reference, where that was reserved.
            pack: compress it.
        """
        if pack:
            data, values = zlib.compress(data, 6), {**values, "Filter": Name("FlateDecode")}
        head = written({**values, "Length": len(data)})
        return self._object(head + b"\nstream\n" + data + b"\nendstream", at)

    def end(self, root: Ref, info: Ref | None = None) -> None:
        """Write the table of all objects; nothing comes after it."""
        start = self._at
        lines = [b"xref\n0 %d\n0000000000 65535 f \n" % (self._last + 1)]
        lines += [b"%010d 00000 n \n" % self._places[number] for number in range(1, self._last + 1)]
        trailer: dict[str, Any] = {"Size": self._last + 1, "Root": root}
        if info is not None:
            trailer["Info"] = info
        self._write(b"".join(lines) + b"trailer\n" + written(trailer) + b"\nstartxref\n%d\n%%%%EOF\n" % start)

    def _object(self, body: bytes, at: Ref | None) -> Ref:
        ref = at or self.reserve()
        assert ref.number not in self._places
        self._places[ref.number] = self._at
        self._write(b"%d 0 obj\n" % ref.number + body + b"\nendobj\n")
        return ref

    def _write(self, data: bytes) -> None:
        self._file.write(data)
        self._at += len(data)
