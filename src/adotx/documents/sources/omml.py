"""A formula of an office document in (OMML), LaTeX out. What is unknown gives its text."""

from __future__ import annotations

import re

from adotx.documents.sources.latex import FUNCTIONS
from adotx.documents.sources.xml_tree import Node

_LARGE = {
    "∑": r"\sum",
    "∏": r"\prod",
    "∐": r"\coprod",
    "∫": r"\int",
    "∬": r"\iint",
    "∭": r"\iiint",
    "∮": r"\oint",
    "⋃": r"\bigcup",
    "⋂": r"\bigcap",
    "⋁": r"\bigvee",
    "⋀": r"\bigwedge",
}
_ACCENTS = {
    "\u0302": r"\hat",
    "\u0303": r"\tilde",
    "\u0304": r"\bar",
    "\u0305": r"\overline",
    "\u0307": r"\dot",
    "\u0308": r"\ddot",
    "\u20d7": r"\vec",
    "\u030c": r"\check",
    "\u0301": r"\acute",
    "\u0300": r"\grave",
    "→": r"\vec",
}
_FENCES = {
    "{": r"\{",
    "}": r"\}",
    "⟨": r"\langle",
    "⟩": r"\rangle",
    "⌈": r"\lceil",
    "⌉": r"\rceil",
    "⌊": r"\lfloor",
    "⌋": r"\rfloor",
    "‖": r"\|",
    "": ".",
}
_SIGNS = {
    "×": r"\times ",
    "÷": r"\div ",
    "±": r"\pm ",
    "∓": r"\mp ",
    "≤": r"\le ",
    "≥": r"\ge ",
    "≠": r"\ne ",
    "∞": r"\infty ",
    "∂": r"\partial ",
    "∇": r"\nabla ",
    "→": r"\to ",
    "⇒": r"\Rightarrow ",
    "∈": r"\in ",
    "≈": r"\approx ",
    "≡": r"\equiv ",
    "⋅": r"\cdot ",
    "·": r"\cdot ",
    "…": r"\ldots ",
    "∀": r"\forall ",
    "∃": r"\exists ",
    "α": r"\alpha ",
    "β": r"\beta ",
    "γ": r"\gamma ",
    "δ": r"\delta ",
    "ε": r"\epsilon ",
    "θ": r"\theta ",
    "λ": r"\lambda ",
    "μ": r"\mu ",
    "π": r"\pi ",
    "ρ": r"\rho ",
    "σ": r"\sigma ",
    "τ": r"\tau ",
    "φ": r"\phi ",
    "ω": r"\omega ",
    "Γ": r"\Gamma ",
    "Δ": r"\Delta ",
    "Θ": r"\Theta ",
    "Λ": r"\Lambda ",
    "Π": r"\Pi ",
    "Σ": r"\Sigma ",
    "Φ": r"\Phi ",
    "Ω": r"\Omega ",
    "%": r"\%",
    "#": r"\#",
    "&": r"\&",
    "$": r"\$",
    "_": r"\_",
    "{": r"\{",
    "}": r"\}",
    "−": "-",
}


def latex(node: Node) -> str:
    """LaTeX of an ``oMath`` element, on one line."""
    return re.sub(r" {2,}", " ", _inside(node)).strip()


def _inside(node: Node | None) -> str:
    return "".join(_one(each) for each in node) if node is not None else ""


def _part(node: Node, name: str) -> str:
    return _inside(node.first(name)).strip()


def _sign(node: Node, properties: str, name: str, default: str) -> str:
    found = node.first(properties, name)
    return default if found is None else found.attrs.get("val", "")


def _one(node: Node) -> str:
    name = node.name
    if name == "r":
        return _run(node)
    if name == "f":
        above, below = _part(node, "num"), _part(node, "den")
        if _sign(node, "fPr", "type", "bar") == "noBar":
            return rf"\genfrac{{}}{{}}{{0pt}}{{}}{{{above}}}{{{below}}}"
        return rf"\frac{{{above}}}{{{below}}}"
    if name == "rad":
        degree = _part(node, "deg")
        return rf"\sqrt{f'[{degree}]' if degree else ''}{{{_part(node, 'e')}}}"
    if name in ("sSup", "sSub", "sSubSup"):
        low = f"_{{{_part(node, 'sub')}}}" if node.first("sub") is not None else ""
        high = f"^{{{_part(node, 'sup')}}}" if node.first("sup") is not None else ""
        base = _part(node, "e")
        return f"{base if len(base) == 1 else f'{{{base}}}'}{low}{high}"
    if name == "sPre":
        return f"{{}}_{{{_part(node, 'sub')}}}^{{{_part(node, 'sup')}}}{_part(node, 'e')}"
    if name == "nary":
        sign = _sign(node, "naryPr", "chr", "∫")
        low, high = _part(node, "sub"), _part(node, "sup")
        limits = (f"_{{{low}}}" if low else "") + (f"^{{{high}}}" if high else "")
        return f"{_LARGE.get(sign, sign)}{limits} {_part(node, 'e')}"
    if name == "d":
        left, right = _sign(node, "dPr", "begChr", "("), _sign(node, "dPr", "endChr", ")")
        between = _sign(node, "dPr", "sepChr", "|")
        inner = f" {between} ".join(_inside(each).strip() for each in node.every("e"))
        return rf"\left{_FENCES.get(left, left)} {inner} \right{_FENCES.get(right, right)} "
    if name == "func":
        called = _part(node, "fName")
        return f"\\{called} {_part(node, 'e')}" if called in FUNCTIONS else f"{called} {_part(node, 'e')}"
    if name == "acc":
        return (
            f"{_ACCENTS.get(_sign(node, 'accPr', 'chr', chr(0x302)), chr(92) + 'hat')}{{{_part(node, 'e')}}}"
        )
    if name == "bar":
        line = r"\overline" if _sign(node, "barPr", "pos", "bot") == "top" else r"\underline"
        return f"{line}{{{_part(node, 'e')}}}"
    if name in ("limLow", "limUpp"):
        base = _part(node, "e")
        command = f"\\{base}" if base in FUNCTIONS else base
        return f"{command}{'_' if name == 'limLow' else '^'}{{{_part(node, 'lim')}}} "
    if name == "m":
        rows = [" & ".join(_inside(each).strip() for each in row.every("e")) for row in node.every("mr")]
        return r"\begin{matrix}" + r" \\ ".join(rows) + r"\end{matrix}"
    if name == "eqArr":
        rows = [_inside(each).strip() for each in node.every("e")]
        return r"\begin{aligned}" + r" \\ ".join(rows) + r"\end{aligned}"
    if name.endswith("Pr"):
        return ""
    return _inside(node)


def _run(node: Node) -> str:
    text = "".join(each.text for each in node.every("t"))
    if node.first("rPr", "nor") is not None and text.strip():
        return r"\text{" + re.sub(r"([{}$%#&_])", r"\\\1", text) + "}"
    return "".join(_SIGNS.get(sign, sign) for sign in text)
