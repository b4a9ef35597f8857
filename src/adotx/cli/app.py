"""The verbs and their options as Typer reads them. A verb's work is in a module imported when called.

Imports typer and the table of strings, nothing heavier: `adotx --help` must be quick.
"""

# No `from __future__ import annotations` here: Typer reads the annotations, which use names of this module.

import sys
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
import typer.main
from typer.core import TyperCommand, TyperGroup

from adotx.cli.options import (
    Asked,
    Hanja,
    MaxTokens,
    Model,
    Online,
    Peer,
    Picture,
    Quantized,
    SecondReader,
    Seed,
    Server,
    ServerKey,
    Side,
    Temperature,
    TopP,
    WeightFormat,
    Weights,
)
from adotx.cli.strings import language, text
from adotx.cli.usage import files_named, help_text, usage_error_text

if TYPE_CHECKING:
    from adotx.cli.target import Target
    from adotx.engine import SamplingParams


class Command(TyperCommand):
    """A verb whose help page is in the user's language."""

    def get_help(self, ctx: Any) -> str:
        return help_text(super().get_help(ctx), language())


class Group(TyperGroup):
    """Verbs in the order of this file, not of the alphabet; help as `Command`."""

    def get_help(self, ctx: Any) -> str:
        return help_text(super().get_help(ctx), language())

    def list_commands(self, ctx: Any) -> list[str]:
        return list(self.commands)


def _typer(key: str) -> typer.Typer:
    return typer.Typer(
        cls=Group,
        help=text(key),
        no_args_is_help=True,
        add_completion=False,
        # Plain help and plain tracebacks: importing rich takes longer than all the rest.
        rich_markup_mode=None,
        pretty_exceptions_enable=False,
        context_settings={"help_option_names": ["-h", "--help"], "max_content_width": 110},
    )


app = _typer("app")
data_app = _typer("data")
train_app = _typer("train")
evaluate_app = _typer("evaluate")


def run(argv: Sequence[str] | None) -> int:
    """Run one command line and return its exit code; a usage error is said on stderr, an `AdotxError` raised.

    Args:
        argv: the words after the program's name; None takes them from the process.
    """
    usage_error: type[Any] = typer.BadParameter.__mro__[1]  # Typer gives the base class no public name
    try:
        args = list(sys.argv[1:] if argv is None else argv)
        args = files_named(args, lambda: typer.main.get_command(app))
        return app(args=args, prog_name="adotx", standalone_mode=False)
    except usage_error as error:
        print(usage_error_text(error, language()), end="", file=sys.stderr, flush=True)
        return error.exit_code


def _verb(group: typer.Typer, key: str) -> Callable[[Callable[..., int]], Callable[..., int]]:
    """Register a function as a verb; its return value is the exit code."""

    def register(function: Callable[..., int]) -> Callable[..., int]:
        import functools

        @functools.wraps(function)
        def call(*args: Any, **kwargs: Any) -> None:
            raise typer.Exit(function(*args, **kwargs))

        group.command(key.rpartition(".")[2], cls=Command, help=text(key))(call)
        return function

    return register


def _sampling(max_tokens: int, temperature: float, top_p: float, seed: int | None) -> "SamplingParams":
    from adotx.engine import SamplingParams

    return SamplingParams(max_new_tokens=max_tokens, temperature=temperature, top_p=top_p, seed=seed)


def _target(ctx: typer.Context) -> "Target":
    from adotx.cli.target import Target

    return Target.of(ctx)


def _show_version(wanted: bool) -> None:
    if wanted:
        from adotx import __version__
        from adotx.engine import native

        kernels = native.kernels() or text("version.openvino", reason=native.why_not())
        typer.echo(text("version.line", version=__version__, kernels=kernels))
        raise typer.Exit


@app.callback()
def _top(
    version: Annotated[
        bool, typer.Option("--version", help=text("version"), callback=_show_version, is_eager=True)
    ] = False,
) -> None:
    pass


@_verb(app, "transcribe")
def transcribe(
    ctx: typer.Context,
    paths: Annotated[
        list[Path], typer.Argument(help=text("transcribe.paths"), metavar="PATH", show_default=False)
    ],
    out: Annotated[
        Path | None,
        typer.Option("--out", "-o", help=text("transcribe.out"), metavar="DIR|FILE"),
    ] = None,
    formats: Annotated[
        list[str] | None, typer.Option("--format", "-f", help=text("transcribe.format"), metavar="NAME")
    ] = None,
    report: Annotated[
        Path | None, typer.Option("--report", help=text("transcribe.report_file"), metavar="FILE")
    ] = None,
    model: Asked = None,
    weights: WeightFormat = Weights.INT8,
    pages: Annotated[str, typer.Option("--pages", help=text("transcribe.pages"), metavar="1-3,7")] = "",
    page_marks: Annotated[bool, typer.Option("--page-marks", help=text("transcribe.page_marks"))] = False,
    mark_doubtful: Annotated[
        bool, typer.Option("--mark-doubtful", help=text("transcribe.mark_doubtful"))
    ] = False,
    keep_running: Annotated[
        bool, typer.Option("--keep-running", help=text("transcribe.keep_running"))
    ] = False,
    redact: Annotated[
        list[str] | None, typer.Option("--redact", help=text("transcribe.redact"), metavar="KIND")
    ] = None,
    hanja: Annotated[Hanja, typer.Option("--hanja", help=text("transcribe.hanja"))] = Hanja.KEEP,
    text_layer: Annotated[
        bool, typer.Option("--text-layer/--no-text-layer", help=text("transcribe.text_layer"))
    ] = True,
    second_reader: SecondReader = True,
    password: Annotated[
        str | None, typer.Option("--password", help=text("transcribe.password"), metavar="TEXT")
    ] = None,
    recursive: Annotated[bool, typer.Option("--recursive", "-r", help=text("transcribe.recursive"))] = False,
    retry_failed: Annotated[
        bool, typer.Option("--retry-failed", help=text("transcribe.retry_failed"))
    ] = False,
    force: Annotated[bool, typer.Option("--force", help=text("transcribe.force"))] = False,
    online: Online = False,
    server: Server = None,
    server_key: ServerKey = "",
) -> int:
    from adotx.cli.transcribe import Settings
    from adotx.cli.transcribe import transcribe as run

    settings = Settings(
        formats or (),
        report,
        pages,
        page_marks,
        mark_doubtful,
        second_reader,
        text_layer,
        keep_running,
        redact or (),
        hanja.value,
        password,
        recursive,
        force,
        retry_failed,
    )
    return run(paths, out, _target(ctx), settings)


@_verb(app, "ask")
def ask(
    ctx: typer.Context,
    image: Picture,
    question: Annotated[
        str, typer.Argument(help=text("ask.question"), metavar="QUESTION", show_default=False)
    ],
    model: Asked = None,
    weights: WeightFormat = Weights.INT8,
    max_tokens: MaxTokens = 512,
    temperature: Temperature = 0.0,
    top_p: TopP = 1.0,
    seed: Seed = None,
    online: Online = False,
    server: Server = None,
    server_key: ServerKey = "",
) -> int:
    from adotx.cli.ask import ask as run

    return run(image, question, _target(ctx), _sampling(max_tokens, temperature, top_p, seed))


@_verb(app, "describe")
def describe(
    ctx: typer.Context,
    image: Picture,
    model: Asked = None,
    weights: WeightFormat = Weights.INT8,
    max_tokens: MaxTokens = 512,
    temperature: Temperature = 0.0,
    top_p: TopP = 1.0,
    seed: Seed = None,
    online: Online = False,
    server: Server = None,
    server_key: ServerKey = "",
) -> int:
    from adotx.cli.ask import describe as run

    return run(image, _target(ctx), _sampling(max_tokens, temperature, top_p, seed))


@_verb(app, "chat")
def chat(
    ctx: typer.Context,
    model: Asked = None,
    weights: WeightFormat = Weights.INT8,
    system: Annotated[
        str | None,
        typer.Option("--system", help=text("chat.system"), metavar="TEXT"),
    ] = None,
    max_tokens: MaxTokens = 1024,
    temperature: Temperature = 0.0,
    top_p: TopP = 1.0,
    seed: Seed = None,
    online: Online = False,
    server: Server = None,
    server_key: ServerKey = "",
) -> int:
    from adotx.cli.chat import chat as run

    return run(_target(ctx), system, _sampling(max_tokens, temperature, top_p, seed))


@_verb(app, "serve")
def serve(
    model: Model = "nano",
    weights: WeightFormat = Weights.INT8,
    host: Annotated[str, typer.Option("--host", help=text("serve.host"), metavar="ADDRESS")] = "127.0.0.1",
    port: Annotated[int, typer.Option("--port", "-p", help=text("serve.port"), min=0, max=65535)] = 8000,
    settings: Annotated[
        Path | None, typer.Option("--settings", help=text("serve.settings"), metavar="FILE")
    ] = None,
    api_keys: Annotated[
        Path | None, typer.Option("--api-keys", help=text("serve.api_keys"), metavar="FILE")
    ] = None,
    online: Online = False,
) -> int:
    from adotx.cli.serve import serve as run

    return run(model, weights.value, online, host, port, settings, api_keys)


@_verb(app, "validate")
def validate(
    directory: Annotated[str, typer.Argument(help=text("validate.dir"), metavar="DIR", show_default=False)],
) -> int:
    from adotx.cli.validate import validate as run

    return run(directory)


@_verb(app, "convert")
def convert(
    checkpoint: Annotated[
        str, typer.Argument(help=text("convert.checkpoint"), metavar="CHECKPOINT", show_default=False)
    ],
    weights: Annotated[
        Quantized, typer.Option("--weights", "-w", help=text("convert.weights"))
    ] = Quantized.INT8,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help=text("convert.out"), metavar="FOLDER")
    ] = None,
) -> int:
    from adotx.cli.convert import convert as run

    return run(checkpoint, weights.value, out)


@_verb(app, "tokens")
def tokens(
    what: Annotated[str, typer.Argument(help=text("tokens.what"), metavar="IMAGE|TEXT", show_default=False)],
    model: Model = "nano",
    online: Online = False,
) -> int:
    from adotx.cli.tokens import tokens as run

    return run(what, model, online)


Corpora = Annotated[Path, typer.Option("--corpora", help=text("data.pages.corpora"), metavar="DIR")]


@_verb(data_app, "data.fonts")
def data_fonts(
    folder: Annotated[
        Path, typer.Argument(help=text("data.fonts.folder"), metavar="FOLDER", show_default=False)
    ],
    only_list: Annotated[bool, typer.Option("--list", help=text("data.fonts.list"))] = False,
) -> int:
    from adotx.cli.data import fonts as run

    return run(folder, only_list)


@_verb(data_app, "data.pack")
def data_pack(
    out: Annotated[Path, typer.Argument(help=text("data.pack.out"), metavar="DIR", show_default=False)],
    corpora: Corpora,
    fonts: Annotated[list[Path], typer.Option("--fonts", help=text("data.pack.fonts"), metavar="DIR")],
    megabytes: Annotated[float, typer.Option("--megabytes", help=text("data.pack.megabytes"), min=1)] = 50.0,
) -> int:
    from adotx.cli.data import pack as run

    return run(out, corpora, fonts, megabytes)


@_verb(data_app, "data.pages")
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


@_verb(data_app, "data.split")
def data_split(
    corpora: Annotated[
        Path, typer.Argument(help=text("data.split.corpora"), metavar="DIR", show_default=False)
    ],
) -> int:
    from adotx.cli.data import split as run

    return run(corpora)


@_verb(data_app, "data.rows")
def data_rows(
    folder: Annotated[Path, typer.Argument(help=text("data.rows.folder"), metavar="DIR", show_default=False)],
    out: Annotated[Path, typer.Option("--out", "-o", help=text("data.rows.out"), metavar="DIR")],
    model: Model = "nano",
) -> int:
    from adotx.cli.data import rows as run

    return run(folder, out, model)


def _stage(name: str) -> None:
    @_verb(train_app, f"train.{name}")
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
    @_verb(train_app, f"train.{name}")
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


@_verb(evaluate_app, "evaluate.transcription")
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


app.add_typer(evaluate_app, name="evaluate")
app.add_typer(data_app, name="data")
app.add_typer(train_app, name="train")
