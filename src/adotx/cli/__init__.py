"""The command line: `adotx VERB ...` in, exit code out. Imports nothing until a verb needs it.

Results go to stdout and nothing else does; progress, notes and errors go to stderr. Exit codes:

    0    everything asked for was done
    1    done with a finding: a page that could not be read, a fault that `validate` found
    2    an input or an argument was refused, the other inputs of the same call were still done; or stdout
         could not be written
    130  interrupted by Ctrl-C
    141  whoever read our stdout went away
"""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import NoReturn

DONE, FINDING, REFUSED, INTERRUPTED, BROKEN_PIPE = 0, 1, 2, 130, 141


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Run the command line `argv` (default: the process's own) and exit with its code."""
    from adotx.cli.streams import make_ready

    make_ready()
    sys.exit(run(argv))


def run(argv: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code.

    Args:
        argv: the words after the program's name; None takes them from the process.
    """
    from adotx.cli.streams import speak_utf8, unwritten
    from adotx.errors import AdotxError

    speak_utf8()
    fault: OSError | None = None
    try:
        code = _dispatch(argv)
    except AdotxError as error:
        complain(error)
        code = REFUSED
    except KeyboardInterrupt:
        code = INTERRUPTED
    except OSError as error:
        fault = unwritten() or (error if isinstance(error, BrokenPipeError) else None)
        if fault is None:
            raise
    # Here, where a stdout that cannot be written is still our business.
    fault = fault or unwritten()
    if fault is None:
        return code
    if isinstance(fault, BrokenPipeError):
        return BROKEN_PIPE
    what, reason = "cannot be written: {reason}", fault.strerror or str(fault)
    complain(AdotxError("out.stdout", what, "stdout", "make room, or send it elsewhere", reason=reason))
    return REFUSED


def complain(error: Exception) -> None:
    """One line on stderr, in the user's language: ``error: where: what (remedy)``."""
    from adotx.cli.errors import error_text
    from adotx.cli.strings import language

    print(error_text(error, language()), file=sys.stderr, flush=True)


def _dispatch(argv: Sequence[str] | None) -> int:
    from adotx.cli.app import run as run_verb

    try:
        return run_verb(argv)
    except SystemExit as stop:
        if isinstance(stop.__context__, BrokenPipeError):  # Typer ends with 1 where a pipe breaks
            raise stop.__context__ from None
        return stop.code if isinstance(stop.code, int) else DONE if stop.code is None else REFUSED
