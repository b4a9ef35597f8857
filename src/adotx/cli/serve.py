"""`adotx serve`: a model and an address in, an HTTP server that runs until it is told to stop.

Says on stderr where it listens, who may ask and what; then one JSON line for each request.
"""

from __future__ import annotations

import dataclasses
import importlib.util
import os
import sys
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from adotx.cli import DONE, complain
from adotx.cli.convert import Conversion
from adotx.cli.progress import Progress
from adotx.cli.strings import text
from adotx.errors import AdotxError

if TYPE_CHECKING:
    from adotx.server.service import Service
    from adotx.server.settings import Settings

#: Modules that come with the extra `serve`.
EXTRA = ("fastapi", "uvicorn", "prometheus_client", "python_multipart")
KEY_VARIABLE = "ADOTX_API_KEY"


def serve(
    model: str, weights: str, online: bool, host: str, port: int, settings: Path | None, key_file: Path | None
) -> int:
    """Serve `model` until SIGTERM or Ctrl-C; returns the exit code.

    Args:
        settings: TOML of `adotx.server.settings.Settings`.
        key_file: keys, one in a line; ``ADOTX_API_KEY`` gives one too.

    Raises:
        AdotxError: ``extra.missing``, ``server.open``, ``server.address``, ``server.setting``, what opening
            the model raises.
    """
    missing = next((name for name in EXTRA if importlib.util.find_spec(name) is None), None)
    if missing:
        what, remedy = "{package} is not installed", "pip install 'adotx[{extra}]'"
        raise AdotxError("extra.missing", what, "serve", remedy, package=missing, extra="serve")
    from adotx.server import running
    from adotx.server.settings import Settings

    allowed = Settings.read(settings) if settings else Settings()
    allowed = dataclasses.replace(allowed, api_keys=(*allowed.api_keys, *_keys(key_file)))
    running.check_exposure(host, allowed)
    listening = running.listen(host, port)  # before the model: a taken port is told at once
    with listening:
        service = _service(model, weights, online, allowed)
        running.log_to_stderr()
        running.raise_open_files()
        address = f"[{host}]" if ":" in host else host
        url = f"http://{address}:{listening.getsockname()[1]}"
        begun = partial(_say_what_is_served, url, service.name, weights, allowed)
        running.Server(service, begun).run([listening])
    return DONE


def _service(name: str, weights: str, online: bool, settings: Settings) -> Service:
    with Progress() as progress:
        progress.show(text("transcribe.loading", model=name))
        from adotx.chat import check_end
        from adotx.cli.errors import in_language
        from adotx.model import AsyncModel, Model
        from adotx.server.service import Service

        model = Model.open(
            name,
            weights,
            online=online,
            local_files=False,
            grammar_seconds=settings.grammar_timeout,
            progress=Conversion(progress, name, weights),
        )
        try:
            check_end(model.checkpoint)
        except AdotxError as error:
            complain(error)  # a base model is served all the same
        model.warm()  # not the first picture's client waits for the tower
        return Service(AsyncModel(model), settings, weights=weights, say=in_language)


def _keys(file: Path | None) -> list[str]:
    keys = [key] if (key := os.environ.get(KEY_VARIABLE, "").strip()) else []
    if file is not None:
        try:
            lines = [line.strip() for line in file.read_text(encoding="utf-8").splitlines()]
        except (OSError, UnicodeDecodeError) as error:
            what, remedy = "cannot be read: {reason}", "check file and permissions"
            raise AdotxError("file.unreadable", what, str(file), remedy, reason=str(error)) from None
        if not any(lines):
            raise AdotxError("server.no_key", "holds no key", str(file), "write one key in a line")
        keys += filter(None, lines)
    return keys


def _say_what_is_served(url: str, name: str, weights: str, settings: Settings) -> None:
    key = text("serve.key") if settings.api_keys else text("serve.no_key")
    pictures = (
        text("serve.urls", hosts=", ".join(settings.fetch_hosts))
        if settings.fetch_hosts
        else text("serve.no_urls")
    )
    lines = [
        text("serve.address", url=url, model=name, weights=weights),
        key + pictures,
        text("serve.limits", places=settings.max_requests, images=settings.max_images, n=settings.max_n),
    ]
    print(*lines, sep="\n", file=sys.stderr, flush=True)
