"""A HWP 5 file in, its page out: python-hwpx makes a HWPX package of it, which is read as any other.

That package comes with ``pip install 'adotx[hwp]'``; without it, and for the older HWP 3 and the compound
files of other programs, one line says what to do.
"""

from __future__ import annotations

import mmap
from collections.abc import Iterator
from functools import partial
from pathlib import Path

from adotx.documents.sources import hwpx
from adotx.documents.sources.page import PageImage
from adotx.errors import AdotxError, Sentence
from adotx.vision import Limits

SUFFIXES = frozenset((".hwp",))
_COMPOUND, _HWP3 = b"\xd0\xcf\x11\xe0\xa1\xb1\x1a\xe1", b"HWP Document File V"
_MOST_BYTES = 128 << 20
#: names of streams in compound files, and whose they are
_OTHERS = {"EncryptedPackage": "", "WordDocument": "DOC", "Workbook": "XLS", "PowerPoint Document": "PPT"}


def matches(head: bytes) -> bool:
    """Whether a file begins as compound files do, or as HWP 3."""
    return head.startswith((_COMPOUND, _HWP3))


def pages(
    path: Path, limits: Limits, dpi: int, password: str | None = None, *, show_changes: bool = False
) -> Iterator[PageImage]:
    """The document as one page without a picture. `dpi` and `password` are not used.

    Raises:
        AdotxError: ``hwp.*``: protected, damaged, of another program, too large, or a package is missing.
    """
    _check(path)
    data, missing = _converted(path)
    from adotx.documents.sources.hwpx.package import Package

    opened = partial(Package, path, None, data)
    with opened():
        pass
    yield hwpx.page(opened, "hwp", limits, show_changes, missing)


def _check(path: Path) -> None:
    """Tell what a compound file is by the names of its streams."""
    where = str(path)
    with path.open("rb") as file:
        if file.read(len(_HWP3)) == _HWP3:
            raise AdotxError(
                "hwp.old",
                "a HWP 3 file, which is older than HWP 5",
                where,
                "save it as HWPX, or print it to PDF",
            )
        if file.seek(0, 2) > _MOST_BYTES:
            raise AdotxError(
                "hwp.too_large",
                "the HWP file has more than {limit:,} bytes",
                where,
                "print it to PDF",
                limit=_MOST_BYTES,
            )
        with mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as data:
            if data.find("FileHeader".encode("utf-16-le")) >= 0:
                return
            for name, format in _OTHERS.items():
                if data.find(name.encode("utf-16-le")) < 0:
                    continue
                if not format:
                    raise AdotxError(
                        "office.encrypted",
                        "an office document that is protected by a password",
                        where,
                        "save it without a password, or print it to PDF",
                    )
                raise AdotxError(
                    "office.old",
                    "a {format} file, which is older than {new}",
                    where,
                    "save it as {new}, or print it to PDF",
                    format=format,
                    new=f"{format}X",
                )
    raise AdotxError("hwp.unknown", "a compound file of no known program", where, "print it to PDF")


def _converted(path: Path) -> tuple[bytes, list[Sentence]]:
    """A HWPX package with what the file says, and what could not be taken over."""
    try:
        from hwpx.hwp5.errors import Hwp5Error
        from hwpx.hwp5.package import convert, to_hwpx_bytes
    except ImportError:
        raise AdotxError(
            "hwp.package", "to read HWP 5 a package is missing", str(path), "pip install 'adotx[hwp]'"
        ) from None
    try:
        converted = convert(path.read_bytes())
        data = to_hwpx_bytes(converted.files)
    except Hwp5Error as error:
        if getattr(error, "code", "") in ("hwp5-password", "hwp5-distribution", "hwp5-drm"):
            raise AdotxError(
                "hwp.protected",
                "the HWP file is protected by a password or for distribution",
                str(path),
                "save it without, or print it to PDF",
            ) from None
        raise _damaged(path, error) from None
    except Exception as error:  # a damaged file may break anything in there
        raise _damaged(path, error) from None
    lost = sum(converted.report.unconverted.values())
    return data, [
        Sentence("{count} object(s) of the HWP file could not be taken over", count=lost)
    ] if lost else []


def _damaged(path: Path, error: Exception) -> AdotxError:
    return AdotxError(
        "hwp.damaged",
        "the HWP file cannot be opened: {reason}",
        str(path),
        "save it as HWPX, or print it to PDF",
        reason=str(error) or type(error).__name__,
    )
