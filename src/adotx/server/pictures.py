"""Pictures of a conversation: messages in, the same with opened pictures out, or an error that names one.

Data URIs, and https URLs where the settings allow hosts; files never. Their number, bytes and pixels are
judged before anything is decoded, and few are decoded at once. Knows no model.
"""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from adotx.chat.media import image_parts, image_tiles
from adotx.errors import AdotxError
from adotx.server.fetch import Rules, fetch
from adotx.server.metrics import Metrics
from adotx.server.settings import Settings
from adotx.vision import Limits, TileRule

Messages = Sequence[Mapping[str, Any]]


@dataclass(frozen=True)
class Opened:
    """A conversation whose pictures are tiles.

    Attributes:
        messages: with ``{"type": "image", "image": float32 [T, 3, S, S]}`` for each picture.
        sizes: the tiles of each picture, in order.
    """

    messages: list[dict[str, Any]]
    sizes: list[int] = field(default_factory=list)


class Pictures:
    """Opens the pictures of requests.

    Args:
        settings: limits, and which hosts pictures may come from.
        metrics: which counts them.
    """

    def __init__(self, settings: Settings, metrics: Metrics) -> None:
        self._settings, self._metrics = settings, metrics
        self._limits = Limits(max_bytes=settings.max_image_bytes, max_pixels=settings.max_image_pixels)
        hosts = [host.lower() for host in settings.fetch_hosts]  # as they stand in a URL that was read
        self._rules = Rules(hosts, settings.max_image_bytes, settings.fetch_timeout)
        self._workers = ThreadPoolExecutor(settings.image_workers, "adotx-pictures")

    async def open(self, messages: Messages, rule: TileRule | None) -> Opened:
        """The conversation with its pictures opened; as it is where the model sees none.

        Args:
            messages: of the OpenAI API.
            rule: of the checkpoint; None: it reads text alone, and says so itself.

        Raises:
            AdotxError: ``server.limit``, ``server.fetch``, and those of `adotx.chat.media`.
        """
        parts = list(image_parts(messages))
        if not parts or rule is None:
            return Opened([dict(message) for message in messages])
        if len(parts) > self._settings.max_images:
            what, remedy = "{given:,} pictures, the limit is {limit:,}", "send fewer"
            limit = self._settings.max_images
            raise AdotxError("server.limit", what, "messages", remedy, given=len(parts), limit=limit)
        loop = asyncio.get_running_loop()
        jobs = [loop.run_in_executor(self._workers, partial(self._open, *part, rule)) for part in parts]
        try:
            opened = await asyncio.gather(*jobs)
        except AdotxError as error:
            self._metrics.image_failures.labels(error.code).inc()
            raise
        finally:
            for job in jobs:
                job.cancel()  # those that are still queued
        sizes = [len(part["image"]) for part in opened]
        self._metrics.images.inc(len(sizes))
        self._metrics.tiles.inc(sum(sizes))
        fresh = {id(part): done for (_, part), done in zip(parts, opened, strict=True)}
        return Opened([_with(message, fresh) for message in messages], sizes)

    def _open(self, place: str, part: Mapping[str, Any], rule: TileRule) -> dict[str, Any]:
        url, detail = _read(part, place)
        if detail == "low":
            most = min(rule.max_tiles, self._settings.low_detail_tiles)
            rule = replace(rule, max_tiles=most, min_tiles=min(rule.min_tiles, most))
        source: str | bytes = url
        if url[:6].lower() in ("http:/", "https:") and self._rules.hosts:
            source = self._fetch(url, place)
        single = [{"role": "user", "content": [{"type": "image", "image": source}]}]
        try:
            [tiles] = image_tiles(single, None, rule, local_files=False, limits=self._limits)
        except AdotxError as error:
            raise error.at(place) from None
        return {"type": "image", "image": tiles}

    def _fetch(self, url: str, place: str) -> bytes:
        try:
            return fetch(url, self._rules, place)
        except AdotxError:
            self._metrics.blocked_fetches.inc()
            raise


def _read(part: Mapping[str, Any], place: str) -> tuple[str, str]:
    """(URL, detail) of an image part; a picture comes over HTTP in no other form."""
    held = part.get("image_url")
    inner = held if isinstance(held, Mapping) else {"url": held, "detail": part.get("detail")}
    url, detail = inner.get("url"), inner.get("detail") or "auto"
    if not isinstance(url, str):
        remedy = 'give {"url": "data:image/png;base64,..."}'
        raise AdotxError("media.source", "has no URL", place, remedy)
    if detail not in ("auto", "low", "high", "original"):
        what = "detail {detail} is unknown"
        raise AdotxError("server.parameter", what, place, "use auto, low or high", detail=repr(detail)[:40])
    return url, detail


def _with(message: Mapping[str, Any], fresh: Mapping[int, dict[str, Any]]) -> dict[str, Any]:
    content = message.get("content") if isinstance(message, Mapping) else None
    if not isinstance(content, list):
        return dict(message)
    return {**message, "content": [fresh.get(id(part), part) for part in content]}
