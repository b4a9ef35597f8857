"""`adotx train sft|dpo|grpo`: JSONL and settings in, the result's folder on stdout out.

What happens goes to stderr. With `--show` the data is checked alone, and what is trained on in its first rows
goes to stdout, in colours on a terminal.
"""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

from adotx.cli import DONE
from adotx.cli.errors import in_language
from adotx.cli.progress import Progress
from adotx.cli.strings import language
from adotx.cli.train import read_settings
from adotx.errors import AdotxError, Sentence

#: Modules that come with the extra `finetune`.
EXTRA = {"torch", "transformers", "safetensors", "accelerate", "peft", "trl", "datasets", "jinja2"}


def finetune(
    method: str, config: Path | None, words: Sequence[str], options: Mapping[str, Any], show: int | None
) -> int:
    """Run a method; options win over `words`, which win over the file `config`. Returns the exit code.

    Args:
        show: check the data alone and show this many rows of it.

    Raises:
        AdotxError: the extra `finetune` is not installed, or whatever `adotx.finetune` raises.
    """
    settings = {**read_settings(config, words), **options}
    try:
        from adotx.finetune import look, run

        with Progress() as progress:

            def say(said: Sentence | AdotxError) -> None:
                progress.line(in_language(said, language()))

            if show is None:
                result = run(method, settings, say)
                if os.environ.get("RANK", "0") == "0":  # of several processes one says it
                    print(result)
                return DONE
            colours = sys.stdout.isatty() and "NO_COLOR" not in os.environ
            for text in look(method, settings, show, say, colours):
                print(text, end="\n\n")
    except ModuleNotFoundError as error:
        missing = (error.name or "").partition(".")[0]
        if missing not in EXTRA:
            raise
        what, remedy = "{package} is not installed", "pip install 'adotx[{extra}]'"
        where = f"train {method}"
        raise AdotxError("extra.missing", what, where, remedy, package=missing, extra="finetune") from None
    return DONE
