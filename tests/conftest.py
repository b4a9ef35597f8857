"""Shared fixtures: where the goldens lie, if they do; a toy checkpoint and a picture for the command line."""

from __future__ import annotations

import os
import shutil
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import hypothesis
import pytest
from PIL import Image

from checkpoint_toys import toy_checkpoint

ROOT = Path(__file__).resolve().parent.parent

# Tests are never timed: how long an example takes is the machine's affair. The same examples everywhere, so
# that a change fails for what it changed; HYPOTHESIS_PROFILE=explore looks for new ones.
hypothesis.settings.register_profile("same", deadline=None, derandomize=True)
hypothesis.settings.register_profile("explore", deadline=None)
hypothesis.settings.load_profile(os.environ.get("HYPOTHESIS_PROFILE", "same"))


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with goldens and corpora: ADOTX_SHARED, else `shared` beside the repository; else skips."""
    path = Path(os.environ.get("ADOTX_SHARED", ROOT.parent / "shared"))
    if not (path / "ax4" / "golden").is_dir():
        pytest.skip("goldens are not on this machine")
    return path


@pytest.fixture(scope="session")
def toy(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A whole small VL checkpoint with random weights."""
    return toy_checkpoint(tmp_path_factory.mktemp("toy"))


@pytest.fixture
def picture(tmp_path: Path) -> Path:
    """An image file."""
    path = tmp_path / "picture.png"
    Image.new("RGB", (96, 64), "white").save(path)
    return path


@pytest.fixture(scope="module")
def browser() -> Iterator[Any]:
    """Chromium without a window; skips where there is none."""
    playwright = pytest.importorskip("playwright.sync_api")
    chromium = shutil.which("chromium") or shutil.which("google-chrome")
    if chromium is None:
        pytest.skip("no chromium")
    with playwright.sync_playwright() as driver:
        opened = driver.chromium.launch(executable_path=chromium, args=["--no-sandbox"])
        yield opened
        opened.close()
