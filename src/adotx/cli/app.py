"""The verbs and their options as Typer reads them. A verb's work is in a module imported when called.

Imports typer and the table of strings, nothing heavier: `adotx --help` must be quick. Verbs that train and
measure: `adotx.cli.app_training`.
"""

# No `from __future__ import annotations` here: Typer reads the annotations, which use names of this module.

import re
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer
import typer.main

from adotx.cli.app_training import data_app, evaluate_app, train_app
from adotx.cli.options import (
    Asked,
    Hanja,
    MaxTokens,
    Model,
    Online,
    Password,
    Picture,
    Quantized,
    SecondReader,
    Seed,
    Server,
    ServerKey,
    Temperature,
    TopP,
    WeightFormat,
    Weights,
)
from adotx.cli.strings import language, text
from adotx.cli.usage import files_named, usage_error_text
from adotx.cli.verbs import group, verb

if TYPE_CHECKING:
    from adotx.cli.target import Target
    from adotx.engine import SamplingParams


app = group("app")


def run(argv: Sequence[str] | None) -> int:
    """Run one command line and return its exit code; a usage error is said on stderr, an `AdotxError` raised.

    Args:
        argv: the words after the program's name; None takes them from the process.
    """
    usage_error: type[Any] = typer.BadParameter.__mro__[1]  # Typer gives the base class no public name
    try:
        args = list(sys.argv[1:] if argv is None else argv)
        args = files_named(_of_before(args), lambda: typer.main.get_command(app))
        return app(args=args, prog_name="adotx", standalone_mode=False)
    except usage_error as error:
        print(usage_error_text(error, language()), end="", file=sys.stderr, flush=True)
        return error.exit_code


def _of_before(words: list[str]) -> list[str]:
    """A command line as it was written when --pages had no value and marked where pages begin."""
    for n, word in enumerate(words):
        value = words[n + 1] if n + 1 < len(words) else "-"
        meant = value.startswith("-") or (not re.fullmatch(r"[\d,\s-]+", value) and Path(value).exists())
        if words[0] == "transcribe" and word == "--pages" and meant:
            print(text("transcribe.pages_flag"), file=sys.stderr, flush=True)
            return [*words[:n], "--page-marks", *words[n + 1 :]]
    return words


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


@verb(app, "transcribe")
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
    show_changes: Annotated[
        bool, typer.Option("--show-changes", help=text("transcribe.show_changes"))
    ] = False,
    second_reader: SecondReader = True,
    password: Password = None,
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
        show_changes,
        keep_running,
        redact or (),
        hanja.value,
        password,
        recursive,
        force,
        retry_failed,
    )
    return run(paths, out, _target(ctx), settings)


@verb(app, "ask")
def ask(
    ctx: typer.Context,
    document: Annotated[
        Path, typer.Argument(help=text("ask.document"), metavar="DOCUMENT", show_default=False)
    ],
    question: Annotated[
        str, typer.Argument(help=text("ask.question"), metavar="QUESTION", show_default=False)
    ],
    pages: Annotated[str, typer.Option("--pages", help=text("ask.pages"), metavar="1-3,7")] = "",
    password: Password = None,
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

    sampling = _sampling(max_tokens, temperature, top_p, seed)
    return run(document, question, _target(ctx), sampling, pages, password)


@verb(app, "describe")
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


@verb(app, "chat")
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


@verb(app, "serve")
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


@verb(app, "validate")
def validate(
    directory: Annotated[str, typer.Argument(help=text("validate.dir"), metavar="DIR", show_default=False)],
) -> int:
    from adotx.cli.validate import validate as run

    return run(directory)


@verb(app, "convert")
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


@verb(app, "tokens")
def tokens(
    what: Annotated[str, typer.Argument(help=text("tokens.what"), metavar="IMAGE|TEXT", show_default=False)],
    model: Model = "nano",
    online: Online = False,
) -> int:
    from adotx.cli.tokens import tokens as run

    return run(what, model, online)


app.add_typer(evaluate_app, name="evaluate")
app.add_typer(data_app, name="data")
app.add_typer(train_app, name="train")
