"""What a verb asks: a model in this process, or one behind a URL. Options in; a model or a transcriber out.

The one place that knows the difference. Imports nothing until a model is wanted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, field
from typing import TYPE_CHECKING, cast

from adotx.cli.convert import Conversion
from adotx.cli.progress import Progress
from adotx.cli.strings import language, text
from adotx.errors import AdotxError

if TYPE_CHECKING:
    from typer import Context

    from adotx.cli.reading import Reading, RemoteReading
    from adotx.client.model import RemoteModel
    from adotx.documents.transcribe import Transcriber
    from adotx.model import Model

DEFAULT = "nano"


@dataclass(frozen=True)
class Target:
    """The model of a call.

    Attributes:
        model: its name; None: nano, or the only one that the server has.
        weights, online: as the options say; of no meaning to a server.
        server: a URL; None: the engine in this process.
        key: for the server.
    """

    model: str | None = None
    weights: str = "int8"
    online: bool = False
    server: str | None = None
    key: str = field(default="", repr=False)

    @classmethod
    def of(cls, ctx: Context) -> Target:
        """As the options of a verb say.

        Raises:
            AdotxError: ``remote.option``: one that means nothing to a server stands beside --server.
        """
        given = ctx.params
        for name in ("weights", "online"):
            source = ctx.get_parameter_source(name)
            if given["server"] is not None and source is not None and source.name == "COMMANDLINE":
                what, remedy = "it means nothing to a server, which has its own", "leave it out"
                raise AdotxError("remote.option", what, f"--{name}", remedy)
        key, weights = given["server_key"] or "", str(given["weights"])
        return cls(given["model"], weights, given["online"], given["server"], key)

    @property
    def name(self) -> str:
        """For people: which model it is, as far as that is known before it is opened."""
        return self.model or self.server or DEFAULT

    @property
    def how(self) -> str:
        """All that an answer depends on besides the question."""
        if self.server is None:
            return f"{self.model or DEFAULT} {self.weights}"
        return f"{self.model or ''}@{self.server}"

    def open(self, progress: Progress | None = None) -> Model | RemoteModel:
        """The model, with what it is busy with on stderr.

        Raises:
            AdotxError: those of `Model.open`, or of `RemoteModel`.
        """
        if progress is None:
            with Progress() as own:
                return self.open(own)
        progress.show(text("transcribe.loading", model=self.name))
        if self.server is not None:
            return self._remote(self.server)
        from adotx.model import Model

        name = self.model or DEFAULT
        converted = Conversion(progress, name, self.weights)
        return Model.open(name, self.weights, online=self.online, progress=converted)

    @property
    def answers(self) -> bool:
        """Whether it answers questions; False: it transcribes and does nothing else. Nothing is loaded.

        Raises:
            AdotxError: there is no such checkpoint, or no such server.
        """
        if self.server is not None:
            return self._remote(self.server).answers
        from adotx.checkpoint import open_checkpoint

        return open_checkpoint(self.model or DEFAULT, self.online).extra.get("reader") != "rows"

    def open_to_ask(self) -> Model | RemoteModel:
        """The model, where it answers questions.

        Raises:
            AdotxError: ``ask.reader``: it transcribes and does nothing else; those of `open`.
        """
        if self.server is not None:
            remote = self._remote(self.server)
            if not remote.answers:
                raise _reads_only(remote.name)
            return remote
        if not self.answers:  # before it is loaded
            raise _reads_only(self.name)
        return self.open()

    def reading(
        self, progress: Progress, second_reader: bool, text_layer: bool, tick: Callable[[], None]
    ) -> Reading | RemoteReading:
        """What reads documents with it: a server at once, a model of this process when it is first needed.

        Args:
            second_reader, text_layer: as for `Transcriber`; a server of ours has a second reader of its own.
            tick: called now and then while pages are waited for.

        Raises:
            AdotxError: those of `open`; ``remote.option``.
        """
        from adotx.cli.reading import LateReader, Reading, RemoteReading
        from adotx.documents.transcribe import Transcriber

        if self.server is None:
            return Reading(
                LateReader(lambda: self.transcriber(progress, second_reader).reader), text_layer, tick
            )
        from adotx.client.documents import remote_transcriber

        progress.show(text("transcribe.loading", model=self.name))
        remote = remote_transcriber(self._remote(self.server), second_reader)
        if isinstance(remote, Transcriber):
            return Reading(LateReader(lambda: remote.reader), text_layer, tick)
        return RemoteReading(remote, text_layer)

    def transcriber(self, progress: Progress, second_reader: bool) -> Transcriber:
        """What transcribes with a model in this process; `second_reader` as for `Transcriber`."""
        from adotx.documents.transcribe import Transcriber

        return Transcriber(cast("Model", self.open(progress)), second_reader=second_reader)

    def _remote(self, url: str) -> RemoteModel:
        from adotx.client.http import Server
        from adotx.client.model import RemoteModel

        return RemoteModel(Server(url, self.key, language()), self.model)


def _reads_only(name: str) -> AdotxError:
    what = "this checkpoint transcribes documents and cannot answer questions"
    return AdotxError("ask.reader", what, name, "name one that can with --model, or use transcribe")
