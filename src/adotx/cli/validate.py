"""`adotx validate`: a checkpoint's name in, the numbered report on stdout."""

from __future__ import annotations

from adotx.cli import DONE, FINDING


def validate(source: str) -> int:
    """Print the report on `source`; returns the exit code, which tells of a cross."""
    from adotx.checkpoint import validate as examine

    report = examine(source)
    print("\n".join(report.lines()))
    return DONE if report.ok else FINDING
