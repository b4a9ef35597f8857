"""The commands of docs/vllm.md are ones that vLLM understands."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

from vllm.entrypoints.launchers.cli_args import make_arg_parser
from vllm.utils.argparse_utils import FlexibleArgumentParser

TEXT = (Path(__file__).resolve().parents[2] / "docs" / "vllm.md").read_text(encoding="utf-8")
COMMANDS = re.findall(r"^vllm serve .*$", TEXT, re.M)
#: `--server` is one of `adotx chat`
OPTIONS = sorted(set(re.findall(r"(--[a-z][a-z-]+)", TEXT)) - {"--", "--server"})


def test_vllm_parses_the_commands() -> None:
    assert len(COMMANDS) >= 2
    parser = make_arg_parser(FlexibleArgumentParser())
    for command in COMMANDS:
        parser.parse_args(shlex.split(command)[2:])


def test_vllm_knows_the_options() -> None:
    known = {
        name
        for action in make_arg_parser(FlexibleArgumentParser())._actions
        for name in action.option_strings
    }
    assert len(OPTIONS) >= 8 and set(OPTIONS) - {"--model"} <= known, set(OPTIONS) - known
