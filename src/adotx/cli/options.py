"""The options that several verbs have, and what some of them take, as Typer reads them. Imports typer and the
table of strings, nothing heavier."""

# No `from __future__ import annotations` here: Typer reads what these names stand for.

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from adotx.cli.strings import text


class Weights(StrEnum):
    """What `--weights` takes."""

    INT8 = "int8"
    INT4 = "int4"
    BF16 = "bf16"
    F32 = "f32"


class Quantized(StrEnum):
    """What `--weights` of `convert` takes."""

    INT8 = "int8"
    INT4 = "int4"


class Hanja(StrEnum):
    """What `--hanja` takes."""

    KEEP = "keep"
    READING = "reading"


class Side(StrEnum):
    """What `--split` takes."""

    TRAIN = "train"
    VALIDATION = "validation"


class Peer(StrEnum):
    """What `--peer` takes (`adotx.evaluate.peers.PEERS`; a test compares: help imports no room)."""

    TESSERACT = "tesseract"


Model = Annotated[str, typer.Option("--model", "-m", help=text("model"), metavar="MODEL")]
WeightFormat = Annotated[Weights, typer.Option("--weights", "-w", help=text("weights"))]
Online = Annotated[bool, typer.Option("--online", help=text("online"))]
SecondReader = Annotated[
    bool, typer.Option("--second-reader/--no-second-reader", help=text("transcribe.second_reader"))
]
MaxTokens = Annotated[int, typer.Option("--max-tokens", help=text("max_tokens"), min=1)]
Temperature = Annotated[float, typer.Option("--temperature", help=text("temperature"), min=0)]
TopP = Annotated[float, typer.Option("--top-p", help=text("top_p"))]
Seed = Annotated[int | None, typer.Option("--seed", help=text("seed"))]
Asked = Annotated[
    str | None, typer.Option("--model", "-m", help=text("model"), metavar="MODEL", show_default="nano")
]
Server = Annotated[str | None, typer.Option("--server", help=text("server"), metavar="URL")]
ServerKey = Annotated[
    str, typer.Option("--server-key", help=text("server_key"), metavar="KEY", envvar="ADOTX_API_KEY",
                      show_default=False)
]  # fmt: skip
Password = Annotated[str | None, typer.Option("--password", help=text("transcribe.password"), metavar="TEXT")]
Picture = Annotated[Path, typer.Argument(help=text("ask.image"), metavar="IMAGE", show_default=False)]
