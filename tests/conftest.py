"""Shared fixtures: where the goldens lie, if they do."""

from __future__ import annotations

import os
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent


@pytest.fixture(scope="session")
def shared() -> Path:
    """The folder with goldens and corpora: ADOTX_SHARED, else `shared` beside the repository; else skips."""
    path = Path(os.environ.get("ADOTX_SHARED", ROOT.parent / "shared"))
    if not (path / "ax4" / "golden").is_dir():
        pytest.skip("goldens are not on this machine")
    return path
