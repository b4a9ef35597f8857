"""`adotx validate`: a checkpoint's name in, the numbered report on stdout."""

from __future__ import annotations

from adotx.cli import DONE, FINDING
from adotx.errors import AdotxError


def validate(source: str) -> int:
    """Print the report on `source`; returns the exit code, `FINDING` where there is a fault."""
    from adotx.chat import check_end
    from adotx.checkpoint import open_checkpoint
    from adotx.checkpoint import validate as examine
    from adotx.cli.errors import in_language
    from adotx.cli.strings import language

    report, chosen = examine(source), language()
    try:
        check_end(open_checkpoint(source))
    except AdotxError as error:
        if error.code == "chat.no_end":  # anything else is in the report already
            report.add_error("end of turn", error)
    print("\n".join(report.lines(lambda said: in_language(said, chosen))))
    return DONE if report.ok else FINDING
