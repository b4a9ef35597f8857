"""What LaTeX has commands for, for the formulas of office files. Knows no format."""

from __future__ import annotations

#: names of functions that are commands: ``\\sin``
FUNCTIONS = frozenset(
    (
        *(
            "sin",
            "cos",
            "tan",
            "cot",
            "sec",
            "csc",
            "arcsin",
            "arccos",
            "arctan",
            "sinh",
            "cosh",
            "tanh",
            "coth",
        ),
        *("log", "ln", "lg", "exp", "lim", "det", "max", "min", "gcd", "arg", "dim", "ker", "hom"),
    )
)
