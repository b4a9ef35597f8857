"""The verbs that train and measure: `data`, `train` and `evaluate`, as Typer reads them. A verb's work is in
a module imported when called; nothing heavier than typer is imported here.
"""

# No `from __future__ import annotations` here: Typer reads the annotations, which use names of this module.

from pathlib import Path
from typing import Annotated

import typer

from adotx.cli.options import (
    Model,
    Online,
    Peer,
    SecondReader,
    Side,
    WeightFormat,
    Weights,
)
from adotx.cli.strings import text
from adotx.cli.verbs import group, verb

data_app = group("data")
train_app = group("train")
evaluate_app = group("evaluate")

Corpora = Annotated[Path, typer.Option("--corpora", help=text("data.pages.corpora"), metavar="DIR")]


@verb(data_app, "data.fonts")
def data_fonts(
    folder: Annotated[
        Path, typer.Argument(help=text("data.fonts.folder"), metavar="FOLDER", show_default=False)
    ],
    only_list: Annotated[bool, typer.Option("--list", help=text("data.fonts.list"))] = False,
) -> int:
    from adotx.cli.data import fonts as run

    return run(folder, only_list)


@verb(data_app, "data.pack")
def data_pack(
    out: Annotated[Path, typer.Argument(help=text("data.pack.out"), metavar="DIR", show_default=False)],
    corpora: Corpora,
    fonts: Annotated[list[Path], typer.Option("--fonts", help=text("data.pack.fonts"), metavar="DIR")],
    megabytes: Annotated[float, typer.Option("--megabytes", help=text("data.pack.megabytes"), min=1)] = 50.0,
) -> int:
    from adotx.cli.data import pack as run

    return run(out, corpora, fonts, megabytes)


@verb(data_app, "data.pages")
def data_pages(
    out: Annotated[Path, typer.Argument(help=text("data.pages.out"), metavar="DIR", show_default=False)],
    corpora: Corpora,
    fonts: Annotated[Path, typer.Option("--fonts", help=text("data.pages.fonts"), metavar="DIR")],
    count: Annotated[int, typer.Option("--count", "-n", help=text("data.pages.count"), min=1)] = 10,
    split: Annotated[Side, typer.Option("--split", help=text("data.pages.split"))] = Side.TRAIN,
    seed: Annotated[int, typer.Option("--seed", help=text("data.pages.seed"))] = 0,
) -> int:
    from adotx.cli.data import pages as run

    return run(out, corpora, fonts, count, split.value, seed)


@verb(data_app, "data.split")
def data_split(
    corpora: Annotated[
        Path, typer.Argument(help=text("data.split.corpora"), metavar="DIR", show_default=False)
    ],
) -> int:
    from adotx.cli.data import split as run

    return run(corpora)


@verb(data_app, "data.rows")
def data_rows(
    folder: Annotated[Path, typer.Argument(help=text("data.rows.folder"), metavar="DIR", show_default=False)],
    out: Annotated[Path, typer.Option("--out", "-o", help=text("data.rows.out"), metavar="DIR")],
    model: Model = "nano",
) -> int:
    from adotx.cli.data import rows as run

    return run(folder, out, model)


def _stage(name: str) -> None:
    @verb(train_app, f"train.{name}")
    def stage(
        settings: Annotated[
            list[str] | None,
            typer.Argument(help=text("train.settings"), metavar="KEY=VALUE", show_default=False),
        ] = None,
        config: Annotated[
            Path | None,
            typer.Option("--config", "-c", help=text("train.config"), metavar="FILE"),
        ] = None,
    ) -> int:
        from adotx.cli.train import train as run

        return run(name, config, settings or [])


# `nano` is all stages in their order; then `adotx.train.STAGES` (a test compares: help imports no room).
for _name in ("nano", "tokenizer", "language", "glyphs", "reading", "pages", "export"):
    _stage(_name)


def _method(name: str) -> None:
    @verb(train_app, f"train.{name}")
    def method(
        settings: Annotated[
            list[str] | None,
            typer.Argument(help=text("train.settings"), metavar="KEY=VALUE", show_default=False),
        ] = None,
        data: Annotated[
            list[Path] | None, typer.Option("--data", "-d", help=text("finetune.data"), metavar="FILE")
        ] = None,
        model: Annotated[
            str | None,
            typer.Option("--model", "-m", help=text("model"), metavar="MODEL", show_default="nano"),
        ] = None,
        out: Annotated[
            Path | None, typer.Option("--out", "-o", help=text("finetune.out"), metavar="DIR")
        ] = None,
        lora: Annotated[bool | None, typer.Option("--lora/--full", help=text("finetune.lora"))] = None,
        show: Annotated[
            int | None, typer.Option("--show", help=text("finetune.show"), min=0, metavar="N")
        ] = None,
        config: Annotated[
            Path | None,
            typer.Option("--config", "-c", help=text("train.config"), metavar="FILE"),
        ] = None,
        online: Online = False,
    ) -> int:
        from adotx.cli.finetune import finetune as run

        given = {"data": data or None, "model": model, "out": out, "lora": lora, "online": online or None}
        return run(name, config, settings or [], {k: v for k, v in given.items() if v is not None}, show)


# `adotx.finetune.METHODS` (the same test).
for _name in ("sft", "dpo", "grpo"):
    _method(_name)


@verb(evaluate_app, "evaluate.transcription")
def evaluate_transcription(
    folder: Annotated[Path, typer.Argument(help=text("evaluate.folder"), metavar="DIR", show_default=False)],
    model: Model = "nano",
    weights: WeightFormat = Weights.INT8,
    answers: Annotated[
        Path | None, typer.Option("--answers", help=text("evaluate.answers"), metavar="DIR")
    ] = None,
    kinds: Annotated[
        list[str] | None, typer.Option("--kind", help=text("evaluate.kind"), metavar="KIND")
    ] = None,
    limit: Annotated[
        int | None, typer.Option("--limit", help=text("evaluate.limit"), min=1, metavar="N")
    ] = None,
    peer: Annotated[Peer | None, typer.Option("--peer", help=text("evaluate.peer"))] = None,
    peer_tries: Annotated[
        int | None, typer.Option("--peer-tries", help=text("evaluate.peer_tries"), min=1, metavar="N")
    ] = None,
    peer_answers: Annotated[
        Path | None, typer.Option("--peer-answers", help=text("evaluate.peer_answers"), metavar="DIR")
    ] = None,
    json_file: Annotated[
        Path | None, typer.Option("--json", help=text("evaluate.json"), metavar="FILE")
    ] = None,
    card: Annotated[Path | None, typer.Option("--card", help=text("evaluate.card"), metavar="FILE")] = None,
    second_reader: SecondReader = True,
    online: Online = False,
) -> int:
    from adotx.cli.evaluate import Choice
    from adotx.cli.evaluate import transcription as run

    beside = peer.value if peer else ""
    choice = Choice(answers, kinds or (), limit, beside, peer_tries, peer_answers, second_reader)
    return run(folder, model, weights.value, online, choice, json_file, card)
