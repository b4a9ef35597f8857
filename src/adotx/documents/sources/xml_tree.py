"""XML in, a tree of plain nodes out, within limits and without any of XML's doors.

No document type, so no entities and nothing external; no namespaces: names are local ones, as each format
has one vocabulary that matters. Depth, elements and characters are counted as they come, so that a bomb ends
where the limit is. Knows no format.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from dataclasses import dataclass
from xml.parsers import expat

from adotx.errors import Sentence

_MOST_DEPTH = 256
_NOTHING: dict[str, str] = {}


class Node:
    """An element.

    Attributes:
        name: local, without its prefix.
        attrs: by local name; where two have the same, the one without a prefix, and each by its full name.
        content: elements and texts as they come; blanks between elements left out.
    """

    __slots__ = ("attrs", "content", "name")

    def __init__(self, name: str, attrs: dict[str, str]) -> None:
        self.name, self.attrs = name, attrs
        self.content: list[Node | str] = []

    def __iter__(self) -> Iterator[Node]:
        """The elements directly inside."""
        return (each for each in self.content if isinstance(each, Node))

    def first(self, *path: str) -> Node | None:
        """The first element at a path of names below this one; None where there is none."""
        node: Node | None = self
        for name in path:
            node = next((each for each in node if each.name == name), None) if node else None
        return node

    def every(self, name: str) -> Iterator[Node]:
        """The elements of a name directly inside."""
        return (each for each in self if each.name == name)

    def all(self, *names: str) -> Iterator[Node]:
        """The elements of these names at any depth, in the order of the document."""
        stack = list(reversed(list(self)))
        while stack:
            node = stack.pop()
            if node.name in names:
                yield node
            stack.extend(reversed(list(node)))

    def get(self, *path_and_attribute: str, default: str = "") -> str:
        """An attribute of the element at a path; the last name is the attribute's."""
        node = self.first(*path_and_attribute[:-1])
        return default if node is None else node.attrs.get(path_and_attribute[-1], default)

    @property
    def text(self) -> str:
        """All text inside, in order."""
        parts: list[str] = []
        stack: list[Node | str] = [self]
        while stack:
            each = stack.pop()
            if isinstance(each, str):
                parts.append(each)
            else:
                stack.extend(reversed(each.content))
        return "".join(parts)


@dataclass
class TreeLimits:
    """What the XML of one document may hold in all; counts down."""

    elements: int = 1_000_000
    characters: int = 128 << 20


def parse(data: bytes, limits: TreeLimits, skip: frozenset[str], refused: Callable[[str], Exception]) -> Node:
    """The root element.

    Args:
        data: an XML document.
        limits: are counted down.
        skip: local names of elements that are left out, with all in them.
        refused: makes the error from a reason.
    """
    builder = _Builder(limits, skip, refused)
    parser = expat.ParserCreate()
    parser.buffer_text = True
    parser.ordered_attributes = False
    parser.StartElementHandler = builder.start
    parser.EndElementHandler = builder.end
    parser.CharacterDataHandler = builder.say
    parser.StartDoctypeDeclHandler = builder.doctype
    try:
        parser.Parse(data, True)
    except (expat.ExpatError, UnicodeError, LookupError) as error:
        raise refused(str(error)) from None
    if builder.root is None:
        raise refused(Sentence("it is empty"))
    return builder.root


class _Builder:
    def __init__(self, limits: TreeLimits, skip: frozenset[str], refused: Callable[[str], Exception]) -> None:
        self._limits, self._skip, self._refused = limits, skip, refused
        self.root: Node | None = None
        self._open: list[Node] = []
        self._skipped = 0  # depth inside of what is left out

    def start(self, name: str, attrs: dict[str, str]) -> None:
        local = name.rpartition(":")[2]
        self._limits.elements -= 1
        if self._limits.elements < 0:
            raise self._refused(Sentence("it has too many elements"))
        if self._skipped or local in self._skip:
            self._skipped += 1
            return
        if len(self._open) >= _MOST_DEPTH:
            raise self._refused(Sentence("its elements are more than {limit} deep", limit=_MOST_DEPTH))
        self._count(sum(map(len, attrs.values())))
        node = Node(local, _local(attrs) if attrs else _NOTHING)
        if self._open:
            self._open[-1].content.append(node)
        else:
            self.root = node
        self._open.append(node)

    def end(self, _: str) -> None:
        if self._skipped:
            self._skipped -= 1
            return
        self._open.pop()

    def say(self, text: str) -> None:
        if self._skipped or not self._open:
            return
        self._count(len(text))
        content = self._open[-1].content
        if not text.isspace() or "\n" not in text:
            content.append(text)

    def doctype(self, *_: object) -> None:
        raise self._refused(Sentence("it has a document type declaration"))

    def _count(self, characters: int) -> None:
        self._limits.characters -= characters
        if self._limits.characters < 0:
            raise self._refused(Sentence("it has too much text"))


def _local(attrs: dict[str, str]) -> dict[str, str]:
    local = {key.rpartition(":")[2]: value for key, value in attrs.items()}
    if len(local) < len(attrs):  # <sldId id="256" r:id="rId2"/>: both are wanted
        local |= attrs
    return local
