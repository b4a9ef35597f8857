"""`adotx validate`: a checkpoint's name in, the numbered report on stdout."""

from __future__ import annotations

from adotx.cli import DONE, FINDING


def validate(source: str) -> int:
    """Print the report on `source`; returns the exit code, `FINDING` where there is a fault."""
    from adotx.checkpoint import validate as examine
    from adotx.cli.errors import in_language
    from adotx.cli.strings import language

    report, chosen = examine(source), language()
    print("\n".join(report.lines(lambda said: in_language(said, chosen))))
    return DONE if report.ok else FINDING
