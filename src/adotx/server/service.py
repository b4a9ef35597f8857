"""What all routes share: the model, the settings, the counters, and the places that requests take.

In: an open `AsyncModel`. Out: `Service`, as `request.app.state.service`. Knows no routes.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from fastapi import Request

from adotx import __version__
from adotx.errors import AdotxError
from adotx.model import AsyncModel
from adotx.server.metrics import Metrics
from adotx.server.pictures import Pictures
from adotx.server.reading import Documents
from adotx.server.sampling import defaults_of
from adotx.server.settings import Settings


class Service:
    """One model behind one server, whose requests all run on one event loop.

    Args:
        model: open, and not reading files that messages name.
        settings: what is allowed.
        weights: the format of its weights, for /v1/models.
        say: (error or sentence, language) -> text, for languages other than English; None: English only.

    Attributes:
        name: what clients call the model.
        defaults: how tokens are picked where a request does not say.
        pictures: opens those of requests.
        documents: reads those of clients.
        created: when it was opened, in seconds since 1970.
        stopping: set when whatever is still on its way has to end.
    """

    def __init__(
        self,
        model: AsyncModel,
        settings: Settings = Settings(),  # noqa: B008  frozen
        *,
        weights: str = "",
        say: Callable[[Exception | str, str], str] | None = None,
    ) -> None:
        self.model, self.settings, self.weights, self.say = model, settings, weights, say
        self.name = settings.model_name or model.model.checkpoint.name
        self.created = int(time.time())
        self.defaults = defaults_of(model.model.checkpoint)
        self.metrics = Metrics(model.model.engine)
        self.pictures = Pictures(settings, self.metrics)
        self.documents = Documents(model.model, settings)
        self.stopping = asyncio.Event()
        self._draining = False
        self._held = 0
        self._free = asyncio.Event()
        self._free.set()

    @property
    def ready(self) -> bool:
        """Whether a new request would be answered, were there a place."""
        return not self._draining and self.model.alive

    @property
    def fingerprint(self) -> str:
        """What answers depend on besides a request: the version and the format of the weights."""
        return f"adotx-{__version__}-{self.weights or 'unknown'}"

    def check_name(self, name: str | None) -> None:
        """
        Raises:
            AdotxError: ``server.model``: a request names another model.
        """
        if name not in (None, self.name):
            what, remedy = "this server has another model", "name {name}"
            raise AdotxError("server.model", what, "model", remedy, name=self.name)

    @contextmanager
    def place(self) -> Iterator[None]:
        """Hold one of `max_requests` places while a request is worked on.

        Raises:
            AdotxError: ``server.draining``, ``server.busy``.
        """
        if self._draining:
            what, remedy = "the server is shutting down", "ask again, it may be back"
            raise AdotxError("server.draining", what, remedy=remedy)
        if self._held >= self.settings.max_requests:
            what = "all {places} places are taken"
            remedy = "ask again later"
            raise AdotxError("server.busy", what, remedy=remedy, places=self.settings.max_requests)
        self._held += 1
        self._free.clear()
        try:
            yield
        finally:
            self._held -= 1
            if not self._held:
                self._free.set()

    async def close(self) -> None:
        """End the model, for good."""
        await self.model.close()

    async def drain(self) -> None:
        """Take nothing new, wait for what is on its way, and end after `drain_timeout` what is left of it."""
        self._draining = True
        try:
            await asyncio.wait_for(self._free.wait(), self.settings.drain_timeout)
        except TimeoutError:
            self.stopping.set()
            await self._free.wait()


def service_of(request: Request) -> Service:
    """The service that a request came to."""
    service = request.app.state.service
    assert isinstance(service, Service)
    return service
