"""A zip package in (HWPX, DOCX, PPTX, XLSX), its parts out, each no larger than it may be.

Nothing is ever unpacked to disk, so a part's name is only a name: one with ``../`` in it is a part nobody
asks for. What a package says of its sizes is not believed: reading stops where the limit is. Knows no format.
"""

from __future__ import annotations

import io
import posixpath
import struct
import zipfile
import zlib
from collections.abc import Callable, Collection, Iterator, Mapping, Sequence
from pathlib import Path
from typing import BinaryIO, Self

from adotx.documents.sources.xml_tree import Node, TreeLimits, parse
from adotx.errors import AdotxError, Sentence

#: how a zip file begins, one without parts and one in pieces included
MAGIC = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")
_MOST_PARTS, _MOST_DIRECTORY = 20_000, 8 << 20
_MOST_XML = 64 << 20
_END, _END_SIZE = b"PK\x05\x06", 22


class Parts:
    """An open package. Its errors have codes that begin with ``package.`` and name the path.

    Args:
        path: the file, or where the package came from.
        format: what it is called in messages: "HWPX", "DOCX", ...
        data: the package itself where it is no file.

    Attributes:
        names: the parts that it has, folders left out.
        tree_limits: what is left of what its XML may hold in all.

    Raises:
        AdotxError: ``input.unreadable``, ``package.damaged``, ``package.too_many_parts``.
    """

    def __init__(self, path: Path, format: str, data: bytes | None = None) -> None:
        self.path, self.format = path, format
        self.tree_limits = TreeLimits()
        self._decrypt: Callable[[str, bytes], bytes] | None = None
        try:
            with path.open("rb") if data is None else io.BytesIO(data) as file:
                self._check_directory(file.seek(0, 2), file)
            self._zip = zipfile.ZipFile(path if data is None else io.BytesIO(data))
        except OSError as error:
            reason = error.strerror or str(error)
            raise AdotxError(
                "input.unreadable", "{reason}", str(path), "check the path", reason=reason
            ) from None
        except AdotxError:  # is a ValueError too
            raise
        except (zipfile.BadZipFile, NotImplementedError, ValueError, EOFError, struct.error) as error:
            raise self.damaged(str(error)) from None
        self._infos = {info.filename: info for info in self._zip.infolist() if not info.is_dir()}
        self._folded = {name.replace("\\", "/").casefold(): name for name in self._infos}
        self.names: Sequence[str] = tuple(self._infos)

    def __enter__(self) -> Self:
        return self

    def __exit__(self, *_: object) -> None:
        self._zip.close()

    def __contains__(self, name: str) -> bool:
        return self._name(name) is not None

    def decrypting(self, decrypt: Callable[[str, bytes], bytes]) -> None:
        """Have what is read from now on pass through `decrypt` (name, bytes) -> bytes."""
        self._decrypt = decrypt

    def read(self, name: str, most: int = _MOST_XML) -> bytes:
        """The bytes of a part.

        Raises:
            AdotxError: ``package.damaged``: it is missing or cannot be unpacked; ``package.too_large``,
                ``package.encrypted``.
        """
        found = self._name(name)
        if found is None:
            raise self.damaged(Sentence("{part} is missing", part=name[:80]))
        info = self._infos[found]
        if info.flag_bits & 1:
            raise self.encrypted()
        try:
            with self._zip.open(info) as part:
                data = part.read(most + 1)
        except (zipfile.BadZipFile, zlib.error, EOFError, OSError, ValueError, NotImplementedError) as error:
            raise self.damaged(str(error)) from None
        except (RuntimeError, MemoryError) as error:  # a method of compression that this Python lacks
            raise self.damaged(str(error)) from None
        if len(data) > most:
            raise self.too_large(found, most)
        return self._decrypt(found, data) if self._decrypt else data

    def xml(self, name: str, skip: frozenset[str] = frozenset()) -> Node:
        """The root of an XML part.

        Args:
            skip: local names of elements that are left out, with all in them.

        Raises:
            AdotxError: as `read`; the XML is damaged, unsafe or too much.
        """
        return self.tree(self.read(name), name, skip)

    def tree(self, data: bytes, name: str, skip: frozenset[str] = frozenset()) -> Node:
        """The root of XML that stands for a part."""
        return parse(
            data,
            self.tree_limits,
            skip,
            lambda reason: self.damaged(Sentence("{part}: {reason}", part=name[:80], reason=reason)),
        )

    def readable(
        self,
        related: Mapping[str, tuple[str, str]],
        kinds: Collection[str],
        miss: Callable[[AdotxError], None],
    ) -> Iterator[tuple[str, str, Node]]:
        """(kind, name, root) of the related parts of some kinds; those that cannot be read go to `miss`."""
        for kind, name in related.values():
            if kind not in kinds or name not in self:
                continue
            try:
                root = self.xml(name)
            except AdotxError as error:
                miss(error)
                continue
            yield kind, name, root

    def picture(self, name: str) -> bytes | None:
        """The bytes of a picture by what text calls it, here its part; None where it is not in the file."""
        return self.read(name) if name and name in self else None

    def related(self, name: str) -> dict[str, tuple[str, str]]:
        """The relations of an Open Packaging part: id -> (kind, name of the part it leads to).

        Those that lead out of the package have no part: they are left out, and never followed.
        """
        folder, base = posixpath.split(name)
        where = posixpath.join(folder, "_rels", f"{base}.rels")
        if where not in self:
            return {}
        relations = {}
        for node in self.xml(where).all("Relationship"):
            target = node.attrs.get("Target", "")
            if node.attrs.get("TargetMode") == "External" or not target:
                continue
            joined = target[1:] if target.startswith("/") else posixpath.join(folder, target)
            kind = node.attrs.get("Type", "").rsplit("/", 1)[-1]
            relations[node.attrs.get("Id", "")] = (kind, posixpath.normpath(joined))
        return relations

    # Errors

    def damaged(self, reason: str) -> AdotxError:
        return AdotxError(
            "package.damaged",
            "the {format} file cannot be opened: {reason}",
            str(self.path),
            "save it again in its own program, or print it to PDF",
            format=self.format,
            reason=reason,
        )

    def encrypted(self) -> AdotxError:
        return AdotxError(
            "package.encrypted",
            "the {format} file is protected by a password",
            str(self.path),
            "save it without a password, or print it to PDF",
            format=self.format,
        )

    def too_large(self, name: str, most: int) -> AdotxError:
        return AdotxError(
            "package.too_large",
            "{part} in the {format} file unpacks to more than {limit:,} bytes",
            str(self.path),
            "print it to PDF",
            part=name[:80],
            format=self.format,
            limit=most,
        )

    def _name(self, name: str) -> str | None:
        """The part as the package spells it: some programs differ in case and slashes."""
        if name in self._infos:
            return name
        return self._folded.get(name.replace("\\", "/").lstrip("/").casefold())

    def _check_directory(self, size: int, file: BinaryIO) -> None:
        """Refuse a list of parts that would fill the memory before `zipfile` reads it."""
        tail = min(size, (1 << 16) + _END_SIZE)
        file.seek(size - tail)
        end = file.read(tail)
        at = end.rfind(_END)
        if at < 0 or len(end) < at + _END_SIZE:
            raise self.damaged(Sentence("it is cut short"))
        _, _, _, _, count, directory, _, _ = struct.unpack("<4s4H2LH", end[at : at + _END_SIZE])
        zip64 = at >= 20 and end[at - 20 : at - 16] == b"PK\x06\x07"
        if zip64 or count > _MOST_PARTS or directory > _MOST_DIRECTORY:
            raise AdotxError(
                "package.too_many_parts",
                "the {format} file has more than {limit:,} parts",
                str(self.path),
                "print it to PDF",
                format=self.format,
                limit=_MOST_PARTS,
            )
