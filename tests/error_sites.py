"""What the package can say to users, read from its source: every `AdotxError` with its code, texts and
values, and every `Sentence` with its template."""

from __future__ import annotations

import ast
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

import adotx

SOURCE = Path(adotx.__file__).parent

#: Where the code is an argument or put together: file -> the codes it can be.
VARIABLE_CODES = {
    "chat/grammar.py": ("grammar.lark", "grammar.regex", "grammar.tools"),
    "chat/schema.py": ("grammar.schema", "grammar.lark", "grammar.regex", "grammar.tools"),
    "checkpoint/files.py": (
        "checkpoint.unreadable",
        "config.unreadable",
        "weights.index",
        "tokenizer.broken",
    ),
}
#: The class itself, the table that makes Korean errors of English ones, and what makes old ones again.
NOT_SITES = ("errors.py", "cli/errors.py", "documents/records.py")

#: Functions that make a `Sentence` -> which of their arguments are templates.
SENTENCE_MAKERS = {
    "Sentence": (0,),
    "_pair": (0,),
    "add": (1, 2),
    "_broken": (1,),
    "_corrupt": (1,),
    "need": (2,),
    "number": (3,),
}
SENTENCE_FILES = (
    "chat/grammar.py",
    "chat/media.py",
    "checkpoint/config.py",
    "checkpoint/contradictions.py",
    "checkpoint/tensors.py",
    "checkpoint/tokenizer.py",
    "checkpoint/validate.py",
    "client/documents.py",
    "client/http.py",
    "client/model.py",
    "data/fetch.py",
    "documents/outputs/pdf/__init__.py",
    "documents/outputs/pdf/stamp.py",
    "documents/readers/page.py",
    "documents/readers/rows.py",
    "documents/records.py",
    "documents/sources/hwp.py",
    "documents/sources/hwpx/body.py",
    "documents/sources/hwpx/package.py",
    "documents/sources/inside.py",
    "documents/sources/parts.py",
    "documents/sources/pdf.py",
    "documents/sources/pptx.py",
    "documents/sources/xlsx/__init__.py",
    "documents/sources/xlsx/sheet.py",
    "documents/sources/xml_tree.py",
    "documents/text_layer/reading.py",
    "documents/text_layer/trust.py",
    "documents/transcribe.py",
    "engine/sampling/params.py",
    "engine/weights/convert.py",
    "errors.py",
    "finetune/callbacks.py",
    "finetune/checking.py",
    "finetune/recipe.py",
    "finetune/rows.py",
    "finetune/running.py",
    "finetune/states.py",
    "hf/configuration.py",
    "server/asking.py",
    "server/bodies.py",
    "server/documents.py",
    "server/errors.py",
    "server/fetch.py",
    "server/invalid.py",
    "server/requests.py",
    "server/response_input.py",
    "server/sampling.py",
    "server/settings.py",
    "train/results.py",
    "vision/plan.py",
)

Names = Mapping[str, list[ast.expr]]


@dataclass(frozen=True)
class Site:
    """One call of `AdotxError`.

    Attributes:
        place: file and line.
        codes: what its code can be.
        whats, remedies: the literal texts it can have; () where a text is put together or absent.
        literal: whether no text is put together at the site, so that Korean can say the same.
        values: the names of the values it gives.
    """

    place: str
    codes: tuple[str, ...]
    whats: tuple[str, ...]
    remedies: tuple[str, ...]
    literal: bool
    values: frozenset[str]


def sites() -> Iterator[Site]:
    """Every call of `AdotxError`, in the order of files and lines."""
    for path in sorted(SOURCE.rglob("*.py")):
        file = path.relative_to(SOURCE).as_posix()
        if file not in NOT_SITES:
            for call, names in _calls(ast.parse(path.read_text(encoding="utf-8")), {}):
                if _name(call) == "AdotxError":
                    yield _site(call, names, file)


def sentences() -> Iterator[tuple[str, str]]:
    """(place, template) of every `Sentence` outside of errors."""
    for file in SENTENCE_FILES:
        for call, names in _calls(ast.parse((SOURCE / file).read_text(encoding="utf-8")), {}):
            for position in SENTENCE_MAKERS.get(_name(call), ()):
                for template in _literals(call.args[position], names) if len(call.args) > position else ():
                    if template:
                        yield f"{file}:{call.lineno}", template


def _calls(scope: ast.AST, outer: Names) -> Iterator[tuple[ast.Call, Names]]:
    """The calls in a module or function, each with what the names in reach are set to."""
    own = list(_own(scope))
    names = {**outer, **_assignments(own)}
    for node in own:
        if isinstance(node, ast.Call):
            yield node, names
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _calls(node, names)


def _name(call: ast.Call) -> str:
    return call.func.attr if isinstance(call.func, ast.Attribute) else getattr(call.func, "id", "")


def _own(scope: ast.AST) -> Iterator[ast.AST]:
    """The nodes of a scope without the bodies of the functions in it."""
    for child in ast.iter_child_nodes(scope):
        yield child
        if not isinstance(child, ast.FunctionDef | ast.AsyncFunctionDef):
            yield from _own(child)


def _assignments(nodes: list[ast.AST]) -> dict[str, list[ast.expr]]:
    """What each name is set to; both `a = x` and `a, b = x, y`."""
    found: dict[str, list[ast.expr]] = {}
    for node in nodes:
        if not isinstance(node, ast.Assign) or len(node.targets) != 1:
            continue
        target, value = node.targets[0], node.value
        pairs = [(target, value)]
        if isinstance(target, ast.Tuple) and isinstance(value, ast.Tuple):
            pairs = list(zip(target.elts, value.elts, strict=True))
        for name, expression in pairs:
            if isinstance(name, ast.Name):
                found.setdefault(name.id, []).append(expression)
    return found


def _site(call: ast.Call, names: Names, file: str) -> Site:
    given = dict(zip(("code", "what", "where", "remedy"), call.args, strict=False))
    given |= {keyword.arg or "**": keyword.value for keyword in call.keywords}
    codes, whats, remedies = (_literals(given.get(key), names) for key in ("code", "what", "remedy"))
    values = frozenset(given.keys() - {"code", "what", "where", "remedy"})
    place, codes = f"{file}:{call.lineno}", codes or VARIABLE_CODES.get(file, ())
    literal = bool(whats) and (bool(remedies) or "remedy" not in given)
    return Site(place, codes, whats, remedies, literal, values)


def _literals(node: ast.expr | None, names: Names) -> tuple[str, ...]:
    """The strings that an expression can be; () where one of them is not a literal. A name is what the last
    assignment above says."""
    if isinstance(node, ast.Constant) and isinstance(node.value, str):
        return (node.value,)
    options: list[ast.expr] = []
    if isinstance(node, ast.IfExp):
        options = [node.body, node.orelse]
    elif isinstance(node, ast.Name):
        options = [value for value in names.get(node.id, []) if value.lineno <= node.lineno][-1:]
    found = [_literals(option, names) for option in options]
    return tuple(text for texts in found for text in texts) if all(found) else ()
