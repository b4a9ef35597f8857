"""The package of a HWPX file: where its header, sections, master pages and pictures are. Knows no text."""

from __future__ import annotations

import base64
import binascii
import hashlib
import posixpath
import re
import zlib
from collections.abc import Iterator
from contextlib import suppress
from pathlib import Path

from adotx.documents.sources.parts import Parts
from adotx.documents.sources.xml_tree import Node
from adotx.errors import AdotxError, Sentence

_MANIFEST, _CONTENT = "META-INF/manifest.xml", "Contents/content.hpf"
_HEADER = "Contents/header.xml"
_SECTION = re.compile(r"(?:^|/)section(\d+)\.xml$", re.I)
_MASTER = re.compile(r"(?:^|/)masterpage(\d+)\.xml$", re.I)
#: what is laid out anew by whoever shows it, and is most of a file
_LAYOUT = frozenset(
    [
        "linesegarray",
        "renderingInfo",
        "lineShape",
        "fillBrush",
        "shadow",
        "effects",
        "cellSz",
        "cellMargin",
        "sz",
        "outMargin",
        "inMargin",
        "offset",
        "orgSz",
        "curSz",
        "flip",
        "rotationInfo",
        "imgRect",
        "imgClip",
        "imgDim",
        "grid",
        "pageBorderFill",
        "noteLine",
        "noteSpacing",
        "placement",
    ]
)
_MOST_PICTURE = 64 << 20
_MOST_ROUNDS = 1_000_000  # of PBKDF2; Hancom's programs make 1,024


class Package(Parts):
    """An open HWPX file.

    Args:
        path: the file.
        password: of an encrypted one.
        data: a package made from a file of an older format.

    Attributes:
        sections: names of the parts with text, in order; at least one.

    Raises:
        AdotxError: ``package.*``; ``hwpx.no_sections``, ``hwpx.encrypted``, ``hwpx.password``,
            ``hwpx.encryption``.
    """

    def __init__(self, path: Path, password: str | None = None, data: bytes | None = None) -> None:
        super().__init__(path, "HWPX" if data is None else "HWP", data)
        self._keys: dict[str, Node] = {}
        try:
            self._unlock(password)
            self._items = self._manifest_items()
            self.sections = self._in_order(_SECTION)
            if not self.sections:
                raise AdotxError(
                    "hwpx.no_sections",
                    "the HWPX file has no section of text",
                    str(path),
                    "save it again in its own program, or print it to PDF",
                )
        except BaseException:
            self.__exit__()
            raise

    def header(self) -> Node | None:
        """The root of the header; None where the file has none."""
        name = self._items.get("header", _HEADER)
        return next((self.xml(each) for each in (name, _HEADER) if each in self), None)

    def section(self, name: str) -> Node:
        """The root of a section."""
        return self.xml(name, _LAYOUT)

    def master_pages(self) -> Iterator[Node]:
        """The roots of the pages that lie below others."""
        for name in self._in_order(_MASTER):
            yield self.xml(name, _LAYOUT)

    def picture(self, id: str) -> bytes | None:
        """The bytes of a picture by the id that text has for it; None where it is not in the file."""
        name = self._items.get(id)
        if name is None:
            stem = id.casefold()
            name = next(
                (n for n in self.names if posixpath.splitext(posixpath.basename(n))[0].casefold() == stem), ""
            )
        return self.read(name, _MOST_PICTURE) if name in self else None

    def _manifest_items(self) -> dict[str, str]:
        """id -> part, as content.hpf lists them; empty where that is missing or damaged."""
        items = {}
        self._spine: list[str] = []
        with suppress(AdotxError):
            if _CONTENT in self:
                root = self.xml(_CONTENT)
                for item in root.all("item"):
                    href = item.attrs.get("href", "")
                    name = next((n for n in (href, f"Contents/{href}") if n in self), None)
                    if name and item.attrs.get("isEmbeded") != "0":
                        items[item.attrs.get("id", "")] = name
                for ref in root.all("itemref"):
                    if name := items.get(ref.attrs.get("idref", "")):
                        self._spine.append(name)
        return items

    def _in_order(self, pattern: re.Pattern[str]) -> list[str]:
        """Parts whose names match: as the spine has them, then what it leaves out."""
        found = {name: int(match[1]) for name in self.names if (match := pattern.search(name))}
        listed = [name for name in dict.fromkeys(self._spine) if name in found]
        return listed + sorted(found.keys() - set(listed), key=lambda name: (found[name], name))

    # Encryption

    def _unlock(self, password: str | None) -> None:
        if _MANIFEST not in self:
            return
        try:
            root = self.xml(_MANIFEST)
        except AdotxError:
            return  # nothing else that it says is needed
        for entry in root.all("file-entry"):
            if entry.first("encryption-data") is not None:
                self._keys[entry.attrs.get("full-path", "")] = entry
        if not self._keys:
            return
        if password is None:
            raise AdotxError(
                "hwpx.encrypted",
                "the HWPX file is protected by a password",
                str(self.path),
                "give it with --password",
            )
        try:
            from cryptography.hazmat.primitives.ciphers import algorithms  # noqa: F401
        except ImportError:
            raise AdotxError(
                "hwpx.encryption",
                "to open a HWPX file with a password a package is missing",
                str(self.path),
                "pip install 'adotx[hwp]'",
            ) from None
        self._password = hashlib.sha256(password.encode()).digest()
        self.decrypting(self._decrypted)

    def _decrypted(self, name: str, data: bytes) -> bytes:
        """The bytes of an encrypted part: AES-256 in CBC mode, deflated, with a checksum (ODF's scheme)."""
        entry = self._keys.get(name)
        if entry is None:
            return data
        from cryptography.hazmat.primitives.ciphers import Cipher, algorithms, modes

        wrong = AdotxError(
            "hwpx.password", "this is not the HWPX file's password", str(self.path), "check --password"
        )
        try:
            salt = base64.b64decode(entry.get("encryption-data", "key-derivation", "salt"))
            start = base64.b64decode(entry.get("encryption-data", "algorithm", "initialisation-vector"))
            rounds = int(entry.get("encryption-data", "key-derivation", "iteration-count", default="1024"))
            if not 0 < rounds <= _MOST_ROUNDS or len(start) != 16 or len(data) % 16:
                raise self.damaged(Sentence("its encryption is of no known kind"))
            key = hashlib.pbkdf2_hmac("sha1", self._password, salt, rounds, 32)
            decryptor = Cipher(algorithms.AES(key), modes.CBC(start)).decryptor()
            plain = decryptor.update(data) + decryptor.finalize()
        except (ValueError, binascii.Error) as error:
            raise self.damaged(str(error)) from None
        size = int(entry.attrs.get("size", "0") or 0)
        inflater = zlib.decompressobj(-15)
        try:
            inflated = inflater.decompress(plain, _MOST_PICTURE + 1)
        except zlib.error:
            raise wrong from None
        if len(inflated) > _MOST_PICTURE:
            raise self.too_large(name, _MOST_PICTURE)
        if size and len(inflated) < size:
            raise wrong
        return inflated
