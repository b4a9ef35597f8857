"""A HWPX file in (OWPML, KS X 6101), one page of its text out; pictures in it are read by the model.

Told by its parts. There are no pictures of pages: where a page ends is decided by whoever lays it out.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from adotx.documents.sources.page import PageImage
from adotx.errors import Sentence
from adotx.vision import Limits

if TYPE_CHECKING:
    from adotx.documents.readers import TextSource
    from adotx.documents.sources.hwpx.package import Package

SUFFIXES = frozenset((".hwpx",))


def has(names: frozenset[str]) -> bool:
    """Whether a package has a HWPX file's parts; their names are in lower case."""
    return any(name.startswith("contents/section") or name == "contents/content.hpf" for name in names)


def pages(
    path: Path, limits: Limits, dpi: int, password: str | None = None, *, show_changes: bool = False
) -> Iterator[PageImage]:
    """The document as one page without a picture. `dpi` is not used.

    Args:
        limits: on pictures in it.
        password: of an encrypted one.
        show_changes: show deleted and inserted text of tracked changes, between tags, instead of the text
            with all changes accepted.

    Raises:
        AdotxError: ``package.*``: damaged, too large; ``hwpx.*``: encrypted, without text.
    """
    from adotx.documents.sources.hwpx.package import Package

    opened = partial(Package, path, password)
    with opened():
        pass  # what is wrong with the file as a whole is told before anything is loaded to read it
    yield page(opened, "hwpx", limits, show_changes)


def page(
    opened: Callable[[], Package],
    source: TextSource,
    limits: Limits,
    show_changes: bool,
    missing: Sequence[Sentence] = (),
) -> PageImage:
    """The page of a package; `missing`: what is known to be lost before it is read."""
    from adotx.documents.sources.hwpx.body import read_sections
    from adotx.documents.sources.inside import text_page

    return text_page(
        opened,
        lambda package, pictures: read_sections(package, pictures, show_changes),
        source,
        limits,
        missing,
    )
