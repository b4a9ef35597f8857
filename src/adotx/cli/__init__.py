"""The command line: `adotx VERB ...` in, exit code out. Imports nothing until a verb needs it.

Results go to stdout and nothing else does; progress, notes and errors go to stderr. Exit codes:

    0    everything asked for was done
    1    done with a finding: a page that could not be read, a fault that `validate` found
    2    an input or an argument was refused; the other inputs of the same call were still done
    130  interrupted by Ctrl-C
    141  whoever read our stdout went away
"""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from typing import NoReturn

DONE, FINDING, REFUSED, INTERRUPTED, BROKEN_PIPE = 0, 1, 2, 130, 141


def main(argv: Sequence[str] | None = None) -> NoReturn:
    """Run the command line `argv` (default: the process's own) and exit with its code."""
    sys.exit(run(argv))


def run(argv: Sequence[str] | None = None) -> int:
    """Run one command line and return its exit code.

    Args:
        argv: the words after the program's name; None takes them from the process.
    """
    from adotx.errors import AdotxError

    _speak_utf8()
    try:
        try:
            code = _dispatch(argv)
            sys.stdout.flush()  # here, where a reader that went away is still our business
        except AdotxError as error:
            complain(error)
            code = REFUSED
    except KeyboardInterrupt:
        code = INTERRUPTED
    except BrokenPipeError:
        # The interpreter flushes stdout once more at exit; that must not raise a second time.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        code = BROKEN_PIPE
    return code


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


def _speak_utf8() -> None:
    """Markdown is UTF-8 whatever the locale says; file names that are not must not stop a message."""
    for stream in (sys.stdout, sys.stderr):
        if hasattr(stream, "reconfigure"):
            stream.reconfigure(encoding="utf-8", errors="backslashreplace")
