"""An equation script of Hancom's editor in, LaTeX out.

The script is words and braces: ``{a+b} over 2``, ``sum _{k=1} ^n``, ``sqrt {x}``, ``matrix {a & b # c & d}``.
Words that are unknown stay as they are, so nothing is lost. Knows no files.
"""

from __future__ import annotations

import re

from adotx.documents.sources.latex import FUNCTIONS

_TOKEN = re.compile(
    r'"[^"]*"?|\\[A-Za-z]+|[A-Za-z]+|[가-힣ㄱ-ㆎ一-鿿]+|\d+(?:\.\d+)?|->|<-|\+-|-\+|<=|>=|!=|==|[{}_^#&~`()\[\]|]|[^\s]'
)
_MOST, _MOST_DEPTH = 20_000, 60

_GREEK = [
    "alpha",
    "beta",
    "gamma",
    "delta",
    "epsilon",
    "zeta",
    "eta",
    "theta",
    "iota",
    "kappa",
    "lambda",
    "mu",
    "nu",
    "xi",
    "pi",
    "rho",
    "sigma",
    "tau",
    "upsilon",
    "phi",
    "chi",
    "psi",
    "omega",
]
_GREEK_CAPITAL = ["Gamma", "Delta", "Theta", "Lambda", "Xi", "Pi", "Sigma", "Upsilon", "Phi", "Psi", "Omega"]
_VARIANTS = {"vartheta": "vartheta", "varpi": "varpi", "varsigma": "varsigma", "varupsilon": "Upsilon",
             "varphi": "varphi", "varepsilon": "varepsilon", "omicron": "o"}  # fmt: skip
#: words, in lower case, that stand for a sign
_SIGNS = {
    "times": r"\times", "divide": r"\div", "div": r"\div", "cdot": r"\cdot", "cdots": r"\cdots",
    "ldots": r"\ldots", "vdots": r"\vdots", "ddots": r"\ddots", "plusminus": r"\pm", "pm": r"\pm",
    "minusplus": r"\mp", "mp": r"\mp", "le": r"\le", "leq": r"\le", "ge": r"\ge", "geq": r"\ge",
    "ne": r"\ne", "neq": r"\ne", "approx": r"\approx", "sim": r"\sim", "simeq": r"\simeq", "cong": r"\cong",
    "equiv": r"\equiv", "propto": r"\propto", "inf": r"\infty", "infty": r"\infty", "infinity": r"\infty",
    "partial": r"\partial", "nabla": r"\nabla", "laplace": r"\mathcal{L}", "forall": r"\forall",
    "exist": r"\exists", "exists": r"\exists", "in": r"\in", "owns": r"\ni", "notin": r"\notin",
    "subset": r"\subset", "superset": r"\supset", "supset": r"\supset", "subseteq": r"\subseteq",
    "supseteq": r"\supseteq", "cup": r"\cup", "union": r"\cup", "cap": r"\cap", "inter": r"\cap",
    "smallunion": r"\cup", "smallinter": r"\cap", "emptyset": r"\emptyset", "wedge": r"\wedge",
    "vee": r"\vee", "land": r"\land", "lor": r"\lor", "lnot": r"\lnot", "neg": r"\neg", "oplus": r"\oplus",
    "ominus": r"\ominus", "otimes": r"\otimes", "odot": r"\odot", "oslash": r"\oslash", "circ": r"\circ",
    "bullet": r"\bullet", "ast": r"\ast", "star": r"\star", "deg": r"^{\circ}", "angle": r"\angle",
    "triangle": r"\triangle", "bot": r"\bot", "top": r"\top", "parallel": r"\parallel", "vert": r"\vert",
    "rarrow": r"\rightarrow", "larrow": r"\leftarrow", "uarrow": r"\uparrow", "darrow": r"\downarrow",
    "lrarrow": r"\leftrightarrow", "udarrow": r"\updownarrow", "to": r"\to", "mapsto": r"\mapsto",
    "hookleft": r"\hookleftarrow", "hookright": r"\hookrightarrow", "nwarrow": r"\nwarrow",
    "nearrow": r"\nearrow", "searrow": r"\searrow", "swarrow": r"\swarrow", "because": r"\because",
    "therefore": r"\therefore", "prec": r"\prec", "succ": r"\succ", "ll": r"\ll", "gg": r"\gg",
    "lll": r"\lll", "ggg": r"\ggg", "asymp": r"\asymp", "doteq": r"\doteq", "models": r"\models",
    "vdash": r"\vdash", "dashv": r"\dashv", "hbar": r"\hbar", "imath": r"\imath", "jmath": r"\jmath",
    "ell": r"\ell", "aleph": r"\aleph", "re": r"\Re", "im": r"\Im", "wp": r"\wp", "prime": r"'",
    "dagger": r"\dagger", "ddagger": r"\ddagger", "angstrom": r"\mathrm{\AA}", "liter": r"\ell",
    "image": r"\Im", "real": r"\Re", "dsum": r"\sum",
}  # fmt: skip
_SIGNS_EXACT = {
    "->": r"\to", "<-": r"\leftarrow", "+-": r"\pm", "-+": r"\mp", "<=": r"\le", ">=": r"\ge",
    "!=": r"\ne", "==": r"\equiv",
    "RARROW": r"\Rightarrow", "LARROW": r"\Leftarrow", "UARROW": r"\Uparrow", "DARROW": r"\Downarrow",
    "LRARROW": r"\Leftrightarrow", "UDARROW": r"\Updownarrow",
}  # fmt: skip
_LARGE = {
    "sum": r"\sum", "prod": r"\prod", "coprod": r"\coprod", "int": r"\int", "dint": r"\iint",
    "tint": r"\iiint", "oint": r"\oint", "odint": r"\oiint", "otint": r"\oiiint", "bigcap": r"\bigcap",
    "bigcup": r"\bigcup", "bigsqcap": r"\bigsqcap", "bigsqcup": r"\bigsqcup", "bigoplus": r"\bigoplus",
    "bigotimes": r"\bigotimes", "bigodot": r"\bigodot", "bigvee": r"\bigvee", "bigwedge": r"\bigwedge",
    "lim": r"\lim",
}  # fmt: skip
_FUNCTIONS = FUNCTIONS | {"mod", "arc", "cosec", "sup"}
_ACCENTS = {
    "hat": r"\hat", "widehat": r"\widehat", "check": r"\check", "tilde": r"\tilde", "acute": r"\acute",
    "grave": r"\grave", "dot": r"\dot", "ddot": r"\ddot", "bar": r"\overline", "vec": r"\vec",
    "dyad": r"\overleftrightarrow", "under": r"\underline", "arch": r"\overset{\frown}", "box": r"\boxed",
    "overline": r"\overline", "underline": r"\underline",
}  # fmt: skip
_FONTS = {"rm": r"\mathrm", "it": "", "bold": r"\mathbf", "rmbold": r"\mathbf"}
_TABLES = {
    "matrix": "matrix", "pmatrix": "pmatrix", "bmatrix": "bmatrix", "dmatrix": "vmatrix", "cases": "cases",
    "pile": "matrix", "lpile": "matrix", "rpile": "matrix", "eqalign": "aligned",
}  # fmt: skip
_FENCES = {"(": "(", ")": ")", "[": "[", "]": "]", "{": r"\{", "}": r"\}", "|": "|", "<": r"\langle",
           ">": r"\rangle", "lbrace": r"\{", "rbrace": r"\}", "langle": r"\langle", "rangle": r"\rangle",
           "lceil": r"\lceil", "rceil": r"\rceil", "lfloor": r"\lfloor", "rfloor": r"\rfloor",
           "vert": "|", "dline": r"\|", ".": "."}  # fmt: skip
_SPACES = {"~": r"\ ", "`": r"\,"}
_ESCAPED = {"%": r"\%", "$": r"\$"}


def latex(script: str) -> str:
    """LaTeX of a script, on one line.

    Args:
        script: at most some thousand signs; a longer one, or one nested too deeply, comes back as text.
    """
    if len(script) > _MOST:
        return rf"\text{{{_text(script)}}}"
    parser = _Parser(_TOKEN.findall(script))
    try:
        rows = parser.rows(None, 0)
    except RecursionError:
        return rf"\text{{{_text(script)}}}"
    lines = [" & ".join(row) for row in rows]
    if len(rows) == len(rows[0]) == 1:
        return lines[0]
    return r"\begin{aligned}" + r" \\ ".join(lines) + r"\end{aligned}"


def _text(text: str) -> str:
    return re.sub(r"([{}$%#&_])", r"\\\1", text.replace("\\", " "))


class _Parser:
    """Reads tokens from left to right; what is missing at the end is taken as given."""

    def __init__(self, tokens: list[str]) -> None:
        self._tokens, self._at = tokens, 0

    def _peek(self) -> str | None:
        return self._tokens[self._at] if self._at < len(self._tokens) else None

    def rows(self, end: str | None, depth: int) -> list[list[str]]:
        """Rows of cells up to `end`, parted by ``#`` and ``&``."""
        if depth > _MOST_DEPTH:
            raise RecursionError
        rows: list[list[str]] = [[]]
        items: list[str] = []
        while (token := self._peek()) is not None and token != end:
            if token in "#&":
                self._at += 1
                rows[-1].append(_joined(items))
                items = []
                if token == "#":
                    rows.append([])
            else:
                self._item(items, depth)
        rows[-1].append(_joined(items))
        if end is not None and self._peek() == end:
            self._at += 1
        return rows

    def _group(self, depth: int) -> str:
        """What stands between braces, or the next thing alone, without its limits."""
        token = self._peek()
        if token is None:
            return ""
        if token == "{":
            self._at += 1
            rows = self.rows("}", depth + 1)
            return (
                _joined([r" \\ ".join(" ".join(row) for row in rows)]) if len(rows) > 1 else " ".join(rows[0])
            )
        items: list[str] = []
        if depth > _MOST_DEPTH:
            raise RecursionError
        self._atom(items, depth + 1)
        return _joined(items)

    def _item(self, items: list[str], depth: int) -> None:
        token = self._peek()
        assert token is not None
        word = token.lower()
        if word in ("over", "atop", "choose") and token.isalpha():
            self._at += 1
            above = items.pop() if items else ""
            below = self._with_limits(depth)
            command = {"over": r"\frac", "atop": r"\genfrac{}{}{0pt}{}", "choose": r"\binom"}[word]
            items.append(f"{command}{{{_bare(above)}}}{{{_bare(below)}}}")
        else:
            items.append(self._with_limits(depth))

    def _with_limits(self, depth: int) -> str:
        """A thing with what is set below and above it, as one item."""
        items: list[str] = []
        self._atom(items, depth + 1)
        text = _joined(items)
        large = text in _LARGE.values()
        while (token := self._peek()) is not None:
            word = token.lower()
            if token in "_^" or word in ("sub", "sup") or (large and word in ("from", "to")):
                self._at += 1
                sign = "_" if token == "_" or word in ("sub", "from") else "^"
                text += f"{sign}{{{_bare(self._group(depth + 1))}}}"
            else:
                break
        return text

    def _atom(self, items: list[str], depth: int) -> None:
        token = self._peek()
        if depth > _MOST_DEPTH:
            raise RecursionError
        if token is None:
            return
        if token == "{":
            items.append(f"{{{self._group(depth)}}}")
            return
        self._at += 1
        word = token.lower()
        if token.startswith('"'):
            items.append(rf"\text{{{_text(token.strip(chr(34)))}}}")
        elif token in "_^":
            items.append(f"{{}}{token}{{{_bare(self._group(depth))}}}")
        elif token == "}":
            return
        elif word in ("left", "right"):
            fence = (self._peek() or "").lower()
            if fence in _FENCES:  # else none is said, and what follows is no fence
                self._at += 1
            items.append(rf"\{word}{_FENCES.get(fence, '.')}")
        elif word in _TABLES:
            items.append(self._table(_TABLES[word], depth))
        elif word in ("sqrt", "root"):
            items.append(self._root(depth))
        elif word in _ACCENTS:
            items.append(f"{_ACCENTS[word]}{{{_bare(self._group(depth))}}}")
        elif word in _FONTS:
            self._font(items, _FONTS[word], depth)
        elif word == "color" and self._peek() == "{":
            self._group(depth)  # its numbers; what is coloured comes behind
        elif word in ("rel", "buildrel"):
            arrow = self._group(depth)
            items.append(rf"\overset{{{_bare(self._group(depth))}}}{{{_bare(arrow)}}}")
        elif word == "lim" and token[0] == "L":
            items.append(r"\operatorname*{Lim}")
        else:
            items.append(_word(token))

    def _table(self, environment: str, depth: int) -> str:
        if self._peek() != "{":
            return rf"\mathrm{{{environment}}}"
        self._at += 1
        rows = [" & ".join(row) for row in self.rows("}", depth + 1)]
        return rf"\begin{{{environment}}}" + r" \\ ".join(rows) + rf"\end{{{environment}}}"

    def _root(self, depth: int) -> str:
        first = self._group(depth)
        if (self._peek() or "").lower() == "of":
            self._at += 1
            return rf"\sqrt[{_bare(first)}]{{{_bare(self._group(depth))}}}"
        return rf"\sqrt{{{_bare(first)}}}"

    def _font(self, items: list[str], command: str, depth: int) -> None:
        """A font holds for the word or group that follows."""
        token = self._peek()
        if token is None or token in "#&}":
            return
        if token.isalpha() and _word(token) == token:
            self._at += 1
            items.append(f"{command}{{{token}}}" if command else token)
        elif token == "{":
            inner = self._group(depth)
            items.append(f"{command}{{{inner}}}" if command else f"{{{inner}}}")
        else:
            self._atom(items, depth)


def _word(token: str) -> str:
    """A word or sign by itself."""
    if token in _SIGNS_EXACT:
        return _SIGNS_EXACT[token]
    word = token.lower()
    if word in _SIGNS:
        return _SIGNS[word]
    if word in _LARGE:
        return _LARGE[word]
    if word in _VARIANTS:
        return f"\\{_VARIANTS[word]}" if word != "omicron" else "o"
    if word in _GREEK:
        capital = word.capitalize()
        if token[0].isupper():
            return f"\\{capital}" if capital in _GREEK_CAPITAL else rf"\mathrm{{{capital[0]}}}"
        return f"\\{word}"
    if word in _FUNCTIONS:
        return f"\\{word}" if word in FUNCTIONS else rf"\operatorname{{{word}}}"
    if word in _FENCES and len(word) > 1:
        return _FENCES[word]
    return _SPACES.get(token) or _ESCAPED.get(token) or (token if token != "\\" else r"\backslash")


def _bare(text: str) -> str:
    """Text without the one pair of braces that holds all of it."""
    if not (text.startswith("{") and text.endswith("}")):
        return text
    depth = 0
    for at, sign in enumerate(text):
        if sign in "{}" and text[at - 1 : at] != "\\":
            depth += 1 if sign == "{" else -1
            if depth == 0 and at < len(text) - 1:
                return text
    return text[1:-1]


def _joined(items: list[str]) -> str:
    return " ".join(item for item in items if item)
