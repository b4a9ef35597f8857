"""Korean for every error, by its code.

Out: `ERRORS`, code -> [(what, remedy), ...], templates over the error's values. Where a code is raised with
different values there are several, and the first whose fields all have a value is taken. Knows only texts;
which is taken is decided in `adotx.cli.errors`.
"""

from __future__ import annotations

from adotx.cli.korean import (
    checkpoints,
    client,
    conversations,
    inputs,
    outputs,
    packages,
    server,
    training,
)

ERRORS: dict[str, list[tuple[str, str | None]]] = {
    **checkpoints.ERRORS,
    **client.ERRORS,
    **inputs.ERRORS,
    **outputs.ERRORS,
    **packages.ERRORS,
    **conversations.ERRORS,
    **server.ERRORS,
    **training.ERRORS,
}
