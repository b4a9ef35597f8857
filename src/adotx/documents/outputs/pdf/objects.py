"""A small writer of PDF files (ISO 32000-1): streams out as they come, then all else, packed, and the table.

In: objects as Python values. Out: a file that is written from its beginning to its end; only objects that are
no streams, small ones, are held until then. Knows no pages.
"""

from __future__ import annotations

import re
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
        case str() if value.isascii() and value.isprintable():
            return b"(" + re.sub(rb"([()\\])", rb"\\\1", value.encode("ascii")) + b")"
        case str():
            return b"<" + (b"\xfe\xff" + value.encode("utf-16-be", "replace")).hex().encode("ascii") + b">"
        case bytes():
            return b"<" + value.hex().encode("ascii") + b">"
        case Mapping():
            entries = ((written(Name(key)), written(each)) for key, each in value.items())
            return b"<<" + b"".join(key + _apart(each) + each for key, each in entries) + b">>"
        case Sequence():
            items = [written(each) for each in value]
            return b"[" + b"".join((*items[:1], *(_apart(each) + each for each in items[1:]))) + b"]"
        case None:
            return b"null"
    raise AssertionError(type(value))


def _apart(after: bytes) -> bytes:
    """What must stand before a value: nothing where it begins with a delimiter."""
    return b"" if after[:1] in (b"/", b"<", b"[", b"(") else b" "


class PdfFile:
    """A PDF that is written into a file.

    Args:
        file: at its beginning.
    """

    def __init__(self, file: BinaryIO) -> None:
        self._file, self._at = file, 0
        self._places: dict[int, int] = {}
        self._small: dict[int, bytes] = {}  # they go into one stream
        self._last = 0
        # The second line tells programs that move files that this one is not text.
        self._write(b"%PDF-1.7\n%\xe2\xe3\xcf\xd3\n")

    def reserve(self) -> Ref:
        """A reference to an object that is added later."""
        self._last += 1
        return Ref(self._last)

    def add(self, value: Any, at: Ref | None = None) -> Ref:
        """Add an object that is no stream; returns its reference."""
        ref = at or self.reserve()
        self.take(ref, written(value))
        return ref

    def take(self, ref: Ref, body: bytes) -> None:
        """Add an object of another file as it is written there, under its number."""
        self._last = max(self._last, ref.number)
        if body.endswith(b"endstream"):
            self._object(body, ref)
        else:
            assert ref.number not in self._places and ref.number not in self._small
            self._small[ref.number] = body

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
            data, values = zlib.compress(data, 9), {**values, "Filter": Name("FlateDecode")}
        head = written({**values, "Length": len(data)})
        return self._object(head + b"\nstream\n" + data + b"\nendstream", at)

    def end(self, root: Ref, info: Ref | None = None) -> None:
        """Write the objects that are no streams and the table of all; nothing comes after it."""
        small = list(self._small.items())
        heads, at = [], 0
        for number, body in small:
            heads.append(b"%d %d" % (number, at))
            at += len(body) + 1
        head = b" ".join(heads) + b"\n"
        values = {"Type": Name("ObjStm"), "N": len(small), "First": len(head)}
        packed = self.add_stream(head + b"\n".join(body for _, body in small), values, pack=True)
        table = self.reserve()
        self._places[table.number] = self._at
        start = self._at
        wide, narrow = ((max(most, 1).bit_length() + 7) // 8 for most in (start, len(small)))

        def row(kind: int, place: int, rank: int) -> bytes:
            return bytes([kind]) + place.to_bytes(wide, "big") + rank.to_bytes(narrow, "big")

        rows = [row(0, 0, 0)]
        index = {number: n for n, (number, _) in enumerate(small)}
        for number in range(1, self._last + 1):
            in_stream = number in index
            place = packed.number if in_stream else self._places.get(number, 0)
            rows.append(row(2 if in_stream else min(place, 1), place, index.get(number, 0)))
        trailer = {"Type": Name("XRef"), "Size": self._last + 1, "W": [1, wide, narrow], "Root": root}
        del self._places[table.number]
        self.add_stream(b"".join(rows), {**trailer, **({"Info": info} if info else {})}, at=table, pack=True)
        self._write(b"startxref\n%d\n%%%%EOF\n" % start)

    def _object(self, body: bytes, at: Ref | None) -> Ref:
        ref = at or self.reserve()
        assert ref.number not in self._places
        self._places[ref.number] = self._at
        self._write(b"%d 0 obj\n" % ref.number + body + b"\nendobj\n")
        return ref

    def _write(self, data: bytes) -> None:
        self._file.write(data)
        self._at += len(data)
