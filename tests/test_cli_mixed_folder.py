"""A folder of everything with poison among it: all others are done, and each bad one says why."""

from __future__ import annotations

import os
import random
from collections.abc import Callable, Iterator
from pathlib import Path
from types import ModuleType, SimpleNamespace

import pytest
from PIL import Image

from adotx.cli import REFUSED, run
from adotx.documents.readers import PageReading
from adotx.markdown import Paragraph
from benchmark_modules import BENCHMARKS, importer

pytestmark = pytest.mark.skipif(os.name != "posix", reason="pipes and links")


class Reader:
    """Says how large a picture is."""

    def read(self, image: Image.Image, is_cancelled: Callable[[], bool]) -> PageReading:
        return PageReading([Paragraph.of(f"{image.width} x {image.height}")])


@pytest.fixture
def imported(monkeypatch: pytest.MonkeyPatch) -> Iterator[Callable[[str], ModuleType]]:
    yield from importer(monkeypatch, BENCHMARKS)


def test_a_folder_of_everything(
    imported: Callable[[str], ModuleType],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
) -> None:
    mixed = imported("mixed_folder")
    reader = SimpleNamespace(reader=Reader())
    monkeypatch.setattr("adotx.cli.target.Target.transcriber", lambda *_: reader)
    monkeypatch.setenv("ADOTX_LANG", "en")
    source, out = tmp_path / "in", tmp_path / "out"
    fates = mixed.make(source, 100, random.Random(1))
    call = ["transcribe", str(source), "--recursive", "--out", str(out)]
    assert run(call) == REFUSED
    told = capsys.readouterr().err
    assert mixed.faults(source, out, fates, REFUSED, told) == []
    assert run(call) == REFUSED  # the same once more: nothing is read again, each refusal is told again
    again = capsys.readouterr().err
    assert again.count(": done before") == list(fates.values()).count("done") + 1 > 60
    assert [line for line in again.splitlines() if line.startswith("error: ")] == [
        line for line in told.splitlines() if line.startswith("error: ")
    ]
